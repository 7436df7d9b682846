import { canonicalJson, encodeHex, parseHex, type Bytes } from '@cloister/codec'
import { hexField, keyHash, objectField, oneOf, parseField } from '@cloister/protocol'
import { generateEnvelopeKeyPair, serializeEnvelopePrivateKey } from '@cloister/sdk'
import { envelopePrivateKeyBytes, envelopePublicKeyBytes } from '@cloister/seal'
import type { Hex } from 'viem'

import { readText, writeOutput, type WriteRule } from './files.ts'

/** The key that opens outputs, as it stands in its file. */
export type RecipientKey = { readonly publicKey: Bytes; readonly secretKey: Bytes }

const field = objectField({
  format: oneOf('cloister-recipient-key/1'),
  publicKey: hexField(envelopePublicKeyBytes),
  secretKey: hexField(envelopePrivateKeyBytes),
})

const characters = { charactersMax: 8192, depthMax: 2 }

/** Makes a recipient key in a new file that only its owner reads. */
export async function createRecipientKey(path: string, rule: WriteRule): Promise<RecipientKey> {
  const pair = await generateEnvelopeKeyPair({ extractable: true })
  const secretKey = await serializeEnvelopePrivateKey(pair.privateKey)
  const json = field.encode({
    format: 'cloister-recipient-key/1',
    publicKey: `0x${encodeHex(pair.publicKey)}`,
    secretKey: `0x${encodeHex(secretKey)}`,
  })
  writeOutput(path, `${canonicalJson(json)}\n`, rule)
  return { publicKey: pair.publicKey, secretKey }
}

/** The public half of a recipient key with which an owner looks at outputs, and its hash. @throws {MalformedError}. */
export function readReviewKey(path: string): { readonly publicKey: Bytes; readonly hash: Hex } {
  const { publicKey } = readRecipientKey(path)
  return { publicKey, hash: keyHash(publicKey) }
}

/** Reads a recipient key. @throws {MalformedError} naming the field. */
export function readRecipientKey(path: string): RecipientKey {
  const text = readText(path, { what: 'recipient key', bytesMax: 8192, secret: true })
  const { publicKey, secretKey } = parseField(field, text, 'recipient key', characters)
  return {
    publicKey: parseHex(publicKey, 'recipient key.publicKey'),
    secretKey: parseHex(secretKey, 'recipient key.secretKey'),
  }
}
