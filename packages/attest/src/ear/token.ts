import {
  canonicalJson,
  encodeBase64Url,
  encodeUtf8,
  MalformedError,
  parseBase64Url,
  parseJson,
  parseUtf8,
  type Json,
  type UnixSeconds,
} from '@cloister/codec'
import type { EarClaims } from './claims.ts'
import { parseEarClaims, type ReadEar } from './parse.ts'
import { algorithmOf, verifyEarSignature, type EarKey, type EarSigner } from './signature.ts'
import { sayTime } from '../say-time.ts'

/** Most characters of an EAR as a token. */
export const earCharactersMax = 256 * 1024

/** How far the clocks of who signs and who reads may differ. */
const leewaySeconds = 60

const limits = { charactersMax: earCharactersMax, depthMax: 8 }

/** Signs an EAR as a JWT. Spec: RFC 7515 section 5.1; RFC 9711, section 9 (media type). */
export async function signEar(claims: EarClaims, signer: EarSigner): Promise<string> {
  const header = {
    alg: signer.algorithm,
    ...(signer.keyId !== undefined && { kid: signer.keyId }),
    typ: 'eat+jwt',
  }
  const signed = `${encodePart(header)}.${encodePart(claims)}`
  const signature = await signer.sign(encodeUtf8(signed))
  return `${signed}.${encodeBase64Url(signature)}`
}

/** Why an EAR is not to be believed. */
export const earFaults = [
  'MALFORMED',
  'ALGORITHM',
  'SIGNATURE',
  'PROFILE',
  'NONCE',
  'NOT_YET_VALID',
  'EXPIRED',
] as const

/** One of {@link earFaults}. */
export type EarFault = (typeof earFaults)[number]

/** Whether an EAR is to be believed, and then what it says. */
export type VerifiedEar =
  | { readonly valid: true; readonly ear: ReadEar }
  | { readonly valid: false; readonly fault: EarFault; readonly where: string }

/**
 * Verifies an EAR under one key that the caller trusts: nothing in the token chooses key or algorithm.
 *
 * The profile, the times and, where one is expected, the nonce have to hold too. Whether the status is good enough is the
 * caller's to say.
 */
export async function verifyEar(
  token: string,
  key: EarKey,
  expected: {
    readonly now: UnixSeconds
    /** Age after which it is not believed, whatever it says itself. */
    readonly ageSecondsMax: number
    /** `any`: the caller knows that it is fresh by other means. */
    readonly nonce: string
  },
): Promise<VerifiedEar> {
  let fault: EarFault = 'MALFORMED'
  try {
    const { header, payload, signature, signed } = splitToken(token)
    fault = 'ALGORITHM'
    checkHeader(header, algorithmOf(key))
    if (!(await verifyEarSignature(key, signature, encodeUtf8(signed))))
      return { valid: false, fault: 'SIGNATURE', where: 'not of this key' }
    fault = 'MALFORMED'
    const ear = parseEarClaims(parseJson(payload, 'EAR', limits))
    return checkExpected(ear, expected) ?? { valid: true, ear }
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    const code = cause.field === 'EAR eat_profile' ? 'PROFILE' : fault
    return { valid: false, fault: code, where: cause.message }
  }
}

function checkExpected(
  { iat, exp, eat_nonce: nonce }: ReadEar,
  expected: { readonly now: UnixSeconds; readonly ageSecondsMax: number; readonly nonce: string },
): VerifiedEar | undefined {
  const { now, ageSecondsMax } = expected
  if (expected.nonce !== 'any' && nonce !== expected.nonce)
    return { valid: false, fault: 'NONCE', where: `got ${nonce ?? 'none'}` }
  // Said of what holds: no comparison with a time or an age that is no number does.
  if (!(iat <= now + leewaySeconds))
    return {
      valid: false,
      fault: 'NOT_YET_VALID',
      where: `issued at ${sayTime(iat)}, now is ${sayTime(now)}`,
    }
  if (!(now <= iat + ageSecondsMax))
    return {
      valid: false,
      fault: 'EXPIRED',
      where: `issued at ${sayTime(iat)}, now is ${sayTime(now)}`,
    }
  if (exp !== undefined && !(now <= exp))
    return {
      valid: false,
      fault: 'EXPIRED',
      where: `valid until ${sayTime(exp)}, now is ${sayTime(now)}`,
    }
  return undefined
}

function splitToken(token: string) {
  if (token.length > earCharactersMax)
    throw new MalformedError('EAR', 0, `more than ${earCharactersMax} characters`)
  const parts = token.split('.', 4)
  const [header, payload, signature] = parts
  if (header === undefined || payload === undefined || signature === undefined || parts.length > 3)
    throw new MalformedError('EAR', 0, 'expected three parts with dots between')
  return {
    header: parseJson(decodePart(header, 'EAR header'), 'EAR header', limits),
    payload: decodePart(payload, 'EAR payload'),
    signature: parseBase64Url(signature, 'EAR signature'),
    signed: `${header}.${payload}`,
  }
}

/** Spec: RFC 7515 section 4.1; RFC 8725 sections 3.1 and 3.11. */
function checkHeader(header: Json, algorithm: string): void {
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new MalformedError('EAR header', 0, 'expected an object')
  const members = new Map<string, Json>(Object.entries(header))
  if (members.get('alg') !== algorithm)
    throw new MalformedError('EAR header alg', 0, `expected ${algorithm}, as the key is`)
  // An extension that has to be understood, and none is here.
  if (members.has('crit')) throw new MalformedError('EAR header crit', 0, 'not known here')
  const type = members.get('typ')
  if (type !== undefined && type !== 'JWT' && type !== 'eat+jwt')
    throw new MalformedError('EAR header typ', 0, 'expected eat+jwt or JWT')
}

function encodePart(value: Json): string {
  return encodeBase64Url(encodeUtf8(canonicalJson(value)))
}

function decodePart(text: string, field: string): string {
  return parseUtf8(parseBase64Url(text, field), field)
}
