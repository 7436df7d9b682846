import { createHash } from 'node:crypto'

import { appraise } from '@cloister/attest'
import { canonicalJson, unixSeconds } from '@cloister/codec'
import { appFactsOf, chainCells, messageDigest, type Bundle } from '@cloister/protocol'
import { concatHex, keccak256, padHex, type Hex } from 'viem'
import { describe, expect, test } from 'vitest'

import { isCommitted, judge } from '../src/judge.ts'
import {
  addresses,
  key,
  makeAttempt,
  makeNode,
  makeOrder,
  manifest,
  named,
  sign,
  type Wrong,
} from './attempt.ts'
import {
  assets,
  attemptOf,
  committee,
  domain,
  factsOf,
  head,
  headWith,
  honest,
  input,
  manufacturer,
  materialOf,
  nodes,
  now,
  operators,
  ordered,
  verdict,
} from './judging.ts'

const at = (tcb: 'SWHardeningNeeded' | 'OutOfDate') =>
  attemptOf({ platform: makeNode(manufacturer, 'n0', operators[0]!, tcb).platform })
const accepted = { verdict: 1, reason: 0, fields: [] }

// What is wrong with a field also contradicts the posting, the signatures or the proofs.
const others = (each: string) => !/^(posting\.|grantSignatures|proofs$)/.test(each)

test('an honest attempt is accepted, its keepers and its appraisal are named in the vote', async () => {
  const { vote, problems, appraisal } = await judge(factsOf(honest), materialOf(honest), appraise)
  expect(problems).toEqual([])
  const each = honest.bundle.releases.length / 2
  const released = addresses(operators)
    .slice(0, 2)
    .flatMap((operator) => Array.from({ length: each }, () => operator))
  expect(vote).toEqual({
    task: ordered.task,
    attempt: 1,
    posting: honest.posting,
    verdict: 1,
    reason: 0,
    keepersHash: keccak256(concatHex(released.map((operator) => padHex(operator, { size: 32 })))),
    appraisalDigest: `0x${createHash('sha256')
      .update(canonicalJson(JSON.parse(JSON.stringify(appraisal))))
      .digest('hex')}`,
  })
})

test('two judgements of the same posting are equal', async () => {
  const [a, b] = await Promise.all(
    [0, 1].map(() => judge(factsOf(honest), materialOf(honest), appraise)),
  )
  expect(a).toEqual(b)
})

describe('reason 1, the signature of the receipt', () => {
  test('is refused where another key signed', async () => {
    const forged = await attemptOf({ receiptKey: key('stranger') })
    expect(await verdict(factsOf(forged), materialOf(forged))).toEqual({
      verdict: 2,
      reason: 1,
      fields: ['receiptSignature'],
    })
  })

  test('is refused where the signature is spelled with a high s, as on chain', async () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const low = honest.signed.receiptSignature
    const s = order - BigInt(`0x${low.slice(66, 130)}`)
    const v = low.endsWith('1b') ? '1c' : '1b'
    const high: Hex = `0x${low.slice(2, 66)}${s.toString(16).padStart(64, '0')}${v}`
    const posting = { ...honest.signed.posting, receiptSignatureHash: keccak256(high) }
    const spelled = {
      ...honest,
      signed: { ...honest.signed, posting, receiptSignature: high },
      posting: messageDigest(domain, 'Posting', posting),
    }
    expect((await verdict(factsOf(spelled), materialOf(spelled))).reason).toBe(1)
  })

  test('is never given for a receipt that the posting does not commit to', async () => {
    // A host that serves this to one verifier only would otherwise have it vote what the chain can prove false.
    const receipt = { ...honest.signed.receipt, outputBytes: 1n }
    const stranger = key('stranger')
    const signed = {
      ...honest.signed,
      receipt,
      receiptSignature: await sign(stranger, domain, 'Receipt', receipt),
    }
    expect(isCommitted(domain, honest.posting, signed)).toBe(false)
    expect(await verdict(factsOf(honest), materialOf(honest, { signed }))).toEqual({
      verdict: 2,
      reason: 5,
      fields: ['receipt'],
    })
  })

  test('comes before a bundle that cannot be had', async () => {
    const forged = await attemptOf({ receiptKey: key('stranger') })
    const material = materialOf(forged, { bundle: undefined, outputHeld: false })
    expect((await verdict(factsOf(forged), material)).reason).toBe(1)
  })
})

