import { OperationError, type Bytes } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import { bytesToHex, type Hex } from 'viem'

import type { Channel, Party } from './channel.ts'
import {
  dropoutsField,
  encodeContent,
  endField,
  masksField,
  parseContent,
  parseRoundStart,
  rosterField,
  wordsToBytes,
  type RoundStart,
} from './content.ts'
import { encodeUpdate } from './fixed-point.ts'
import { applyMask, maskSign, pairRoundKey, pairSecretBytes } from './masks.ts'
import type { Federation } from './plan.ts'

/** What a member of a federation works with. */
export type MemberContext = {
  readonly channel: Channel
  readonly plan: Hex
  readonly federation: Federation
  /** How many weights the model has. */
  readonly weights: number
  /** Trains from these weights over the member's own rows: the clipped change, and how much it counts (above 0, at most 1). */
  readonly train: (
    weights: Float32Array,
    round: number,
  ) => Promise<{ readonly change: Float32Array; readonly weight: number }>
  /** The coordinator's task and attempt, as the host has them now. Only where a hello goes. */
  readonly coordinator: () => Promise<{ readonly task: Hex; readonly attempt: number } | undefined>
  /** Whether this attempt may still use its owner's data. @throws where it may not. */
  readonly checkLease: () => Promise<void>
}

const helloMilliseconds = 3_000

/** So many lists of missing members a round may have: a note of list `n` of round `r` has the number `r * listsMax + n`. */
export const listsMax = 32

/**
 * Takes part in a federation to its end. Returns in how many rounds an update of this member was sent.
 *
 * @throws {OperationError} `federation-failed`, where the coordinator falls silent, or ends without result.
 * Spec: docs/federated.md, "A round".
 */
export async function takePart(context: MemberContext): Promise<number> {
  const { coordinator, others } = await join(context)
  const secrets = await exchangeSecrets(context, coordinator, others)
  let rounds = 0
  for (let round = 1; round <= context.federation.rounds; round++) {
    const start = await nextRound(context, coordinator, round)
    await playRound(context, { coordinator, secrets, round, start })
    rounds += 1
  }
  await awaitEnd(context, coordinator)
  return rounds
}

async function join(context: MemberContext) {
  const { channel, federation } = context
  const deadline = idleDeadline(context)
  while (channel.now() < deadline) {
    const to = await context.coordinator()
    if (to !== undefined) await channel.hello(to)
    const until = Math.min(deadline, channel.now() + helloMilliseconds)
    const received = await channel.receive({ kinds: ['roster'] }, until)
    if (received === undefined) continue
    if (received.from.role !== 'coordinator') throw failed('its roster is from no coordinator')
    const { bundles } = parseContent(rosterField, received.content, 'roster')
    const others = await readRoster(context, bundles)
    if (others.length + 1 < federation.membersMin) throw failed('its roster is too short')
    return { coordinator: received.from, others }
  }
  throw failed('no coordinator answered')
}

// Each member judges the others for itself: whom the coordinator names is not believed for that.
async function readRoster({ channel }: MemberContext, bundles: readonly Hex[]): Promise<Party[]> {
  const others: Party[] = []
  for (const bundle of bundles) {
    if (sameHex(bundle, channel.own.bundle)) continue
    const party = await channel.party(bundle)
    if (party?.role !== 'member') throw failed('its roster names an enclave that is not believed')
    if (
      others.some(({ task }) => sameHex(task, party.task)) ||
      sameHex(party.task, channel.own.task)
    )
      throw failed('its roster names one task twice')
    others.push(party)
  }
  if (others.length + 1 !== bundles.length) throw failed('its roster does not name this member')
  return others
}

async function exchangeSecrets(
  context: MemberContext,
  coordinator: Party,
  others: readonly Party[],
): Promise<ReadonlyMap<Hex, Bytes>> {
  const { channel, federation } = context
  const secrets = new Map<Hex, Bytes>()
  for (const other of others) {
    if (maskSign(channel.own.task, other.task) === -1) continue
    const secret = crypto.getRandomValues(new Uint8Array(pairSecretBytes))
    secrets.set(other.task, secret)
    await channel.send(other, 'seed', 0, secret)
  }
  const deadline = channel.now() + federation.joinSeconds * 1000
  for (const other of others) {
    if (secrets.has(other.task)) continue
    const seed = await channel.receive({ kinds: ['seed'], from: [other.task] }, deadline)
    if (seed !== undefined) secrets.set(other.task, seed.content)
  }
  // Whoever gave no seed is no partner: the coordinator hears with whom there are masks.
  const bundles = others.filter(({ task }) => secrets.has(task)).map(({ bundle }) => bundle)
  await channel.send(coordinator, 'ready', 0, encodeContent(rosterField, { bundles }))
  return secrets
}

