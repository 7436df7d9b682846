import { MalformedError, type Json } from '@cloister/codec'
import { earProfile, earSubmodsMax } from './claims.ts'
import { trustTiers, vectorMembers, type TrustTier, type TrustVector } from './vector.ts'

/** A submod of an EAR that anybody made: what the specification names, and everything else as it is. */
export type ReadSubmod = {
  readonly 'ear.status': TrustTier
  readonly 'ear.trustworthiness-vector'?: TrustVector
  readonly 'ear.appraisal-policy-id'?: string
  readonly extensions: Readonly<Record<string, Json>>
}

/** Claims of an EAR that anybody made. */
export type ReadEar = {
  readonly eat_profile: typeof earProfile
  readonly iat: number
  readonly exp?: number
  readonly 'ear.verifier-id': { readonly developer: string; readonly build: string }
  readonly eat_nonce?: string
  readonly 'ear.raw-evidence'?: string
  readonly submods: Readonly<Record<string, ReadSubmod>>
}

/**
 * Reads the claims of an EAR. Spec: draft-ietf-rats-ear-04, section 3.
 *
 * @throws {MalformedError} naming the member.
 */
export function parseEarClaims(value: Json): ReadEar {
  const ear = asObject(value, 'EAR')
  if (ear['eat_profile'] !== earProfile)
    throw new MalformedError('EAR eat_profile', 0, `expected ${earProfile}`)
  const { exp, eat_nonce: nonce } = ear
  const verifier = asObject(ear['ear.verifier-id'], 'EAR ear.verifier-id')
  const raw = ear['ear.raw-evidence']
  const submods = Object.entries(asObject(ear['submods'], 'EAR submods'))
  if (submods.length === 0 || submods.length > earSubmodsMax)
    throw new MalformedError(
      'EAR submods',
      0,
      `got ${submods.length}, expected 1 to ${earSubmodsMax}`,
    )
  return {
    eat_profile: earProfile,
    iat: asSeconds(ear['iat'], 'EAR iat'),
    ...(exp !== undefined && { exp: asSeconds(exp, 'EAR exp') }),
    'ear.verifier-id': {
      developer: asText(verifier['developer'], 'EAR ear.verifier-id developer'),
      build: asText(verifier['build'], 'EAR ear.verifier-id build'),
    },
    ...(nonce !== undefined && { eat_nonce: asText(nonce, 'EAR eat_nonce') }),
    ...(raw !== undefined && { 'ear.raw-evidence': asText(raw, 'EAR ear.raw-evidence') }),
    submods: Object.fromEntries(submods.map(([name, submod]) => [name, readSubmod(submod, name)])),
  }
}

function readSubmod(value: Json, name: string): ReadSubmod {
  const field = `EAR submod ${name.slice(0, 32)}`
  const {
    'ear.status': status,
    'ear.trustworthiness-vector': vector,
    'ear.appraisal-policy-id': policyId,
    ...extensions
  } = asObject(value, field)
  const tier = trustTiers.find((each) => each === status)
  if (tier === undefined)
    throw new MalformedError(`${field} ear.status`, 0, `expected one of ${trustTiers.join(', ')}`)
  return {
    'ear.status': tier,
    ...(vector !== undefined && { 'ear.trustworthiness-vector': readVector(vector, field) }),
    ...(policyId !== undefined && {
      'ear.appraisal-policy-id': asText(policyId, `${field} ear.appraisal-policy-id`),
    }),
    extensions,
  }
}

function readVector(value: Json, field: string): TrustVector {
  const vector: { [member: string]: number } = {}
  for (const [name, each] of Object.entries(asObject(value, `${field} vector`))) {
    if (!vectorMembers.some((member) => member === name))
      throw new MalformedError(`${field} vector`, 0, `${name.slice(0, 32)} is no member of one`)
    if (typeof each !== 'number' || !Number.isInteger(each) || each < -128 || each > 127)
      throw new MalformedError(`${field} vector ${name}`, 0, 'expected -128 to 127')
    vector[name] = each
  }
  return vector
}

function asObject(value: Json | undefined, field: string): Readonly<Record<string, Json>> {
  if (!isObject(value)) throw new MalformedError(field, 0, 'expected an object')
  return value
}

function isObject(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asText(value: Json | undefined, field: string): string {
  if (typeof value !== 'string') throw new MalformedError(field, 0, 'expected a text')
  return value
}

function asSeconds(value: Json | undefined, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new MalformedError(field, 0, 'expected whole seconds since 1970')
  return value
}
