import { OperationError, parseHex, type Bytes } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { Channel, Party, Received } from './channel.ts'
import {
  bytesToWords,
  dropoutsField,
  encodeContent,
  encodeRoundStart,
  endField,
  masksField,
  parseContent,
  rosterField,
} from './content.ts'
import { addWords, decodeMean } from './fixed-point.ts'
import { applyMask, maskSign } from './masks.ts'
import { listsMax } from './member.ts'
import type { Federation } from './plan.ts'

/** What the coordinator of a federation works with. */
export type CoordinatorContext = {
  readonly channel: Channel
  readonly federation: Federation
  /** The weights that the first round begins with. */
  readonly initial: Float32Array
  /** Told as rounds end: how many updates were in the sum. */
  readonly onRound: (round: number, updates: number) => void
}

/** What came of a federation. */
export type FederationResult = {
  readonly weights: Float32Array
  /** For each round, how many members' updates its sum held. */
  readonly updates: readonly number[]
}

type Summed = { readonly words: Uint32Array; readonly members: readonly Party[] }

/**
 * Leads a federation to its end and gives the weights.
 *
 * @throws {OperationError} `federation-failed`, where fewer than `membersMin` members are left. Members are told.
 * Spec: docs/federated.md, "A round".
 */
export async function coordinate(context: CoordinatorContext): Promise<FederationResult> {
  const { channel, federation, onRound } = context
  const roster = await gather(context)
  const updates: number[] = []
  let finished = false
  try {
    await tell(
      channel,
      roster,
      'roster',
      0,
      encodeContent(rosterField, { bundles: bundlesOf(roster) }),
    )
    let active = await awaitReady(context, roster)
    let { initial: weights } = context
    for (let round = 1; round <= federation.rounds; round++) {
      const start = { active: active.map(({ task }) => task), weights }
      await tell(channel, active, 'weights', round, encodeRoundStart(start))
      const { words, members } = await sumRound(context, active, round)
      const mean = decodeMean(words, federation.clipNorm)
      weights = weights.map((value, index) => value + (mean[index] ?? 0))
      active = members
      updates.push(members.length)
      onRound(round, members.length)
    }
    finished = true
    return { weights, updates }
  } finally {
    // Also to those that are out: they need not wait for more.
    await tell(channel, roster, 'end', 0, encodeContent(endField, { finished }))
  }
}

// The roster closes as soon as it is full, or when `joinSeconds` have passed.
async function gather({ channel, federation }: CoordinatorContext): Promise<readonly Party[]> {
  const deadline = channel.now() + federation.joinSeconds * 1000
  const members = new Map<Hex, Party>()
  while (members.size < federation.membersMax) {
    const received = await channel.receive({ kinds: ['hello'] }, deadline)
    if (received === undefined) break
    const { from } = received
    const known = members.get(from.task)
    if (from.role === 'member' && (known === undefined || known.attempt < from.attempt))
      members.set(from.task, from)
  }
  return requireEnough(federation, [...members.values()], 'came')
}

// Those that have a secret with every other of them. Whoever lacks most is left out until that holds.
async function awaitReady(
  { channel, federation }: CoordinatorContext,
  roster: readonly Party[],
): Promise<readonly Party[]> {
  const deadline = channel.now() + 2 * federation.joinSeconds * 1000
  const partners = new Map<Party, readonly Hex[]>()
  while (partners.size < roster.length) {
    const received = await channel.receive({ kinds: ['ready'], from: tasksOf(roster) }, deadline)
    if (received === undefined) break
    partners.set(received.from, parseContent(rosterField, received.content, 'ready').bundles)
  }
  let ready = [...partners.keys()]
  for (;;) {
    const lacking = (party: Party): number =>
      ready.filter((other) => other !== party && !arePartners(partners, party, other)).length
    const worst = ready.toSorted((a, b) => lacking(b) - lacking(a))[0]
    if (worst === undefined || lacking(worst) === 0) break
    ready = ready.filter((party) => party !== worst)
  }
  return requireEnough(federation, ready, 'exchanged their seeds')
}

function arePartners(partners: ReadonlyMap<Party, readonly Hex[]>, a: Party, b: Party): boolean {
  return hasBundle(partners.get(a), b) && hasBundle(partners.get(b), a)
}

function hasBundle(bundles: readonly Hex[] | undefined, { bundle }: Party): boolean {
  return bundles?.some((named) => sameHex(named, bundle)) ?? false
}

