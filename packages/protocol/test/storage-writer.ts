import { slotHex, type Contracts, type StorageCell } from '@cloister/protocol'
import { toHex, type Address } from 'viem'

import type { TestChain } from './anvil.ts'

/** Writes packed values into a chain's storage, word by word. */
export class StorageWriter {
  readonly #chain: TestChain
  readonly #contracts: Contracts
  readonly #words = new Map<string, { address: Address; slot: bigint; value: bigint }>()

  constructor(chain: TestChain, contracts: Contracts) {
    this.#chain = chain
    this.#contracts = contracts
  }

  set(cell: StorageCell, value: bigint): void {
    const account = this.#contracts[cell.contract]
    const key = `${account} ${cell.slot}`
    const before = this.#words.get(key)?.value ?? 0n
    const mask = ((1n << BigInt(cell.bytes * 8)) - 1n) << BigInt(cell.offset * 8)
    const next = (before & ~mask) | (value << BigInt(cell.offset * 8))
    this.#words.set(key, { address: account, slot: cell.slot, value: next })
  }

  async flush(): Promise<void> {
    for (const { address: account, slot, value } of this.#words.values())
      await this.#chain.store(account, slotHex(slot), toHex(value, { size: 32 }))
    await this.#chain.mine(1)
  }
}
