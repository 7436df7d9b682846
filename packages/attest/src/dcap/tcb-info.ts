import { MalformedError, parseJson, type UnixSeconds } from '@cloister/codec'
import { JsonFields } from './json-fields.ts'
import {
  componentStatuses,
  platformStatuses,
  type ComponentStatus,
  type TcbStatus,
} from './tcb-status.ts'

/** One TCB level of a platform. A platform is at it when every number is reached. */
export type TcbLevel = {
  readonly sgxSvns: readonly number[]
  readonly pceSvn: number
  readonly tdxSvns: readonly number[]
  readonly status: TcbStatus
  readonly date: string
  readonly dateSeconds: UnixSeconds
  readonly advisoryIds: readonly string[]
}

/** One TCB level of an enclave or a TDX module: its number, and what that is worth. */
export type ComponentLevel = {
  readonly isvSvn: number
  readonly status: ComponentStatus
  readonly date: string
  readonly dateSeconds: UnixSeconds
  readonly advisoryIds: readonly string[]
}

/** Who signs a TDX module, and its attributes. Hexadecimal. */
export type TdxModule = { readonly mrSigner: string; readonly attributes: string }

/** A TDX module by the number in `TEE_TCB_SVN[1]`: its identity and TCB levels, newest first. */
export type TdxModuleIdentity = TdxModule & {
  readonly id: string
  readonly levels: readonly ComponentLevel[]
}

/** What Intel says about one family of platforms. */
export type TcbInfo = {
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  readonly id: string
  readonly fmspc: string
  readonly pceId: string
  readonly evaluationDataNumber: number
  readonly module: TdxModule
  readonly moduleIdentities: readonly TdxModuleIdentity[]
  /** Highest first: sorted here, never taken in the order of the document. */
  readonly levels: readonly TcbLevel[]
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
export function parseTdxTcbInfo(text: string): TcbInfo {
  const fields = new JsonFields(parseJson(text, 'TCB info', signedJsonLimits), 'TCB info')
  const version = fields.integer('version', 0xffff)
  if (version !== 3) throw new MalformedError('TCB info.version', 0, `got ${version}, expected 3`)
  const id = fields.text('id')
  if (id !== 'TDX')
    throw new MalformedError('TCB info.id', 0, `got ${id.slice(0, 16)}, expected TDX`)
  const tcbType = fields.integer('tcbType', 0xffff)
  if (tcbType !== 0) throw new MalformedError('TCB info.tcbType', 0, `got ${tcbType}, expected 0`)
  return {
    id,
    issueDate: fields.time('issueDate'),
    nextUpdate: fields.time('nextUpdate'),
    fmspc: fields.hex('fmspc', 6),
    pceId: fields.hex('pceId', 2),
    evaluationDataNumber: fields.integer('tcbEvaluationDataNumber', 0xffffffff),
    module: readModule(fields.fields('tdxModule')),
    moduleIdentities: fields.has('tdxModuleIdentities')
      ? fields.list('tdxModuleIdentities').map(readModuleIdentity)
      : [],
    levels: fields.list('tcbLevels').map(readLevel).toSorted(highestFirst),
  }
}

/** Reads the TCB levels of an enclave or module identity, and sorts them: newest first. */
export function readComponentLevels(fields: JsonFields): readonly ComponentLevel[] {
  return fields
    .list('tcbLevels')
    .map((level) => ({
      isvSvn: level.fields('tcb').integer('isvsvn', 0xffff),
      status: level.choice('tcbStatus', componentStatuses),
      date: level.text('tcbDate'),
      dateSeconds: level.time('tcbDate'),
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

function readLevel(fields: JsonFields): TcbLevel {
  const tcb = fields.fields('tcb')
  return {
    sgxSvns: readSvns(tcb, 'sgxtcbcomponents'),
    pceSvn: tcb.integer('pcesvn', 0xffff),
    tdxSvns: readSvns(tcb, 'tdxtcbcomponents'),
    status: fields.choice('tcbStatus', platformStatuses),
    date: fields.text('tcbDate'),
    dateSeconds: fields.time('tcbDate'),
    advisoryIds: fields.texts('advisoryIDs'),
  }
}

function readSvns(tcb: JsonFields, key: string): readonly number[] {
  const svns = tcb.list(key).map((component) => component.integer('svn', 0xff))
  if (svns.length !== 16)
    throw new MalformedError(tcb.name(key), 0, `got ${svns.length} components, expected 16`)
  return svns
}

/** Spec: Intel's library orders levels by SGX components, then PCE SVN, then TDX components. */
function highestFirst(a: TcbLevel, b: TcbLevel): number {
  return (
    compareSvns(b.sgxSvns, a.sgxSvns) || b.pceSvn - a.pceSvn || compareSvns(b.tdxSvns, a.tdxSvns)
  )
}

function compareSvns(a: readonly number[], b: readonly number[]): number {
  for (const [index, svn] of a.entries()) {
    const difference = svn - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
