import { CborTag, isCborMap, MalformedError, parseCbor, type Bytes } from '@cloister/codec'
import type { HashName } from '#crypto'
import { readLifecycle, type Lifecycle } from '../arm/lifecycle.ts'
import {
  readSoftwareComponent,
  softwareComponentsMax,
  type SoftwareComponent,
} from '../arm/software-component.ts'
import { readInstanceId, tokenLimits } from '../arm/token.ts'
import { asSizedBytes, ClaimSet, hashSizes } from '../cose/claim-set.ts'
import { coseBytesMax, parseSign1, type CoseSign1 } from '../cose/message.ts'
import { parsePadded } from '../cose/padded.ts'
import { UnsupportedFormatError } from '../reject.ts'
import { readRealmKey, type RealmKey } from './realm-key.ts'

/** A CCA token as it was signed: two tokens, one inside the other's trust. Nothing here is trusted. */
export type CcaToken = { readonly platform: PlatformToken; readonly realm: RealmToken }

/** What the platform's attestation key (CPAK) signed. */
export type PlatformToken = {
  readonly message: CoseSign1
  readonly profile: PlatformProfile
  /** A hash of the realm attestation key's claim. */
  readonly challenge: Bytes
  readonly implementationId: Bytes
  readonly instanceId: Bytes
  readonly config: Bytes
  readonly lifecycle: Lifecycle
  readonly hashAlgorithm: string
  readonly softwareComponents: readonly SoftwareComponent[]
  readonly verificationService: string | undefined
}

/** What the realm's attestation key (RAK) signed. */
export type RealmToken = {
  readonly message: CoseSign1
  readonly profile: 'tag:arm.com,2023:realm#1.0.0' | undefined
  readonly challenge: Bytes
  readonly personalisation: Bytes
  readonly initialMeasurement: Bytes
  readonly extensibleMeasurements: readonly Bytes[]
  readonly hashAlgorithm: string
  readonly key: RealmKey
  /** The hash of the key's claim that the platform's challenge is. */
  readonly keyHash: HashName
  readonly keyHashAlgorithm: string
}

/** Profiles of platform tokens, the older one first. */
export type PlatformProfile = 'http://arm.com/CCA-SSD/1.0.0' | 'tag:arm.com,2023:cca_platform#1.0.0'

const ccaTag = 399
const parts = { platform: 44234, realm: 44241 }

/** Spec: draft-ffm-rats-cca-token; Arm DEN0137 (RMM) A7.2.3. */
const platformClaims = {
  challenge: 10,
  instanceId: 256,
  profile: 265,
  lifecycle: 2395,
  implementationId: 2396,
  softwareComponents: 2399,
  verificationService: 2400,
  config: 2401,
  hashAlgorithm: 2402,
}
const realmClaims = {
  challenge: 10,
  profile: 265,
  personalisation: 44235,
  hashAlgorithm: 44236,
  key: 44237,
  initialMeasurement: 44238,
  extensibleMeasurements: 44239,
  keyHashAlgorithm: 44240,
}

const profileMax = 128
const algorithmMax = 32
const serviceMax = 2048
const configMax = 1024
const hashNames: Readonly<Record<string, HashName>> = {
  'sha-256': 'SHA-256',
  'sha-384': 'SHA-384',
  'sha-512': 'SHA-512',
}

/**
 * Reads a CCA token: tag 399 around platform and realm token, each a COSE_Sign1 in a byte string.
 *
 * @throws {UnsupportedFormatError} on another algorithm or profile, or a COSE_Mac0.
 * @throws {MalformedError} naming the field, on anything else that is not a token.
 */
export function parseCcaToken(bytes: Bytes): CcaToken {
  const both = readCollection(bytes)
  const platform = parseSign1(both.platform, 'platform token', 'inside')
  const realm = parseSign1(both.realm, 'realm token', 'inside')
  return { platform: readPlatform(platform), realm: readRealm(realm) }
}

