import { appraisalDigest, type Anchor, type Appraisal, type Appraiser } from '@cloister/attest'
import { encodeHex, parseHex, type UnixSeconds } from '@cloister/codec'
import {
  appraiseNode,
  checkAttemptChain,
  checkBinding,
  checkPosting,
  checkReceipt,
  checkReleases,
  checkReleaseSignatures,
  deploymentOf,
  evidenceDigest,
  keepersHash,
  keyHash,
  messageDigest,
  provenApprovals,
  reportData,
  sameHex,
  signerOf,
  verifyQuorum,
  zeroHash,
  type AppFacts,
  type Bundle,
  type CollateralFloor,
  type CommitteeSet,
  type Contracts,
  type Domain,
  type NodeClaims,
  type Problem,
  type SignedReceipt,
  type Vote,
} from '@cloister/protocol'
import { keccak256, type Address, type Hex } from 'viem'

import { grantProblems } from './judge-grants.ts'

/** What the chain says about one posting, all of it as of the block that posted it. */
export type PostingFacts = {
  readonly domain: Domain
  readonly contracts: Contracts
  /** Blocks below a checkpoint's head at which facts are read. */
  readonly depth: number
  readonly anchors: readonly Anchor[]
  /** Time of the block that posted. */
  readonly postedAt: UnixSeconds
  readonly task: {
    readonly id: Hex
    readonly orderDigest: Hex
    readonly attempt: number
    readonly posting: Hex
    /** Receipt key of the drawn node. */
    readonly node: Address
  }
  readonly node: {
    readonly operator: Address
    readonly machineId: Hex
    readonly measurement: Hex
    readonly shareKeyHash: Hex
    readonly tier: number
    /** The number of the TEE that it was admitted with. */
    readonly tee: number
  }
  /** In the order of the order's assets. */
  readonly assets: readonly {
    readonly owner: Address
    readonly root: Hex
    readonly sharesHash: Hex
    readonly policyDigest: Hex
    readonly operators: readonly Address[]
    readonly threshold: number
  }[]
  /** For each grant, whether its owner's contract says that it signed; undefined where the owner is no contract. */
  readonly contractSignatures: readonly (boolean | undefined)[]
  /** Operators of the receipt keys that signed or countersigned releases; absent where nobody registered the key. */
  readonly operatorOf: ReadonlyMap<string, Address>
  /** Those of these keys that have retired. */
  readonly retired: ReadonlySet<string>
  /** What the app's manifest says. */
  readonly manifest: AppFacts
  readonly floor: CollateralFloor
  /** The sets that may have signed the attempt's checkpoint: in office when it was posted, and the one before. */
  readonly committees: readonly CommitteeSet[]
}

/** What was fetched for one posting; undefined where it cannot be had. */
export type PostingMaterial = {
  readonly signed: SignedReceipt | undefined
  readonly bundle: Bundle | undefined
  /** Whether the output was fetched, has its digest and size, and is served from here on. */
  readonly outputHeld: boolean
}

/** Why a posting is refused. Spec: docs/protocol.md section 6. */
export const refuseReasons = {
  receiptSignature: 1,
  contradiction: 2,
  evidence: 3,
  outputWithheld: 4,
  bundleWithheld: 5,
  releases: 6,
} as const

/** What a verifier concluded: the vote to be journalled and signed, and in words what stands against the posting. */
export type Judgement = {
  readonly vote: Vote
  readonly problems: readonly Problem[]
  readonly appraisal: Appraisal<NodeClaims> | undefined
}

/**
 * Judges one posting. Equal facts and material give equal votes on every machine: nothing here asks a clock,
 * a network or a cache. The vote's reason is the first that applies, in this order: receipt withheld (5), its
 * signature (1), bundle withheld (5), contradiction (2), evidence (3), releases (6), output withheld (4).
 *
 * A receipt that is not the one the posting commits to counts as withheld: what a host serves to one verifier and
 * not to another must never make a vote that the chain can prove false.
 *
 * Revocation is not asked again: it stops releases, never the payment of work whose keys were released before.
 */