async function sumRound(
  context: CoordinatorContext,
  active: readonly Party[],
  round: number,
): Promise<Summed> {
  const { channel, federation, initial } = context
  const deadline = channel.now() + federation.roundSeconds * 1000
  const updates = new Map<Party, Uint32Array>()
  while (updates.size < active.length) {
    const wanted = { kinds: ['update'], round, from: tasksOf(active) } as const
    const received = await channel.receive(wanted, deadline)
    if (received === undefined) break
    const words = readUpdate(received, initial.length + 1)
    if (words !== undefined) updates.set(received.from, words)
  }
  return unmask(context, { active, round, updates })
}

// A member that sends another size is taken for one that sent nothing.
function readUpdate({ content }: Received, count: number): Uint32Array | undefined {
  return content.length === count * 4 ? bytesToWords(content, count, 'update') : undefined
}

type Collected = {
  readonly active: readonly Party[]
  readonly round: number
  readonly updates: Map<Party, Uint32Array>
}

// Masks among those that sent an update cancel. Those with the missing are asked for; whoever does not answer is missing too.
async function unmask(context: CoordinatorContext, given: Collected): Promise<Summed> {
  const { channel, federation } = context
  const { active, round, updates } = given
  const keys = new Map<string, Bytes>()
  const asked = new Set<Party>()
  for (let list = 0; list < listsMax; list++) {
    const present = requireEnough(
      federation,
      [...updates.keys()],
      `gave an update in round ${round}`,
    )
    const missing = active.filter((party) => !updates.has(party))
    const unasked = missing.filter((party) => !asked.has(party))
    if (unasked.length === 0) return sum(present, missing, updates, keys)
    for (const party of unasked) asked.add(party)
    const number = round * listsMax + list
    await tell(
      channel,
      present,
      'dropouts',
      number,
      encodeContent(dropoutsField, { missing: tasksOf(unasked) }),
    )
    const answered = await collectKeys(context, { present, unasked, number, keys })
    for (const party of present) if (!answered.has(party)) updates.delete(party)
  }
  throw failed('members drop out faster than they can be asked')
}

async function collectKeys(
  { channel, federation }: CoordinatorContext,
  given: {
    readonly present: readonly Party[]
    readonly unasked: readonly Party[]
    readonly number: number
    readonly keys: Map<string, Bytes>
  },
): Promise<ReadonlySet<Party>> {
  const { present, unasked, number, keys } = given
  const deadline = channel.now() + federation.roundSeconds * 1000
  const answered = new Set<Party>()
  while (answered.size < present.length) {
    const wanted = { kinds: ['masks'], round: number, from: tasksOf(present) } as const
    const received = await channel.receive(wanted, deadline)
    if (received === undefined) break
    const told = parseContent(masksField, received.content, 'masks').keys
    const own = unasked.map((party) => told.find(({ member }) => sameHex(member, party.task)))
    if (own.some((entry) => entry === undefined)) continue // As if it had not answered.
    for (const entry of own)
      if (entry !== undefined)
        keys.set(`${received.from.task} ${entry.member}`, parseHex(entry.key, 'masks.key'))
    answered.add(received.from)
  }
  return answered
}

async function sum(
  present: readonly Party[],
  missing: readonly Party[],
  updates: ReadonlyMap<Party, Uint32Array>,
  keys: ReadonlyMap<string, Bytes>,
): Promise<Summed> {
  const [first] = updates.values()
  const total = new Uint32Array(first?.length ?? 0)
  for (const party of present) {
    addWords(total, updates.get(party) ?? new Uint32Array(total.length))
    for (const gone of missing) {
      const key = keys.get(`${party.task} ${gone.task}`)
      if (key === undefined) throw failed('a mask is missing')
      await applyMask(total, key, maskSign(party.task, gone.task) === 1 ? -1 : 1)
    }
  }
  return { words: total, members: present }
}

// One that can't be reached is found missing soon enough.
async function tell(
  channel: Channel,
  parties: readonly Party[],
  kind: 'roster' | 'weights' | 'dropouts' | 'end',
  round: number,
  content: Bytes,
): Promise<void> {
  await Promise.allSettled(parties.map((party) => channel.send(party, kind, round, content)))
}

function requireEnough(
  { membersMin }: Federation,
  members: readonly Party[],
  what: string,
): readonly Party[] {
  if (members.length < membersMin)
    throw failed(`${members.length} members ${what}, at least ${membersMin} are needed`)
  return members
}

function tasksOf(parties: readonly Party[]): readonly Hex[] {
  return parties.map(({ task }) => task)
}

function bundlesOf(parties: readonly Party[]): readonly Hex[] {
  return parties.map(({ bundle }) => bundle)
}

function failed(detail: string): OperationError {
  return new OperationError('federation-failed', `This federation cannot go on: ${detail}`)
}
