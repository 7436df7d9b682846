/** The TEEs that a set of TEEs can hold, by the name that evidence has. Bit n of a set stands for number n. */
export const teeNumbers = {
  sgx: 1,
  tdx: 2,
  'sev-snp': 3,
  'aws-nitro': 4,
  'arm-cca': 5,
} as const

/** A TEE that nodes may run in. */
export type NodeTee = keyof typeof teeNumbers

/** The set of all TEEs: whoever says it accepts every vendor, also one broken tomorrow. */
export const allTees = 0b11_1110

const titles: Readonly<Record<NodeTee, string>> = {
  sgx: 'Intel SGX',
  tdx: 'Intel TDX',
  'sev-snp': 'AMD SEV-SNP',
  'aws-nitro': 'AWS Nitro Enclaves',
  'arm-cca': 'Arm CCA',
}

// What people write.
const shortNames: Readonly<Record<string, NodeTee>> = {
  snp: 'sev-snp',
  nitro: 'aws-nitro',
  cca: 'arm-cca',
}

/** Whether a kind of evidence is one that a node can have. */
export function isNodeTee(tee: string): tee is NodeTee {
  return Object.hasOwn(teeNumbers, tee)
}

/** The TEE that somebody means by a name, such as `snp` or `sev-snp`; undefined for none. */
export function teeByName(name: string): NodeTee | undefined {
  const known = shortNames[name] ?? name
  return isNodeTee(known) ? known : undefined
}

/** The number of a kind of evidence; 0, which is in no set, for one that no node has. */
export function teeNumber(tee: string): number {
  return isNodeTee(tee) ? teeNumbers[tee] : 0
}

/** The set of these TEEs. */
export function teeSet(tees: readonly NodeTee[]): number {
  return tees.reduce((set, tee) => set | (1 << teeNumbers[tee]), 0)
}

/** The TEEs of a set, in the order of their numbers. */
export function teesOf(set: number): readonly NodeTee[] {
  return Object.keys(teeNumbers)
    .filter(isNodeTee)
    .filter((tee) => hasTee(set, teeNumbers[tee]))
}

/** Whether a set holds a TEE, by number. */
export function hasTee(set: number, tee: number): boolean {
  return tee > 0 && tee < 32 && ((set >>> tee) & 1) === 1
}

/** All TEEs of the vendor of one, by number: SGX and TDX are both Intel's, each other one is the only one of its vendor. */
export function sameVendor(tee: number): number {
  const intel = teeSet(['sgx', 'tdx'])
  return hasTee(intel, tee) ? intel : 1 << tee
}

/** How many vendors' TEEs a set has: SGX and TDX are both Intel's, each other one is the only one of its vendor. */
export function teeVendors(set: number): number {
  return new Set(teesOf(set).map((tee) => (tee === 'sgx' ? 'tdx' : tee))).size
}

/** Whether a number is a set of TEEs: not empty, and nothing in it that has no name. */
export function isTeeSet(set: number): boolean {
  return set !== 0 && (set & ~allTees) === 0 && set <= allTees
}

/** A set in words, such as `Intel TDX or AMD SEV-SNP`. */
export function sayTees(set: number): string {
  const names = teesOf(set).map((tee) => titles[tee])
  return names.length === 0 ? 'none' : names.join(' or ')
}
