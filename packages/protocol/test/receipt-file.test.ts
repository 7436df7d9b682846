import { canonicalJson, encodeUtf8, parseJson, parseUtf8, type Json } from '@cloister/codec'
import {
  chainCells,
  encodeReceiptFile,
  messageDigest,
  parseReceiptFile,
  receiptFactNames,
  sameHex,
  slotHex,
  trimReceiptFile,
  verifyReceiptFile,
  type ChainProofs,
  type Deployment,
  type Fact,
  type ReceiptFile,
} from '@cloister/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { startAnvil, type TestChain } from './anvil.ts'
import { domain as exampleDomain } from './receipt-example-deployment.ts'
import { makeReceiptExample, type ExampleOptions } from './receipt-example.ts'

let chain: TestChain
let file: ReceiptFile
let other: ReceiptFile
let deployment: Deployment

beforeAll(async () => {
  chain = await startAnvil()
  ;({ file, deployment } = await makeReceiptExample(chain, { nonce: 1n, output: 0xa0 }))
  ;({ file: other } = await makeReceiptExample(chain, { nonce: 2n, output: 0xa1 }))
})

afterAll(() => chain.stop())

const proved = (facts: readonly Fact[]) =>
  facts.filter((fact) => fact.proved).map(({ name }) => name)
const failed = (facts: readonly Fact[]) =>
  facts.filter((fact) => !fact.proved).map(({ name }) => name)

test('every fact of a whole file is proved, in one order', async () => {
  const facts = await verifyReceiptFile(file, deployment)
  expect(failed(facts).map((name) => facts.find((fact) => fact.name === name))).toEqual([])
  expect(proved(facts)).toEqual(receiptFactNames)
  expect(failed(await verifyReceiptFile(other, deployment))).toEqual([])
})

test('a file read back is the file', async () => {
  expect(jsonOf(parseReceiptFile(encodeReceiptFile(file)))).toEqual(jsonOf(file))
  expect(
    failed(await verifyReceiptFile(parseReceiptFile(encodeReceiptFile(file)), deployment)),
  ).toEqual([])
})

// Each value is some 100 ms of checking: values are taken from all over the file.
const placesMax = 120

// Changes one value at a time: a digit of a text, a number, a flag.
test('no file with one changed value is proved in full', { timeout: 600_000 }, async () => {
  const whole = jsonOf(file)
  const places = leaves(whole).filter(
    (_, index, all) => all.length < placesMax || index % Math.ceil(all.length / placesMax) === 0,
  )
  expect(places.length).toBeGreaterThan(100)
  const survivors: string[] = []
  for (const path of places) {
    const tampered = change(whole, path, flip)
    if (await provedInFull(tampered)) survivors.push(path.join('.'))
  }
  expect(survivors).toEqual([])
})

test('no file with a list entry taken away is proved in full', { timeout: 600_000 }, async () => {
  const whole = jsonOf(file)
  const survivors: string[] = []
  for (const path of lists(whole)) {
    const shorter = change(whole, path, (list) => (Array.isArray(list) ? list.slice(0, -1) : list))
    if (await provedInFull(shorter)) survivors.push(path.join('.'))
  }
  expect(survivors).toEqual([])
})

test('no file with a section of another valid receipt is proved in full', async () => {
  const swappable = Object.keys(file).filter(
    (key) => canonicalJson(jsonOf(file)[key]!) !== canonicalJson(jsonOf(other)[key]!),
  )
  expect(swappable.length).toBeGreaterThan(7)
  for (const key of swappable) {
    const swapped = { ...jsonOf(file), [key]: jsonOf(other)[key]! }
    expect([key, await provedInFull(swapped)]).toEqual([key, false])
  }
})

test('no file without a section is read', () => {
  for (const key of Object.keys(file)) {
    const { [key]: _, ...rest } = jsonOf(file)
    expect(() => parseReceiptFile(encodeUtf8(canonicalJson(rest)))).toThrow(`receipt file.${key}`)
  }
})

