import type { ProductLine, SnpTcb } from '@cloister/attest'
import { assert, type Bytes } from '@cloister/codec'

/** A TCB that the default policy accepts, and every component differs. */
export const currentTcb: Readonly<Record<ProductLine, SnpTcb>> = {
  Milan: { bootLoader: 4, tee: 1, snp: 0x1d, microcode: 0xde },
  Genoa: { bootLoader: 10, tee: 1, snp: 0x1c, microcode: 0x56 },
  Turin: { fmc: 2, bootLoader: 3, tee: 1, snp: 5, microcode: 0x51 },
}

/** Writes a TCB_VERSION. Spec: 56860 section 2.2. */
export function encodeTcb(tcb: SnpTcb, line: ProductLine): Bytes {
  const { fmc = 0, bootLoader, tee, snp, microcode } = tcb
  const bytes =
    line === 'Turin'
      ? [fmc, bootLoader, tee, snp, 0, 0, 0, microcode]
      : [bootLoader, tee, 0, 0, 0, 0, snp, microcode]
  for (const byte of bytes)
    assert(Number.isInteger(byte) && byte >= 0 && byte < 256, `${byte} is not a security version`)
  return Uint8Array.from(bytes)
}
