import { chainCells, type Bundle } from '@cloister/protocol'
import type { Hex } from 'viem'
import { describe, expect, test } from 'vitest'

import { makeAttempt, measurement } from './attempt.ts'
import {
  attemptOf,
  factsOf,
  headWith,
  honest,
  input,
  materialOf,
  nodes,
  now,
  ordered,
  owner,
  verdict,
  type Alter,
} from './judging.ts'

const refused = (...fields: readonly string[]) => ({ verdict: 2, reason: 2, fields })

const signed = (change: (signatures: readonly Hex[]) => readonly Hex[]) =>
  attemptOf({
    bundle: (bundle) => ({ ...bundle, grantSignatures: [...change(bundle.grantSignatures)] }),
  })

describe('reason 2, what a receipt file would rest on', () => {
  type Proofs = Bundle['proofs']
  const withProofs = (change: (proofs: Proofs) => Proofs) =>
    attemptOf({ bundle: (bundle) => ({ ...bundle, proofs: change(bundle.proofs) }) })
  const stripped: readonly [string, (proofs: Proofs) => Proofs][] = [
    ['all proofs', ({ headers }) => ({ headers, accounts: [] })],
    ['one account', ({ headers, accounts }) => ({ headers, accounts: accounts.slice(1) })],
    [
      'one slot',
      ({ headers, accounts: [first, ...rest] }) => ({
        headers,
        accounts: [{ ...first!, storageProofs: first!.storageProofs.slice(1) }, ...rest],
      }),
    ],
    ['a header’s bytes', ({ accounts }) => ({ headers: ['0x00'], accounts })],
    [
      'a trie node',
      ({ headers, accounts: [first, ...rest] }) => ({
        headers,
        accounts: [{ ...first!, accountProof: first!.accountProof.slice(1) }, ...rest],
      }),
    ],
  ]
  test.for(stripped)('is refused without %s', async ([, change]) => {
    const attempt = await withProofs(change)
    expect(await verdict(factsOf(attempt), materialOf(attempt))).toEqual(refused('proofs'))
  })

  test('is refused with the proofs of another checkpoint', async () => {
    const other = await makeAttempt(input, ordered, await headWith(), 1)
    const attempt = await withProofs(() => other.bundle.proofs)
    expect(await verdict(factsOf(attempt), materialOf(attempt))).toEqual(refused('proofs'))
  })

  const altered: readonly [string, string, Alter][] = [
    [
      'a grant was revoked',
      'proofs.grants[1]',
      (put) =>
        put.set(chainCells.grantRevokedAt(owner.address, ordered.order.grants[1]!), BigInt(now)),
    ],
    [
      'the owner revoked all',
      'proofs.grants[0]',
      (put) => put.set(chainCells.grantNonceMin(owner.address), 2n),
    ],
    [
      'the node had retired',
      'proofs.node',
      (put) => put.set(chainCells.node(nodes[0]!.key.address).retired, 1n),
    ],
    [
      'the countersigner was no node',
      'proofs.releases[0]',
      (put) => put.set(chainCells.node(nodes[2]!.key.address).operator, 0n),
    ],
    [
      'the committee was another',
      'proofs.committee',
      (put) => put.set(chainCells.membersHash(3n), 1n),
    ],
    [
      'the runtime was not approved',
      'proofs.measurement',
      (put) => put.set(chainCells.measurementApproved(measurement), 0n),
    ],
  ]
  test.for(altered)('is refused where %s', async ([, field, alter]) => {
    const attempt = await makeAttempt(input, ordered, await headWith(alter), 1)
    const found = await verdict(factsOf(attempt), materialOf(attempt))
    expect(found).toMatchObject({ verdict: 2, reason: 2 })
    expect(found.fields).toContain(field)
    expect(found.fields.every((each) => each.startsWith('proofs.'))).toBe(true)
  })

  test('is refused with a grant signature stripped, or swapped for another’s', async () => {
    const one = await signed((all) => all.slice(1))
    expect(await verdict(factsOf(one), materialOf(one))).toEqual(refused('grantSignatures'))
    const swapped = await signed(([first]) => [first!, first!])
    expect(await verdict(factsOf(swapped), materialOf(swapped))).toEqual(
      refused('grantSignatures[1]'),
    )
  })

  test('an owner that is a contract says itself what it signed', async () => {
    const no = factsOf(honest, { contractSignatures: [false, undefined] })
    expect(await verdict(no, materialOf(honest))).toEqual(refused('grantSignatures[0]'))
    const odd = await attemptOf({
      bundle: (bundle) => ({
        ...bundle,
        grantSignatures: [`0x${'ab'.repeat(80)}`, bundle.grantSignatures[1]!],
      }),
    })
    const yes = factsOf(odd, { contractSignatures: [true, undefined] })
    expect(await verdict(yes, materialOf(odd))).toEqual({ verdict: 1, reason: 0, fields: [] })
    expect(await verdict(factsOf(odd), materialOf(odd))).toEqual(refused('grantSignatures[0]'))
  })
})
