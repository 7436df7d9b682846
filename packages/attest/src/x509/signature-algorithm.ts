import { DerReader, derTags, encodeHex, MalformedError } from '@cloister/codec'
import type { HashName, SignatureAlgorithm } from '#crypto'
import { objectIds } from './object-ids.ts'

/** Algorithms that need no parameters, or NULL ones. Spec: RFC 5758 section 3.2, RFC 4055 section 5. */
const plain: Readonly<Record<string, SignatureAlgorithm>> = {
  [objectIds.ecdsaWithSha256]: { scheme: 'ecdsa', hash: 'SHA-256' },
  [objectIds.ecdsaWithSha384]: { scheme: 'ecdsa', hash: 'SHA-384' },
  [objectIds.ecdsaWithSha512]: { scheme: 'ecdsa', hash: 'SHA-512' },
  [objectIds.sha256WithRsa]: { scheme: 'rsa-pkcs1', hash: 'SHA-256' },
  [objectIds.sha384WithRsa]: { scheme: 'rsa-pkcs1', hash: 'SHA-384' },
  [objectIds.sha512WithRsa]: { scheme: 'rsa-pkcs1', hash: 'SHA-512' },
}

const hashes: Readonly<Record<string, HashName>> = {
  [objectIds.sha256]: 'SHA-256',
  [objectIds.sha384]: 'SHA-384',
  [objectIds.sha512]: 'SHA-512',
}

/**
 * Reads an AlgorithmIdentifier of a signature, and its text in hexadecimal: both copies in a certificate have to be
 * the same. Never one with SHA-1.
 *
 * @throws {MalformedError} where it is not a signature algorithm that is verified here.
 */
export function readSignatureAlgorithm(
  r: DerReader,
  field: string,
): { readonly algorithm: SignatureAlgorithm; readonly text: string } {
  const name = `${field} signature algorithm`
  const { whole } = r.element(name, derTags.sequence)
  const inner = new DerReader(whole).inside(name)
  const id = inner.objectId(name)
  if (id === objectIds.rsaPss) {
    const pss = readPss(inner.inside(name), name)
    inner.end(name)
    return { algorithm: pss, text: encodeHex(whole) }
  }
  const algorithm = plain[id]
  if (algorithm === undefined)
    throw new MalformedError(name, 0, `got ${id}, expected ECDSA or RSA with SHA-256 or longer`)
  if (algorithm.scheme === 'rsa-pkcs1') readNull(inner, name)
  inner.end(name)
  return { algorithm, text: encodeHex(whole) }
}

/**
 * RSASSA-PSS parameters: one hash for message and mask, a salt of its length, the usual trailer.
 *
 * Spec: RFC 4055 section 3.1.
 */
function readPss(parameters: DerReader, name: string): SignatureAlgorithm {
  const hash = readHash(parameters.inside(name, 0xa0), name)
  const mask = parameters.inside(name, 0xa1).inside(name)
  if (mask.objectId(name) !== objectIds.mgf1 || readHash(mask, name) !== hash)
    throw new MalformedError(name, 0, 'expected MGF1 with the hash of the message')
  const salt = parameters.inside(name, 0xa2).unsigned(name)
  if (salt !== pssSaltBytes[hash])
    throw new MalformedError(name, 0, `got a salt of ${salt} bytes, expected ${pssSaltBytes[hash]}`)
  const trailer = parameters.peek() === 0xa3 ? parameters.inside(name, 0xa3).unsigned(name) : 1
  if (trailer !== 1) throw new MalformedError(name, 0, 'expected trailer field 1')
  parameters.end(name)
  return { scheme: 'rsa-pss', hash }
}

const pssSaltBytes: Readonly<Record<HashName, number>> = {
  'SHA-1': 20,
  'SHA-256': 32,
  'SHA-384': 48,
  'SHA-512': 64,
}

function readHash(r: DerReader, name: string): HashName {
  const inner = r.inside(name)
  const id = inner.objectId(name)
  const hash = hashes[id]
  if (hash === undefined) throw new MalformedError(name, 0, `got hash ${id}, expected SHA-2`)
  readNull(inner, name)
  inner.end(name)
  return hash
}

/** Parameters that may be NULL or absent. */
function readNull(r: DerReader, name: string): void {
  if (r.remaining === 0) return
  const { tag, content } = r.any(name)
  if (tag !== 0x05 || content.length > 0) throw new MalformedError(name, 0, 'expected NULL')
}
