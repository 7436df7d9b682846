// What the page of corpus-browser.test.ts runs: the package as a browser loads it, with WebCrypto and no polyfill.
import {
  appraise,
  encodeAppraisal,
  strictPolicy,
  type Anchor,
  type Collateral,
  type Evidence,
} from '@cloister/attest'
import { encodeHex, parseHex, unixSeconds } from '@cloister/codec'

/** One case as text: bytes stand as `{"hex": "…"}`. */
export type CaseText = {
  readonly evidence: string
  readonly collateral: string
  readonly anchors: readonly Anchor[]
  readonly now: number
}

/** What the test asks the page for. */
export const page = {
  /** The canonical appraisal, in hexadecimal, as the page computes it. */
  async appraise({ anchors, now, ...texts }: CaseText): Promise<string> {
    const evidence: Evidence = JSON.parse(texts.evidence, reviveBytes)
    const collateral: Collateral | 'none' = JSON.parse(texts.collateral, reviveBytes)
    const given = {
      collateral,
      anchors,
      policy: strictPolicy({
        measurements: 'any',
        reportData: 'any',
        machineIds: 'any',
      }),
      now: unixSeconds(now),
    }
    return encodeHex(encodeAppraisal(await appraise(evidence, given)))
  },
}

Object.assign(globalThis, { cloisterPage: page })

function reviveBytes(_: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'hex' in value
    ? parseHex(String(value.hex), 'bytes')
    : value
}
