import type {
  CcaEvidence,
  NitroEvidence,
  SgxEvidence,
  SnpEvidence,
  TdxEvidence,
} from '@cloister/attest'

/** Evidence that a node may be admitted by: of every kind of TEE that runs a whole enclave. */
export type NodeEvidence = SgxEvidence | TdxEvidence | SnpEvidence | NitroEvidence | CcaEvidence

/** A kind of TEE that a node may stand on. */
export type NodeTee = NodeEvidence['tee']

/** The number that stands for each kind of TEE in messages and on chain. Spec: docs/protocol.md section 4. */
export const teeNumbers: Readonly<Record<NodeTee, number>> = {
  sgx: 1,
  tdx: 2,
  'sev-snp': 3,
  'aws-nitro': 4,
  'arm-cca': 5,
}

/** Every kind of TEE that a node may stand on, in the order of their numbers. */
export const nodeTees: readonly NodeTee[] = ['sgx', 'tdx', 'sev-snp', 'aws-nitro', 'arm-cca']

/** What people call each kind of TEE, on the command line and in tables. */
export const teeNames: Readonly<Record<NodeTee, string>> = {
  sgx: 'sgx',
  tdx: 'tdx',
  'sev-snp': 'snp',
  'aws-nitro': 'nitro',
  'arm-cca': 'cca',
}

/** The kind of TEE of that number or name; undefined where there is none. */
export function teeOf(named: number | string): NodeTee | undefined {
  return nodeTees.find((tee) => teeNumbers[tee] === named || teeNames[tee] === named)
}

/** A set of TEEs as one number: bit n stands for TEE number n. */
export function teeMask(tees: readonly NodeTee[]): number {
  return tees.reduce((mask, tee) => mask | (1 << teeNumbers[tee]), 0)
}

/** The set of all TEEs that have a number. */
export const anyTee: number = teeMask(nodeTees)

/** Whether a TEE is in a set. */
export function inTeeMask(tee: NodeTee, mask: number): boolean {
  return (mask & teeMask([tee])) !== 0
}

/** The names of the TEEs in a set, for people. */
export function describeTees(mask: number): string {
  const names = nodeTees.filter((tee) => inTeeMask(tee, mask)).map((tee) => teeNames[tee])
  return names.length === 0 ? 'none' : names.join(', ')
}
