import {
  followHandovers,
  membersHash,
  messageDigest,
  quorum,
  signerOf,
  sortAddresses,
  sortSignatures,
  verifyQuorum,
  type Checkpoint,
  type CommitteeSet,
  type Handover,
} from '@cloister/protocol'
import type { Hex } from 'viem'
import { privateKeyToAccount, sign } from 'viem/accounts'
import { expect, test } from 'vitest'

import { domain, word } from './examples.ts'

const account = (index: number) => privateKeyToAccount(word(index + 1))
const set = (epoch: bigint, ...indexes: number[]): CommitteeSet => ({
  epoch,
  members: sortAddresses(indexes.map((index) => account(index).address)),
})
const signAll = async (digest: Hex, ...indexes: number[]) =>
  sortSignatures(
    digest,
    await Promise.all(
      indexes.map((index) => sign({ hash: digest, privateKey: word(index + 1), to: 'hex' })),
    ),
  )

const checkpoint: Checkpoint = {
  chainId: 31337n,
  height: 10n,
  blockHash: word(5),
  blockTime: 1_000n,
  committee: 1n,
  nonce: word(6),
}
const digest = messageDigest(domain, 'Checkpoint', checkpoint)
const four = set(1n, 0, 1, 2, 3)
const verify = (signatures: readonly Hex[], committee = four) =>
  verifyQuorum(domain, 'Checkpoint', checkpoint, signatures, committee)

test('a quorum is more than two thirds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 10].map(quorum)).toEqual([1, 2, 3, 3, 4, 5, 5, 7])
})

test('three or four of four members are a quorum', async () => {
  const three = await verify(await signAll(digest, 0, 1, 2))
  expect(three).toMatchObject({ reached: true })
  expect(three.signers).toEqual(set(1n, 0, 1, 2).members)
  expect(await verify(await signAll(digest, 3, 2, 1, 0))).toMatchObject({ reached: true })
})

test.for<[string, () => Promise<readonly Hex[]>, string]>([
  ['two of four', () => signAll(digest, 0, 1), '2 signatures, 3 to 4 are needed'],
  ['a stranger among them', () => signAll(digest, 0, 1, 7), 'no member of epoch 1'],
  [
    'one of them over another message',
    async () => [...(await signAll(digest, 0, 1)), ...(await signAll(word(1), 2))],
    'no member of epoch 1',
  ],
  [
    'the same one twice',
    async () => {
      const [first, second] = await signAll(digest, 0, 1)
      return [first!, first!, second!]
    },
    'is out of order or repeated',
  ],
  [
    'an order that is not ascending',
    async () => (await signAll(digest, 0, 1, 2)).toReversed(),
    'is out of order or repeated',
  ],
  [
    'more than there are members',
    async () => [...(await signAll(digest, 0, 1, 2, 3)), ...(await signAll(digest, 7))],
    '5 signatures',
  ],
])('%s is refused', async ([, signatures, detail]) => {
  const result = await verify(await signatures())
  expect(result.reached).toBe(false)
  expect(result.detail).toContain(detail)
})

test('members out of order are no committee', async () => {
  const signatures = await signAll(digest, 0, 1, 2)
  expect(await verify(signatures, { epoch: 1n, members: four.members.toReversed() })).toMatchObject(
    { reached: false, detail: 'members are not ascending without repeats' },
  )
})

test('only one spelling of a signature is somebody’s', async () => {
  const signature = await sign({ hash: digest, privateKey: word(1), to: 'hex' })
  expect(await signerOf(digest, signature)).toBe(account(0).address)
  const v = signature.endsWith('1b') ? '1c' : '1b'
  const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const highS = (n - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0')
  const twin: Hex = `0x${signature.slice(2, 66)}${highS}${v}`
  expect(await signerOf(digest, twin)).toBeUndefined() // Ecrecover would name the same account.
  const parity: Hex = `0x${signature.slice(2, 130)}${signature.endsWith('1b') ? '00' : '01'}`
  expect(await signerOf(digest, parity)).toBeUndefined()
  expect(await signerOf(digest, `0x${'00'.repeat(64)}1b`)).toBeUndefined()
  expect(await signerOf(digest, '0x1234')).toBeUndefined()
})

const handover = async (
  epoch: bigint,
  to: readonly number[],
  by: readonly number[],
): Promise<Handover> => {
  const { members } = set(epoch, ...to)
  const message = { epoch, membersHash: membersHash(members) }
  return {
    epoch,
    members,
    signatures: await signAll(messageDigest(domain, 'Handover', message), ...by),
  }
}

test('handovers lead from the genesis committee to the current one', async () => {
  const chain = [await handover(2n, [1, 2, 3, 4], [0, 1, 2]), await handover(3n, [5], [2, 3, 4])]
  expect(await followHandovers(domain, four, chain)).toEqual({
    kind: 'followed',
    set: set(3n, 5),
    sets: [four, set(2n, 1, 2, 3, 4), set(3n, 5)],
  })
  expect(await followHandovers(domain, four, [])).toEqual({
    kind: 'followed',
    set: four,
    sets: [four],
  })
})

test('a handover breaks the chain when its epoch, members or signatures are wrong', async () => {
  const good = await handover(2n, [1, 2, 3, 4], [0, 1, 2])
  const broken = { kind: 'broken' }
  expect(await followHandovers(domain, four, [await handover(3n, [5], [0, 1, 2])])).toMatchObject(
    broken,
  )
  expect(await followHandovers(domain, four, [await handover(2n, [5], [0, 1])])).toMatchObject(
    broken,
  )
  expect(await followHandovers(domain, four, [await handover(2n, [5], [5, 6, 7])])).toMatchObject(
    broken,
  )
  expect(
    await followHandovers(domain, four, [{ ...good, members: set(2n, 6).members }]),
  ).toMatchObject(broken)
  expect(await followHandovers(domain, four, [{ ...good, members: [] }])).toMatchObject(broken)
  expect(await followHandovers(domain, four, [good, good])).toMatchObject(broken)
})

test('a chain of handovers without end is not followed', async () => {
  const good = await handover(2n, [1, 2, 3, 4], [0, 1, 2])
  await expect(
    followHandovers(
      domain,
      four,
      Array.from({ length: 513 }, () => good),
    ),
  ).rejects.toThrow('at most 512 are followed')
})
