import {
  addressField,
  cloisterDomain,
  decimalField,
  ledgerAbi,
  listField,
  messageDigest,
  messageField,
  objectField,
  payoutLeavesMax,
  payoutProof,
  payoutRoot,
  quorum,
  sameHex,
  signatureField,
  signerOf,
  sortSignatures,
  spokePayoutAbi,
  verifyQuorum,
  type CommitteeSet,
  type Domain,
  type Message,
  type Payout,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { askChain, sendCall, type Chain } from './chain.ts'
import { accountOf, spokeOf, type Client } from './client.ts'
import { askPeer, peerUrl } from './peer.ts'
import { sayError, sdkError } from './sdk-error.ts'

/** What was claimed on a spoke. */
export type Claim = {
  readonly chainId: number
  readonly account: Address
  readonly amountWei: bigint
  readonly transaction: Hex
  /** Set where the payout root had to be posted first. */
  readonly rootTransaction: Hex | undefined
}

const answerField = objectField({
  payout: messageField('PayoutRoot'),
  leaves: listField(
    objectField({ account: addressField, cumulativeWei: decimalField(256) }),
    payoutLeavesMax,
  ),
  signature: signatureField,
})

type Answer = {
  readonly payout: Message<'PayoutRoot'>
  readonly leaves: readonly Payout[]
  readonly signature: Hex
}

/**
 * Claims on a spoke what an account earned and has not claimed: asks the verifiers for the payout tree, checks that a quorum of the spoke's committee
 * signed its root, posts that root if nobody has, and claims. Anybody may do it for anybody; the money goes to `account`.
 *
 * @throws {OperationError} `nothing-to-claim`, `payout-unproven`, `wrong-chain`, `no-account`, `chain-down`, `reverted`.
 */
export async function claimOnSpoke(
  client: Client,
  chainId: number,
  account?: Address,
): Promise<Claim> {
  const beneficiary = account ?? accountOf(client, 'claim').address
  const spoke = await spokeOf(client, chainId)
  const payoutAddress = payoutContract(client, chainId)
  const { owedWei, claimedWei } = await earned(client, spoke, payoutAddress, beneficiary)
  if (owedWei <= claimedWei)
    throw sdkError(
      'nothing-to-claim',
      `Cannot claim for ${beneficiary} on chain ${chainId}: ${owedWei} wei were earned there and ${claimedWei} claimed; work settles after its challenge window`,
    )
  const proven = await provenPayout(client, spoke, payoutAddress, beneficiary, claimedWei)
  const rootTransaction = await postRoot(spoke, payoutAddress, proven)
  const receipt = await sendCall(spoke, `claim on chain ${chainId}`, {
    address: payoutAddress,
    abi: spokePayoutAbi,
    functionName: 'claim',
    args: [beneficiary, proven.cumulativeWei, proven.proof],
  })
  return {
    chainId,
    account: beneficiary,
    amountWei: proven.cumulativeWei - claimedWei,
    transaction: receipt.transactionHash,
    rootTransaction,
  }
}

type Proven = {
  readonly payout: Message<'PayoutRoot'>
  readonly signatures: readonly Hex[]
  readonly cumulativeWei: bigint
  readonly proof: readonly Hex[]
}

async function provenPayout(
  client: Client,
  spoke: Chain,
  contract: Address,
  account: Address,
  claimedWei: bigint,
): Promise<Proven> {
  const failures: string[] = []
  const domain = cloisterDomain(spoke.id, contract)
  const set = await membersOf(spoke, contract)
  const judge = (answers: readonly Answer[]) =>
    provenAmong(answers, { domain, set, account, claimedWei }, failures)
  const answers = await askVerifiers(client, spoke.id, failures)
  const proven = await judge(answers)
  if (proven !== undefined) return proven
  // Members count up to a recent height of their own choice. Where they differ, all are asked for the highest one that a
  // quorum has reached: fewer than that can't pull it anywhere.
  const heights = answers.map(({ payout }) => payout.sequence).toSorted((a, b) => (a > b ? -1 : 1))
  const common = heights[quorum(set.members.length) - 1]
  const again =
    common === undefined
      ? undefined
      : await judge(await askVerifiers(client, spoke.id, failures, common))
  if (again !== undefined) return again
  throw sdkError(
    'payout-unproven',
    `Cannot claim for ${account} on chain ${spoke.id}: no payout root is signed by a quorum (${failures.join('; ')}); try again later`,
    { retryable: true },
  )
}

type Claimant = {
  readonly domain: Domain
  readonly set: CommitteeSet
  readonly account: Address
  readonly claimedWei: bigint
}

async function provenAmong(
  answers: readonly Answer[],
  { domain, set, account, claimedWei }: Claimant,
  failures: string[],
): Promise<Proven | undefined> {
  const groups = new Map<Hex, Answer[]>()
  for (const answer of answers) {
    const digest = messageDigest(domain, 'PayoutRoot', answer.payout)
    groups.set(digest, [...(groups.get(digest) ?? []), answer])
  }
  for (const [digest, group] of groups) {
    const [one] = group
    const leaf = one?.leaves.find((each) => sameHex(each.account, account))
    const proof = one === undefined ? undefined : payoutProof(one.leaves, account)
    if (one === undefined || leaf === undefined || proof === undefined) {
      failures.push(`a root without a leaf of ${account}`)
      continue
    }
    const signatures = await membersSignatures(digest, group, set)
    const result = await verifyQuorum(domain, 'PayoutRoot', one.payout, signatures, set)
    if (result.reached && leaf.cumulativeWei > claimedWei)
      return { payout: one.payout, signatures, cumulativeWei: leaf.cumulativeWei, proof }
    failures.push(result.reached ? 'a root that is older than the last claim' : result.detail)
  }
  return undefined
}

// A stranger's signature among them would make the whole refused.
async function membersSignatures(
  digest: Hex,
  group: readonly Answer[],
  set: CommitteeSet,
): Promise<readonly Hex[]> {
  const given: Hex[] = []
  for (const { signature } of group) {
    const signer = await signerOf(digest, signature)
    if (set.members.some((member) => sameHex(member, signer))) given.push(signature)
  }
  return sortSignatures(digest, given)
}

async function askVerifiers(
  client: Client,
  chainId: number,
  failures: string[],
  height?: bigint,
): Promise<readonly Answer[]> {
  const asked = await Promise.allSettled(
    client.deployment.verifiers.map(({ url }) =>
      askPeer(client.fetch, peerUrl(url, '/v1/payouts'), answerField, {
        chainId,
        ...(height === undefined ? {} : { height: height.toString() }),
      }),
    ),
  )
  return asked.flatMap((result, index) => {
    const url = client.deployment.verifiers[index]?.url
    if (result.status === 'rejected') {
      failures.push(sayError(result.reason))
      return []
    }
    const { payout, leaves } = result.value
    const totalWei = leaves.reduce((sum, leaf) => sum + leaf.cumulativeWei, 0n)
    if (sameHex(payoutRoot(leaves), payout.root) && totalWei === payout.totalWei)
      return [result.value]
    failures.push(`${url} gave leaves that are not its root’s`)
    return []
  })
}

async function postRoot(
  spoke: Chain,
  contract: Address,
  { payout, signatures }: Proven,
): Promise<Hex | undefined> {
  const current = await askChain(spoke, 'read the payout root', (reader) =>
    reader.readContract({ address: contract, abi: spokePayoutAbi, functionName: 'current' }),
  )
  if (sameHex(current.root, payout.root)) return undefined
  const receipt = await sendCall(spoke, `post payout root ${payout.sequence}`, {
    address: contract,
    abi: spokePayoutAbi,
    functionName: 'postRoot',
    args: [payout, signatures],
  })
  return receipt.transactionHash
}

async function membersOf(spoke: Chain, contract: Address) {
  const call = { address: contract, abi: spokePayoutAbi } as const
  return askChain(spoke, 'read the spoke’s committee', async (reader) => {
    const epoch = await reader.readContract({ ...call, functionName: 'epoch' })
    const members = await reader.readContract({ ...call, functionName: 'membersAt', args: [epoch] })
    return { epoch, members }
  })
}

async function earned(client: Client, spoke: Chain, contract: Address, account: Address) {
  const owedWei = await askChain(client.chain, 'read what was earned', (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.ledger,
      abi: ledgerAbi,
      functionName: 'owedOf',
      args: [BigInt(spoke.id), account],
    }),
  )
  const claimedWei = await askChain(spoke, 'read what was claimed', (reader) =>
    reader.readContract({
      address: contract,
      abi: spokePayoutAbi,
      functionName: 'claimedOf',
      args: [account],
    }),
  )
  return { owedWei, claimedWei }
}

function payoutContract(client: Client, chainId: number): Address {
  const spoke = client.deployment.spokes.find((each) => each.chainId === chainId)
  if (spoke !== undefined) return spoke.contracts.spokePayout
  throw sdkError('wrong-chain', `Cannot claim on chain ${chainId}: the deployment does not name it`)
}
