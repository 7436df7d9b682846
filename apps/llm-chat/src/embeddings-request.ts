import type { Bytes, Json } from '@cloister/codec'

import { badField } from './api-error.ts'
import { isList, RequestFields } from './request-fields.ts'

/** Vectors that were asked for. Each input is a text, or tokens. */
export type EmbeddingsRequest = {
  readonly model: string
  readonly inputs: readonly (string | readonly number[])[]
  readonly base64: boolean
}

const inputsMax = 256

/** Reads the body of `POST /v1/embeddings`. @throws {ApiError} naming the field. */
export function readEmbeddingsRequest(body: Bytes): EmbeddingsRequest {
  const fields = new RequestFields(body)
  const model = fields.text('model')
  const inputs = readInputs(fields.value('input'))
  const encoding = fields.value('encoding_format') ?? 'float'
  if (encoding !== 'float' && encoding !== 'base64')
    throw badField('encoding_format', 'expected float or base64')
  fields.ignore('user')
  fields.refuse({ dimensions: () => false })
  fields.end()
  return { model, inputs, base64: encoding === 'base64' }
}

function readInputs(value: Json | undefined): EmbeddingsRequest['inputs'] {
  if (typeof value === 'string' && value !== '') return [value]
  if (value === undefined || !isList(value) || value.length === 0)
    throw badField('input', 'expected a text, tokens, or a list of these')
  const tokens = tokensOf(value)
  if (tokens !== undefined) return [tokens]
  if (value.length > inputsMax) throw badField('input', `at most ${inputsMax} at once`)
  return value.map((item, index) => {
    if (typeof item === 'string' && item !== '') return item
    const list = isList(item) && item.length > 0 ? tokensOf(item) : undefined
    if (list === undefined) throw badField(`input[${index}]`, 'expected a text or tokens')
    return list
  })
}

function tokensOf(list: readonly Json[]): readonly number[] | undefined {
  const tokens = list.flatMap((item) =>
    typeof item === 'number' && Number.isSafeInteger(item) && item >= 0 ? [item] : [],
  )
  return tokens.length === list.length ? tokens : undefined
}
