import { appraisalDigest } from '@cloister/attest'
import { encodeHex, MalformedError, OperationError, parseHex } from '@cloister/codec'
import type { Hex } from 'viem'

import { checkAttemptChain } from './attempt-chain.ts'
import { encodeBundle } from './bundle.ts'
import { chainCells } from './chain-cells.ts'
import { verifyQuorum } from './committee.ts'
import { deploymentOf, messageDigest } from './digest.ts'
import { digestOf, keyHash, sharesHash } from './ids.ts'
import { sayDelta, sayEpsilon } from './describe-grant.ts'
import { checkOrder, checkOrderGrants } from './orders.ts'
import { differs, unless, type Problem } from './problems.ts'
import { notProved, ReceiptCase } from './receipt-case.ts'
import type { ReceiptFile } from './receipt-file.ts'
import { grantFacts, releaseFacts } from './receipt-grants.ts'
import { judgementFact, keepersFact } from './receipt-judgement.ts'
import { checkBinding, checkPosting, checkReceipt, checkSpending } from './receipts.ts'
import { signerOf } from './signatures.ts'
import { sayTees, teeSet } from './tees.ts'
import type { Deployment } from './deployment.ts'

/** What a receipt file can show, in the order in which it is listed. Spec: docs/protocol.md section 13. */
export const receiptFactNames = [
  'deployment',
  'committee',
  'checkpoint',
  'chain',
  'order',
  'app',
  'assets',
  'grants',
  'node',
  'posting',
  'operator',
  'receipt',
  'signature',
  'binding',
  'bundle',
  'attempt-chain',
  'evidence',
  'releases',
  'keepers',
  'judgement',
  'appraisal',
  'spending',
  'outcome',
  'output',
] as const

/** The name of one fact. */
export type ReceiptFactName = (typeof receiptFactNames)[number]

/** One thing that a receipt file claims, whether the file proves it, and what it is or what is wrong. */
export type Fact = {
  readonly name: ReceiptFactName
  readonly proved: boolean
  readonly detail: string
}

/**
 * Judges a receipt file. Pure and offline: no network, no clock; only the manifest is believed.
 *
 * Every fact is listed, in one order, also after others have failed; the receipt is proven when all
 * are. It does not say that the data was good or the model right.
 *
 * Spec: docs/protocol.md section 13.
 */
export async function verifyReceiptFile(
  file: ReceiptFile,
  deployment: Deployment,
): Promise<readonly Fact[]> {
  const trial = new ReceiptCase(file, deployment)
  const facts: Fact[] = []
  for (const name of receiptFactNames) facts.push(await factOf(name, trial, facts))
  return facts
}

type Finding = { readonly problems: readonly Problem[]; readonly detail: string }

async function factOf(
  name: ReceiptFactName,
  trial: ReceiptCase,
  before: readonly Fact[],
): Promise<Fact> {
  try {
    const { problems, detail } = await checks[name](trial, before)
    const wrong = problems.map((problem) => `${problem.field}: ${problem.detail}`)
    return wrong.length === 0
      ? { name, proved: true, detail }
      : { name, proved: false, detail: wrong.join('; ') }
  } catch (error) {
    if (error instanceof MalformedError || error instanceof OperationError)
      return { name, proved: false, detail: error.message }
    throw error
  }
}

type Check = (trial: ReceiptCase, before: readonly Fact[]) => Promise<Finding>