describe('reason 2, a contradiction', () => {
  const receipts: readonly [string, Wrong][] = [
    ['receipt.task', { receipt: (receipt) => ({ ...receipt, task: named('other') }) }],
    ['receipt.attempt', { receipt: (receipt) => ({ ...receipt, attempt: 2 }) }],
    [
      'receipt.orderDigest',
      { receipt: (receipt) => ({ ...receipt, orderDigest: named('other') }) },
    ],
    ['receipt.app', { receipt: (receipt) => ({ ...receipt, app: named('other') }) }],
    ['receipt.binding', { receipt: (receipt) => ({ ...receipt, binding: named('other') }) }],
    ['receipt.inputsRoot', { receipt: (receipt) => ({ ...receipt, inputsRoot: named('other') }) }],
    ['receipt.releasesRoot', { receipt: (receipt) => ({ ...receipt, releasesRoot: named('o') }) }],
    ['receipt.checkpoint', { receipt: (receipt) => ({ ...receipt, checkpoint: named('other') }) }],
    ['receipt.time', { receipt: (receipt) => ({ ...receipt, time: 1n }) }],
    ['receipt.nonce', { receipt: (receipt) => ({ ...receipt, nonce: named('other') }) }],
    ['deployment', { bundle: (bundle) => ({ ...bundle, deployment: named('other') }) }],
    ['checkpoint.blockTime', { checkpoint: (each) => ({ ...each, blockTime: BigInt(now + 31) }) }],
    ['checkpoint.chainId', { checkpoint: (each) => ({ ...each, chainId: 1n }) }],
    ['grants', { bundle: (bundle) => ({ ...bundle, grants: bundle.grants.slice(0, 1) }) }],
    [
      'grants[0]',
      {
        bundle: (bundle) => ({
          ...bundle,
          grants: [{ ...bundle.grants[0]!, usesMax: 9 }, bundle.grants[1]!],
        }),
      },
    ],
    [
      'binding.freshKeyHash',
      { bundle: (bundle) => ({ ...bundle, freshPublicKey: `0x${'08'.repeat(1216)}` }) },
    ],
  ]
  test.for(receipts)('is refused: %s', async ([field, wrong]) => {
    const attempt = await attemptOf(wrong)
    const facts = factsOf(attempt, { postedAt: unixSeconds(now + 30) })
    const found = await verdict(facts, materialOf(attempt))
    expect(found).toMatchObject({ verdict: 2, reason: 2 })
    expect(found.fields.filter(others)).toEqual([field])
  })

  test('is refused: the bundle is of another order', async () => {
    const other = await makeOrder({ ...input, nonce: 2n })
    const attempt = await makeAttempt(input, other, head, 1)
    const found = await verdict(factsOf(attempt), materialOf(attempt))
    expect(found).toMatchObject({ verdict: 2, reason: 2 })
    expect(found.fields).toContain('order')
  })

  test('is refused: the node has another machine on chain', async () => {
    const facts = factsOf(honest, {
      node: { ...factsOf(honest).node, machineId: named('other') },
    })
    expect(await verdict(facts, materialOf(honest))).toEqual({
      verdict: 2,
      reason: 2,
      fields: ['binding.machineId', 'proofs.node.machineId'],
    })
  })

  test('is refused: the attempt is another one on chain', async () => {
    const facts = factsOf(honest, { task: { ...factsOf(honest).task, attempt: 2 } })
    expect(await verdict(facts, materialOf(honest))).toEqual({
      verdict: 2,
      reason: 2,
      fields: ['binding.attempt'],
    })
  })
})

