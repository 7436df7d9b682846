import { sameHex } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { Client } from './client.ts'
import { listNodes } from './nodes.ts'
import type { KeeperAddress } from './share-asset.ts'
import { sdkError } from './sdk-error.ts'

/** A node that could keep a share. */
export type KeeperCandidate = KeeperAddress & {
  readonly machineId: Hex
  /** TEE number: 1 sgx, 2 tdx, 3 snp, 4 nitro, 5 cca. */
  readonly tee: number
  readonly tier: number
}

/** Three keepers, in the order of the share index, and what they do not have of what was wished for. */
export type ChosenKeepers = {
  readonly keepers: readonly [KeeperCandidate, KeeperCandidate, KeeperCandidate]
  /** One sentence each; empty where vendors, operators and machines all differ. */
  readonly notes: readonly string[]
}

/**
 * Chooses three of the deployment's certified nodes to keep an asset's shares, by {@link pickKeepers}. Which TEE a node stands on the
 * committee signed when it was admitted. One owner always gets the same three of the same nodes; what the choice lacks is
 * told as progress. Each keeper is appraised before anything is sent to it.
 *
 * @throws {OperationError} `keepers-too-few`, `chain-down`.
 */
export async function chooseKeepers(client: Client): Promise<readonly KeeperAddress[]> {
  const certified = await listNodes(client)
  const candidates = client.deployment.nodes.flatMap(({ operator, url }) => {
    const record = certified.find((node) => sameHex(node.record.operator, operator))?.record
    if (record === undefined) return []
    const { machineId, tee, tier } = record
    return [{ operator, url, machineId, tee, tier }]
  })
  const seed = BigInt(client.account?.address ?? 0)
  const { keepers, notes } = pickKeepers(candidates, (count) => Number(seed % BigInt(count)))
  for (const detail of notes) client.onProgress({ step: 'choose-keepers', detail })
  return keepers.map(({ operator, url }) => ({ operator, url }))
}

/** Who makes a TEE: a flaw in one vendor's is likely to be one in all of that vendor's. */
const vendors: Readonly<Record<number, string>> = {
  1: 'Intel',
  2: 'Intel',
  3: 'AMD',
  4: 'AWS',
  5: 'Arm',
}

/** Candidates of one vendor that are looked at: more would only make the same choice slower. */
const perVendorMax = 12

/**
 * Chooses three keepers among certified nodes: of different operators always, on TEEs of different vendors and on different
 * machines as far as there are such, of the highest tier among equals. Which of equals it is, `below` decides: a whole number
 * from 0 up to and without its argument, at random so that not all owners choose the same three.
 *
 * @throws {OperationError} `keepers-too-few`, where there are not three operators.
 */
export function pickKeepers(
  candidates: readonly KeeperCandidate[],
  below: (count: number) => number,
): ChosenKeepers {
  const looked = sample(candidates, below)
  let best: { readonly three: ChosenKeepers['keepers']; readonly score: number } | undefined
  for (const [i, a] of looked.entries())
    for (const [j, b] of looked.entries())
      for (const c of j > i ? looked.slice(j + 1) : []) {
        const score = scoreOf([a, b, c])
        if (score !== undefined && (best === undefined || score > best.score))
          best = { three: [a, b, c], score }
      }
  if (best === undefined)
    throw sdkError(
      'keepers-too-few',
      `Cannot choose three keepers: ${distinct(candidates, operatorOf)} operators have certified nodes, three are needed; name keepers yourself or wait for more nodes`,
    )
  return { keepers: best.three, notes: notesOf(best.three, candidates) }
}

// Vendors weigh more than machines, and those more than tiers. Undefined where an operator would have two shares.
function scoreOf(three: ChosenKeepers['keepers']): number | undefined {
  if (distinct(three, operatorOf) < 3) return undefined
  const tiers = three.reduce((sum, { tier }) => sum + Math.min(tier, 3), 0)
  return distinct(three, vendorOf) * 10_000 + distinct(three, machineOf) * 100 + tiers
}

function notesOf(
  three: ChosenKeepers['keepers'],
  candidates: readonly KeeperCandidate[],
): readonly string[] {
  const used = distinct(three, vendorOf)
  const known = distinct(candidates, vendorOf)
  const names = [...new Set(three.map(vendorOf))].join(' and ')
  return [
    ...(used === 3
      ? []
      : [
          `The three keepers run on TEEs of ${used === 1 ? 'one vendor' : 'two vendors'} (${names}): ${
            known === used
              ? 'no other vendor has certified nodes'
              : 'operators do not allow for more'
          }. Whoever breaks ${used === 1 ? `${names}'s` : 'the more frequent one'} may get two shares`,
        ]),
    ...(distinct(three, machineOf) === 3
      ? []
      : ['Two of the keepers share a machine: whoever breaks that one may get two shares']),
    ...(three.every(({ tier }) => tier > 0)
      ? []
      : ['Not all keepers are genuine hardware: there is tier 0, of a devnet, among them']),
  ]
}

// A few of each vendor, at random: the choice stays quick however many nodes there are.
function sample(
  candidates: readonly KeeperCandidate[],
  below: (count: number) => number,
): readonly KeeperCandidate[] {
  const left = [...candidates]
  const counts = new Map<string, number>()
  const chosen: KeeperCandidate[] = []
  while (left.length > 0) {
    const [next] = left.splice(below(left.length), 1)
    if (next === undefined) break
    const vendor = vendorOf(next)
    const count = counts.get(vendor) ?? 0
    const again = chosen.some((each) => sameOperatorAndVendor(each, next))
    if (count >= perVendorMax || again) continue
    counts.set(vendor, count + 1)
    chosen.push(next)
  }
  return chosen
}

function sameOperatorAndVendor(a: KeeperCandidate, b: KeeperCandidate): boolean {
  return sameHex(a.operator, b.operator) && vendorOf(a) === vendorOf(b)
}

function distinct(of: readonly KeeperCandidate[], by: (each: KeeperCandidate) => string): number {
  return new Set(of.map(by)).size
}

function operatorOf({ operator }: { readonly operator: Address }): string {
  return operator.toLowerCase()
}

function machineOf({ machineId }: KeeperCandidate): string {
  return machineId.toLowerCase()
}

function vendorOf({ tee }: KeeperCandidate): string {
  return vendors[tee] ?? `vendor of TEE ${tee}`
}