const checks: Readonly<Record<ReceiptFactName, Check>> = {
  deployment: async ({ file, domain }) => ({
    problems: [
      ...differs('deployment', file.deployment, deploymentOf(domain)),
      ...differs('bundle.deployment', file.bundle.deployment, deploymentOf(domain)),
    ],
    detail: `chain ${domain.chainId}, Ledger ${domain.verifyingContract}`,
  }),
  committee: async (trial) => ({
    problems: [],
    detail: `epoch ${(await trial.committees()).at(-1)?.epoch}, followed from genesis`,
  }),
  checkpoint: async (trial) => {
    const { checkpoint, checkpointSignatures } = trial.file
    const { committee } = checkpoint
    await trial.requireQuorum('Checkpoint', checkpoint, checkpointSignatures, committee)
    return { problems: [], detail: `block ${checkpoint.height}, ${checkpoint.blockHash}` }
  },
  chain: async (trial) => ({
    problems: [],
    detail: `${(await trial.chain()).slots.length} storage words under block ${trial.file.checkpoint.height - BigInt(trial.deployment.depth)}`,
  }),
  order: orderFact,
  app: appFact,
  assets: async (trial) => ({
    problems: await assetProblems(trial),
    detail: `${trial.file.bundle.order.assets.length} assets, registered with these key shares`,
  }),
  grants: grantFacts,
  node: nodeFact,
  posting: async (trial) => {
    const { posting, bundle } = trial.file
    const attempt = chainCells.attempt(posting.task, posting.attempt)
    const digest = messageDigest(trial.domain, 'Posting', posting)
    return {
      problems: [
        ...differs('posting', digest, await trial.word(attempt.posting)),
        ...differs('posting.task', posting.task, trial.task),
        ...differs('posting.attempt', posting.attempt, bundle.binding.attempt),
      ],
      detail: `${digest} stands on the chain`,
    }
  },
  operator: async (trial) => {
    const { posting, operatorSignature, bundle } = trial.file
    const operator = await trial.address(chainCells.node(bundle.binding.receiptKey).operator)
    const digest = messageDigest(trial.domain, 'Posting', posting)
    const signer = await signerOf(digest, operatorSignature)
    return {
      problems: differs('operatorSignature', signer ?? 'nobody', operator),
      detail: `${operator} posted it`,
    }
  },
  receipt: async ({ domain, file }) => ({
    problems: checkPosting(domain, file),
    detail: `${file.posting.receiptDigest}, named by the posting`,
  }),
  signature: async (trial) => {
    const { receipt, receiptSignature, posting } = trial.file
    const { node } = chainCells.attempt(posting.task, posting.attempt)
    const key = await trial.address(node)
    const signer = await signerOf(messageDigest(trial.domain, 'Receipt', receipt), receiptSignature)
    return {
      problems: differs('receiptSignature', signer ?? 'nobody', key),
      detail: `by ${key}, the key that was drawn`,
    }
  },
  binding: bindingFact,
  bundle: async ({ file }) => ({
    problems: differs('bundle', digestOf(encodeBundle(file.bundle)), file.posting.bundleDigest),
    detail: `${file.posting.bundleDigest}, named by the posting`,
  }),
  'attempt-chain': attemptChainFact,
  evidence: evidenceFact,
  releases: releaseFacts,
  keepers: keepersFact,
  judgement: judgementFact,
  appraisal: async (trial) => {
    const digest = encodeHex(await appraisalDigest((await trial.appraisal()).appraisal))
    return {
      problems: differs(
        'vote.appraisalDigest',
        trial.file.judgement.vote.appraisalDigest,
        `0x${digest}`,
      ),
      detail: 'the one that the committee voted on',
    }
  },
  spending: async (trial, before) => {
    const { file } = trial
    const { receipt, bundle } = file
    const { spentWei, epsilonMicros, deltaPicos } = receipt
    return {
      problems: [
        ...restProblems(
          'spending',
          ['order', 'posting', 'receipt', 'signature', 'evidence'],
          before,
        ),
        ...checkSpending(trial.domain, receipt, bundle.order, trial.manifest().private),
        ...differs('posting.spentWei', file.posting.spentWei, spentWei),
      ],
      detail: `${spentWei} wei of ${bundle.order.feeWei}; epsilon ${sayEpsilon(epsilonMicros)}, delta ${sayDelta(deltaPicos)}`,
    }
  },
  outcome: async (trial) => {
    const state = await trial.number(chainCells.task(trial.file.posting.task).state)
    return {
      problems: unless(state === 4n || state === 5n, 'task', `is in state ${state}`),
      detail: state === 5n ? 'settled' : 'accepted, in its challenge window',
    }
  },
  output: async ({ file }, before) => {
    const { outputDigest, outputBytes, outputCommitment } = file.receipt
    const rests = ['posting', 'receipt', 'signature', 'evidence'] as const
    return {
      problems: restProblems('output', rests, before),
      detail: `SHA-256 ${outputDigest}, ${outputBytes} bytes, commitment ${outputCommitment}`,
    }
  },
}

function restProblems(
  field: string,
  rests: readonly ReceiptFactName[],
  before: readonly Fact[],
): readonly Problem[] {
  const open = rests.filter((name) => !before.some((fact) => fact.name === name && fact.proved))
  return unless(open.length === 0, field, `rests on ${open.join(', ')}`)
}

async function orderFact(trial: ReceiptCase): Promise<Finding> {
  const { domain, file, orderDigest, task } = trial
  const { order, grants } = file.bundle
  const onChain = await trial.word(chainCells.task(file.posting.task).orderDigest)
  return {
    problems: [
      ...differs('order', orderDigest, onChain),
      ...differs('task', file.posting.task, task),
      ...checkOrder(order),
      ...checkOrderGrants(domain, order, grants),
    ],
    detail: `task ${task} of ${order.requester}${order.replicas > 1 ? `, one of ${order.replicas} replicas` : ''}`,
  }
}

async function appFact(trial: ReceiptCase): Promise<Finding> {
  const { app } = trial.file.bundle.order
  const known = trial.deployment.apps.find(({ id }) => differs('app', id, app).length === 0)
  const status = await trial.number(chainCells.appStatus(app))
  return {
    problems: [
      ...unless(known !== undefined, 'app', `${app} is not in the deployment's manifest`),
      ...unless(status !== 0n, 'app', `${app} was never listed`),
    ],
    detail: `${known?.name}, ${app}`,
  }
}