async function nextRound(
  context: MemberContext,
  coordinator: Party,
  round: number,
): Promise<RoundStart> {
  const { channel, weights } = context
  const wanted = { kinds: ['weights', 'end'], from: [coordinator.task] } as const
  const received = await channel.receive(wanted, idleDeadline(context))
  if (received === undefined) throw failed('its coordinator fell silent')
  if (received.note.kind === 'end') throw failed('its coordinator ended it without result')
  if (received.note.round !== round) throw failed('its coordinator left out a round')
  const start = parseRoundStart(received.content, weights)
  if (!start.active.some((task) => sameHex(task, channel.own.task)))
    throw failed('this member came too late and is out')
  return start
}

type Round = {
  readonly coordinator: Party
  readonly secrets: ReadonlyMap<Hex, Bytes>
  readonly round: number
  readonly start: RoundStart
}

async function playRound(context: MemberContext, given: Round): Promise<void> {
  const { channel, federation, plan } = context
  const { coordinator, secrets, round, start } = given
  const partners = start.active.filter((task) => !sameHex(task, channel.own.task))
  if (partners.length + 1 < federation.membersMin) throw failed('too few members are left')
  await context.checkLease()
  const { change, weight } = await context.train(start.weights, round)
  const words = encodeUpdate(change, federation.clipNorm, weight)
  const keys = new Map<Hex, Bytes>()
  for (const partner of partners) {
    const secret = secrets.get(partner)
    if (secret === undefined) throw failed('a round names a member without a seed')
    const key = await pairRoundKey(secret, plan, round)
    keys.set(partner, key)
    await applyMask(words, key, maskSign(channel.own.task, partner))
  }
  await channel.send(coordinator, 'update', round, wordsToBytes(words))
  await answerDropouts(context, {
    ...given,
    keys,
    revealMax: start.active.length - federation.membersMin,
  })
}

// Until the next round begins. So many keys at most are told that `membersMin` updates stay one sum.
async function answerDropouts(
  context: MemberContext,
  given: Round & { readonly keys: ReadonlyMap<Hex, Bytes>; readonly revealMax: number },
): Promise<void> {
  const { channel } = context
  const { coordinator, round, keys, revealMax } = given
  const told = new Set<Hex>()
  for (;;) {
    const received = await channel.receive(
      { kinds: ['dropouts', 'weights', 'end'], from: [coordinator.task] },
      idleDeadline(context),
    )
    if (received === undefined) throw failed('its coordinator fell silent')
    if (received.note.kind !== 'dropouts') return channel.putBack(received)
    if (Math.floor(received.note.round / listsMax) !== round)
      throw failed('it asks for masks of another round')
    const { missing } = parseContent(dropoutsField, received.content, 'dropouts')
    for (const member of missing) told.add(member)
    if (told.size > revealMax) throw failed('it asks for the masks of too many members')
    const revealed = missing.map((member) => ({ member, key: keyOf(keys, member) }))
    await channel.send(
      coordinator,
      'masks',
      received.note.round,
      encodeContent(masksField, { keys: revealed }),
    )
  }
}

function keyOf(keys: ReadonlyMap<Hex, Bytes>, member: Hex): Hex {
  const key = keys.get(member)
  if (key === undefined) throw failed('it asks for a mask with nobody of this round')
  return bytesToHex(key)
}

async function awaitEnd(context: MemberContext, coordinator: Party): Promise<void> {
  const { channel } = context
  const wanted = { kinds: ['end'], from: [coordinator.task] } as const
  const received = await channel.receive(wanted, idleDeadline(context))
  if (received === undefined) throw failed('its coordinator fell silent')
  if (!parseContent(endField, received.content, 'end').finished)
    throw failed('its coordinator ended it without result')
}

function idleDeadline({ channel, federation }: MemberContext): number {
  return channel.now() + federation.idleSeconds * 1000
}

function failed(detail: string): OperationError {
  return new OperationError('federation-failed', `Cannot go on in this federation: ${detail}`)
}
