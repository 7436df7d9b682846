import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import {
  appraise,
  insecureDevnetAnchor,
  parseCollateral,
  productionAnchor,
  strictPolicy,
  type Anchor,
} from '../src/index.ts'

type Vector = {
  name: string
  verifyAt: number
  ppid: string
  quote: string
  expected:
    | {
        authentic: true
        tcbStatus: string
        platformTcbStatus: string
        qeTcbStatus: string
        moduleTcbStatus: string
        advisoryIds: string[]
        debug: boolean
        reasons: string[]
      }
    | { authentic: false; reject: string }
}
type Vectors = { anchorSpkiSha256: string; issuedAt: number; quotes: Vector[] }

const { anchorSpkiSha256, issuedAt, quotes }: Vectors = JSON.parse(read('quotes.json'))
const collateral = parseCollateral(read('collateral.json'))
const emulator = insecureDevnetAnchor(anchorSpkiSha256)
const policy = strictPolicy({
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
  minTcbEvaluationDataNumber: 18,
  minRootCrlNumber: 1,
  minPckCrlNumber: 1,
})

function read(name: string): string {
  return readFileSync(new URL(`vectors/emulator/${name}`, import.meta.url), 'utf8')
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

function judge(quote: Uint8Array<ArrayBuffer>, at: number, anchor: Anchor = emulator) {
  return appraise(
    { tee: 'tdx', quote },
    { collateral, anchors: [anchor], policy, now: unixSeconds(at) },
  )
}

test('there are vectors for each status that a platform can have', () => {
  expect(quotes).toHaveLength(18)
})

test.for(quotes)('$name', async ({ quote, verifyAt, ppid, expected }) => {
  const appraisal = await judge(bytes(quote), verifyAt)
  if (appraisal.authentic === false || !expected.authentic) {
    expect(appraisal).toMatchObject(expected)
    return
  }
  const { claims, reasons } = appraisal
  const { reasons: codes, moduleTcbStatus, ...stated } = expected
  expect({ authentic: appraisal.authentic, ...claims }).toMatchObject(stated)
  expect(claims.tdxModule?.tcbStatus).toBe(moduleTcbStatus)
  expect(reasons.map(({ code }) => code)).toEqual(codes)
  const machine = createHash('sha256').update('cloister/machine/1\0intel\0').update(bytes(ppid))
  expect(claims.machineId).toBe(machine.digest('hex'))
  expect([claims.mrtd, ...claims.rtmrs]).toEqual(
    ['a0', 'b0', 'b1', 'b2', 'b3'].map((byte) => byte.repeat(48)),
  )
  // Nothing outlives its collateral, which ends thirty days after its issue.
  expect(appraisal.until).toBe(issuedAt + 30 * 86_400)
})

test("no vector is authentic under Intel's root, nor before its collateral was issued", async () => {
  for (const { quote, verifyAt } of quotes) {
    const underIntel = await judge(bytes(quote), verifyAt, productionAnchor('intel-sgx-root-ca'))
    expect(underIntel).toMatchObject({ authentic: false, reject: 'UNTRUSTED_ROOT' })
    expect(await judge(bytes(quote), issuedAt - 1)).toMatchObject({ authentic: false })
  }
})

test('no vector with one flipped bit in what its machine signed is authentic', async () => {
  const { quote, verifyAt } = quotes[0]!
  for (const bit of Array.from({ length: 32 }, (_, index) => index * 157 + 3)) {
    const forged = bytes(quote)
    forged[bit >> 3]! ^= 1 << (bit & 7) // Within the 632 signed bytes.
    expect((await judge(forged, verifyAt)).authentic).toBe(false)
  }
})
