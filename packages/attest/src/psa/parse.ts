import { MalformedError, parseCbor, type Bytes } from '@cloister/codec'
import { readLifecycle, type Lifecycle } from '../arm/lifecycle.ts'
import {
  readSoftwareComponent,
  softwareComponentsMax,
  type SoftwareComponent,
} from '../arm/software-component.ts'
import { readInstanceId, tokenLimits } from '../arm/token.ts'
import { ClaimSet, hashSizes } from '../cose/claim-set.ts'
import { parseSign1, type CoseSign1 } from '../cose/message.ts'
import { UnsupportedFormatError } from '../reject.ts'

/** A PSA token as it was signed. Nothing here is trusted. */
export type PsaToken = {
  readonly message: CoseSign1
  readonly profile: PsaProfile
  readonly nonce: Bytes
  readonly instanceId: Bytes
  readonly implementationId: Bytes
  /** Who asked: negative and zero outside the secure processing environment, positive inside it. */
  readonly clientId: number
  readonly lifecycle: Lifecycle
  readonly bootSeed: Bytes | undefined
  readonly certificationReference: string | undefined
  readonly softwareComponents: readonly SoftwareComponent[]
  readonly verificationService: string | undefined
}

/** Profiles that are read, as tokens name them. The last one is older than RFC 9783. */
export type PsaProfile =
  | 'tag:psacertified.org,2023:psa#tfm'
  | 'http://arm.com/psa/2.0.0'
  | 'PSA_IOT_PROFILE_1'

/** Spec: RFC 9783 section 4. */
const claims = {
  nonce: 10,
  instanceId: 256,
  profile: 265,
  clientId: 2394,
  lifecycle: 2395,
  implementationId: 2396,
  bootSeed: 2397,
  certificationReference: 2398,
  softwareComponents: 2399,
  verificationService: 2400,
}

/** Spec: draft-tschofenig-rats-psa-token-07 section 3 (PSA_IOT_PROFILE_1). */
const legacyClaims = {
  profile: -75000,
  clientId: -75001,
  lifecycle: -75002,
  implementationId: -75003,
  bootSeed: -75004,
  certificationReference: -75005,
  softwareComponents: -75006,
  noSoftwareMeasurements: -75007,
  nonce: -75008,
  instanceId: -75009,
  verificationService: -75010,
}

const profileMax = 128
const serviceMax = 2048

/**
 * Reads a PSA token. Claims that are not known here are left alone, as a token's profile allows.
 *
 * Spec: RFC 9783.
 *
 * @throws {UnsupportedFormatError} on another algorithm or profile, or a COSE_Mac0.
 * @throws {MalformedError} naming the field, on anything else that is not a token.
 */
export function parsePsaToken(bytes: Bytes): PsaToken {
  const message = parseSign1(bytes, 'token')
  const set = new ClaimSet(parseCbor(message.payload, 'token', tokenLimits), 'token')
  return { message, ...readClaims(set, profileOf(set)) }
}

/** The older profile need not be named: its claims have keys of their own. */
function profileOf(set: ClaimSet): PsaProfile {
  if (!set.has(claims.profile)) {
    const name = set.textIfAny(legacyClaims.profile, 'profile', profileMax)
    if (name === 'PSA_IOT_PROFILE_1') return name
    if (name === undefined && set.has(legacyClaims.nonce)) return 'PSA_IOT_PROFILE_1'
    if (name !== undefined) throw unknownProfile(name)
  }
  const name = set.text(claims.profile, 'profile', profileMax)
  if (name === 'http://arm.com/psa/2.0.0' || name === 'tag:psacertified.org,2023:psa#tfm')
    return name
  throw unknownProfile(name)
}

function unknownProfile(name: string): UnsupportedFormatError {
  return new UnsupportedFormatError('token profile', 0, `${JSON.stringify(name)} is not known here`)
}

function readClaims(set: ClaimSet, profile: PsaProfile): Omit<PsaToken, 'message'> {
  const legacy = profile === 'PSA_IOT_PROFILE_1'
  const keys = legacy ? legacyClaims : claims
  const lifecycle = set.integer(keys.lifecycle, 'lifecycle', 0, 0xffff)
  return {
    profile,
    nonce: set.bytes(keys.nonce, 'nonce', hashSizes),
    instanceId: readInstanceId(set, keys.instanceId, 'token'),
    implementationId: set.bytes(keys.implementationId, 'implementation id', [32]),
    clientId: set.integer(keys.clientId, 'client id', -(2 ** 31), 2 ** 31 - 1),
    lifecycle: readLifecycle(lifecycle, 'token lifecycle'),
    bootSeed: legacy
      ? set.bytes(keys.bootSeed, 'boot seed', [32])
      : set.bytesIfAny(keys.bootSeed, 'boot seed', { from: 8, to: 32 }),
    certificationReference: readReference(set, keys.certificationReference, legacy),
    softwareComponents: readComponents(set, keys.softwareComponents, legacy),
    verificationService: set.textIfAny(
      keys.verificationService,
      'verification service',
      serviceMax,
    ),
  }
}

/** EAN-13, with five digits more, which the older profile may leave out. Spec: RFC 9783 section 4.2.3. */
function readReference(set: ClaimSet, key: number, legacy: boolean): string | undefined {
  const reference = set.textIfAny(key, 'certification reference', 19)
  const format = legacy ? /^\d{13}(?:-\d{5})?$/ : /^\d{13}-\d{5}$/
  if (reference !== undefined && !format.test(reference))
    throw new MalformedError('token certification reference', 0, 'expected 13 digits, -, 5 digits')
  return reference
}

/** The older profile can say that nothing was measured, in place of a list. */
function readComponents(set: ClaimSet, key: number, legacy: boolean): readonly SoftwareComponent[] {
  if (legacy && !set.has(key)) {
    set.integer(legacyClaims.noSoftwareMeasurements, 'software components', 1, 1)
    return []
  }
  return set
    .array(key, 'software components', 1, softwareComponentsMax)
    .map((item, index) => readSoftwareComponent(item, `token software component ${index + 1}`))
}
