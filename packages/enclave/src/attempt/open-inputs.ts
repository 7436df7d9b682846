import { OperationError, type Bytes } from '@cloister/codec'
import type { AppRole } from '@cloister/learn'
import {
  combineShares,
  parsePartsList,
  partsListBytesMax,
  PartsReader,
  plainSize,
} from '@cloister/seal'
import type { Hex } from 'viem'

import type { EnclaveContext } from '../enclave-context.ts'
import { readBytes, readWhole } from '../object-store.ts'
import { assetContext } from '../sealed-context.ts'
import type { AttemptAsset } from './prepare-attempt.ts'

/** One sealed input of an attempt, with its key: it is opened where it is read, and nothing else of it. */
export type SealedInput = {
  readonly role: AppRole
  /** Bytes of its plaintext. */
  readonly size: number
  /**
   * Opens `length` bytes from `offset` on. Every part is fetched, held against the asset's root, and only then opened; the last
   * few stay open, so that reading forward fetches each part once. The caller wipes what it gets.
   *
   * @throws {OperationError} `out-of-range`, `part-refused`, `wrong-key`, `tampered`, `closed`, or the host's.
   */
  readonly read: (offset: number, length: number) => Promise<Bytes>
  /** Overwrites its key and what is still open of it. */
  readonly close: () => void
}

/** Opened parts of 16 MiB that one input keeps. */
const partsKept = 4

/**
 * Gets a sealed asset ready to be read with the key that its shares give. Its parts list is the object that its root names. `withKey` may
 * use that key while it is there; it is overwritten afterwards.
 *
 * @throws {OperationError} `object-refused`, `object-too-large`, or of the seal package; no byte of it is in the message.
 */
export async function openInput(
  { host }: Pick<EnclaveContext, 'host'>,
  { facts, keepers, role, bytesMax }: AttemptAsset,
  shares: readonly Bytes[],
  withKey: (key: Bytes) => Promise<void> = () => Promise.resolve(),
): Promise<SealedInput> {
  const list = parsePartsList(await readWhole(host, facts.root, partsListBytesMax))
  const size = plainSize(list.bytes)
  if (size > bytesMax)
    throw new OperationError(
      'object-too-large',
      `Cannot open object ${facts.root}: it has ${size} bytes, the app takes at most ${bytesMax} as ${role}`,
    )
  const key = await combineShares(shares)
  try {
    await withKey(key)
    const readPart = ({ digest, bytes }: { digest: string; bytes: number }): Promise<Bytes> =>
      readBytes(host, hexOf(digest), bytes)
    const context = assetContext(facts.owner, keepers.salt)
    const reader = new PartsReader(key, context, list, readPart, { partsKept })
    await reader.ready() // A wrong key is better known before the app starts.
    return {
      role,
      size,
      read: (offset, length) => reader.read(offset, length),
      close: () => reader.close(),
    }
  } finally {
    key.fill(0)
  }
}

/** Overwrites the keys of inputs, and what is open of them. */
export function closeInputs(inputs: readonly SealedInput[]): void {
  for (const input of inputs) input.close()
}

function hexOf(digest: string): Hex {
  return `0x${digest}`
}
