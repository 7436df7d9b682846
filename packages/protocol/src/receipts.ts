import { keccak256, type Address, type Hex } from 'viem'

import type { AttemptBinding } from './bindings.ts'
import { messageDigest, type Domain } from './digest.ts'
import { attemptNonce, grantsRoot, inputsRoot, releasesRoot, sameHex, zeroHash } from './ids.ts'
import { replicaOf, replicaWei, tasksOf } from './orders.ts'
import type { Checkpoint, Order, Posting, Receipt, Release } from './messages.ts'
import { differs, unless, type Problem } from './problems.ts'
import { signerOf } from './signatures.ts'

/** What an operator posts for one attempt, and what its enclave signed. Spec: docs/protocol.md section 8. */
export type SignedReceipt = {
  readonly posting: Posting
  readonly operatorSignature: Hex
  readonly receipt: Receipt
  readonly receiptSignature: Hex
}

/** What a receipt must agree with. */
export type ReceiptContext = {
  readonly order: Order
  readonly binding: AttemptBinding
  readonly checkpoint: Checkpoint
  /** Roots of the order's assets, in their order, as the chain has them. */
  readonly assetRoots: readonly Hex[]
  /** Sorted by asset position, then share index: see {@link sortReleases}. */
  readonly releases: readonly Release[]
  /** Whether the app's manifest says that it adds noise: then, and only then, it spends a privacy budget. */
  readonly privateApp: boolean
}

/**
 * Where a receipt contradicts its order, binding, checkpoint or release records; nothing when all agree.
 *
 * It says nothing about signatures, nor whether the binding stands in any evidence.
 * Spec: docs/protocol.md sections 2 and 5.
 */
export function checkReceipt(
  domain: Domain,
  receipt: Receipt,
  context: ReceiptContext,
): readonly Problem[] {
  const { order, binding, checkpoint } = context
  const orderDigest = messageDigest(domain, 'Order', order)
  const checkpointDigest = messageDigest(domain, 'Checkpoint', checkpoint)
  const releases = context.releases.map((release) => messageDigest(domain, 'Release', release))
  const expected = {
    task: taskNamed(domain, order, binding.task),
    orderDigest,
    app: order.app,
    binding: messageDigest(domain, 'AttemptBinding', binding),
    inputsRoot: inputsRoot(context.assetRoots),
    releasesRoot: releasesRoot(releases),
    checkpoint: checkpointDigest,
  }
  const fields = [
    'task',
    'orderDigest',
    'app',
    'binding',
    'inputsRoot',
    'releasesRoot',
    'checkpoint',
  ] as const
  return [
    ...fields.flatMap((field) => differs(`receipt.${field}`, receipt[field], expected[field])),
    ...differs('receipt.attempt', receipt.attempt, binding.attempt),
    ...differs('receipt.time', receipt.time, checkpoint.blockTime),
    ...differs('receipt.nonce', receipt.nonce, binding.nonce),
    ...unless(
      !sameHex(receipt.outputCommitment, zeroHash),
      'receipt.outputCommitment',
      'is zero, so nothing was committed to',
    ),
    ...checkSpending(domain, receipt, order, context.privateApp),
  ]
}

/**
 * Where a receipt says that more money or privacy was spent than its order allows; nothing when it does not. A plain task costs what
 * was offered for it, no more and no less (a replica its part); a metered one whole units, or all.
 */
export function checkSpending(
  domain: Domain,
  receipt: Receipt,
  order: Order,
  privateApp: boolean,
): readonly Problem[] {
  const { spentWei, epsilonMicros, deltaPicos } = receipt
  const offeredWei = replicaWei(order, replicaOf(domain, order, receipt.task) ?? 0)
  return [
    ...(order.unitWei === 0n
      ? differs('receipt.spentWei', spentWei, offeredWei)
      : unless(
          spentWei <= offeredWei && (spentWei % order.unitWei === 0n || spentWei === offeredWei),
          'receipt.spentWei',
          `${spentWei} of ${offeredWei}, not so many units of ${order.unitWei}`,
        )),
    ...unless(
      privateApp ? epsilonMicros > 0n : epsilonMicros === 0n && deltaPicos === 0n,
      'receipt.epsilonMicros',
      privateApp ? 'zero, and the app is private' : `${epsilonMicros}, and the app is not private`,
    ),
    ...unless(
      epsilonMicros <= order.epsilonMicros,
      'receipt.epsilonMicros',
      `${epsilonMicros}, the order allows ${order.epsilonMicros}`,
    ),
    ...unless(
      deltaPicos <= order.deltaPicos,
      'receipt.deltaPicos',
      `${deltaPicos}, the order allows ${order.deltaPicos}`,
    ),
  ]
}

// The task that is meant, where the order makes it; else the one that should have been.
function taskNamed(domain: Domain, order: Order, task: Hex): Hex {
  const tasks = tasksOf(domain, order)
  return tasks.find((each) => sameHex(each, task)) ?? tasks[0] ?? zeroHash
}

