import { hasEvidence } from '../evidence.ts'
import { readCorpus } from '../whole-corpus.ts'
import type { Base } from './case.ts'
import { armBases } from './emulated-arm.ts'
import { intelBases } from './emulated-intel.ts'
import { nitroBases } from './emulated-nitro.ts'
import { nvidiaBases } from './emulated-nvidia.ts'
import { snpBases } from './emulated-snp.ts'
import { tpmBases } from './emulated-tpm.ts'

/** What the emulator makes of every kind, and the corpus where it is there. Made once: the signatures are random. */
export async function readBases(): Promise<readonly Base[]> {
  const emulated = [
    ...intelBases(),
    ...snpBases(),
    ...nvidiaBases(),
    ...nitroBases(),
    ...armBases(),
    ...tpmBases(),
  ]
  if (!hasEvidence(1)) return emulated
  const cases = await readCorpus()
  return [...emulated, ...cases.map(({ name, evidence, given }) => ({ name, evidence, given }))]
}