async function assetProblems(trial: ReceiptCase): Promise<readonly Problem[]> {
  const { shares, bundle } = trial.file
  const { assets } = bundle.order
  const problems = [...differs('shares', shares.length, assets.length)]
  for (const [index, asset] of assets.entries()) {
    const cells = chainCells.asset(asset)
    const owner = await trial.number(cells.owner)
    const named = shares[index]
    const hash = named === undefined ? 'none' : sharesHash(triples(named))
    problems.push(
      ...unless(owner !== 0n, `assets[${index}]`, 'is not registered'),
      ...differs(`shares[${index}]`, hash, await trial.word(cells.sharesHash)),
    )
  }
  return problems
}

function triples({ commitments, operators, threshold }: ReceiptFile['shares'][number]) {
  const [a, b, c] = commitments
  const [x, y, z] = operators
  if (a === undefined || b === undefined || c === undefined)
    throw notProved('three commitments are needed')
  if (x === undefined || y === undefined || z === undefined)
    throw notProved('three keepers are needed')
  return { commitments: [a, b, c], operators: [x, y, z], threshold } as const
}

async function nodeFact(trial: ReceiptCase): Promise<Finding> {
  const { posting, bundle } = trial.file
  const { binding } = bundle
  const attempt = chainCells.attempt(posting.task, posting.attempt)
  const task = chainCells.task(posting.task)
  const record = chainCells.node(binding.receiptKey)
  return {
    problems: [
      ...differs('binding.receiptKey', binding.receiptKey, await trial.address(attempt.node)),
      ...differs('task.node', await trial.address(task.node), await trial.address(attempt.node)),
      ...differs('task.attempt', BigInt(posting.attempt), await trial.number(task.attempt)),
      ...differs('binding.machineId', binding.machineId, await trial.word(record.machineId)),
    ],
    detail: `${binding.receiptKey} on machine ${binding.machineId}`,
  }
}

async function bindingFact(trial: ReceiptCase): Promise<Finding> {
  const { domain, file } = trial
  const { bundle, receipt } = file
  const { order, binding, checkpoint, releases } = bundle
  const assetRoots: Hex[] = []
  for (const asset of order.assets) assetRoots.push(await trial.word(chainCells.asset(asset).root))
  const freshKeyHash = keyHash(parseHex(bundle.freshPublicKey, 'bundle.freshPublicKey'))
  return {
    problems: [
      ...checkBinding(domain, binding, order, checkpoint),
      ...checkReceipt(domain, receipt, {
        order,
        binding,
        checkpoint,
        assetRoots,
        releases: releases.map(({ release }) => release),
        privateApp: trial.manifest().private,
      }),
      ...differs('binding.freshKeyHash', binding.freshKeyHash, freshKeyHash),
    ],
    detail: `attempt ${binding.attempt}, inputs ${receipt.inputsRoot}`,
  }
}

async function attemptChainFact(trial: ReceiptCase): Promise<Finding> {
  const { domain, deployment, file } = trial
  const { checkpoint, checkpointSignatures, binding, order, proofs } = file.bundle
  const set = await trial.committee(checkpoint.committee)
  const signed = await verifyQuorum(domain, 'Checkpoint', checkpoint, checkpointSignatures, set)
  const record = chainCells.node(binding.receiptKey)
  const node = {
    operator: await trial.address(record.operator),
    machineId: await trial.word(record.machineId),
    measurement: await trial.word(record.measurement),
    tee: Number(await trial.number(record.tee)),
    shareKeyHash: await trial.word(record.shareKeyHash),
  }
  const assets = []
  for (const asset of order.assets) {
    const cells = chainCells.asset(asset)
    assets.push({
      owner: await trial.address(cells.owner),
      root: await trial.word(cells.root),
      sharesHash: await trial.word(cells.sharesHash),
      policyDigest: await trial.word(cells.policyDigest),
    })
  }
  const { contracts } = deployment.home
  const facts = { contracts, depth: deployment.depth, members: set.members, node, assets }
  const words = proofs.accounts.flatMap(({ storageProofs }) => storageProofs).length
  return {
    problems: [
      ...unless(signed.reached, 'bundle.checkpoint', signed.detail),
      ...differs('bundle.checkpoint.chainId', checkpoint.chainId, BigInt(domain.chainId)),
      ...(await checkAttemptChain(domain, file.bundle, facts)),
    ],
    detail: `block ${checkpoint.height} and ${words} words, as the enclave saw them`,
  }
}

async function evidenceFact(trial: ReceiptCase): Promise<Finding> {
  const { bundle } = trial.file
  const { shown, problems } = await trial.appraisal()
  const record = chainCells.node(bundle.binding.receiptKey)
  const measurement = shown?.measurement ?? 'none'
  return {
    problems: [
      ...problems,
      ...differs('measurement', measurement, await trial.word(record.measurement)),
    ],
    detail: `genuine evidence of ${sayTees(teeSet([bundle.evidence.tee]))}, measurement ${measurement}`,
  }
}
