// What the page of browser-sealing.test.ts runs: a file picker, and a button's worth of code behind it.
import { parseHex } from '@cloister/codec'
import { PartsReader } from '@cloister/seal'

import {
  assetContext,
  nodeStore,
  openSealStates,
  sealFile,
  type PickedFile,
  type SealedFile,
} from '../src/index.ts'

declare const window: { sealingPage: typeof page }
declare const document: {
  readonly querySelector: (name: string) => { readonly files: readonly PickedFile[] } | null
}

const owner = '0x00000000000000000000000000000000000000AA'

let sealed: SealedFile | undefined

function picked(): PickedFile {
  const file = document.querySelector('input')?.files[0]
  if (file === undefined) throw new Error('Nothing was picked')
  return file
}

/** What the test asks the page for. */
export const page = {
  /** Seals what was picked and stores it; errors by their code. */
  async seal(store: string, id?: string) {
    const states = await openSealStates()
    const startedAt = performance.now()
    try {
      sealed = await sealFile(picked(), [nodeStore(store)], {
        ...{ owner, states },
        ...(id === undefined ? {} : { id }),
      })
    } catch (error) {
      return { error: String(error), root: '', resumedAt: 0, parts: [], seconds: 0 }
    }
    const { root, resumedAt, list } = sealed
    const seconds = (performance.now() - startedAt) / 1000
    return { error: '', root, resumedAt, parts: list.parts, seconds }
  },

  /** Whether ranges of what is in the store are those of the file. */
  async opens(store: string, offsets: readonly number[]): Promise<boolean> {
    if (sealed === undefined) return false
    const file = picked()
    const { get } = nodeStore(store)
    const context = assetContext(sealed.owner, sealed.salt)
    const read = ({ digest, bytes }: { digest: string; bytes: number }) =>
      get(digest, undefined, bytes)
    const reader = new PartsReader(sealed.dataKey.reveal(), context, sealed.list, read)
    for (const offset of offsets) {
      const opened = await reader.read(offset, 70_000)
      const plain = new Uint8Array(await file.slice(offset, offset + 70_000).arrayBuffer())
      if (opened.some((byte, index) => byte !== plain[index])) return false
    }
    return true
  },

  /** What lies in the browser's storage: whether its key can be taken out, and whether the data key is there as it is. */
  async stored() {
    const states = await openSealStates()
    const { name, size, lastModified } = picked()
    const id = `${owner.toLowerCase()}/${name}/${size}/${lastModified}`
    const state = await states.load(id)
    if (state === undefined || sealed === undefined) return undefined
    const { wrappingKey, wrappedKey, parts } = state
    const exported = await crypto.subtle.exportKey('raw', wrappingKey).then(
      () => 'exported',
      () => 'refused',
    )
    const key = parseHex(sealed.root).length === 32 ? sealed.dataKey.reveal() : new Uint8Array()
    const bare = JSON.stringify([...wrappedKey]).includes([...key].join(','))
    return { extractable: wrappingKey.extractable, exported, bare, parts: parts.length }
  },
}

if (typeof window !== 'undefined') window.sealingPage = page
