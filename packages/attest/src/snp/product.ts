import type { ProductionAnchorName } from '../anchors.ts'

/** AMD's product lines with SEV-SNP, as AMD's key service names them: one root key each. */
export const productLines = ['Milan', 'Genoa', 'Turin'] as const

/** One of {@link productLines}. Genoa's covers Bergamo and Siena. */
export type ProductLine = (typeof productLines)[number]

/** The root of each product line. */
export const amdRoots: Readonly<Record<ProductLine, ProductionAnchorName>> = {
  Milan: 'amd-ark-milan',
  Genoa: 'amd-ark-genoa',
  Turin: 'amd-ark-turin',
}

/** Family (extended and base added), first and last model of each product line. */
const models: readonly (readonly [family: number, first: number, last: number, ProductLine])[] = [
  [0x19, 0x00, 0x0f, 'Milan'],
  [0x19, 0x10, 0x1f, 'Genoa'],
  [0x19, 0xa0, 0xaf, 'Genoa'], // Bergamo and Siena.
  [0x1a, 0x00, 0x1f, 'Turin'],
]

/** Which line a processor is of, by its CPUID. Undefined for one that is not known here. */
export function productLineOfCpu(cpuid: {
  readonly family: number
  readonly model: number
}): ProductLine | undefined {
  return models.find(
    ([family, first, last]) =>
      cpuid.family === family && cpuid.model >= first && cpuid.model <= last,
  )?.[3]
}

const linesByName: Readonly<Record<string, ProductLine>> = {
  Milan: 'Milan',
  Genoa: 'Genoa',
  Bergamo: 'Genoa',
  Siena: 'Genoa',
  Turin: 'Turin',
}

/**
 * Which line a product name is of: the line's or a member's name, then possibly a hyphen and a stepping (`Milan-B0`).
 *
 * Spec: AMD VCEK certificate and KDS interface specification 57230, table of the extensions.
 */
export function productLineOfName(name: string): ProductLine | undefined {
  const [line = '', stepping] = name.split('-', 2)
  const known = Object.hasOwn(linesByName, line) ? linesByName[line] : undefined
  return stepping === undefined || /^[A-Z][0-9]$/.test(stepping) ? known : undefined
}
