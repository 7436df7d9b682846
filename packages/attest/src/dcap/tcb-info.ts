import { MalformedError, parseJson, type UnixSeconds } from '@cloister/codec'
import { JsonFields } from './json-fields.ts'
import {
  componentStatuses,
  platformStatuses,
  type ComponentStatus,
  type TcbStatus,
} from './tcb-status.ts'

/** One TCB level of an SGX platform. A platform is at it when every number is reached. */
export type SgxTcbLevel = {
  readonly sgxSvns: readonly number[]
  readonly pceSvn: number
  readonly status: TcbStatus
  readonly date: string
  readonly advisoryIds: readonly string[]
}

/** One TCB level of a TDX platform. */
export type TdxTcbLevel = SgxTcbLevel & { readonly tdxSvns: readonly number[] }

/** One TCB level of an enclave or a TDX module: its number, and what that is worth. */
export type ComponentLevel = {
  readonly isvSvn: number
  readonly status: ComponentStatus
  readonly date: string
  readonly advisoryIds: readonly string[]
}

/** Who signs a TDX module, and its attributes. Hexadecimal. */
export type TdxModule = { readonly mrSigner: string; readonly attributes: string }

/** A TDX module by the number in `TEE_TCB_SVN[1]`: its identity and TCB levels, newest first. */
export type TdxModuleIdentity = TdxModule & {
  readonly id: string
  readonly levels: readonly ComponentLevel[]
}

/** What Intel says about one family of platforms, of whichever technology. */
export type TcbInfo = {
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly fmspc: string
  readonly pceId: string
  readonly evaluationDataNumber: number
}

/** TCB info for SGX. */
export type SgxTcbInfo = TcbInfo & {
  readonly id: 'SGX'
  /** Highest first: sorted here, never taken in the order of the document. */
  readonly levels: readonly SgxTcbLevel[]
}

/** TCB info for TDX. */
export type TdxTcbInfo = TcbInfo & {
  readonly id: 'TDX'
  readonly module: TdxModule
  readonly moduleIdentities: readonly TdxModuleIdentity[]
  /** Highest first: sorted here, never taken in the order of the document. */
  readonly levels: readonly TdxTcbLevel[]
}

/** How much JSON one signed document may hold. */
export const signedJsonLimits = { charactersMax: 1024 * 1024, depthMax: 12 }

/**
 * Reads TDX TCB info, version 3. Its signature is checked elsewhere, over the exact text.
 *
 * Spec: Intel SGX and TDX PCS API v4, "Get TDX TCB Info".
 *
 * @throws {MalformedError} naming the member, on another version too.
 */
export function parseTdxTcbInfo(text: string): TdxTcbInfo {
  const fields = new JsonFields(parseJson(text, 'TCB info', signedJsonLimits), 'TCB info')
  const version = fields.integer('version', 0xffff)
  if (version !== 3) throw new MalformedError('TCB info.version', 0, `got ${version}, expected 3`)
  requireId(fields, 'TDX')
  return {
    id: 'TDX',
    ...readPlatform(fields),
    module: readModule(fields.fields('tdxModule')),
    moduleIdentities: fields.has('tdxModuleIdentities')
      ? fields.list('tdxModuleIdentities').map(readModuleIdentity)
      : [],
    levels: fields
      .list('tcbLevels')
      .map(readTdxLevel)
      .toSorted((a, b) => highestFirst(a, b) || compareSvns(b.tdxSvns, a.tdxSvns)),
  }
}

/**
 * Reads SGX TCB info: version 3, or version 2, which names no technology because it is older than TDX. Its signature
 * is checked elsewhere, over the exact text.
 *
 * Spec: Intel SGX and TDX PCS API v4 and v3, "Get SGX TCB Info".
 *
 * @throws {MalformedError} naming the member, on another version too.
 */
