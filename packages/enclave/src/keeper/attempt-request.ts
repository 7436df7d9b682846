import { MalformedError, type Json } from '@cloister/codec'
import {
  bundleField,
  bytes32Field,
  integerField,
  objectField,
  type Bundle,
  type Field,
} from '@cloister/protocol'
import type { Hex } from 'viem'

/** What shows an attempt to be real: the evidence bundle before there are releases. */
export type AttemptEvidence = Omit<Bundle, 'releases'>

/** How {@link AttemptEvidence} stands in JSON. */
export const attemptEvidenceField: Field<AttemptEvidence> = {
  parse(value, path) {
    if (typeof value !== 'object' || value === null || isList(value))
      throw new MalformedError(path, 0, 'expected an object')
    if ('releases' in value) throw new MalformedError(`${path}.releases`, 0, 'unknown field')
    return bundleField.parse({ ...value, releases: [] }, path)
  },
  encode: (value) => {
    const encoded = bundleField.encode({ ...value, releases: [] })
    if (typeof encoded !== 'object' || encoded === null || isList(encoded)) return encoded
    return Object.fromEntries(Object.entries(encoded).filter(([key]) => key !== 'releases'))
  },
}

const body = objectField({
  bundle: attemptEvidenceField,
  asset: bytes32Field,
  shareIndex: integerField(0, 2),
})

/** The body of `release`: whose attempt it is, and which share it asks for. */
export type ReleaseRequest = {
  readonly bundle: AttemptEvidence
  readonly asset: Hex
  readonly shareIndex: number
}

/** How a {@link ReleaseRequest} stands in JSON. */
export const releaseRequestField: Field<ReleaseRequest> = body

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
