import {
  insecureDevnetAnchor,
  type Given,
  type NvidiaCollateral,
  type NvidiaEvidence,
  type PolicyOverrides,
} from '@cloister/attest'
import { unixSeconds, type Bytes } from '@cloister/codec'
import { createNvidiaManufacturer, type NvidiaDevice } from '@cloister/emulator'
import { anyPolicy } from './evidence.ts'

/** When emulated evidence is judged. */
export const now = unixSeconds(Date.UTC(2026, 5, 30) / 1000)

/** What emulated devices sign. */
export const nonce: Bytes = new Uint8Array(32).fill(7)

/** The emulated manufacturer: a new one each time, for it remembers what is revoked. */
export function nvidia() {
  return createNvidiaManufacturer({ seed: new Uint8Array(32).fill(3), now })
}

/** The roots of every manufacturer here: of devices, then of manifests. */
export const anchors = [nvidia().anchorSpkiSha256, nvidia().rimAnchorSpkiSha256].map((digest) =>
  insecureDevnetAnchor(digest),
)

/** What a device is judged by: everything that speaks for it, unless something else is asked for. */
export function given(collateral: NvidiaCollateral, policy: Partial<PolicyOverrides> = {}): Given {
  return { collateral: { nvidia: collateral }, anchors, policy: anyPolicy(policy), now }
}

/** Names one of a manufacturer's devices. */
export function deviceSeed(number: number): Bytes {
  return new Uint8Array(16).fill(number)
}

/** Evidence with other bytes, signed by the device again. */
export function resigned(
  device: NvidiaDevice,
  evidence: NvidiaEvidence,
  change: (bytes: Bytes) => Bytes,
): NvidiaEvidence {
  const signed = change(evidence.measurements.slice(0, -96))
  return { ...evidence, measurements: device.signMeasurements(signed) }
}