export async function judge(
  facts: PostingFacts,
  material: PostingMaterial,
  appraiser: Appraiser['appraise'],
): Promise<Judgement> {
  const refuse = (
    reason: number,
    problems: readonly Problem[],
    appraisal?: Appraisal<NodeClaims>,
  ): Judgement => ({
    vote: voteOf(facts, { verdict: 2, reason, keepersHash: zeroHash, appraisalDigest: zeroHash }),
    problems,
    appraisal,
  })
  const { signed, bundle } = material
  if (signed === undefined || !isCommitted(facts.domain, facts.task.posting, signed))
    return refuse(refuseReasons.bundleWithheld, [missing('receipt', 'the receipt cannot be had')])
  const forged = await receiptProblems(facts, signed)
  if (forged.length > 0) return refuse(refuseReasons.receiptSignature, forged)
  if (bundle === undefined)
    return refuse(refuseReasons.bundleWithheld, [missing('bundle', 'the bundle cannot be had')])
  const contradictions = [
    ...consistencyProblems(facts, signed, bundle),
    ...(await signatureProblems(facts, bundle)),
    ...(await chainProblems(facts, bundle)),
  ]
  if (contradictions.length > 0) return refuse(refuseReasons.contradiction, contradictions)
  const { appraisal, problems } = await evidenceProblems(facts, bundle, appraiser)
  if (problems.length > 0) return refuse(refuseReasons.evidence, problems, appraisal)
  const releases = await releaseProblems(facts, bundle)
  if (releases.length > 0) return refuse(refuseReasons.releases, releases, appraisal)
  if (!material.outputHeld)
    return refuse(
      refuseReasons.outputWithheld,
      [missing('output', 'the output cannot be had')],
      appraisal,
    )
  const vote = voteOf(facts, {
    verdict: 1,
    reason: 0,
    keepersHash: keepersHash(keepersOf(facts, bundle)),
    appraisalDigest: `0x${encodeHex(await appraisalDigest(appraisal))}`,
  })
  return { vote, problems: [], appraisal }
}

/** The operators whose keepers released for this attempt: what `Settlement.settle` is given. Sorting is the caller's. */
export function keepersOf(
  facts: Pick<PostingFacts, 'operatorOf'>,
  bundle: Bundle,
): readonly Address[] {
  return bundle.releases.flatMap(({ release }) => {
    const operator = facts.operatorOf.get(release.keeper.toLowerCase())
    return operator === undefined ? [] : [operator]
  })
}

function voteOf(
  facts: PostingFacts,
  rest: Pick<Vote, 'verdict' | 'reason' | 'keepersHash' | 'appraisalDigest'>,
): Vote {
  const { id, attempt, posting } = facts.task
  return { task: id, attempt, posting, ...rest }
}

/** Whether this is the receipt, and the signature, byte for byte, that the posting on chain commits to. */
export function isCommitted(
  domain: Domain,
  digest: Hex,
  { posting, receipt, receiptSignature }: Omit<SignedReceipt, 'operatorSignature'>,
): boolean {
  return (
    sameHex(messageDigest(domain, 'Posting', posting), digest) &&
    sameHex(messageDigest(domain, 'Receipt', receipt), posting.receiptDigest) &&
    sameHex(keccak256(receiptSignature), posting.receiptSignatureHash)
  )
}

// Reason 1 is provable on chain, so it means exactly one thing: the signature that the operator signed for is not the
// registered key's. Only canonical signatures count, as in Settlement: another spelling is forged there too.
async function receiptProblems(
  { domain, task }: PostingFacts,
  { receipt, receiptSignature }: SignedReceipt,
): Promise<readonly Problem[]> {
  const signer = await signerOf(messageDigest(domain, 'Receipt', receipt), receiptSignature)
  return sameHex(task.node, signer)
    ? []
    : [{ field: 'receiptSignature', detail: `by ${signer ?? 'nobody'}, expected ${task.node}` }]
}

function consistencyProblems(
  facts: PostingFacts,
  signed: SignedReceipt,
  bundle: Bundle,
): readonly Problem[] {
  const { domain, task, node, assets } = facts
  const { order, binding, checkpoint, releases } = bundle
  return [
    ...same('deployment', bundle.deployment, deploymentOf(domain)),
    ...same('checkpoint.chainId', String(checkpoint.chainId), String(domain.chainId)),
    ...(checkpoint.blockTime <= BigInt(facts.postedAt)
      ? []
      : [missing('checkpoint.blockTime', 'after the posting')]),
    ...same('order', messageDigest(domain, 'Order', order), task.orderDigest),
    ...same('binding.attempt', String(binding.attempt), String(task.attempt)),
    ...same('binding.receiptKey', binding.receiptKey, task.node),
    ...same('binding.machineId', binding.machineId, node.machineId),
    ...same('binding.freshKeyHash', binding.freshKeyHash, keyHash(parseHex(bundle.freshPublicKey))),
    ...(bundle.grants.length === order.grants.length
      ? bundle.grants.flatMap((grant, index) =>
          same(`grants[${index}]`, messageDigest(domain, 'Grant', grant), order.grants[index]),
        )
      : [missing('grants', `${bundle.grants.length} for ${order.grants.length} assets`)]),
    ...checkPosting(domain, signed),
    ...checkBinding(domain, binding, order, checkpoint),
    ...checkReceipt(domain, signed.receipt, {
      order,
      binding,
      checkpoint,
      assetRoots: assets.map((asset) => asset.root),
      releases: releases.map(({ release }) => release),
      privateApp: facts.manifest.private,
    }),
  ]
}

