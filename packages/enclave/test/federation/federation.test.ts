import { bytesToHex } from 'viem'
import { describe, expect, it } from 'vitest'

import type { Json } from '@cloister/codec'

import { coordinate } from '../../src/federation/coordinator.ts'
import { takePart } from '../../src/federation/member.ts'
import type { Party } from '../../src/federation/channel.ts'
import {
  dropoutsField,
  encodeContent,
  encodeRoundStart,
  rosterField,
} from '../../src/federation/content.ts'
import { floatsToBytes } from '../../src/engine/floats.ts'
import { Network, word, type Enclave } from './network.ts'

const federation = {
  id: word(1),
  rounds: 3,
  membersMin: 2,
  membersMax: 4,
  joinSeconds: 3,
  roundSeconds: 3,
  idleSeconds: 30,
  clipNorm: 4,
  rowsMax: 100,
}
const initial = Float32Array.of(0.5, -1, 2)

// What a member's training would give: a change of its own in each round.
function changeOf(number: number, round: number): Float32Array {
  return Float32Array.of(0.1 * number, 0.01 * round, -0.2 * number)
}

type Play = {
  readonly members: number
  /** In which round a member stops, by its number. */
  readonly dies?: Readonly<Record<number, number>>
  readonly network?: Network
  readonly given?: Partial<typeof federation>
}

async function play({ members, dies = {}, network = new Network(), given = {} }: Play) {
  const rules = { ...federation, membersMax: members, ...given }
  const lead = await network.enclave('coordinator', 99)
  const rounds = Array.from({ length: members }, async (_, index) => {
    const number = index + 1
    const enclave = await network.enclave('member', number)
    return takePart({
      channel: network.channel(enclave),
      plan: network.plan,
      federation: rules,
      weights: initial.length,
      train: async (_weights, round) => {
        if (dies[number] === round) throw new Error('the machine is gone')
        return { change: changeOf(number, round), weight: number / 4 }
      },
      coordinator: async () => lead.party,
      checkLease: async () => undefined,
    })
  })
  const led = coordinate({
    channel: network.channel(lead),
    federation: rules,
    initial,
    onRound: () => undefined,
  })
  const [result, ...ends] = await Promise.allSettled([led, ...rounds])
  return { result, ends, network }
}

function expected(present: (round: number) => readonly number[]): number[] {
  const weights = [...initial]
  for (let round = 1; round <= federation.rounds; round++) {
    const numbers = present(round)
    const total = numbers.reduce((sum, number) => sum + number, 0)
    for (const index of weights.keys())
      weights[index] =
        (weights[index] ?? 0) +
        numbers.reduce((sum, n) => sum + (n / total) * (changeOf(n, round)[index] ?? 0), 0)
  }
  return weights
}

function closeTo(values: readonly number[]) {
  return values.map((value) => expect.closeTo(value, 5))
}

describe('a federation', () => {
  it('gives the weighted mean of all updates in each round', async () => {
    const { result, ends } = await play({ members: 3 })
    expect(result).toMatchObject({ status: 'fulfilled', value: { updates: [3, 3, 3] } })
    if (result?.status !== 'fulfilled') throw new Error('unreachable')
    expect([...result.value.weights]).toEqual(closeTo(expected(() => [1, 2, 3])))
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  })

  it.each([1, 2, 3])('goes on without member %i, lost in round 2', async (lost) => {
    const { result, ends } = await play({ members: 3, dies: { [lost]: 2 } })
    if (result?.status !== 'fulfilled') throw result?.reason
    expect(result.value.updates).toEqual([3, 2, 2])
    const left = [1, 2, 3].filter((number) => number !== lost)
    expect([...result.value.weights]).toEqual(
      closeTo(expected((round) => (round < 2 ? [1, 2, 3] : left))),
    )
    expect(ends[lost - 1]?.status).toBe('rejected')
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  })

  it('goes on without a member that is lost while masks are asked for', async () => {
    const network = new Network()
    // Member 4 sends its update and never an answer about the missing member 1.
    network.onNote = (_to, note) => (isFrom(note, 4) && kindOf(note) === 'masks' ? [] : [note])
    const { result } = await play({ members: 4, dies: { 1: 1 }, network })
    if (result?.status !== 'fulfilled') throw result?.reason
    expect(result.value.updates).toEqual([2, 2, 2])
    expect([...result.value.weights]).toEqual(closeTo(expected(() => [2, 3])))
  })

  it('never sums fewer updates than the plan says, and tells its members', async () => {
    const { result, ends } = await play({ members: 3, dies: { 1: 2 }, given: { membersMin: 3 } })
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'federation-failed' } })
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  })
})

