import { assert, concatBytes, encodeHex, type Bytes } from '@cloister/codec'
import type { DeviceKey } from '@cloister/attest'
import { subjectPublicKeyInfo } from '../certificate.ts'
import {
  deriveBytes,
  deriveSigningKey,
  sha256,
  type SigningCurve,
  type SigningKey,
} from '../signing-key.ts'

/** What can be chosen about an emulated device of Arm's. */
export type ArmDeviceOptions = {
  /** Names the device: equal seeds, equal device. At least 16 bytes. */
  readonly deviceSeed: Bytes
  readonly curve?: SigningCurve
  /** Bits 15 to 8: the state of its life. Secured unless something else is asked for. */
  readonly lifecycle?: number
  /** 33 bytes, where it shall not be 01 and SHA-256 of the device's key. */
  readonly instanceId?: Bytes
}

/** Who a device is: its key, and what all its tokens say of it. */
export type ArmDevice = {
  readonly key: SigningKey
  /** What a verifier is given to check tokens with. */
  readonly deviceKey: DeviceKey
  /** SHA-256 of the key's SubjectPublicKeyInfo, hexadecimal: what an anchor pins. */
  readonly keySpkiSha256: string
  readonly lifecycle: number
  readonly instanceId: Bytes
  readonly implementationId: Bytes
}

/** The state `secured`. */
const secured = 0x3000

/** Makes a device. Its key and ids follow from both seeds. */
export function createArmDevice(
  seed: Bytes,
  kind: 'cca' | 'psa',
  options: ArmDeviceOptions,
): ArmDevice {
  const { deviceSeed, lifecycle = secured } = options
  assert(seed.length === 32, `a manufacturer's seed has 32 bytes, got ${seed.length}`)
  assert(deviceSeed.length >= 16, `a device's seed has 16 bytes or more, got ${deviceSeed.length}`)
  const curve = options.curve ?? (kind === 'cca' ? 'P-384' : 'P-256')
  const key = deriveSigningKey(seed, `arm/${kind}/${encodeHex(deviceSeed)}`, curve)
  return {
    key,
    deviceKey: { kind: 'ec', curve, point: key.point },
    keySpkiSha256: encodeHex(sha256(subjectPublicKeyInfo(key))),
    lifecycle,
    instanceId: options.instanceId ?? concatBytes(Uint8Array.of(1), sha256(key.publicKey)),
    implementationId: deriveBytes(seed, `arm/${kind}/implementation`, 32),
  }
}

/** A piece of firmware by its name in `description`s and tokens, and a key that signed it. */
export function softwareComponent(
  name: string,
  description: string,
): ReadonlyMap<number, string | Bytes> {
  const text = new TextEncoder()
  return new Map<number, string | Bytes>([
    [1, name],
    [2, sha256(text.encode(`emulated ${name}`))],
    [4, '1.0.0'],
    [5, sha256(text.encode('emulated signer'))],
    [6, description],
  ])
}