// Market.place checked these signatures, but only a bundle that holds them can show it to somebody offline.
async function signatureProblems(
  { domain, contractSignatures }: PostingFacts,
  { grants, grantSignatures }: Bundle,
): Promise<readonly Problem[]> {
  if (grantSignatures.length !== grants.length)
    return [missing('grantSignatures', `${grantSignatures.length} for ${grants.length} grants`)]
  const problems: Problem[] = []
  for (const [index, grant] of grants.entries()) {
    const signer = await signerOf(
      messageDigest(domain, 'Grant', grant),
      grantSignatures[index] ?? '0x',
    )
    if (!(contractSignatures[index] ?? sameHex(grant.owner, signer)))
      problems.push(missing(`grantSignatures[${index}]`, `not ${grant.owner}'s`))
  }
  return problems
}

// What the enclave proved of the chain must be there and right: a receipt file rests on it for ever.
function chainProblems(facts: PostingFacts, bundle: Bundle): Promise<readonly Problem[]> {
  const set = facts.committees.find(({ epoch }) => epoch === bundle.checkpoint.committee)
  return checkAttemptChain(facts.domain, bundle, { ...facts, members: set?.members })
}

async function evidenceProblems(
  facts: PostingFacts,
  bundle: Bundle,
  appraise: Appraiser['appraise'],
): Promise<{ readonly appraisal: Appraisal<NodeClaims>; readonly problems: readonly Problem[] }> {
  const { domain, anchors, contracts, floor, node, postedAt } = facts
  const approvals = await provenApprovals(bundle, node.measurement, contracts)
  const judged = await appraiseNode(appraise, bundle, {
    rules: bundle.grants,
    approvals,
    floor,
    reportData: reportData(domain, 'AttemptBinding', bundle.binding),
    receiptKey: bundle.binding.receiptKey,
    machineId: node.machineId,
    accelerator: facts.manifest.accelerator,
    anchors,
    now: postedAt,
  })
  const { appraisal } = judged
  if (!judged.accepted) return { appraisal, problems: judged.problems }
  return {
    appraisal,
    problems: [
      ...same('measurement', judged.shown.measurement, node.measurement),
      ...(await checkpointProblems(facts, bundle)),
      ...grantProblems(facts, bundle, judged.shown, approvals),
    ],
  }
}

async function checkpointProblems(
  { domain, committees }: PostingFacts,
  { checkpoint, checkpointSignatures }: Bundle,
): Promise<readonly Problem[]> {
  const set = committees.find(({ epoch }) => epoch === checkpoint.committee)
  if (set === undefined)
    return [missing('checkpoint.committee', `epoch ${checkpoint.committee} was not in office`)]
  const quorum = await verifyQuorum(domain, 'Checkpoint', checkpoint, checkpointSignatures, set)
  return quorum.reached ? [] : [missing('checkpointSignatures', quorum.detail)]
}

async function releaseProblems(facts: PostingFacts, bundle: Bundle): Promise<readonly Problem[]> {
  const { domain, task, operatorOf, retired } = facts
  const quoteDigest = evidenceDigest(bundle.evidence)
  const releases = bundle.releases.map(({ release }) => release)
  const problems = [
    ...checkReleases(releases, bundle.order, { task: task.id, attempt: task.attempt, quoteDigest }),
  ]
  for (const [index, signed] of bundle.releases.entries())
    for (const { field, detail } of await checkReleaseSignatures(domain, signed))
      problems.push({ field: `releases[${index}].${field}`, detail })
  for (const [place, asset] of facts.assets.entries()) {
    const held = bundle.releases.filter(({ release }) =>
      sameHex(release.asset, bundle.order.assets[place]),
    )
    if (held.length < asset.threshold)
      problems.push(
        missing(`releases`, `${held.length} for asset ${place}, ${asset.threshold} needed`),
      )
    for (const { release, countersigner } of held) {
      const keeper = operatorOf.get(release.keeper.toLowerCase())
      if (!sameHex(asset.operators[release.shareIndex] ?? '', keeper))
        problems.push(
          missing('releases', `${release.keeper} does not keep share ${release.shareIndex}`),
        )
      const other = operatorOf.get(countersigner.toLowerCase())
      const isKeeper = asset.operators.some((operator) => sameHex(operator, other))
      if (other === undefined || !isKeeper || sameHex(other, keeper))
        problems.push(
          missing('releases', `${countersigner} keeps no other share of asset ${place}`),
        )
      else if (retired.has(countersigner.toLowerCase()))
        problems.push(missing('releases', `${countersigner} has retired`))
    }
  }
  return problems
}

function same(field: string, actual: string, expected: string | undefined): readonly Problem[] {
  return sameHex(actual, expected) ? [] : [{ field, detail: `got ${actual}, expected ${expected}` }]
}

function missing(field: string, detail: string): Problem {
  return { field, detail }
}