describe('hosts', () => {
  it('see no update, and no weights', async () => {
    const { network } = await play({ members: 2, given: { rounds: 1 } })
    const seen = `${network.objects().join(' ')} ${JSON.stringify(network.sent)}`
    for (const values of [initial, changeOf(1, 1), changeOf(2, 1)])
      expect(seen).not.toContain(bytesToHex(floatsToBytes(values)).slice(2, 26))
  })

  it('gain nothing by sending every note twice', async () => {
    const network = new Network()
    network.onNote = (_to, note) => [note, note]
    const { result } = await play({ members: 2, network })
    if (result?.status !== 'fulfilled') throw result?.reason
    expect([...result.value.weights]).toEqual(closeTo(expected(() => [1, 2])))
    expect(network.refused).toContain('a note comes a second time')
  })

  it('take no room by carrying a hello again and again', async () => {
    const network = new Network()
    network.onNote = (_to, note) =>
      kindOf(note) === 'hello' ? Array.from({ length: 300 }, () => note) : [note]
    const { result } = await play({ members: 2, network, given: { rounds: 1 } })
    expect(result).toMatchObject({ status: 'fulfilled', value: { updates: [2] } })
    expect(network.refused).not.toContain('too many notes wait')
  })

  it.each([
    ['round', (note: Record<string, Json>) => ({ ...note, round: 2 })],
    ['sender', (note: Record<string, Json>) => ({ ...note, from: word(2), bundle: word(1002) })],
    ['content', (note: Record<string, Json>) => ({ ...note, content: word(5) })],
    ['kind', (note: Record<string, Json>) => ({ ...note, kind: 'masks' })],
  ] as const)('that change the %s of an update are noticed', async (_what, change) => {
    const network = new Network()
    network.onNote = (_to, note) =>
      isFrom(note, 1) && kindOf(note) === 'update' && isObject(note) ? [change(note)] : [note]
    const { result } = await play({ members: 3, network, given: { rounds: 1 } })
    if (result?.status !== 'fulfilled') throw result?.reason
    expect(result.value.updates).toEqual([2])
    expect(network.refused).toContain('a note is not signed by its sender')
  })
})

describe('a coordinator', () => {
  it('that asks for the masks of all others gets none', async () => {
    const network = new Network()
    const lead = await network.enclave('coordinator', 99)
    const enclaves = [await network.enclave('member', 1), await network.enclave('member', 2)]
    const members = Promise.allSettled(enclaves.map((enclave) => partOf(network, enclave, lead)))
    await expect(leadGreedily(network, lead, 2)).resolves.toBe('no masks')
    const ends = await members
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

function partOf(network: Network, enclave: Enclave, lead: Enclave) {
  return takePart({
    channel: network.channel(enclave),
    plan: network.plan,
    federation,
    weights: initial.length,
    train: async () => ({ change: changeOf(1, 1), weight: 1 }),
    coordinator: async () => lead.party,
    checkLease: async () => undefined,
  })
}

// Says of a member that sent its update that it is missing: then one update would be left alone in the sum.
async function leadGreedily(network: Network, lead: Enclave, members: number): Promise<string> {
  const channel = network.channel(lead)
  const parties: Party[] = []
  while (parties.length < members) {
    const received = await channel.receive({ kinds: ['hello'] }, channel.now() + 30_000)
    if (received === undefined) throw new Error('nobody came')
    if (!parties.includes(received.from)) parties.push(received.from)
  }
  const bundles = parties.map(({ bundle }) => bundle)
  const active = parties.map(({ task }) => task)
  for (const party of parties) {
    await channel.send(party, 'roster', 0, encodeContent(rosterField, { bundles }))
    await channel.send(party, 'weights', 1, encodeRoundStart({ active, weights: initial }))
  }
  for (const _ of parties) await channel.receive({ kinds: ['update'] }, channel.now() + 30_000)
  const [first, second] = parties
  if (first === undefined || second === undefined) throw new Error('unreachable')
  const missing = encodeContent(dropoutsField, { missing: [second.task] })
  await channel.send(first, 'dropouts', 32, missing)
  const answer = await channel.receive({ kinds: ['masks'] }, channel.now() + 10_000)
  return answer === undefined ? 'no masks' : 'masks'
}

function isObject(note: Json): note is Record<string, Json> {
  return typeof note === 'object' && note !== null && !Array.isArray(note)
}

function kindOf(note: Json): Json | undefined {
  return isObject(note) ? note['kind'] : undefined
}

function isFrom(note: Json, number: number): boolean {
  return isObject(note) && note['from'] === word(number)
}
