import type { Bytes } from '@cloister/codec'
import type { ProductLine } from './product.ts'

/** Security version numbers of a TCB's components. `fmc`: Turin only. */
export type SnpTcb = {
  readonly fmc?: number
  readonly bootLoader: number
  readonly tee: number
  readonly snp: number
  readonly microcode: number
}

/** A component, or a byte that is reserved. */
type Component = keyof SnpTcb | undefined

/**
 * What the bytes of a TCB_VERSION mean, lowest first: the component, and the last number of the certificate extension
 * that vouches for the byte. A reserved byte has one too.
 *
 * Spec: 56860 section 2.2 (both layouts of TCB_VERSION); 57230, table of the extensions.
 */
export const tcbLayouts: Readonly<
  Record<ProductLine, readonly { readonly component: Component; readonly extension: number }[]>
> = {
  Milan: layout(['bootLoader', 1], ['tee', 2], [4], [5], [6], [7], ['snp', 3], ['microcode', 8]),
  Genoa: layout(['bootLoader', 1], ['tee', 2], [4], [5], [6], [7], ['snp', 3], ['microcode', 8]),
  Turin: layout(
    ['fmc', 9],
    ['bootLoader', 1],
    ['tee', 2],
    ['snp', 3],
    [5],
    [6],
    [7],
    ['microcode', 8],
  ),
}

type Entry = readonly [keyof SnpTcb, number] | readonly [number]

function layout(...entries: readonly Entry[]) {
  return entries.map((entry) =>
    entry.length === 2
      ? { component: entry[0], extension: entry[1] }
      : { component: undefined, extension: entry[0] },
  )
}

/** Reads a TCB_VERSION of 8 bytes, in the layout of a product line. */
export function readTcb(bytes: Bytes, line: ProductLine): SnpTcb {
  const at = (component: Component): number => {
    const index = tcbLayouts[line].findIndex((byte) => byte.component === component)
    return bytes[index] ?? 0
  }
  return {
    ...(line === 'Turin' && { fmc: at('fmc') }),
    bootLoader: at('bootLoader'),
    tee: at('tee'),
    snp: at('snp'),
    microcode: at('microcode'),
  }
}

/** Whether every component of `tcb` is at least that of `least`: security versions have no order but this one. */
export function tcbReaches(tcb: SnpTcb, least: SnpTcb): boolean {
  return (
    // Spelled so that a least number which is no number refuses.
    (tcb.fmc ?? 0) >= (least.fmc ?? 0) &&
    tcb.bootLoader >= least.bootLoader &&
    tcb.tee >= least.tee &&
    tcb.snp >= least.snp &&
    tcb.microcode >= least.microcode
  )
}

/** A TCB in words. */
export function describeTcb(tcb: SnpTcb): string {
  const fmc = tcb.fmc === undefined ? '' : `fmc ${tcb.fmc}, `
  return `${fmc}bootLoader ${tcb.bootLoader}, tee ${tcb.tee}, snp ${tcb.snp}, microcode ${tcb.microcode}`
}
