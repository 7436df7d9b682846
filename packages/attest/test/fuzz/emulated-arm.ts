import { deviceKeyAnchor } from '@cloister/attest'
import { createCcaPlatform, createPsaDevice } from '@cloister/emulator'
import type { Base } from './case.ts'
import { emulatedNow, emulatorSeed } from './emulated-world.ts'

const deviceSeed = new Uint8Array(16).fill(0xa5)
/** What Arm devices are asked to sign. */
export const armChallenge = Uint8Array.from({ length: 64 }, (_, index) => 255 - index)

/** A CCA platform and a PSA device, and what their tokens are judged by. */
export function createArmDevices(lifecycle?: number) {
  const options = { deviceSeed, ...(lifecycle !== undefined && { lifecycle }) }
  const cca = createCcaPlatform(emulatorSeed, options)
  const psa = createPsaDevice(emulatorSeed, options)
  const given = (device: typeof cca | typeof psa, pinned: boolean): Base['given'] => ({
    collateral: { deviceKeys: [device.deviceKey] },
    anchors: pinned
      ? [deviceKeyAnchor(device.keySpkiSha256, device === cca ? 'arm-cca' : 'arm-psa')]
      : [],
    now: emulatedNow,
  })
  return { cca, psa, given }
}

/** Tokens of every profile, of pinned and supplied keys. */
export function armBases(): readonly Base[] {
  const { cca, psa, given } = createArmDevices()
  const nonce = armChallenge.slice(0, 32)
  const tokens = [
    ...(['older', 'newer'] as const).map((profile) => ({
      name: `emulated cca ${profile}`,
      evidence: { tee: 'arm-cca', token: cca.token({ challenge: armChallenge, profile }) } as const,
      device: cca,
    })),
    ...(['http://arm.com/psa/2.0.0', 'PSA_IOT_PROFILE_1'] as const).map((profile) => ({
      name: `emulated psa ${profile}`,
      evidence: { tee: 'arm-psa', token: psa.token({ nonce, profile }) } as const,
      device: psa,
    })),
  ]
  return tokens.flatMap(({ name, evidence, device }) => [
    { name: `${name} pinned`, evidence, given: given(device, true) },
    { name: `${name} supplied`, evidence, given: given(device, false) },
  ])
}
