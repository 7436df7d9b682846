import type { Bytes } from '@cloister/codec'

/** Bytes of a digest by its algorithm's number. Spec: TCG Algorithm Registry, table 3. */
const digestBytes: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48, 13: 64, 18: 32 }
const noAction = 3

/**
 * Which bytes of a crypto agile event log PCRs of one bank bear out, or its form depends on: digests of that bank in
 * events that are extended, and how many digests there are.
 *
 * Read independently of the package's own parser.
 * Spec: TCG PC Client Platform Firmware Profile, 10.2.
 */
export function bornOutBytes(log: Bytes, algorithm: number): readonly boolean[] {
  const view = new DataView(log.buffer, log.byteOffset, log.length)
  const bornOut = Array.from(log, () => false)
  const mark = (from: number, size: number): void => {
    bornOut.fill(true, from, from + size)
  }
  // The first event is of the older form, and lists the algorithms. Its PCR, its digest, and what
  // platform it is, say nothing.
  const first = 32 + view.getUint32(28, true)
  mark(4, 4)
  mark(28, 20)
  mark(56, first - 56)
  for (let at = first; at + 12 <= log.length && view.getUint32(at + 4, true) !== 0;) {
    const isExtended = view.getUint32(at + 4, true) !== noAction
    if (isExtended) mark(at, 4)
    mark(at + 8, 4)
    const count = view.getUint32(at + 8, true)
    at += 12
    for (let index = 0; index < count; index++) {
      const id = view.getUint16(at, true)
      const size = digestBytes[id] ?? 0
      mark(at, 2)
      if (isExtended && id === algorithm) mark(at + 2, size)
      at += 2 + size
    }
    // How long the data are is borne out as little as they are: their end may read as events that extend nothing.
    at += 4 + view.getUint32(at, true)
  }
  return bornOut
}
