import { canonicalJson, encodeHex, encodeUtf8, type Json } from '@cloister/codec'
import { sha256 } from '#crypto'
import { strictArmPolicy, type ArmPolicy } from './arm/policy.ts'
import type { TcbStatus } from './dcap/tcb-status.ts'
import { strictNitroPolicy, type NitroPolicy } from './nitro/policy.ts'
import { strictNvidiaPolicy, type NvidiaPolicy } from './nvidia/policy.ts'
import { parseProductLine } from './product-line.ts'
import { strictSgxPolicy, type SgxPolicy } from './sgx/policy.ts'
import { strictSnpPolicy, type SnpPolicy } from './snp/policy.ts'
import { strictTdxPolicy, type TdxPolicy } from './tdx/policy.ts'
import { strictTpmPolicy, type TpmPolicy } from './tpm/policy.ts'

/** How much a machine is trusted: 0 devnet, 1 genuine TEE, 2 on somebody's list, 3 on a list of cloud-held machines. */
export type Tier = 0 | 1 | 2 | 3

/** Machines that somebody answers for. */
export type MachineList = { readonly tier: 2 | 3; readonly machineIds: readonly string[] }

/**
 * What somebody wants of evidence, besides that it is authentic.
 *
 * Every member is there: absent never means "do not check". What is unsafe has to be spelled out,
 * and a revoked TCB or unnamed attributes can't be allowed at all.
 */
export type Policy = {
  /** Accepted measurements, as each kind of evidence has one. */
  readonly measurements: readonly string[] | 'any'
  /** What the TEE has to have signed, in hexadecimal, as long as its kind has it, or `any`. */
  readonly reportData: string
  /** Accepted machines, by machine id. Evidence without one is refused where this is a list. */
  readonly machineIds: readonly string[] | 'any'
  /** Machines that are trusted more than others. */
  readonly machineLists: readonly MachineList[]
  /** The least tier. A machine that names itself nowhere is tier 1 at most; one under a devnet's root is 0. */
  readonly minTier: Tier
  /** Product lines whose keys are not believed any more, besides those whose keys can be extracted. */
  readonly deniedProductLines: readonly string[]
  /** Product lines that are believed although their keys can be extracted: `Milan` is the one that is known. */
  readonly allowExtractableKeys: readonly string[]
  /** Accepted TCB statuses, where the vendor gives one. */
  readonly tcbStatuses: readonly Exclude<TcbStatus, 'Revoked'>[]
  /** Advisories that a platform may be subject to. */
  readonly advisories: readonly string[] | 'any'
  /** How long a machine is still accepted after the earliest TCB date among its parts that are out of date. */
  readonly graceSeconds: number
  /** The least TCB evaluation data number of TCB info and QE identity. */
  readonly minTcbEvaluationDataNumber: number
  /** The least CRL number of the root's revocation list. */
  readonly minRootCrlNumber: number
  /** The least CRL number of the PCK authority's revocation list. */
  readonly minPckCrlNumber: number
  /** A machine that somebody outside can look into. */
  readonly allowDebug: boolean
  /** Evidence whose vendor has revocation lists, and none was given. */
  readonly allowUnknownRevocation: boolean
  /** Evidence by a key that nothing vouches for but the evidence itself. */
  readonly allowSuppliedKeys: boolean
  readonly sgx: SgxPolicy
  readonly tdx: TdxPolicy
  readonly snp: SnpPolicy
  readonly nvidia: NvidiaPolicy
  readonly nitro: NitroPolicy
  readonly arm: ArmPolicy
  readonly tpm: TpmPolicy
}

/** What nobody else can know: who writes a policy says it, or spells `'any'`. */
type Spelled = 'measurements' | 'reportData' | 'machineIds'

type Group = 'sgx' | 'tdx' | 'snp' | 'nvidia' | 'nitro' | 'arm' | 'tpm'

/** What a policy says, the strictest assumed about everything that it leaves out. */
export type PolicyOverrides = Pick<Policy, Spelled> &
  Partial<Omit<Policy, Spelled | Group>> & { readonly [G in Group]?: Partial<Policy[G]> }

/**
 * The strictest policy about everything that is not spelled in `overrides`.
 *
 * @throws {MalformedError} naming the member, where a product line is none.
 */
export function strictPolicy(overrides: PolicyOverrides): Policy {
  return {
    machineLists: [],
    minTier: 0,
    tcbStatuses: ['UpToDate'],
    advisories: [],
    graceSeconds: 0,
    // Documents have ends of their own: a least number only guards against an older one that has not ended yet.
    minTcbEvaluationDataNumber: 0,
    minRootCrlNumber: 0,
    minPckCrlNumber: 0,
    allowDebug: false,
    allowUnknownRevocation: false,
    allowSuppliedKeys: false,
    ...overrides,
    deniedProductLines: linesOf(overrides, 'deniedProductLines'),
    allowExtractableKeys: linesOf(overrides, 'allowExtractableKeys'),
    sgx: { ...strictSgxPolicy, ...overrides.sgx },
    tdx: { ...strictTdxPolicy, ...overrides.tdx },
    snp: { ...strictSnpPolicy, ...overrides.snp },
    nvidia: { ...strictNvidiaPolicy, ...overrides.nvidia },
    nitro: { ...strictNitroPolicy, ...overrides.nitro },
    arm: { ...strictArmPolicy, ...overrides.arm },
    tpm: { ...strictTpmPolicy, ...overrides.tpm },
  }
}

function linesOf(
  overrides: PolicyOverrides,
  member: 'deniedProductLines' | 'allowExtractableKeys',
): readonly string[] {
  const names = overrides[member] ?? []
  return names.map((name, index) => parseProductLine(name, `policy.${member}[${index}]`))
}

/** SHA-256 of a policy as canonical JSON (RFC 8785), its lists sorted, in hexadecimal. */
export async function policyDigest(policy: Policy): Promise<string> {
  return encodeHex(await sha256(encodeUtf8(canonicalJson(sorted(policy)))))
}

/** The same value with every list in the order of its members' canonical JSON: order says nothing in a policy. */
function sorted(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (isList(value))
    return value
      .map((each) => ({ each: sorted(each), text: canonicalJson(sorted(each)) }))
      .toSorted((a, b) => (a.text < b.text ? -1 : 1))
      .map(({ each }) => each)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, sorted(each)]))
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
