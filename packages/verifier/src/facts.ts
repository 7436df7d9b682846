import type { Anchor } from '@cloister/attest'
import { OperationError, unixSeconds } from '@cloister/codec'
import {
  appFactsOf,
  messageDigest,
  sameHex,
  type Bundle,
  type CommitteeSet,
  type Deployment,
  type Domain,
} from '@cloister/protocol'
import type { Address } from 'viem'

import type { Apps } from './apps.ts'
import type { HomeChain } from './home-chain.ts'
import type { PostingFacts } from './judge.ts'
import type { Posted } from './posted.ts'

/** What facts are read from besides the posting itself. */
export type FactSources = {
  readonly home: HomeChain
  readonly manifest: Deployment
  readonly domain: Domain
  readonly anchors: readonly Anchor[]
  readonly apps: Apps
}

/**
 * Reads what the chain says about a posting, all of it as of the posting's block. The bundle only says what to look
 * up: its order, if it is the task's, names the assets, its releases name keepers' keys.
 *
 * @throws {OperationError} `chain-moved` where the block is not the chain's any more, `unknown-app`.
 */
export async function readPostingFacts(
  sources: FactSources,
  posted: Posted,
  bundle: Bundle | undefined,
): Promise<PostingFacts> {
  const { home, manifest, domain, anchors, apps } = sources
  const at = posted.block.number
  const task = await home.task(posted.task, at)
  const node = await home.node(posted.node, at)
  if (node === undefined)
    throw new OperationError('chain-refused', `Cannot judge: node ${posted.node} has no record`)
  const isOurs =
    bundle !== undefined && sameHex(messageDigest(domain, 'Order', bundle.order), task.orderDigest)
  const records = isOurs ? await readRecords(home, bundle, at) : noRecords
  const facts = {
    domain,
    contracts: home.contracts,
    depth: manifest.depth,
    anchors,
    task: {
      id: posted.task,
      orderDigest: task.orderDigest,
      attempt: posted.attempt,
      posting: posted.digest,
      node: posted.node,
    },
    node: {
      operator: node.operator,
      machineId: node.machineId,
      measurement: node.measurement,
      shareKeyHash: node.shareKeyHash,
      tier: node.tier,
      tee: node.tee,
    },
    assets: isOurs ? await readAssets(home, bundle, at) : [],
    contractSignatures: isOurs ? await readContractSignatures(home, domain, bundle, at) : [],
    ...records,
    manifest: isOurs ? apps.factsOf(bundle.order.app) : appFactsOf(undefined),
    floor: await home.floor(at),
    committees: await readCommittees(home, posted.committee, at),
  }
  // Read last: had the chain moved while the facts were read, the block would be another by now.
  const block = await home.chain.block(at)
  if (!sameHex(block.hash, posted.block.hash))
    throw new OperationError(
      'chain-moved',
      `Cannot judge ${posted.task}: block ${at} is not the one that posted it any more`,
      { retryable: true },
    )
  return { ...facts, postedAt: unixSeconds(Number(block.timestamp)) }
}

const noRecords: Pick<PostingFacts, 'operatorOf' | 'retired'> = {
  operatorOf: new Map(),
  retired: new Set(),
}

/** Whose the receipt keys are that signed or countersigned a bundle's releases, and which of them have retired. */
export async function readRecords(
  home: HomeChain,
  bundle: Bundle,
  at: bigint,
): Promise<Pick<PostingFacts, 'operatorOf' | 'retired'>> {
  const keys = new Set(
    bundle.releases.flatMap(({ release, countersigner }) => [
      release.keeper.toLowerCase(),
      countersigner.toLowerCase(),
    ]),
  )
  const operatorOf = new Map<string, Address>()
  const retired = new Set<string>()
  for (const key of keys) {
    if (!isAddressKey(key)) continue
    const record = await home.node(key, at)
    if (record === undefined) continue
    operatorOf.set(key, record.operator)
    if (record.retired) retired.add(key)
  }
  return { operatorOf, retired }
}

// The order names the grants by digest, so a bundle's grants are asked about only where they are those.
async function readContractSignatures(
  home: HomeChain,
  domain: Domain,
  { order, grants, grantSignatures }: Bundle,
  at: bigint,
): Promise<PostingFacts['contractSignatures']> {
  const answers: (boolean | undefined)[] = []
  for (const [index, grant] of grants.entries()) {
    const digest = messageDigest(domain, 'Grant', grant)
    const signature = grantSignatures[index]
    answers.push(
      signature === undefined || !sameHex(digest, order.grants[index])
        ? undefined
        : await home.signedByContract(grant.owner, digest, signature, at),
    )
  }
  return answers
}

async function readAssets(
  home: HomeChain,
  { order }: Bundle,
  at: bigint,
): Promise<PostingFacts['assets']> {
  const assets: PostingFacts['assets'][number][] = []
  for (const id of order.assets) {
    const asset = await home.asset(id, at)
    // Market.place refuses unknown assets, so the order's are all there.
    if (asset === undefined)
      throw new OperationError('chain-refused', `Cannot judge: asset ${id} is not registered`)
    assets.push(asset)
  }
  return assets
}

async function readCommittees(
  home: HomeChain,
  epoch: bigint,
  at: bigint,
): Promise<readonly CommitteeSet[]> {
  const epochs = epoch > 0n ? [epoch, epoch - 1n] : [epoch]
  return Promise.all(epochs.map((each) => home.committee(each, at)))
}

function isAddressKey(key: string): key is Address {
  return key.startsWith('0x')
}
