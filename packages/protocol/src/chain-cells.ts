import type { Address, Hex } from 'viem'

import { storageStructs, storageVariables } from './generated/storage.ts'
import { mappingSlot, packedField, structSlot } from './storage-slots.ts'

/** A contract of the home chain, by its name in a deployment's manifest. */
export type ContractName = Exclude<keyof typeof storageVariables, 'spokeToken' | 'spokePayout'>

/** Where one value lies: a contract's slot, and the bytes of it, counted from its low end. */
export type StorageCell = {
  readonly contract: ContractName
  readonly slot: bigint
  readonly offset: number
  readonly bytes: number
}

/** A struct whose fields the generated layout describes. */
export type StructName = keyof typeof storageStructs

/** A cell for each field of a struct. */
export type StructCells<S extends StructName> = {
  readonly [F in keyof (typeof storageStructs)[S]['fields']]: StorageCell
}

/**
 * Where the chain keeps what enclaves and receipts rest on, computed from the compiler's own layout.
 *
 * Spec: docs/protocol.md section 11.
 */
export const chainCells = {
  /** A task in the Market. */
  task: (task: Hex): StructCells<'Task'> =>
    structCells('market', mappingSlot(variable('market', 'tasks'), task), 'Task'),
  /** One attempt of a task, kept for ever. */
  attempt: (task: Hex, attempt: number): StructCells<'Attempt'> => {
    const attempts = mappingSlot(variable('market', 'attempts'), task)
    return structCells('market', mappingSlot(attempts, BigInt(attempt)), 'Attempt')
  },
  /** The digest of the vote that a task was accepted by. */
  judgement: (task: Hex): StorageCell =>
    mapped('settlement', variable('settlement', 'judgementOf'), task, 32),
  /** An asset as it was registered. */
  asset: (asset: Hex): StructCells<'Asset'> =>
    structCells('assetRegistry', mappingSlot(variable('assetRegistry', 'assets'), asset), 'Asset'),
  /** When an owner revoked one grant; zero if never. */
  grantRevokedAt: (owner: Address, grant: Hex): StorageCell => {
    const byOwner = mappingSlot(variable('assetRegistry', 'revokedAt'), owner)
    return mapped('assetRegistry', byOwner, grant, 8)
  },
  /** The nonce below which an owner revoked all grants. */
  grantNonceMin: (owner: Address): StorageCell =>
    mapped('assetRegistry', variable('assetRegistry', 'nonceMinOf'), owner, 8),
  /** Until when a release key approves a measurement; zero if it never did. */
  approvedUntil: (releaseKey: Address, measurement: Hex): StorageCell => {
    const byKey = mappingSlot(variable('releaseKeys', 'approvedUntil'), releaseKey)
    return mapped('releaseKeys', byKey, measurement, 8)
  },
  /** What was admitted under a receipt key. */
  node: (receiptKey: Address): StructCells<'NodeRecord'> =>
    structCells(
      'nodeRegistry',
      mappingSlot(variable('nodeRegistry', 'records'), receiptKey),
      'NodeRecord',
    ),
  /** The collateral numbers that evidence must reach. */
  floor: (): StructCells<'Collateral'> =>
    structCells('nodeRegistry', variable('nodeRegistry', 'floor'), 'Collateral'),
  /** An app's status: 0 none, 1 listed, 2 denied. */
  appStatus: (app: Hex): StorageCell =>
    mapped('appRegistry', variable('appRegistry', 'statusOf'), app, 1),
  /** Whether a measurement may run apps. */
  measurementApproved: (measurement: Hex): StorageCell =>
    mapped('appRegistry', variable('appRegistry', 'approved'), measurement, 1),
  /** The committee's newest epoch. */
  committeeEpoch: (): StorageCell => {
    const { slot, offset, bytes } = storageVariables.committee.epoch
    return { contract: 'committee', slot: BigInt(slot), offset, bytes }
  },
  /** The hash of the committee of an epoch. */
  membersHash: (epoch: bigint): StorageCell =>
    mapped('committee', variable('committee', 'membersHashAt'), epoch, 32),
} as const

/** A cell's value, given the word in its slot. */
export function cellValue(cell: StorageCell, word: bigint): bigint {
  return packedField(word, cell.offset, cell.bytes)
}

type Variables<C extends ContractName> = (typeof storageVariables)[C]

function variable<C extends ContractName>(contract: C, name: keyof Variables<C>): bigint {
  const found: unknown = storageVariables[contract][name]
  if (!hasSlot(found)) throw new TypeError(`There is no variable ${String(name)} in ${contract}`)
  return BigInt(found.slot)
}

function mapped(contract: ContractName, slot: bigint, key: Hex | bigint, bytes: number) {
  return { contract, slot: mappingSlot(slot, key), offset: 0, bytes }
}

function structCells<S extends StructName>(
  contract: ContractName,
  base: bigint,
  struct: S,
): StructCells<S> {
  const cells = Object.fromEntries(
    Object.entries(storageStructs[struct].fields).map(([name, { slot, offset, bytes }]) => [
      name,
      { contract, slot: structSlot(base, slot), offset, bytes },
    ]),
  )
  if (!hasFields(cells, struct)) throw new TypeError(`${struct} lacks a field`)
  return cells
}

function hasFields<S extends StructName>(
  cells: Readonly<Record<string, StorageCell>>,
  struct: S,
): cells is StructCells<S> {
  return Object.keys(storageStructs[struct].fields).every((name) => Object.hasOwn(cells, name))
}

function hasSlot(value: unknown): value is { readonly slot: number } {
  return (
    typeof value === 'object' && value !== null && 'slot' in value && typeof value.slot === 'number'
  )
}
