import { storedBytesMax, type PartStore } from '@cloister/protocol'

import { ObjectStore } from '../object-store.ts'

// The disk is the limit: this is an owner's own folder.
const limits = { objectBytesMax: storedBytesMax, totalBytesMax: Number.MAX_SAFE_INTEGER }

/**
 * A local folder as a store. An object is there whole or not at all, also after a crash. One process at a time.
 *
 * @throws {OperationError} `store-unusable`, `store-full`.
 */
export async function openFolderStore(folder: string): Promise<PartStore> {
  const store = await ObjectStore.open(folder, limits)
  return {
    name: folder,
    has: (digest) => store.has(digest),
    get: (digest, range, bytesMax = storedBytesMax) => store.get(digest, range, bytesMax),
    put: async (digest, bytes) => {
      if (!(await store.has(digest))) await store.put(digest, bytes)
    },
    list: async function* () {
      for (const digest of await store.list()) yield digest
    },
    delete: async (digest) => {
      await store.delete(digest)
    },
  }
}
