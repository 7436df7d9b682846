import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  appraise,
  parseAnchorFile,
  productionAnchors,
  type Anchor,
  type Appraisal,
  type Collateral,
  type Evidence,
} from '@cloister/attest'
import { unixSeconds, type UnixSeconds } from '@cloister/codec'
import { readEvidence } from '@cloister/io'

import {
  anyPolicy,
  evidenceRoot,
  mutate,
  readMutations,
  readSample,
  samplesIn,
} from './evidence.ts'

/** One sample or mutation of the corpus: what is judged, by what, and what has to come out. */
export type Case = {
  readonly name: string
  readonly evidence: Evidence
  readonly given: {
    readonly collateral: Collateral | 'none'
    readonly anchors: readonly Anchor[]
    readonly now: UnixSeconds
  }
  readonly expected: Outcome & { readonly rejectAnyOf?: readonly string[] }
}

/** What is compared with the corpus. */
export type Outcome = {
  readonly authentic: boolean | 'chain-only'
  readonly reject: string | null
  readonly tcbStatus: string | null
  readonly debug: boolean | null
}

/** Where a sample names no time: all that has one was valid then. */
const anyTime = unixSeconds(1_790_000_000)

/** Folders of samples, one per kind of evidence. */
const kinds = ['sgx', 'tdx', 'snp', 'nvidia', 'nitro', 'arm-cca', 'arm-psa', 'tpm']

/** Every sample, read as the command line reads it: expected.json is read here only. */
export async function readCorpus(): Promise<readonly Case[]> {
  const names = kinds.flatMap((kind) => samplesIn(kind, 0).map((name) => `${kind}/${name}`))
  return await Promise.all(names.map(readCase))
}

/** Every mutation of a sample. */
export function readMutatedCorpus(): readonly Case[] {
  return readMutations().map((mutation) => {
    const { quote, collateral, verifyAt } = mutate(readSample(mutation.base), mutation)
    return {
      name: `${mutation.base} ${mutation.id}`,
      evidence: { tee: 'tdx', quote },
      given: { collateral, anchors: productionAnchors(), now: verifyAt! },
      expected: { ...refused, reject: mutation.expect, rejectAnyOf: mutation.expect.split('|') },
    }
  })
}

const refused = { authentic: false, reject: null, tcbStatus: null, debug: null } as const

/** Judges one case with a policy that is strict about everything but who runs what where. */
export function appraiseCase({ evidence, given }: Case): Promise<Appraisal> {
  return appraise(evidence, { ...given, policy: anyPolicy() })
}

/** What an appraisal says of what the corpus knows. */
export function outcomeOf(appraisal: Appraisal): Outcome {
  if (appraisal.authentic === false) return { ...refused, reject: appraisal.reject }
  const { claims, authentic } = appraisal
  return { authentic, reject: null, tcbStatus: claims.tcbStatus ?? null, debug: claims.debug }
}

async function readCase(name: string): Promise<Case> {
  const folder = join(evidenceRoot, name)
  const { evidence, collateral } = readEvidence(folder)
  const file = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  const { expected } = file
  const own = file.trustAnchor === 'trust-anchor.der'
  const anchors = own
    ? (await parseAnchorFile(readFileSync(join(folder, 'trust-anchor.der')), evidence.tee)).anchors
    : productionAnchors()
  const chainOnly = expected.authentic === 'signature-chain-only'
  const at = file.verifyAtEpoch ?? (file.verifyAt && Date.parse(file.verifyAt) / 1000)
  return {
    name,
    evidence,
    given: {
      collateral: chainOnly ? 'none' : collateral,
      anchors,
      now: at ? unixSeconds(at) : anyTime,
    },
    expected: {
      authentic: chainOnly ? 'chain-only' : expected.authentic,
      reject: chainOnly ? null : expected.reject,
      tcbStatus: expected.tcbStatus ?? null,
      debug: expected.debug ?? expected.debugMode ?? null,
      ...(expected.rejectAnyOf && { rejectAnyOf: expected.rejectAnyOf }),
    },
  }
}