test.for<[string, (file: ReceiptFile) => ReceiptFile, readonly string[]]>([
  [
    'another output',
    (f) => ({ ...f, receipt: { ...f.receipt, outputDigest: f.receipt.inputsRoot } }),
    ['receipt', 'signature', 'output'],
  ],
  [
    'another operator’s signature',
    (f) => ({ ...f, operatorSignature: f.receiptSignature }),
    ['operator'],
  ],
  [
    'a judgement of three that says refuse',
    (f) => ({ ...f, judgement: { ...f.judgement, vote: { ...f.judgement.vote, verdict: 2 } } }),
    ['judgement'],
  ],
  [
    'other keepers',
    (f) => ({ ...f, shares: f.shares.map((s) => ({ ...s, operators: s.operators.toReversed() })) }),
    ['assets', 'releases'],
  ],
])('%s is said where it is wrong', async ([, tamper, wrong]) => {
  const facts = await verifyReceiptFile(tamper(file), deployment)
  expect(failed(facts).filter((name) => wrong.includes(name))).toEqual(wrong)
  expect(facts.map(({ name }) => name)).toEqual(receiptFactNames)
})

test('without a checkpoint of the committee nothing of the chain is proved', async () => {
  const facts = await verifyReceiptFile(
    { ...file, checkpointSignatures: other.checkpointSignatures },
    deployment,
  )
  // Only what needs no chain is left standing.
  expect(proved(facts)).toEqual(['deployment', 'committee', 'receipt', 'bundle'])
})

const said = async (proofs: ChainProofs): Promise<Fact | undefined> => {
  const facts = await verifyReceiptFile({ ...file, bundle: { ...file.bundle, proofs } }, deployment)
  return facts.find(({ name }) => name === 'attempt-chain')
}

describe('what an attempt proves of the chain', () => {
  test('is not proved where accounts are stripped', async () => {
    const { headers } = file.bundle.proofs
    expect(await said({ headers, accounts: [] })).toMatchObject({
      proved: false,
      detail: expect.stringMatching(/^proofs: \d+ slots are not proven$/),
    })
    const [first] = headers
    expect((await said({ headers: [first!], accounts: [] }))?.proved).toBe(false)
  })

  test('is not proved without any one slot', { timeout: 120_000 }, async () => {
    const { headers, accounts } = file.bundle.proofs
    const survivors: string[] = []
    for (const [a, account] of accounts.entries())
      for (const [s, { slot }] of account.storageProofs.entries()) {
        const storageProofs = account.storageProofs.toSpliced(s, 1)
        const fact = await said({
          headers,
          accounts: accounts.with(a, { ...account, storageProofs }),
        })
        if (fact?.proved !== false || !fact.detail.includes('1 slots are not proven'))
          survivors.push(`${account.depth} ${account.address} ${slot}`)
      }
    expect(survivors).toEqual([])
  })

  test('is not proved with a slot that nothing rests on', async () => {
    const { headers, accounts } = file.bundle.proofs
    const { height } = file.bundle.checkpoint
    const slot = slotHex(chainCells.judgement(file.posting.task).slot)
    const extra = await chain.proof(deployment.home.contracts.market, [slot], height - 2n)
    const more = accounts.map((account) =>
      account.depth === 2 && sameHex(account.address, extra.address)
        ? { ...account, storageProofs: [...account.storageProofs, ...extra.storageProofs] }
        : account,
    )
    expect(await said({ headers, accounts: more })).toMatchObject({
      proved: false,
      detail: 'proofs: 1 slots are proven that nothing rests on',
    })
  })

  test('may hold the record of a keeper that was asked in vain', async () => {
    const { headers, accounts } = file.bundle.proofs
    const { nodeRegistry } = deployment.home.contracts
    const { height } = file.bundle.checkpoint
    const { operator, measurement } = chainCells.node(nodeRegistry)
    const slots = [operator, measurement].map((cell) => slotHex(cell.slot))
    const extra = { depth: 2, ...(await chain.proof(nodeRegistry, slots, height - 2n)) }
    expect(await said({ headers, accounts: [...accounts, extra] })).toMatchObject({ proved: true })
  })

  test.for<[string, RegExp, NonNullable<ExampleOptions['alter']>]>([
    [
      'a grant was revoked',
      /^proofs\.grants\[1\]: was revoked$/,
      (put, _, [, grant]) =>
        put.set(
          chainCells.grantRevokedAt(grant!.owner, messageDigest(exampleDomain, 'Grant', grant!)),
          1n,
        ),
    ],
    [
      'all grants below a nonce were revoked',
      /^proofs\.grants\[0\]: all below nonce 99 were revoked$/,
      (put, _, [grant]) => put.set(chainCells.grantNonceMin(grant!.owner), 99n),
    ],
    [
      'the task did not run',
      /task at depth 0: state.*task at depth 2: state/,
      (put, task) => put.set(chainCells.task(task).state, 1n),
    ],
    [
      'its time was over',
      /task at depth 0: deadline.*task at depth 2: deadline/,
      (put, task) => put.set(chainCells.task(task).attemptDeadline, 1n),
    ],
    [
      'the app was denied',
      /^proofs\.app: was not listed$/,
      (put, _, [grant]) => put.set(chainCells.appStatus(grant!.apps[0]!), 2n),
    ],
    [
      'its measurement was not approved',
      /^proofs\.measurement: was not approved$/,
      (put, _, [grant]) => put.set(chainCells.measurementApproved(grant!.measurements[0]!), 0n),
    ],
    [
      'another committee was in office',
      /^proofs\.committee: got 7, expected 0$/,
      (put) => put.set(chainCells.committeeEpoch(), 7n),
    ],
  ])('is not proved where %s', async ([, detail, alter]) => {
    const own = await startAnvil()
    try {
      const made = await makeReceiptExample(own, { nonce: 3n, output: 0xa2, alter })
      const facts = await verifyReceiptFile(made.file, made.deployment)
      expect(facts.find(({ name }) => name === 'attempt-chain')).toMatchObject({
        proved: false,
        detail: expect.stringMatching(detail),
      })
    } finally {
      await own.stop()
    }
  })
})

