import { appraise, type Evidence } from '@cloister/attest'
import { expect, test } from 'vitest'
import { anyPolicy } from './evidence.ts'
import { untypedTime } from './untyped-time.ts'

const bytes = new Uint8Array(16)
const nvidia = { measurements: bytes, certificateChain: '' }
const every: readonly Evidence[] = [
  { tee: 'sgx', quote: bytes },
  { tee: 'tdx', quote: bytes },
  { tee: 'sev-snp', report: bytes },
  { tee: 'nvidia-gpu', ...nvidia },
  { tee: 'nvidia-nvswitch', ...nvidia },
  { tee: 'aws-nitro', document: bytes },
  { tee: 'arm-cca', token: bytes },
  { tee: 'arm-psa', token: bytes },
  { tee: 'tpm2', quote: bytes, signature: bytes },
]

test.for(every)('$tee is judged at no time that is no number of seconds', async (evidence) => {
  const given = { collateral: {}, anchors: [], policy: anyPolicy() } as const
  for (const now of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5])
    await expect(appraise(evidence, { ...given, now: untypedTime(now) })).rejects.toThrow(
      RangeError,
    )
})
