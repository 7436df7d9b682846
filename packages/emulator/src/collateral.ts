import {
  encodeHex,
  encodeUtf8,
  unixSeconds,
  type Bytes,
  type Json,
  type UnixSeconds,
} from '@cloister/codec'
import type { ComponentStatus, IntelCollateral } from '@cloister/attest'
import type { Authority } from './authority.ts'
import { toPem } from './certificate.ts'
import { issueRevocationList } from './revocation-list.ts'
import { quotingEnclave } from './quoting-enclave.ts'
import { moduleSvns, quotingEnclaveSvns, tcbLevels } from './tcb-levels.ts'

/** What can be chosen about a set of collateral. */
export type CollateralOptions = {
  /** When it is issued; it is valid for 30 days from then. */
  readonly issuedAt?: UnixSeconds
  /** Rises with each TCB recovery. */
  readonly tcbEvaluationDataNumber?: number
  readonly crlNumber?: number
  /** Whose list of revoked PCK certificates is asked for. Emulated machines are the Platform CA's. */
  readonly ca?: 'platform' | 'processor'
}

/** How long TCB info, QE identity and CRLs are valid. */
export const collateralLifetimeSeconds = 30 * 24 * 3600

/** FMSPC of the emulator's only processor family: 6 bytes that no Intel processor has. */
export const emulatorFmspc: Bytes = Uint8Array.of(0xc1, 0x01, 0x57, 0xe0, 0x00, 0x00)

/** Issues a complete set of collateral. */
export function issueCollateral(
  authority: Authority,
  issuedAt: UnixSeconds,
  options: CollateralOptions,
  revokedPcks: readonly Bytes[],
): IntelCollateral {
  const { root, tcbSigner } = authority
  const number = options.tcbEvaluationDataNumber ?? 18
  const nextUpdate = unixSeconds(issuedAt + collateralLifetimeSeconds)
  const dates = { issueDate: isoTime(issuedAt), nextUpdate: isoTime(nextUpdate) }
  const tcbInfo = JSON.stringify(tcbInfoJson(dates, number))
  const qeIdentity = JSON.stringify(qeIdentityJson(dates, number))
  const signerChain = toPem(tcbSigner.der, root.der)
  const ca = options.ca === 'processor' ? authority.processorCa : authority.platformCa
  const list = { thisUpdate: issuedAt, nextUpdate, crlNumber: options.crlNumber ?? 1 }
  const revokedSerials = options.ca === 'processor' ? [] : revokedPcks
  return {
    tcbInfo,
    tcbInfoSignature: encodeHex(tcbSigner.key.signRaw(encodeUtf8(tcbInfo))),
    tcbInfoIssuerChain: signerChain,
    qeIdentity,
    qeIdentitySignature: encodeHex(tcbSigner.key.signRaw(encodeUtf8(qeIdentity))),
    qeIdentityIssuerChain: signerChain,
    rootCaCrl: encodeHex(issueRevocationList({ ...list, revokedSerials: [] }, root)),
    pckCrl: encodeHex(issueRevocationList({ ...list, revokedSerials }, ca)),
    pckCrlIssuerChain: toPem(ca.der, root.der),
  }
}

type Dates = { readonly issueDate: string; readonly nextUpdate: string }

/** TCB info. Spec: Intel PCS API v4, "Get TDX TCB Info", version 3. */
function tcbInfoJson(dates: Dates, tcbEvaluationDataNumber: number): Json {
  const module = {
    mrsigner: '00'.repeat(48),
    attributes: '00'.repeat(8),
    attributesMask: 'FF'.repeat(8),
  }
  return {
    id: 'TDX',
    version: 3,
    ...dates,
    fmspc: upperHex(emulatorFmspc),
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber,
    tdxModule: module,
    tdxModuleIdentities: [{ id: 'TDX_01', ...module, tcbLevels: svnLevels(moduleSvns) }],
    tcbLevels: tcbLevels.map((level) => ({
      tcb: {
        sgxtcbcomponents: level.components.map((svn, index) => ({ svn, ...sgxComponents[index] })),
        pcesvn: level.pceSvn,
        tdxtcbcomponents: level.tdxComponents.map((svn, index) => ({
          svn,
          ...tdxComponents[index],
        })),
      },
      tcbDate: level.date,
      tcbStatus: level.status,
      ...(level.advisories.length > 0 ? { advisoryIDs: level.advisories } : {}),
    })),
  }
}

/** Identity of the TD quoting enclave. Spec: Intel PCS API v4, "Get TD QE Identity", version 2. */
function qeIdentityJson(dates: Dates, tcbEvaluationDataNumber: number): Json {
  return {
    id: 'TD_QE',
    version: 2,
    ...dates,
    tcbEvaluationDataNumber,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: upperHex(quotingEnclave.mrSigner),
    isvprodid: quotingEnclave.isvProdId,
    tcbLevels: svnLevels(quotingEnclaveSvns),
  }
}

function svnLevels(svns: Readonly<Record<ComponentStatus, number>>): Json {
  return [
    { tcb: { isvsvn: svns.UpToDate }, tcbDate: '2026-02-11T00:00:00Z', tcbStatus: 'UpToDate' },
    {
      tcb: { isvsvn: svns.OutOfDate },
      tcbDate: '2025-02-12T00:00:00Z',
      tcbStatus: 'OutOfDate',
      advisoryIDs: ['EMULATED-SA-00005'],
    },
    {
      tcb: { isvsvn: svns.Revoked },
      tcbDate: '2023-02-15T00:00:00Z',
      tcbStatus: 'Revoked',
      advisoryIDs: ['EMULATED-SA-00006'],
    },
  ]
}

const sgxComponents: readonly { readonly [key: string]: string }[] = [
  { category: 'BIOS', type: 'Early Microcode Update' },
  { category: 'OS/VMM', type: 'SGX Late Microcode Update' },
  { category: 'OS/VMM', type: 'TXT SINIT' },
  { category: 'BIOS' },
  { category: 'BIOS' },
  { category: 'BIOS' },
  {},
  { category: 'OS/VMM', type: 'SEAMLDR ACM' },
]

const tdxComponents: readonly { readonly [key: string]: string }[] = [
  { category: 'OS/VMM', type: 'TDX Module' },
  { category: 'OS/VMM', type: 'TDX Module' },
  { category: 'OS/VMM', type: 'TDX Late Microcode Update' },
]

function isoTime(seconds: UnixSeconds): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
}

function upperHex(bytes: Uint8Array): string {
  return encodeHex(bytes).toUpperCase()
}