/** Of the collection itself no byte is signed: it has to be in its deterministic encoding, and hold nothing else. */
function readCollection(bytes: Bytes): { readonly platform: Bytes; readonly realm: Bytes } {
  const limits = { bytesMax: coseBytesMax, depthMax: 2, itemsMax: 6, canonical: true }
  const value = parsePadded(bytes, 'token', limits)
  if (!(value instanceof CborTag) || value.tag !== ccaTag || !isCborMap(value.value))
    throw new MalformedError('token', 0, 'expected tag 399 and a map')
  const collection = new ClaimSet(value.value, 'token')
  if (value.value.size !== 2) throw new MalformedError('token', 0, 'expected two members')
  const sizes = { from: 1, to: coseBytesMax }
  return {
    platform: collection.bytes(parts.platform, 'platform token', sizes),
    realm: collection.bytes(parts.realm, 'realm token', sizes),
  }
}

function readPlatform(message: CoseSign1): PlatformToken {
  const what = 'platform token'
  const set = new ClaimSet(parseCbor(message.payload, what, tokenLimits), what)
  const keys = platformClaims
  const profile = set.text(keys.profile, 'profile', profileMax)
  if (
    profile !== 'http://arm.com/CCA-SSD/1.0.0' &&
    profile !== 'tag:arm.com,2023:cca_platform#1.0.0'
  )
    throw unknownProfile(what, profile)
  const lifecycle = set.integer(keys.lifecycle, 'lifecycle', 0, 0xffff)
  return {
    message,
    profile,
    challenge: set.bytes(keys.challenge, 'challenge', hashSizes),
    implementationId: set.bytes(keys.implementationId, 'implementation id', [32]),
    instanceId: readInstanceId(set, keys.instanceId, what),
    config: set.bytes(keys.config, 'config', { from: 0, to: configMax }),
    lifecycle: readLifecycle(lifecycle, `${what} lifecycle`),
    hashAlgorithm: set.text(keys.hashAlgorithm, 'hash algorithm', algorithmMax),
    softwareComponents: set
      .array(keys.softwareComponents, 'software components', 1, softwareComponentsMax)
      .map((item, index) => readSoftwareComponent(item, `${what} software component ${index + 1}`)),
    verificationService: set.textIfAny(
      keys.verificationService,
      'verification service',
      serviceMax,
    ),
  }
}

function readRealm(message: CoseSign1): RealmToken {
  const what = 'realm token'
  const set = new ClaimSet(parseCbor(message.payload, what, tokenLimits), what)
  const keys = realmClaims
  const profile = set.textIfAny(keys.profile, 'profile', profileMax)
  if (profile !== undefined && profile !== 'tag:arm.com,2023:realm#1.0.0')
    throw unknownProfile(what, profile)
  const keyHashAlgorithm = set.text(
    keys.keyHashAlgorithm,
    'public key hash algorithm',
    algorithmMax,
  )
  const keyHash = Object.hasOwn(hashNames, keyHashAlgorithm)
    ? hashNames[keyHashAlgorithm]
    : undefined
  if (keyHash === undefined)
    throw new MalformedError(`${what} public key hash algorithm`, 0, 'expected sha-256, 384 or 512')
  const initialMeasurement = set.bytes(keys.initialMeasurement, 'initial measurement', hashSizes)
  return {
    message,
    profile,
    challenge: set.bytes(keys.challenge, 'challenge', [64]),
    personalisation: set.bytes(keys.personalisation, 'personalisation value', [64]),
    initialMeasurement,
    // As long as the initial one: the digest of all five is then of one reading only.
    extensibleMeasurements: set
      .array(keys.extensibleMeasurements, 'extensible measurements', 4, 4)
      .map((item, index) =>
        asSizedBytes(item, `${what} extensible measurement ${index}`, [initialMeasurement.length]),
      ),
    hashAlgorithm: set.text(keys.hashAlgorithm, 'hash algorithm', algorithmMax),
    key: readRealmKey(
      set.bytes(keys.key, 'public key', { from: 1, to: 512 }),
      `${what} public key`,
    ),
    keyHash,
    keyHashAlgorithm,
  }
}

function unknownProfile(what: string, name: string): UnsupportedFormatError {
  return new UnsupportedFormatError(
    `${what} profile`,
    0,
    `${JSON.stringify(name)} is not known here`,
  )
}