describe('reason 3, the evidence', () => {
  test('is refused where the app uses a GPU and none is shown', async () => {
    const facts = factsOf(honest)
    const used = { ...facts, manifest: { ...facts.manifest, accelerator: 'nvidia' as const } }
    const { vote, problems } = await judge(used, materialOf(honest), appraise)
    expect(vote).toMatchObject({ verdict: 2, reason: 3 })
    expect(problems).toEqual([
      { field: 'devices', detail: 'devices: the app needs an NVIDIA GPU, and none is shown' },
    ])
  })

  test('is accepted at the worst status that the grants allow, refused below', async () => {
    const good = await at('SWHardeningNeeded')
    expect(await verdict(factsOf(good), materialOf(good))).toEqual(accepted)
    const bad = await at('OutOfDate')
    expect(await verdict(factsOf(bad), materialOf(bad))).toEqual({
      verdict: 2,
      reason: 3,
      fields: ['evidence'],
    })
  })

  test('is refused where genuine evidence comes from another machine', async () => {
    const relayed = await attemptOf({ platform: nodes[1]!.platform })
    expect(await verdict(factsOf(relayed), materialOf(relayed))).toEqual({
      verdict: 2,
      reason: 3,
      fields: ['evidence'],
    })
  })

  test('is refused where the node was admitted with another measurement', async () => {
    const runtime = named('another runtime')
    const seen = await headWith((put) => {
      put.set(chainCells.node(nodes[0]!.key.address).measurement, BigInt(runtime))
      put.set(chainCells.measurementApproved(runtime), 1n)
    })
    const attempt = await makeAttempt({ ...input, measurement: runtime }, ordered, seen, 1)
    const facts = factsOf(attempt, {
      node: { ...factsOf(honest).node, measurement: runtime },
    })
    expect(await verdict(facts, materialOf(attempt))).toEqual({
      verdict: 2,
      reason: 3,
      fields: ['measurement'],
    })
  })

  test('is refused under another root, and where collateral is older than the floor', async () => {
    const vendor = { kind: 'production', name: 'intel-sgx-root-ca' } as const
    expect((await verdict(factsOf(honest, { anchors: [vendor] }), materialOf(honest))).reason).toBe(
      3,
    )
    const floor = { tcbEvaluationDataNumber: 1_000, rootCrlNumber: 1n, pckCrlNumber: 1n }
    expect((await verdict(factsOf(honest, { floor }), materialOf(honest))).reason).toBe(3)
  })

  test('is refused where the checkpoint lacks a quorum, or its set was not in office', async () => {
    const three = await attemptOf({ checkpointSigners: committee.slice(0, 3) })
    expect(await verdict(factsOf(three), materialOf(three))).toEqual(accepted)
    const two = await attemptOf({ checkpointSigners: committee.slice(0, 2) })
    expect(await verdict(factsOf(two), materialOf(two))).toEqual({
      verdict: 2,
      reason: 3,
      fields: ['checkpointSignatures'],
    })
    const facts = factsOf(honest, { committees: [{ epoch: 4n, members: addresses(committee) }] })
    expect(await verdict(facts, materialOf(honest))).toEqual({
      verdict: 2,
      reason: 3,
      fields: ['checkpoint.committee'],
    })
  })

  test('is refused where a grant does not cover it: more output than granted, another owner', async () => {
    const facts = factsOf(honest, {
      manifest: { ...appFactsOf(manifest), outputBytesMax: 1_001 },
    })
    expect(await verdict(facts, materialOf(honest))).toEqual({
      verdict: 2,
      reason: 3,
      fields: ['grants[0].outputBytesMax', 'grants[1].outputBytesMax'],
    })
    const [first, second] = factsOf(honest).assets
    const thief = key('thief').address
    const stolen = factsOf(honest, { assets: [{ ...first!, owner: thief }, second!] })
    expect((await verdict(stolen, materialOf(honest))).fields).toEqual(['proofs.assets[0].owner'])
    const seen = await headWith((put) =>
      put.set(chainCells.asset(assets[0]!.id).owner, BigInt(thief)),
    )
    const attempt = await makeAttempt(input, ordered, seen, 1)
    const found = await verdict({ ...stolen, task: factsOf(attempt).task }, materialOf(attempt))
    expect(found).toEqual({ verdict: 2, reason: 3, fields: ['grants[0].owner'] })
  })
})

