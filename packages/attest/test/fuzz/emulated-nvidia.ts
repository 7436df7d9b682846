import { insecureDevnetAnchor } from '@cloister/attest'
import { encodeUtf8 } from '@cloister/codec'
import { createNvidiaManufacturer, type NvidiaChip, type NvidiaDevice } from '@cloister/emulator'
import type { Base } from './case.ts'
import { emulatedNow, emulatorSeed } from './emulated-world.ts'

/** A GPU or NVSwitch, and what its reports are judged by. */
export function createNvidiaDevice(chip: NvidiaChip): {
  readonly device: NvidiaDevice
  readonly given: Base['given']
} {
  const manufacturer = createNvidiaManufacturer({ seed: emulatorSeed, now: emulatedNow })
  const device = manufacturer.createDevice({
    chip,
    deviceSeed: encodeUtf8(`fuzzed device ${chip}`),
  })
  return {
    device,
    given: {
      collateral: { nvidia: manufacturer.collateral(device) },
      anchors: [manufacturer.anchorSpkiSha256, manufacturer.rimAnchorSpkiSha256].map(
        insecureDevnetAnchor,
      ),
      now: emulatedNow,
    },
  }
}

/** What devices are asked to sign. */
export const nvidiaNonce = Uint8Array.from({ length: 32 }, (_, index) => 0x40 + index)

/** Reports of both generations and of a switch, with manifests and OCSP responses. */
export function nvidiaBases(): readonly Base[] {
  return (['GH100', 'GB100', 'LS10'] as const).map((chip) => {
    const { device, given } = createNvidiaDevice(chip)
    const kind = chip === 'LS10' ? 'nvswitch' : 'gpu'
    const evidence = device.evidence({ nonce: nvidiaNonce })
    return { name: `emulated ${kind} ${chip}`, evidence, given }
  })
}
