import type { Bytes } from '@cloister/codec'
import { createNvidiaDevice, nvidiaNonce } from './emulated-nvidia.ts'
import { createTpm, tpmNonce } from './emulated-tpm.ts'
import { mutateBytes } from './mutate.ts'
import { brokenRule, hexAt, type OpenResigner, type Resigner } from './resigned.ts'

/** Reports of GPUs and TPMs that were changed before they were signed. */
export const deviceResigners: readonly Resigner[] = [
  {
    name: 'resigned-nvidia',
    what: 'requests and responses of GPUs and switches',
    open: openNvidia,
  },
  { name: 'resigned-tpm', what: 'TPMS_ATTEST', open: openTpm },
]

const signatureBytes = 96

function openNvidia(): OpenResigner {
  const devices = (['GH100', 'GB100', 'LS10'] as const).map((chip) => {
    const { device, given } = createNvidiaDevice(chip)
    const evidence = device.evidence({ nonce: nvidiaNonce })
    return { device, given, evidence, signed: evidence.measurements.slice(0, -signatureBytes) }
  })
  return {
    make: (random) => {
      const { device, given, evidence, signed } = random.pick(devices)
      const measurements = device.signMeasurements(mutateBytes(signed, random))
      return { name: `emulated ${device.chip}`, evidence: { ...evidence, measurements }, given }
    },
    check: ({ evidence }, { claims }) => {
      if (evidence.tee !== 'nvidia-gpu' && evidence.tee !== 'nvidia-nvswitch') return 'another kind'
      if (claims.tee !== 'nvidia-gpu' && claims.tee !== 'nvidia-nvswitch') return 'another kind'
      const { measurements: bytes } = evidence
      const said = claims.measurements.map(({ index, value }) => `${index} ${value}`)
      return brokenRule({
        'the nonce is told': claims.reportData === hexAt(bytes, 4, 32),
        'blocks are told': said.join() === blocksOf(bytes).join(),
        'no block twice':
          new Set(claims.measurements.map(({ index }) => index)).size === said.length,
        'it is a request for measurements': hexAt(bytes, 0, 2) === '11e0',
        'and the response to it': hexAt(bytes, 37, 2) === '1160',
      })
    },
  }
}

/** Index and value of each block. Spec: DMTF DSP0274 1.1, tables 46 to 48. */
function blocksOf(bytes: Bytes): readonly string[] {
  const u16 = (at: number): number => (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0)
  const blocks: string[] = []
  let at = 45
  for (let count = bytes[41] ?? 0; count > 0; count--) {
    blocks.push(`${bytes[at]} ${hexAt(bytes, at + 7, u16(at + 5))}`)
    at += 4 + u16(at + 2)
  }
  return blocks
}

function openTpm(): OpenResigner {
  const tpms = (['rsassa', 'ecdsa'] as const).map((scheme) => {
    const { tpm, given } = createTpm(scheme)
    return { tpm, given, evidence: tpm.evidence({ nonce: tpmNonce }) }
  })
  return {
    make: (random) => {
      const { tpm, given, evidence } = random.pick(tpms)
      const quote = mutateBytes(evidence.quote, random)
      const signature = tpm.key.signTpmt(quote)
      return { name: 'emulated TPM', evidence: { ...evidence, quote, signature }, given }
    },
    check: ({ evidence }, { claims }) => {
      if (evidence.tee !== 'tpm2' || claims.tee !== 'tpm2') return 'another kind'
      const { quote } = evidence
      const u16 = (at: number): number => 256 * (quote[at] ?? 0) + (quote[at + 1] ?? 0)
      const extra = 8 + u16(6)
      const clock = extra + 2 + u16(extra)
      return brokenRule({
        'a TPM made it': hexAt(quote, 0, 4) === 'ff544347',
        'it is a quote': u16(4) === 0x8018,
        'the nonce is told': claims.reportData === hexAt(quote, extra + 2, u16(extra)),
        'the signer is told': claims.qualifiedSigner === hexAt(quote, 8, u16(6)),
        'resets are told': claims.resetCount === Number.parseInt(hexAt(quote, clock + 8, 4), 16),
        'the digest is told': hexAt(quote, 0, quote.length).endsWith(claims.pcrDigest),
        'values are of what is selected': claims.pcrs === undefined || isSelected(claims),
      })
    },
  }
}

function isSelected({
  pcrs,
  selection,
}: {
  readonly pcrs?: Readonly<Record<string, object>>
  readonly selection: readonly { readonly bank: string; readonly indices: readonly number[] }[]
}): boolean {
  return selection.every(
    ({ bank, indices }) => Object.keys(pcrs?.[bank] ?? {}).join() === indices.join(),
  )
}
