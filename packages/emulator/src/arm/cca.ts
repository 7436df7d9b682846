import { CborTag, encodeCbor, type Bytes, type Cbor } from '@cloister/codec'
import { macCose, signCose } from '../cose.ts'
import { deriveBytes, deriveSigningKey, sha256, type SigningKey } from '../signing-key.ts'
import {
  createArmDevice,
  softwareComponents,
  type ArmDevice,
  type ArmDeviceOptions,
} from './device.ts'

/** An emulated CCA platform. */
export type CcaPlatform = Pick<ArmDevice, 'deviceKey' | 'keySpkiSha256' | 'instanceId'> & {
  token(request: CcaTokenRequest): Bytes
  /** Signs any bytes as the payload of either token, well-formed or not, beside a genuine other one. */
  signPayload(part: 'platform' | 'realm', payload: Bytes): Bytes
}

/** What a token is asked for. */
export type CcaTokenRequest = {
  /** 64 bytes. */
  readonly challenge: Bytes
  /** The older profile has the realm's key as a bare point, the newer one as a COSE_Key. */
  readonly profile?: 'older' | 'newer'
  /** What runs in the realm: its initial measurement, then four extensible ones, equally long. */
  readonly measurements?: readonly [Bytes, Bytes, Bytes, Bytes, Bytes]
  /** A platform token that was made for another realm's key. */
  readonly binding?: 'matching' | 'mismatched'
  /** 64 bytes that the owner of the realm chose: zeros where nothing is said. */
  readonly personalization?: Bytes
  /** Which part another key than its own signs: that of another device, or of another realm. */
  readonly wrongKey?: 'platform' | 'realm'
  /** Which part has a MAC in the place of a signature: only who has the key could check it. */
  readonly mac?: 'platform' | 'realm'
}

/** Makes a CCA platform. Spec: draft-ffm-rats-cca-token; Arm DEN0137 A7.2. */
export function createCcaPlatform(seed: Bytes, options: ArmDeviceOptions): CcaPlatform {
  const device = createArmDevice(seed, 'cca', options)
  const realmKey = deriveSigningKey(seed, 'arm/cca/realm', 'P-384')
  const protect = (
    part: 'platform' | 'realm',
    payload: Bytes,
    key: SigningKey,
    { wrongKey, mac }: CcaTokenRequest,
  ): Bytes => {
    if (mac === part) return macCose(payload, deriveBytes(seed, 'arm/cca/symmetric-key', 32))
    const stranger = () => deriveSigningKey(seed, 'arm/cca/stranger', key.curve)
    return signCose(payload, wrongKey === part ? stranger() : key, 'tagged')
  }
  const genuine = { challenge: new Uint8Array(64) }
  return {
    deviceKey: device.deviceKey,
    keySpkiSha256: device.keySpkiSha256,
    instanceId: device.instanceId,
    token: (request) =>
      encodeToken(
        protect('platform', platformClaims(device, realmKey, request), device.key, request),
        protect('realm', realmClaims(seed, realmKey, request), realmKey, request),
      ),
    signPayload: (part, payload) =>
      encodeToken(
        signCose(
          part === 'platform' ? payload : platformClaims(device, realmKey, genuine),
          device.key,
          'tagged',
        ),
        signCose(
          part === 'realm' ? payload : realmClaims(seed, realmKey, genuine),
          realmKey,
          'tagged',
        ),
      ),
  }
}

function encodeToken(platform: Bytes, realm: Bytes): Bytes {
  return encodeCbor(
    new CborTag(
      399,
      new Map([
        [44234, platform],
        [44241, realm],
      ]),
    ),
  )
}

function platformClaims(device: ArmDevice, realmKey: SigningKey, request: CcaTokenRequest): Bytes {
  const { profile = 'newer', binding = 'matching' } = request
  const bound = sha256(encodeRealmKey(realmKey, profile))
  return encodeCbor(
    new Map<number, Cbor>([
      [
        265,
        profile === 'newer'
          ? 'tag:arm.com,2023:cca_platform#1.0.0'
          : 'http://arm.com/CCA-SSD/1.0.0',
      ],
      [10, binding === 'matching' ? bound : sha256(bound)],
      [2396, device.implementationId],
      [256, device.instanceId],
      [2401, Uint8Array.of(0xcf, 0xcf, 0xcf, 0xcf)],
      [2395, device.lifecycle],
      [2402, 'sha-256'],
      [2400, 'https://emulator.cloister.invalid/cca'],
      [2399, softwareComponents(device, 'sha-256')],
    ]),
  )
}

function realmClaims(seed: Bytes, realmKey: SigningKey, request: CcaTokenRequest): Bytes {
  const { challenge, profile = 'newer', measurements } = request
  const initial = deriveBytes(seed, 'arm/cca/initial-measurement', 32)
  const [rim, ...rems] = measurements ?? [initial, ...Array.from({ length: 4 }, zeros)]
  return encodeCbor(
    new Map<number, Cbor>([
      ...(profile === 'newer' ? [[265, 'tag:arm.com,2023:realm#1.0.0'] as const] : []),
      [10, challenge],
      [44235, request.personalization ?? new Uint8Array(64)],
      [44236, 'sha-256'],
      [44237, encodeRealmKey(realmKey, profile)],
      [44238, rim],
      [44239, rems],
      [44240, 'sha-256'],
    ]),
  )
}

function zeros(): Bytes {
  return new Uint8Array(32)
}

function encodeRealmKey({ point, publicKey }: SigningKey, profile: 'older' | 'newer'): Bytes {
  if (profile === 'older') return publicKey
  const half = point.length / 2
  return encodeCbor(
    new Map<number, Cbor>([
      [1, 2],
      [-1, 2],
      [-2, point.subarray(0, half)],
      [-3, point.subarray(half)],
    ]),
  )
}
