// Writes the vectors that Solidity and TypeScript are both checked against. Types come from the text of docs/protocol.md and
// hashes from viem, so neither implementation is the source of its own expectation.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

import {
  concat,
  domainSeparator,
  encodeAbiParameters,
  getAddress,
  hashTypedData,
  keccak256,
  toHex,
  type Address,
  type Hex,
} from 'viem'

type Field = { readonly name: string; readonly type: string }

const folder = 'packages/protocol/test/vectors'
// Provenance, of section 14, is read by no contract.
const [law = ''] = readFileSync('docs/protocol.md', 'utf8').split('\n## 14. ')
const types = readTypes(law)
const domain = {
  name: 'Cloister',
  version: '1',
  chainId: 31_337n,
  verifyingContract: address('ledger'),
} as const
const deployment = domainSeparator({ domain })

mkdirSync(folder, { recursive: true })
write('messages', messages())
write('ids', identifiers())
write('draw', draws())
write('split', splits())

/** Every EIP-712 type that the law spells out, by name. */
function readTypes(text: string): ReadonlyMap<string, readonly Field[]> {
  const field = String.raw`(?:address|bytes32|bool|string|uint\d+)(?:\[\])?\s\w+`
  const pattern = new RegExp(String.raw`\b([A-Z]\w+)\((${field}(?:,\s*${field})*)\)`, 'g')
  return new Map(
    [...text.matchAll(pattern)].map(([, name = '', list = '']) => [
      name,
      list.split(/,\s*/).map((each) => {
        const [type = '', field_ = ''] = each.split(/\s+/)
        return { name: field_, type }
      }),
    ]),
  )
}

function messages(): object {
  const entries = [...types].map(([name, fields]) => {
    const message = Object.fromEntries(
      fields.map(({ name: field, type }) => [field, sample(`${name}.${field}`, type)]),
    )
    const type = `${name}(${fields.map((field) => `${field.type} ${field.name}`).join(',')})`
    const digest = hashTypedData({ domain, types: { [name]: fields }, primaryType: name, message })
    return [name, { type, typeHash: keccak256(toHex(type)), message, digest }]
  })
  return { domain: { ...domain, separator: deployment }, messages: Object.fromEntries(entries) }
}

/** A value that no other field has: wide numbers use their whole width, lists have two or three items. */
function sample(seed: string, type: string): unknown {
  const hash = keccak256(toHex(seed))
  if (type.endsWith('[]')) {
    const count = 2 + (Number(BigInt(hash)) % 2)
    return Array.from({ length: count }, (_, i) => sample(`${seed}.${i}`, type.slice(0, -2)))
  }
  if (type === 'bytes32') return hash
  if (type === 'address') return address(seed)
  if (type === 'bool') return BigInt(hash) % 2n === 0n
  if (type === 'string') return `Für ${seed}: 肿瘤分类, "quoted" \\ and\nbroken`
  const bits = BigInt(type.slice('uint'.length))
  return (BigInt(hash) % (1n << bits)) | (1n << (bits - 1n))
}

function identifiers(): object {
  const [owner, root, salt] = [address('owner'), word('root'), word('salt')]
  const members = ['a', 'b', 'c', 'd']
    .map(address)
    .toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
  const commitments = [word('commitment 0'), word('commitment 1'), word('commitment 2')] as const
  const operators = [address('keeper 0'), address('keeper 1'), address('keeper 2')] as const
  const words = [word('digest 0'), word('digest 1')]
  const leaf = { account: address('payee'), cumulativeWei: 123_456_789_012_345_678_901n }
  return {
    asset: {
      deployment,
      owner,
      root,
      salt,
      id: abiHash(
        ['bytes32', 'bytes32', 'address', 'bytes32', 'bytes32'],
        [word('cloister/asset/1'), deployment, owner, root, salt],
      ),
    },
    task: {
      orderDigest: word('order'),
      id: abiHash(['bytes32', 'bytes32'], [word('cloister/task/1'), word('order')]),
    },
    replicas: {
      task: word('task'),
      ids: [
        word('task'),
        ...[1n, 2n].map((position) =>
          abiHash(
            ['bytes32', 'bytes32', 'uint256'],
            [word('cloister/replica/1'), word('task'), position],
          ),
        ),
      ],
    },
    members: { list: members, hash: abiHash(['address[]'], [members]) },
    keepers: {
      list: members,
      hash: keccak256(
        concat(members.map((each) => `0x${'0'.repeat(24)}${each.slice(2)}` as const)),
      ),
    },
    shares: {
      commitments,
      operators,
      threshold: 2,
      hash: abiHash(['bytes32[3]', 'address[3]', 'uint8'], [commitments, operators, 2]),
    },
    root: { words, hash: keccak256(concat(words)) },
    payoutLeaf: {
      ...leaf,
      hash: keccak256(abiHash(['address', 'uint256'], [leaf.account, leaf.cumulativeWei])),
    },
  }
}

