import type { ComponentStatus } from '@cloister/attest'
import { encodeHex, type Bytes, type Json, type UnixSeconds } from '@cloister/codec'
import type { Validity } from './certificate.ts'
import { quotingEnclaves, quotingEnclaveSigner } from './quoting-enclave.ts'
import {
  moduleSvns,
  quotingEnclaveSvns,
  recoveredLevels,
  tcbLevels,
  type TcbLevel,
} from './tcb-levels.ts'

/** Of which technology a document speaks. */
export type IntelTee = 'sgx' | 'tdx'

/** FMSPC of a machine for which none is chosen: 6 bytes that no Intel processor has. */
export const emulatorFmspc: Bytes = Uint8Array.of(0xc1, 0x01, 0x57, 0xe0, 0x00, 0x00)

/** What every document says about its own time and age. */
export type DocumentDates = {
  readonly validity: Validity
  readonly tcbEvaluationDataNumber: number
  /** Whether the levels are those after a TCB recovery. */
  readonly recovered: boolean
}

/** TCB info. Spec: Intel PCS API v4, "Get SGX TCB Info" and "Get TDX TCB Info", version 3. */
export function tcbInfoText(tee: IntelTee, fmspc: Bytes, dates: DocumentDates): string {
  const levels = dates.recovered ? recoveredLevels : tcbLevels
  return JSON.stringify({
    id: tee === 'sgx' ? 'SGX' : 'TDX',
    version: 3,
    ...validity(dates),
    fmspc: upperHex(fmspc),
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: dates.tcbEvaluationDataNumber,
    ...(tee === 'tdx' && modules()),
    tcbLevels: levels.map((level) => ({
      tcb: components(tee, level),
      tcbDate: level.date,
      tcbStatus: level.status,
      ...(level.advisories.length > 0 ? { advisoryIDs: level.advisories } : {}),
    })),
  })
}

/** Identity of a quoting enclave. Spec: Intel PCS API v4, "Get SGX QE Identity" and "Get TDX QE Identity", version 2. */
export function qeIdentityText(tee: IntelTee, dates: DocumentDates): string {
  return JSON.stringify({
    id: tee === 'sgx' ? 'QE' : 'TD_QE',
    version: 2,
    ...validity(dates),
    tcbEvaluationDataNumber: dates.tcbEvaluationDataNumber,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: upperHex(quotingEnclaveSigner),
    isvprodid: quotingEnclaves[tee].isvProdId,
    tcbLevels: svnLevels(quotingEnclaveSvns),
  })
}

/** Which evaluation sets there are. Spec: Intel PCS API v4, "Get TCB Evaluation Data Numbers", version 1. */
export function evaluationNumbersText(
  tee: IntelTee,
  dates: DocumentDates,
  numbers: readonly number[],
): string {
  return JSON.stringify({
    id: tee === 'sgx' ? 'SGX' : 'TDX',
    version: 1,
    ...validity(dates),
    tcbEvalNumbers: numbers.map((tcbEvaluationDataNumber) => ({
      tcbEvaluationDataNumber,
      tcbRecoveryEventDate: '2026-02-11T00:00:00Z',
      tcbDate: '2026-02-11T00:00:00Z',
    })),
  })
}

function validity({ validity: { notBefore, notAfter } }: DocumentDates) {
  return { issueDate: isoTime(notBefore), nextUpdate: isoTime(notAfter) }
}

function modules(): { readonly [key: string]: Json } {
  const module = {
    mrsigner: '00'.repeat(48),
    attributes: '00'.repeat(8),
    attributesMask: 'FF'.repeat(8),
  }
  return {
    tdxModule: module,
    tdxModuleIdentities: [{ id: 'TDX_01', ...module, tcbLevels: svnLevels(moduleSvns) }],
  }
}

function components(tee: IntelTee, level: TcbLevel): Json {
  const sgx = level.components.map((svn, index) => ({ svn, ...sgxComponents[index] }))
  const tdx = level.tdxComponents.map((svn, index) => ({ svn, ...tdxComponents[index] }))
  return {
    sgxtcbcomponents: sgx,
    pcesvn: level.pceSvn,
    ...(tee === 'tdx' && { tdxtcbcomponents: tdx }),
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
