import { MalformedError, parseHex } from '@cloister/codec'
import { verifyMerkleProof } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { bytesToHex, keccak256, type Address, type Hex } from 'viem'

import { sameHex } from './ids.ts'
import { limits } from './limits.ts'
import { slotHex } from './storage-slots.ts'

/** An account under a state root. */
export type Account = {
  readonly nonce: bigint
  readonly balance: bigint
  readonly storageRoot: Hex
  readonly codeHash: Hex
}

// keccak256 of the RLP of an empty string: the root of a trie that holds nothing.
const emptyRoot = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

/**
 * The account that `proof` shows under `stateRoot`; undefined where it shows that there is none.
 *
 * @throws {MalformedError} where the nodes prove neither.
 */
export async function verifyAccountProof(
  stateRoot: Hex,
  address: Address,
  proof: readonly Hex[],
): Promise<Account | undefined> {
  const value = await proven(stateRoot, address, proof, `account proof of ${address}`)
  if (value === undefined) return undefined
  const fields: unknown = decode(value, 'account')
  const [nonce, balance, storageRoot, codeHash] = Array.isArray(fields) ? fields : []
  if (
    !Array.isArray(fields) ||
    fields.length !== 4 ||
    !(nonce instanceof Uint8Array) ||
    !(balance instanceof Uint8Array) ||
    !(storageRoot instanceof Uint8Array) ||
    !(codeHash instanceof Uint8Array) ||
    nonce.length > 8 ||
    balance.length > 32 ||
    storageRoot.length !== 32 ||
    codeHash.length !== 32
  )
    throw new MalformedError('account', 0, 'not nonce, balance, storage root and code hash')
  return {
    nonce: numberOf(nonce),
    balance: numberOf(balance),
    storageRoot: bytesToHex(storageRoot),
    codeHash: bytesToHex(codeHash),
  }
}

/**
 * The word that `proof` shows in `slot` under an account's storage root. Zero is proven, too: by a
 * proof that nothing is there.
 *
 * @throws {MalformedError} where the nodes prove nothing.
 */
export async function verifyStorageProof(
  storageRoot: Hex,
  slot: bigint,
  proof: readonly Hex[],
): Promise<bigint> {
  const key = slotHex(slot)
  const value = await proven(storageRoot, key, proof, `storage proof of ${key}`)
  if (value === undefined) return 0n
  const word: unknown = decode(value, 'storage word')
  // A chain deletes what becomes zero; anvil keeps it, as an empty string. Both mean zero.
  if (!(word instanceof Uint8Array) || word.length > 32 || word[0] === 0)
    throw new MalformedError('storage word', 0, 'not a word without leading zeros')
  return numberOf(word)
}

async function proven(
  root: Hex,
  key: Hex,
  proof: readonly Hex[],
  field: string,
): Promise<Uint8Array | undefined> {
  if (proof.length > limits.proofNodesMax)
    throw new MalformedError(
      field,
      0,
      `${proof.length} nodes, at most ${limits.proofNodesMax} are read`,
    )
  const nodes = proof.map((node, index) => {
    if ((node.length - 2) / 2 > limits.proofNodeBytesMax)
      throw new MalformedError(`${field} node ${index}`, 0, 'longer than a branch node')
    return parseHex(node, `${field} node ${index}`)
  })
  // An empty trie is shown by no node at all, or by the node that holds nothing.
  if (sameHex(root, emptyRoot)) {
    if (nodes.length === 0 || (nodes.length === 1 && keccak256(nodes[0] ?? '0x') === emptyRoot))
      return undefined
    throw new MalformedError(field, 0, 'nodes under the root of an empty trie')
  }
  if (nodes.length === 0) throw new MalformedError(field, 0, 'no node, the trie is not empty')
  try {
    const value = await verifyMerkleProof(parseHex(key, field), nodes, {
      root: parseHex(root, field),
      useKeyHashing: true,
    })
    return value ?? undefined
  } catch (cause) {
    throw new MalformedError(field, 0, `its nodes do not lead from ${root} to the key`, { cause })
  }
}

function decode(value: Uint8Array, field: string): unknown {
  try {
    return RLP.decode(value)
  } catch (cause) {
    throw new MalformedError(field, 0, 'not RLP', { cause })
  }
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(bytesToHex(bytes))
}
