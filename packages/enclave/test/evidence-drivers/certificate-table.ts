import { parseHex, type Bytes } from '@cloister/codec'

/** What stands in a table: GUID as it is printed, and content. */
export type Entry = readonly [guid: string, content: Bytes]

/** GUIDs of AMD's GHCB specification, 4.1.8.1, and of its host tools. */
export const guids = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  crl: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
} as const

/** A table as a host writes it: entries of 24 bytes, an end of zeros, then what they point to, in whole pages. */
export function tableOf(entries: readonly Entry[]): Bytes {
  let offset = (entries.length + 1) * 24
  const end = entries.reduce((sum, [, content]) => sum + content.length, offset)
  const table = new Uint8Array(Math.ceil(end / 4096) * 4096)
  const view = new DataView(table.buffer)
  for (const [index, [guid, content]] of entries.entries()) {
    table.set(parseHex(guid.replaceAll('-', '')), index * 24)
    view.setUint32(index * 24 + 16, offset, true)
    view.setUint32(index * 24 + 20, content.length, true)
    table.set(content, offset)
    offset += content.length
  }
  return table
}