export function parseSgxTcbInfo(text: string): SgxTcbInfo {
  const fields = new JsonFields(parseJson(text, 'TCB info', signedJsonLimits), 'TCB info')
  const version = fields.integer('version', 0xffff)
  if (version !== 2 && version !== 3)
    throw new MalformedError('TCB info.version', 0, `got ${version}, expected 2 or 3`)
  if (version === 3) requireId(fields, 'SGX')
  const readSvnsOf =
    version === 3 ? (tcb: JsonFields) => readSvns(tcb, 'sgxtcbcomponents') : readNumberedSvns
  return {
    id: 'SGX',
    ...readPlatform(fields),
    levels: fields
      .list('tcbLevels')
      .map((level) => readLevel(level, level.fields('tcb'), readSvnsOf))
      .toSorted(highestFirst),
  }
}

function requireId(fields: JsonFields, expected: 'SGX' | 'TDX'): void {
  const id = fields.text('id')
  if (id !== expected)
    throw new MalformedError('TCB info.id', 0, `got ${id.slice(0, 16)}, expected ${expected}`)
}

function readPlatform(fields: JsonFields): TcbInfo {
  const tcbType = fields.integer('tcbType', 0xffff)
  if (tcbType !== 0) throw new MalformedError('TCB info.tcbType', 0, `got ${tcbType}, expected 0`)
  return {
    issueDate: fields.time('issueDate'),
    nextUpdate: fields.time('nextUpdate'),
    fmspc: fields.hex('fmspc', 6),
    pceId: fields.hex('pceId', 2),
    evaluationDataNumber: fields.integer('tcbEvaluationDataNumber', 0xffffffff),
  }
}

/** Reads the TCB levels of an enclave or module identity, and sorts them: newest first. */
export function readComponentLevels(fields: JsonFields): readonly ComponentLevel[] {
  return fields
    .list('tcbLevels')
    .map((level) => ({
      isvSvn: level.fields('tcb').integer('isvsvn', 0xffff),
      status: level.choice('tcbStatus', componentStatuses),
      date: level.timeText('tcbDate'),
      advisoryIds: level.texts('advisoryIDs'),
    }))
    .toSorted((a, b) => b.isvSvn - a.isvSvn)
}

function readModule(fields: JsonFields): TdxModule {
  return { mrSigner: fields.hex('mrsigner', 48), attributes: fields.hex('attributes', 8) }
}

function readModuleIdentity(fields: JsonFields): TdxModuleIdentity {
  return {
    ...readModule(fields),
    id: fields.text('id').toUpperCase(),
    levels: readComponentLevels(fields),
  }
}

function readTdxLevel(level: JsonFields): TdxTcbLevel {
  const tcb = level.fields('tcb')
  return {
    ...readLevel(level, tcb, () => readSvns(tcb, 'sgxtcbcomponents')),
    tdxSvns: readSvns(tcb, 'tdxtcbcomponents'),
  }
}

function readLevel(
  level: JsonFields,
  tcb: JsonFields,
  svns: (tcb: JsonFields) => readonly number[],
): SgxTcbLevel {
  return {
    sgxSvns: svns(tcb),
    pceSvn: tcb.integer('pcesvn', 0xffff),
    status: level.choice('tcbStatus', platformStatuses),
    date: level.timeText('tcbDate'),
    advisoryIds: level.texts('advisoryIDs'),
  }
}

function readSvns(tcb: JsonFields, key: string): readonly number[] {
  const svns = tcb.list(key).map((component) => component.integer('svn', 0xff))
  if (svns.length !== 16)
    throw new MalformedError(tcb.name(key), 0, `got ${svns.length} components, expected 16`)
  return svns
}

/** The components of version 2: members of their own, from `sgxtcbcomp01svn` to `sgxtcbcomp16svn`. */
function readNumberedSvns(tcb: JsonFields): readonly number[] {
  return Array.from({ length: 16 }, (_, index) =>
    tcb.integer(`sgxtcbcomp${String(index + 1).padStart(2, '0')}svn`, 0xff),
  )
}

/** Spec: Intel's library orders levels by SGX components, then PCE SVN, then (TDX) TDX components. */
function highestFirst(a: SgxTcbLevel, b: SgxTcbLevel): number {
  return compareSvns(b.sgxSvns, a.sgxSvns) || b.pceSvn - a.pceSvn
}

function compareSvns(a: readonly number[], b: readonly number[]): number {
  for (const [index, svn] of a.entries()) {
    const difference = svn - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
