import { encodeHex, type Bytes } from '@cloister/codec'
import {
  allTees,
  feeForPricesUp,
  keyHash,
  marketAbi,
  sameHex,
  sayTees,
  taskOf,
  teeSet,
  type NodeTee,
  type Order,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import type { App } from './apps.ts'
import { askChain, chainTime, sendCall } from './chain.ts'
import { accountOf, type Client } from './client.ts'
import type { PrivacyBudget, SignedGrant } from './grants.ts'
import { deposit } from './money.ts'
import { preflightOrder, type Preflight } from './preflight.ts'
import { sdkError } from './sdk-error.ts'
import { copiesMin, uploadObject } from './upload.ts'

/** What a requester wants done. What is not said is chosen so that it can work. */
export type OrderTerms = {
  readonly app: App
  /** One grant for each input, in the order of the app's inputs. */
  readonly grants: readonly SignedGrant[]
  /** Which of its grant's assets each input is; needed only where a grant covers several and not all of them are inputs. */
  readonly assets?: readonly Hex[]
  /** Where the output is sealed to. */
  readonly recipientPublicKey: Bytes
  /** All that is paid; the least that covers the grants' prices and the market's minimum, where nothing is said. */
  readonly feeWei?: bigint
  readonly tierMin?: number
  /** How many nodes, of as many vendors, compute it: all are paid if their outputs are equal, none if not. One, where nothing is said. */
  readonly replicas?: number
  readonly tags?: number
  /** The kinds of TEE that the requester accepts; all that the grants do, where nothing is said. */
  readonly tees?: readonly NodeTee[]
  /** The price of one unit, which makes it a metered order; not metered where nothing is said. */
  readonly unitWei?: bigint
  /** The most that it may spend of the grants' privacy budgets; nothing, where nothing is said. */
  readonly privacy?: PrivacyBudget
  readonly attemptSeconds?: number
  readonly attemptsMax?: number
  /** Until when a node may be drawn, Unix seconds of the chain; an hour, where nothing is said. */
  readonly expiry?: bigint
}

/** An order with what has to go along with it. */
export type PreparedOrder = {
  readonly order: Order
  readonly orderDigest: Hex
  /** The task that it makes: known before it is placed. */
  readonly task: Hex
  readonly app: App
  readonly grants: readonly SignedGrant[]
  readonly recipientPublicKey: Bytes
}

/** An order that stands on chain. */
export type PlacedOrder = {
  readonly task: Hex
  readonly orderDigest: Hex
  /** Undefined where it stood there before. */
  readonly transaction: Hex | undefined
}

/** Where an order's objects go, and what may be done to make it succeed. */
export type PlaceOptions = {
  /** The deployment's nodes, where nothing is said. */
  readonly stores?: readonly string[]
  /** Move what the fee lacks from the account into the Ledger first. */
  readonly depositMissing?: boolean
}

/**
 * Writes an order down. Persist it before placing: the same order makes the same task, so placing it again after a
 * failure pays nothing twice.
 *
 * @throws {OperationError} `order-refused`, `grant-refused`, `no-account`, `chain-down`.
 */
export async function prepareOrder(client: Client, terms: OrderTerms): Promise<PreparedOrder> {
  const { app, grants } = terms
  const now = await chainTime(client.chain)
  const market = await marketBounds(client)
  const pricesWei = grants.reduce((sum, { grant }) => sum + grant.priceWei, 0n)
  const leastWei = feeForPricesUp(pricesWei)
  const replicas = terms.replicas ?? 1
  const wanted = app.manifest.limits.wallSeconds + overheadSeconds
  const order: Order = {
    requester: accountOf(client, 'order').address,
    app: app.id,
    assets: terms.assets ?? assetsOf(grants),
    grants: grants.map(({ digest }) => digest),
    recipientKeyHash: keyHash(terms.recipientPublicKey),
    tierMin: terms.tierMin ?? 0,
    tags: terms.tags ?? 0,
    replicas,
    feeWei:
      terms.feeWei ??
      (leastWei > market.feeMinWei ? leastWei : market.feeMinWei) * BigInt(Math.max(1, replicas)),
    attemptSeconds:
      terms.attemptSeconds ??
      Math.min(market.attemptSecondsMax, Math.max(market.attemptSecondsMin, wanted)),
    attemptsMax: terms.attemptsMax ?? 3,
    expiry: terms.expiry ?? now + BigInt(Math.min(3600, market.orderSecondsMax)),
    nonce: BigInt(`0x${encodeHex(crypto.getRandomValues(new Uint8Array(8)))}`),
    tees: terms.tees === undefined ? commonTees(grants) : teeSet(terms.tees),
    unitWei: terms.unitWei ?? 0n,
    epsilonMicros: terms.privacy?.epsilonMicros ?? 0n,
    deltaPicos: terms.privacy?.deltaPicos ?? 0n,
  }
  const { orderDigest, task } = taskOf(client.domain, order)
  return { order, orderDigest, task, app, grants, recipientPublicKey: terms.recipientPublicKey }
}

// Where a grant stands once for each of its assets, they are its inputs in their order.
function assetsOf(grants: readonly SignedGrant[]): readonly Hex[] {
  return grants.map(({ grant, digest }, index) => {
    const places = grants.filter((other) => sameHex(other.digest, digest)).length
    const before = grants.slice(0, index).filter((other) => sameHex(other.digest, digest)).length
    const asset = grant.assets[before]
    if (asset === undefined || places !== grant.assets.length)
      throw sdkError(
        'order-refused',
        `Cannot prepare the order: grant ${index} covers ${grant.assets.length} assets and stands at ${places} places; say which asset each input is`,
      )
    return asset
  })
}

function commonTees(grants: readonly SignedGrant[]): number {
  const tees = grants.reduce((set, { grant }) => set & grant.tees, allTees)
  if (tees === 0)
    throw sdkError(
      'grant-refused',
      `Cannot prepare the order: its grants have no TEE in common (${grants.map(({ grant }) => sayTees(grant.tees)).join('; ')}); ask an owner for another grant`,
    )
  return tees
}

// For evidence, shares from keepers, and posting, beside the app's own time.
const overheadSeconds = 120

/**
 * Checks an order, stores what its node needs, and places it: the fee is locked.
 *
 * @throws {OperationError} what {@link preflightOrder} found (`grant-refused`, `insufficient-funds`, `no-eligible-node`, `order-refused`,
 * `expired`), `store-refused`, `no-account`, `chain-down`, `reverted`.
 */
export async function placeOrder(
  client: Client,
  prepared: PreparedOrder,
  options: PlaceOptions = {},
): Promise<PlacedOrder> {
  const { order, orderDigest, task } = prepared
  if (await isPlaced(client, task)) return { task, orderDigest, transaction: undefined }
  const found = await preflightOrder(client, prepared)
  await depositMissing(client, found, options.depositMissing === true)
  const [problem] = found.problems.filter(
    ({ code }) => code !== 'insufficient-funds' || options.depositMissing !== true,
  )
  if (problem !== undefined)
    throw sdkError(
      problem.code,
      `Cannot place the order: ${found.problems.map(({ detail }) => detail).join('; ')}`,
    )
  const stores = options.stores ?? client.deployment.nodes.map((node) => node.url)
  const copies = Math.min(copiesMin, new Set(stores).size)
  client.onProgress({ step: 'upload', detail: 'the recipient’s key and the app’s manifest' })
  await uploadObject(client, prepared.recipientPublicKey, stores, copies)
  await uploadObject(client, prepared.app.bytes, stores, copies)
  client.onProgress({ step: 'place', detail: `order of ${order.feeWei} wei` })
  const receipt = await sendCall(client.chain, 'place the order', {
    address: client.deployment.home.contracts.market,
    abi: marketAbi,
    functionName: 'place',
    args: [
      order,
      prepared.grants.map(({ grant }) => grant),
      prepared.grants.map(({ signature }) => signature),
    ],
  })
  return { task, orderDigest, transaction: receipt.transactionHash }
}

/** What the market accepts. @throws {OperationError} `chain-down`. */
export function marketBounds(client: Client) {
  return askChain(client.chain, 'read the market’s bounds', (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.market,
      abi: marketAbi,
      functionName: 'config',
    }),
  )
}

async function isPlaced(client: Client, task: Hex): Promise<boolean> {
  const found = await askChain(client.chain, `read task ${task}`, (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.market,
      abi: marketAbi,
      functionName: 'taskOf',
      args: [task],
    }),
  )
  return found.state !== 0
}

async function depositMissing(client: Client, found: Preflight, allowed: boolean): Promise<void> {
  const others = found.problems.some(({ code }) => code !== 'insufficient-funds')
  const missingWei = found.feeWei - found.balanceWei
  if (!allowed || others || missingWei <= 0n) return
  client.onProgress({ step: 'deposit', detail: `${missingWei} wei` })
  await deposit(client, missingWei)
}