describe('reason 6, the releases', () => {
  const [first, ...rest] = honest.bundle.releases
  const cases: readonly [string, (releases: Bundle['releases']) => Bundle['releases']][] = [
    ['one share too few', (releases) => releases.slice(1)],
    ['no release at all', () => []],
    ['a share twice', (releases) => [releases[0]!, releases[0]!, ...releases.slice(1)]],
    ['another order of them', (releases) => releases.toReversed()],
    [
      'a signature that is another’s',
      (releases) => [{ ...releases[0]!, signature: releases[1]!.signature }, ...releases.slice(1)],
    ],
    [
      'a countersignature that is another’s',
      (releases) => [
        { ...releases[0]!, countersignature: releases[1]!.countersignature },
        ...releases.slice(1),
      ],
    ],
  ]
  test.for(cases)('are refused: %s', async ([, releases]) => {
    const attempt = await attemptOf({ releases })
    expect(await verdict(factsOf(attempt), materialOf(attempt))).toMatchObject({
      verdict: 2,
      reason: 6,
    })
  })

  test('are refused where a keeper is not the one of that share, or nobody', async () => {
    const { operatorOf } = factsOf(honest)
    const keeper = first!.release.keeper.toLowerCase()
    const swapped = new Map(operatorOf).set(keeper, key('another operator').address)
    expect(await verdict(factsOf(honest, { operatorOf: swapped }), materialOf(honest))).toEqual({
      verdict: 2,
      reason: 6,
      fields: ['releases'],
    })
    const unknown = new Map([...operatorOf].filter(([each]) => each !== keeper))
    expect(
      (await verdict(factsOf(honest, { operatorOf: unknown }), materialOf(honest))).reason,
    ).toBe(6)
    expect(rest).toHaveLength(3)
  })

  test('are refused where the countersigner keeps no share of the asset, or has retired', async () => {
    const { operatorOf, assets: known } = factsOf(honest)
    const countersigner = first!.countersigner.toLowerCase()
    const stranger = new Map(operatorOf).set(countersigner, key('stranger').address)
    const refused = { verdict: 2, reason: 6, fields: ['releases'] }
    expect(await verdict(factsOf(honest, { operatorOf: stranger }), materialOf(honest))).toEqual(
      refused,
    )
    const retired = new Set([countersigner])
    expect(await verdict(factsOf(honest, { retired }), materialOf(honest))).toEqual(refused)
    // A keeper of the other asset is none of this one.
    const [one, other] = known
    const elsewhere = { ...one!, operators: [...one!.operators.slice(0, 2), key('k').address] }
    expect(
      await verdict(factsOf(honest, { assets: [elsewhere, other!] }), materialOf(honest)),
    ).toEqual(refused)
  })

  test('are refused where the countersigner is of the same operator, or unknown', async () => {
    const { operatorOf } = factsOf(honest)
    const countersigner = first!.countersigner.toLowerCase()
    const same = new Map(operatorOf).set(
      countersigner,
      operatorOf.get(first!.release.keeper.toLowerCase())!,
    )
    expect((await verdict(factsOf(honest, { operatorOf: same }), materialOf(honest))).reason).toBe(
      6,
    )
  })
})

describe('reasons 4 and 5, what cannot be had', () => {
  test('a withheld output is refused with 4, and nothing else is wrong with it', async () => {
    expect(await verdict(factsOf(honest), materialOf(honest, { outputHeld: false }))).toEqual({
      verdict: 2,
      reason: 4,
      fields: ['output'],
    })
  })

  test('a withheld bundle and a withheld receipt are refused with 5', async () => {
    expect(await verdict(factsOf(honest), materialOf(honest, { bundle: undefined }))).toEqual({
      verdict: 2,
      reason: 5,
      fields: ['bundle'],
    })
    const none = { signed: undefined, bundle: undefined, outputHeld: false }
    expect(await verdict(factsOf(honest), none)).toEqual({
      verdict: 2,
      reason: 5,
      fields: ['receipt'],
    })
  })

  test('a refusal names no keepers and no appraisal', async () => {
    const { vote } = await judge(
      factsOf(honest),
      materialOf(honest, { outputHeld: false }),
      appraise,
    )
    expect([vote.keepersHash, vote.appraisalDigest]).toEqual([
      `0x${'00'.repeat(32)}`,
      `0x${'00'.repeat(32)}`,
    ])
  })
})
