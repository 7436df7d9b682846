/** How a tensor type stores its numbers: so many of them in a block of so many bytes. */
export type GgufType = {
  readonly name: string
  readonly block: number
  readonly blockBytes: number
}

/** Tensor types that a language model may use, by their number. Spec: ggml-org/ggml, include/ggml.h, ggml_type. */
export const ggufTypes: Readonly<Record<number, GgufType>> = {
  0: { name: 'F32', block: 1, blockBytes: 4 },
  1: { name: 'F16', block: 1, blockBytes: 2 },
  2: { name: 'Q4_0', block: 32, blockBytes: 18 },
  3: { name: 'Q4_1', block: 32, blockBytes: 20 },
  6: { name: 'Q5_0', block: 32, blockBytes: 22 },
  7: { name: 'Q5_1', block: 32, blockBytes: 24 },
  8: { name: 'Q8_0', block: 32, blockBytes: 34 },
  10: { name: 'Q2_K', block: 256, blockBytes: 84 },
  11: { name: 'Q3_K', block: 256, blockBytes: 110 },
  12: { name: 'Q4_K', block: 256, blockBytes: 144 },
  13: { name: 'Q5_K', block: 256, blockBytes: 176 },
  14: { name: 'Q6_K', block: 256, blockBytes: 210 },
  15: { name: 'Q8_K', block: 256, blockBytes: 292 },
  24: { name: 'I8', block: 1, blockBytes: 1 },
  25: { name: 'I16', block: 1, blockBytes: 2 },
  26: { name: 'I32', block: 1, blockBytes: 4 },
  30: { name: 'BF16', block: 1, blockBytes: 2 },
}
