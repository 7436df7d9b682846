import { appraise, createAppraiser, type Anchor } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { createHash } from 'node:crypto'
import { zeroAddress } from 'viem'
import { describe, expect, test } from 'vitest'

import {
  allTees,
  appraiseNode,
  evidenceBytes,
  evidenceOf,
  sayTees,
  teeSet,
  teesOf,
  unnamedMachineId,
  type NodeDemand,
  type ShownEvidence,
} from '../src/index.ts'
import { machines, now, outdatedSnp, type TestMachine } from './machines.ts'

const reportData = new Uint8Array(64).fill(9)
const receiptKey = `0x${'ab'.repeat(20)}` as const
const anchors = machines.map(({ anchor }) => anchor)
const [tdx, snp, nitro] = machines

const shownBy = ({ evidence, collateral }: TestMachine): ShownEvidence => ({
  evidence: evidence(reportData),
  collateral: collateral(),
})

/** A demand that takes what `shown` is, but for `changes`. */
async function demandFor(
  shown: ShownEvidence,
  changes: Partial<NodeDemand> & { readonly tees?: number } = {},
): Promise<NodeDemand> {
  const policy = { measurements: [], releaseKey: zeroAddress, tcbFloor: 0, tees: allTees }
  const free = {
    rules: [policy],
    floor: { tcbEvaluationDataNumber: 0, rootCrlNumber: 0n, pckCrlNumber: 0n },
    ...{
      reportData,
      receiptKey,
      machineId: 'any' as const,
      accelerator: 'none' as const,
      anchors,
      now,
      approvals: [],
    },
  }
  const { shown: seen } = await appraiseNode(appraise, shown, free)
  const measurements = seen === undefined ? [] : [seen.measurement]
  const { tees = allTees, ...others } = changes
  return { ...free, rules: [{ ...policy, measurements, tees }], ...others }
}

async function problemsOf(shown: ShownEvidence, changes?: Parameters<typeof demandFor>[1]) {
  const judged = await appraiseNode(appraise, shown, await demandFor(shown, changes))
  expect(judged.accepted).toBe(judged.problems.length === 0)
  return judged.problems.map(({ field, detail }) => `${field} ${detail}`)
}

describe.for(machines)('a node on $name', (machine) => {
  const shown = shownBy(machine)

  test('is accepted by every kind of demand that names it', async () => {
    const demand = await demandFor(shown)
    const judged = await appraiseNode(createAppraiser().appraise, shown, demand)
    expect(judged).toMatchObject({
      accepted: true,
      problems: [],
      shown: { tee: shown.evidence.tee, tcb: 0, tier: 0 },
    })
    // Under its record, too.
    const machineId = judged.shown?.machineId ?? '0x'
    expect(machineId === unnamedMachineId(receiptKey)).toBe(!machine.isNamed)
    expect(await problemsOf(shown, { machineId })).toEqual([])
  })

  test('is refused where its kind is not accepted, and for nothing else', async () => {
    const others = teeSet(teesOf(allTees).filter((tee) => tee !== shown.evidence.tee))
    expect(await problemsOf(shown, { tees: others })).toEqual([
      `tees the evidence is of ${machine.title}, accepted is ${sayTees(others)}`,
    ])
  })

  test('is refused under the roots of the other vendors', async () => {
    const foreign: readonly Anchor[] = anchors.filter((anchor) => anchor !== machine.anchor)
    const problems = await problemsOf(shown, { anchors: foreign })
    expect(problems.join()).toMatch(/UNTRUSTED_ROOT|ENDORSEMENT/)
  })

  test('is refused over other report data', async () => {
    const problems = await problemsOf(shown, { reportData: new Uint8Array(64).fill(8) })
    expect(problems).toEqual([expect.stringContaining('REPORT_DATA')])
  })

  test.for(teesOf(allTees).filter((tee) => tee !== shown.evidence.tee))(
    'is refused where its evidence is called %s',
    async (tee) => {
      const evidence = evidenceOf(tee, evidenceBytes(shown.evidence))
      const { accepted, shown: seen } = await appraiseNode(
        appraise,
        { evidence, collateral: shown.collateral },
        await demandFor(shown),
      )
      expect({ accepted, seen }).toEqual({ accepted: false, seen: undefined })
    },
  )

  test('is refused under the record of another machine', async () => {
    const machineId = `0x${'77'.repeat(32)}` as const
    expect((await problemsOf(shown, { machineId })).join()).toContain('MACHINE')
  })
})

test('a machine that has a name does not pass under a record that names none', async () => {
  for (const machine of [tdx!, snp!])
    expect(await problemsOf(shownBy(machine), { machineId: unnamedMachineId(receiptKey) })).toEqual(
      [expect.stringContaining('the record names none')],
    )
})

test('without a name a node is its receipt key, and another key is another node', async () => {
  const other = `0x${'cd'.repeat(20)}` as const
  const machineId = unnamedMachineId(other)
  expect((await problemsOf(shownBy(nitro!), { machineId })).join()).toContain('MACHINE')
  const digest = createHash('sha256')
    .update(Buffer.from('cloister/machine/1\0receipt-key\0'))
    .update(Buffer.from(other.slice(2), 'hex'))
    .digest('hex')
  expect(machineId).toBe(`0x${digest}`)
})

test('an SNP machine with old firmware is refused, whatever TCB floor somebody set', async () => {
  const shown = outdatedSnp(reportData)
  const demand = await demandFor(shown)
  const rules = demand.rules.map((rule) => ({ ...rule, tcbFloor: 5 }))
  expect(await problemsOf(shown, { rules })).toEqual([expect.stringContaining('MIN_TCB')])
})

test('an SNP report without a revocation list is refused', async () => {
  const { evidence, collateral } = shownBy(snp!)
  const { certificateChain } = collateral.amd ?? { certificateChain: '' }
  const problems = await problemsOf({ evidence, collateral: { amd: { certificateChain } } })
  expect(problems).toEqual([expect.stringContaining('REVOCATION_UNKNOWN')])
})

test('a Nitro document is judged when it was signed where the block is older, and not long after', async () => {
  const shown = shownBy(nitro!)
  expect(await problemsOf(shown, { now: unixSeconds(now - 600) })).toEqual([])
  const late = await problemsOf(shown, { now: unixSeconds(now + 4 * 3600) })
  expect(late.join()).toContain('CERT_EXPIRED_OR_NOT_YET_VALID')
})

test('several demands are met together or not at all', async () => {
  const shown = shownBy(tdx!)
  const { rules } = await demandFor(shown)
  const strict = rules.map((rule) => ({ ...rule, tees: teeSet(['sev-snp', 'aws-nitro']) }))
  expect(await problemsOf(shown, { rules: [...rules, ...strict] })).toEqual([
    'tees the evidence is of Intel TDX, accepted is AMD SEV-SNP or AWS Nitro Enclaves',
  ])
})
