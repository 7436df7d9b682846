/** What an output can be. Any bytes at all are `bytes`, so a grant that allows these allows every format. */
export const outputFormatBits = {
  bytes: 1,
  json: 2,
  csv: 4,
  onnx: 8,
  safetensors: 16,
  text: 32,
} as const

/** The format of an output. */
export type OutputFormat = keyof typeof outputFormatBits

/** The set of all formats. */
export const allOutputFormats = 63

/** Whether a word names a format. */
export function isOutputFormat(name: string): name is OutputFormat {
  return Object.hasOwn(outputFormatBits, name)
}

/** The set of these formats. */
export function outputFormatSet(formats: readonly OutputFormat[]): number {
  return formats.reduce((set, format) => set | outputFormatBits[format], 0)
}

/** The formats of a set, in the order of their bits. */
export function outputFormatsOf(set: number): readonly OutputFormat[] {
  return Object.keys(outputFormatBits)
    .filter(isOutputFormat)
    .filter((format) => (set & outputFormatBits[format]) !== 0)
}

/** Whether a number is a set of formats: not empty, and nothing in it that has no name. */
export function isOutputFormatSet(set: number): boolean {
  return set >= 1 && set <= allOutputFormats
}