/** Where a binding contradicts its order and checkpoint; nothing when they agree. Spec: docs/protocol.md section 3. */
export function checkBinding(
  domain: Domain,
  binding: AttemptBinding,
  order: Order,
  checkpoint: Checkpoint,
): readonly Problem[] {
  const orderDigest = messageDigest(domain, 'Order', order)
  const task = taskNamed(domain, order, binding.task)
  const nonce = attemptNonce(messageDigest(domain, 'Checkpoint', checkpoint), task, binding.attempt)
  return [
    ...differs('binding.task', binding.task, task),
    ...differs('binding.orderDigest', binding.orderDigest, orderDigest),
    ...differs('binding.app', binding.app, order.app),
    ...differs('binding.grantsRoot', binding.grantsRoot, grantsRoot(order.grants)),
    ...differs('binding.nonce', binding.nonce, nonce),
    ...unless(
      binding.notAfter > checkpoint.blockTime,
      'binding.notAfter',
      'not after the checkpoint it ran under',
    ),
  ]
}

/** Where release records contradict the attempt they are for; nothing when all agree. */
export function checkReleases(
  releases: readonly Release[],
  order: Order,
  attempt: { readonly task: Hex; readonly attempt: number; readonly quoteDigest: Hex },
): readonly Problem[] {
  const problems = releases.flatMap((release, index) => {
    const place = order.assets.findIndex((asset) => sameHex(asset, release.asset))
    return [
      ...differs(`releases[${index}].task`, release.task, attempt.task),
      ...differs(`releases[${index}].attempt`, release.attempt, attempt.attempt),
      ...differs(`releases[${index}].quoteDigest`, release.quoteDigest, attempt.quoteDigest),
      ...(place < 0
        ? [{ field: `releases[${index}].asset`, detail: 'is no asset of the order' }]
        : differs(`releases[${index}].grant`, release.grant, order.grants[place])),
    ]
  })
  const sorted = sortReleases(releases, order)
  if (sorted.some((release, index) => release !== releases[index]))
    problems.push({ field: 'releases', detail: 'not sorted by asset, then share index' })
  const repeated = sorted.some((release, index) => {
    const before = sorted[index - 1]
    return (
      before !== undefined &&
      sameHex(before.asset, release.asset) &&
      before.shareIndex === release.shareIndex
    )
  })
  if (repeated) problems.push({ field: 'releases', detail: 'a share stands twice' })
  return problems
}

/** Release records by the asset's position in the order, then by share index. Spec: docs/protocol.md section 2. */
export function sortReleases<R extends Pick<Release, 'asset' | 'shareIndex'>>(
  releases: readonly R[],
  order: Order,
): readonly R[] {
  const place = (release: R) => order.assets.findIndex((asset) => sameHex(asset, release.asset))
  return releases.toSorted((a, b) => place(a) - place(b) || a.shareIndex - b.shareIndex)
}

/** Where a posting contradicts the receipt it names; nothing when they agree. Spec: docs/protocol.md section 6. */
export function checkPosting(
  domain: Domain,
  { posting, receipt, receiptSignature }: Omit<SignedReceipt, 'operatorSignature'>,
): readonly Problem[] {
  return [
    ...differs('posting.task', posting.task, receipt.task),
    ...differs('posting.attempt', posting.attempt, receipt.attempt),
    ...differs('posting.spentWei', posting.spentWei, receipt.spentWei),
    ...differs('posting.outputCommitment', posting.outputCommitment, receipt.outputCommitment),
    ...differs(
      'posting.receiptDigest',
      posting.receiptDigest,
      messageDigest(domain, 'Receipt', receipt),
    ),
    ...differs(
      'posting.receiptSignatureHash',
      posting.receiptSignatureHash,
      keccak256(receiptSignature),
    ),
  ]
}

/** Whether a release is complete: signed by its keeper, countersigned by another. Spec: docs/protocol.md section 5. */
export async function checkReleaseSignatures(
  domain: Domain,
  signed: {
    readonly release: Release
    readonly signature: Hex
    readonly countersignature: Hex
    readonly countersigner: Address
  },
): Promise<readonly Problem[]> {
  const digest = messageDigest(domain, 'Release', signed.release)
  const keeper = await signerOf(digest, signed.signature)
  const countersigner = await signerOf(
    messageDigest(domain, 'Countersignature', {
      release: digest,
      countersigner: signed.countersigner,
    }),
    signed.countersignature,
  )
  return [
    ...differs('signature', keeper ?? 'nobody', signed.release.keeper),
    ...differs('countersignature', countersigner ?? 'nobody', signed.countersigner),
    ...unless(
      !sameHex(signed.countersigner, signed.release.keeper),
      'countersigner',
      'is the keeper itself',
    ),
  ]
}