test('another deployment proves nothing of it', async () => {
  const home = { ...deployment.home, chainId: 1 }
  const facts = await verifyReceiptFile(file, { ...deployment, home })
  expect(failed(facts)).toEqual(expect.arrayContaining(['deployment', 'committee', 'chain']))
})

test('other anchors refuse the evidence', async () => {
  const facts = await verifyReceiptFile(file, {
    ...deployment,
    anchors: [{ kind: 'production', name: 'intel-sgx-root-ca' }],
  })
  expect(failed(facts)).toEqual(['grants', 'evidence', 'appraisal', 'spending', 'output'])
})

test('more signatures than a quorum are cut, and refused where they are not', async () => {
  const extra = {
    ...file,
    judgement: {
      ...file.judgement,
      signatures: [...file.judgement.signatures, file.receiptSignature],
    },
  }
  expect(failed(await verifyReceiptFile(extra, deployment))).toContain('judgement')
  expect(trimReceiptFile(extra, deployment)).toEqual(file)
})

async function provedInFull(json: Json): Promise<boolean> {
  try {
    const facts = await verifyReceiptFile(
      parseReceiptFile(encodeUtf8(canonicalJson(json))),
      deployment,
    )
    return facts.every((fact) => fact.proved)
  } catch (error) {
    if (error instanceof Error && error.name === 'MalformedError') return false
    throw error
  }
}

function jsonOf(value: ReceiptFile): Record<string, Json> {
  const json = parseJson(parseUtf8(encodeReceiptFile(value)), 'file', {
    charactersMax: 2 ** 24,
    depthMax: 24,
  })
  return { ...Object(json) }
}

type Path = readonly (string | number)[]

function leaves(value: Json, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]))
}

function lists(value: Json, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.entries(value).flatMap(([key, member]) => lists(member, [...path, key]))
  return Array.isArray(value) && value.length > 0 ? [path, ...below] : below
}

function change(value: Json, [key, ...rest]: Path, edit: (leaf: Json) => Json): Json {
  if (key === undefined) return edit(value)
  if (Array.isArray(value))
    return value.map((item: Json, index) =>
      String(index) === key ? change(item, rest, edit) : item,
    )
  return { ...Object(value), [key]: change(Object(value)[key], rest, edit) }
}

function flip(leaf: Json): Json {
  if (typeof leaf === 'boolean') return !leaf
  if (typeof leaf === 'number') return leaf + 1
  if (typeof leaf !== 'string') return leaf
  const middle = Math.floor(leaf.length / 2)
  const at = /[0-9]/.test(leaf[middle] ?? '')
    ? middle
    : Math.max(leaf.search(/[0-9a-f](?=[^0-9a-f]*$)/), 0)
  const digit = leaf[at] === '1' ? '2' : '1'
  return `${leaf.slice(0, at)}${digit}${leaf.slice(at + 1)}`
}
