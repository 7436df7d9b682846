import { appraise } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { appId, assetId, cloisterDomain, deploymentOf } from '@cloister/protocol'

import { judge, type PostingFacts, type PostingMaterial } from '../src/judge.ts'
import {
  addresses,
  key,
  makeAttempt,
  makeMaker,
  makeNode,
  makeOrder,
  makeShares,
  manifest,
  measurement,
  named,
  type Attempt,
  type AttemptInput,
  type Wrong,
} from './attempt.ts'

export const now = 1_790_000_000
export const domain = cloisterDomain(31337, '0x5FbDB2315678afecb367f032d93F642f64180aa3')
export const { manufacturer, anchor } = makeMaker(now)
export const operators = [key('operator 1'), key('operator 2'), key('operator 3')]
export const nodes = operators.map((operator, i) => makeNode(manufacturer, `n${i}`, operator))
export const committee = [0, 1, 2, 3].map((i) => key(`verifier ${i}`))
export const owner = key('owner')
export const deployment = deploymentOf(domain)
export const assets = ['data', 'parameters'].map((name) => {
  const root = named(`root/${name}`)
  const salt = named(`salt/${name}`)
  const id = assetId({ deployment, owner: owner.address, root, salt })
  const shares = makeShares(name, addresses(operators))
  return { id, owner, root, salt, shares }
})
export const input: AttemptInput = {
  domain,
  deployment,
  manufacturer,
  app: appId(manifest),
  requester: key('requester'),
  assets,
  keepers: nodes,
  node: nodes[0]!,
  committee,
  now: BigInt(now),
  feeWei: 1_000n,
  nonce: 1n,
}
export const ordered = await makeOrder(input)
export const head = { height: 100n, hash: named('block'), time: BigInt(now), epoch: 3n }

export const attemptOf = (wrong: Wrong = {}): Promise<Attempt> =>
  makeAttempt(input, ordered, head, 1, wrong)
export const honest = await attemptOf()

export function factsOf(attempt: Attempt, changed: Partial<PostingFacts> = {}): PostingFacts {
  return {
    domain,
    anchors: [anchor],
    postedAt: unixSeconds(now + 30),
    task: {
      id: ordered.task,
      orderDigest: ordered.orderDigest,
      attempt: 1,
      posting: attempt.posting,
      node: nodes[0]!.key.address,
    },
    node: {
      operator: operators[0]!.address,
      machineId: nodes[0]!.machineId,
      measurement,
      tier: 0,
    },
    assets: assets.map(({ root, shares }) => ({
      owner: owner.address,
      root,
      operators: shares.operators,
      threshold: shares.threshold,
    })),
    operatorOf: new Map(
      nodes.map((node) => [node.key.address.toLowerCase(), node.operator.address]),
    ),
    outputBytesMax: 1_000,
    floor: { tcbEvaluationDataNumber: 18, rootCrlNumber: 1n, pckCrlNumber: 1n },
    committees: [{ epoch: 3n, members: addresses(committee) }],
    ...changed,
  }
}

export function materialOf(
  attempt: Attempt,
  changed: Partial<PostingMaterial> = {},
): PostingMaterial {
  return { signed: attempt.signed, bundle: attempt.bundle, outputHeld: true, ...changed }
}

/** The verdict, the reason, and which fields the problems name. */
export async function verdict(facts: PostingFacts, material: PostingMaterial) {
  const { vote, problems } = await judge(facts, material, appraise)
  return {
    verdict: vote.verdict,
    reason: vote.reason,
    fields: [...new Set(problems.map(({ field }) => field))],
  }
}
