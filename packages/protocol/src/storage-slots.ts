import { encodeAbiParameters, keccak256, padHex, toHex, type Hex } from 'viem'

const words = 1n << 256n

/** The slot of `mapping[key]`, where `key` is of a value type: an address, a number or bytes32. Spec: Solidity storage layout. */
export function mappingSlot(slot: bigint, key: Hex | bigint): bigint {
  const word = typeof key === 'bigint' ? toHex(key, { size: 32 }) : padHex(key, { size: 32 })
  return BigInt(
    keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [word, slot])),
  )
}

/** The slot of word `index` of a dynamic array's contents. Spec: Solidity storage layout. */
export function arraySlot(slot: bigint, index: bigint): bigint {
  const start = keccak256(encodeAbiParameters([{ type: 'uint256' }], [slot]))
  return (BigInt(start) + index) % words
}

/** The slot of a struct's member that begins `offset` words into it. */
export function structSlot(slot: bigint, offset: number | bigint): bigint {
  return (slot + BigInt(offset)) % words
}

/** A slot as the 32 bytes that `eth_getProof` takes. */
export function slotHex(slot: bigint): Hex {
  return toHex(slot, { size: 32 })
}

/** The member of a packed word that begins `offset` bytes from its right end and is `bytes` long. */
export function packedField(word: bigint, offset: number, bytes: number): bigint {
  return (word >> BigInt(offset * 8)) & ((1n << BigInt(bytes * 8)) - 1n)
}