/** Pools laid end to end, leaf by leaf, and for each candidate of a draw its point and the leaf that covers it. */
function draws(): object {
  const ether = 10n ** 18n
  const pools: readonly (readonly bigint[])[] = [
    [ether],
    [ether, 2n * ether, 3n * ether],
    [0n, 5n, 0n, 0n, 7n, 1n, 0n, 1_000_000n],
    Array.from({ length: 100 }, (_, i) => BigInt(keccak256(toHex(`weight ${i}`))) >> 160n),
  ]
  return pools.map((weights, i) => {
    const [blockHash, task, attempt] = [word(`block ${i}`), word(`task ${i}`), BigInt(i + 1)]
    const seed = abiHash(['bytes32', 'bytes32', 'uint256'], [blockHash, task, attempt])
    const total = weights.reduce((sum, weight) => sum + weight, 0n)
    const points = Array.from(
      { length: 32 },
      (_, candidate) => BigInt(abiHash(['bytes32', 'uint256'], [seed, BigInt(candidate)])) % total,
    )
    const leaves = points.map((point) => {
      let end = 0n
      return weights.findIndex((weight) => point < (end += weight))
    })
    return { blockHash, task, attempt, weights, seed, total, points, leaves }
  })
}

/** Fees split by hand: parts per million of the law, every share rounded down, the rest the treasury's. */
function splits(): object {
  const cases = [
    { feeWei: 10n ** 18n, pricesWei: [3n, 2n, 1n], keepers: 3, verifiers: 4 },
    { feeWei: 1n, pricesWei: [0n], keepers: 2, verifiers: 3 },
    { feeWei: 999_999_999_999_999_989n, pricesWei: [0n, 0n, 0n], keepers: 3, verifiers: 3 },
    {
      feeWei: 79_228_162_514_264_337_593_543_950_335n,
      pricesWei: [1n, 10n ** 28n],
      keepers: 6,
      verifiers: 31,
    },
    { feeWei: 1_000_003n, pricesWei: [700_002n, 0n], keepers: 2, verifiers: 3 },
  ]
  return cases.map(({ feeWei, pricesWei, keepers, verifiers }) => {
    const prices = pricesWei.reduce((sum, price) => sum + price, 0n)
    const ofOwners = (feeWei * 70n) / 100n
    const ownersWei = pricesWei.map((price) =>
      prices > 0n ? (ofOwners * price) / prices : ofOwners / BigInt(pricesWei.length),
    )
    const nodeWei = feeWei / 5n
    const keeperWei = (feeWei * 4n) / 100n / BigInt(keepers)
    const verifierWei = (feeWei * 4n) / 100n / BigInt(verifiers)
    const paid = ownersWei.reduce((sum, part) => sum + part, nodeWei)
    const treasuryWei =
      feeWei - paid - keeperWei * BigInt(keepers) - verifierWei * BigInt(verifiers)
    return {
      feeWei,
      pricesWei,
      keepers,
      verifiers,
      ownersWei,
      nodeWei,
      keeperWei,
      verifierWei,
      treasuryWei,
    }
  })
}

function abiHash(kinds: readonly string[], values: readonly unknown[]): Hex {
  return keccak256(
    encodeAbiParameters(
      kinds.map((type) => ({ type })),
      values,
    ),
  )
}

function address(seed: string): Address {
  return getAddress(`0x${keccak256(toHex(seed)).slice(-40)}`)
}

function word(seed: string): Hex {
  return keccak256(toHex(seed))
}

/** Numbers wider than JSON's are decimal strings. */
function write(name: string, value: object): void {
  const path = `${folder}/${name}.json`
  const text = JSON.stringify(
    value,
    (_, each) => (typeof each === 'bigint' ? String(each) : each),
    2,
  )
  writeFileSync(path, `${text}\n`)
  console.log(`wrote ${path}`)
}
