import type { PartStore } from '@cloister/protocol'
import { storedBytesMax } from '@cloister/protocol'
import type { Hex } from 'viem'

import { getObject, hasObject, putObject, type Fetch } from './peer.ts'

/**
 * The object routes of a node as a store, which anybody may fill. What is there cannot be listed or deleted by strangers. Spec: docs/protocol.md
 * section 8.
 */
export function nodeStore(
  url: string,
  fetch: Fetch = (input, init) => globalThis.fetch(input, init),
): Pick<PartStore, 'name' | 'has' | 'get' | 'put'> {
  return {
    name: url,
    has: (digest) => hasObject(fetch, url, hexOf(digest)),
    put: (digest, bytes) => putObject(fetch, url, hexOf(digest), bytes),
    get: async (digest, range, bytesMax = storedBytesMax) => {
      const bytes = await getObject(fetch, [url], hexOf(digest), bytesMax)
      return range === undefined ? bytes : bytes.slice(range.offset, range.offset + range.length)
    },
  }
}

function hexOf(digest: string): Hex {
  return `0x${digest}`
}
