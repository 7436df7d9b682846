import { encodeHex } from '@cloister/codec'
import { expect, test } from 'vitest'
import type { SgxExtension } from '../src/dcap/sgx-extension.ts'
import { parseTdxTcbInfo } from '../src/dcap/tcb-info.ts'
import { convergeStatus, type ComponentStatus, type TcbStatus } from '../src/dcap/tcb-status.ts'
import { Refusal } from '../src/reject.ts'
import type { TdReport } from '../src/tdx/parse.ts'
import { judgeTdxTcb } from '../src/tdx/tcb.ts'

type Level = {
  sgx: number
  pce: number
  tdx: readonly number[]
  status: string
  advisoryIDs?: string[]
  date?: string
}
type Module = {
  id: string
  levels: readonly { svn: number; status: string; advisoryIDs?: string[] }[]
  attributes?: string
}

const date = '2024-01-01T00:00:00Z'

function info(levels: readonly Level[], modules?: readonly Module[]) {
  const signer = { mrsigner: '00'.repeat(48), attributesMask: 'FF'.repeat(8) }
  return parseTdxTcbInfo(
    JSON.stringify({
      id: 'TDX',
      version: 3,
      issueDate: date,
      nextUpdate: '2024-01-31T00:00:00Z',
      fmspc: '90C06F000000',
      pceId: '0000',
      tcbType: 0,
      tcbEvaluationDataNumber: 18,
      tdxModule: { ...signer, attributes: '00'.repeat(8) },
      ...(modules && {
        tdxModuleIdentities: modules.map(({ id, levels: moduleLevels, attributes }) => ({
          ...signer,
          id,
          attributes: attributes ?? '00'.repeat(8),
          tcbLevels: moduleLevels.map(({ svn, status, advisoryIDs }) => ({
            tcb: { isvsvn: svn },
            tcbDate: date,
            tcbStatus: status,
            advisoryIDs,
          })),
        })),
      }),
      tcbLevels: levels.map(({ sgx, pce, tdx, status, advisoryIDs, date: at }) => ({
        tcb: {
          sgxtcbcomponents: Array.from({ length: 16 }, () => ({ svn: sgx })),
          pcesvn: pce,
          tdxtcbcomponents: Array.from({ length: 16 }, (_, index) => ({ svn: tdx[index] ?? 0 })),
        },
        tcbDate: at ?? date,
        tcbStatus: status,
        advisoryIDs,
      })),
    }),
  )
}

function sized(size: number, values: readonly number[] = []) {
  const bytes = new Uint8Array(size)
  bytes.set(values)
  return bytes
}

function report(
  svns: readonly number[],
  svns2?: readonly number[],
  seam: Partial<TdReport> = {},
): TdReport {
  const m = sized(48)
  return {
    teeTcbSvn: sized(16, svns),
    mrSeam: m,
    mrSignerSeam: m,
    seamAttributes: sized(8),
    tdAttributes: sized(8),
    xfam: sized(8),
    mrtd: m,
    mrConfigId: m,
    mrOwner: m,
    mrOwnerConfig: m,
    rtmrs: [m, m, m, m],
    reportData: sized(64),
    migration: svns2 && { teeTcbSvn2: sized(16, svns2), mrServiceTd: m },
    ...seam,
  }
}

function pck(sgx: number, pceSvn = 13, more: Partial<SgxExtension> = {}): SgxExtension {
  return {
    ppid: '',
    cpuSvn: '',
    svns: Array.from({ length: 16 }, () => sgx),
    pceSvn,
    pceId: '0000',
    fmspc: '90c06f000000',
    sgxType: 1,
    configuration: undefined,
    ...more,
  }
}

function qe(status: ComponentStatus = 'UpToDate', advisoryIds: readonly string[] = []) {
  return { isvSvn: 4, status, date, advisoryIds }
}

function refusal(judge: () => unknown): string {
  try {
    judge()
  } catch (error) {
    if (error instanceof Refusal) return error.reject
    throw error
  }
  return 'none'
}

const top: Level = { sgx: 5, pce: 13, tdx: [5, 0, 3], status: 'UpToDate' }
const low: Level = {
  sgx: 3,
  pce: 11,
  tdx: [3, 0, 2],
  status: 'OutOfDate',
  advisoryIDs: ['P-2', 'P-1'],
  date: '2023-01-01T00:00:00Z',
}

test('levels are sorted here: their order in the document changes nothing', () => {
  for (const levels of [
    [top, low],
    [low, top],
  ])
    expect(judgeTdxTcb(report([5, 0, 3]), pck(5), info(levels), qe()).tcbStatus).toBe('UpToDate')
})

test('levels with equal SGX components are sorted by PCE SVN, then by TDX components', () => {
  const levels: Level[] = [
    { ...top, tdx: [4, 0, 3], status: 'SWHardeningNeeded' },
    top,
    { ...top, pce: 12, status: 'OutOfDate' },
  ]
  const judge = (svns: number[], pce: number) =>
    judgeTdxTcb(report(svns), pck(5, pce), info(levels), qe()).tcbStatus
  expect([judge([5, 0, 3], 13), judge([4, 0, 3], 13), judge([5, 0, 3], 12)]).toEqual([
    'UpToDate',
    'SWHardeningNeeded',
    'OutOfDate',
  ])
})

test('one component below a level is below the level', () => {
  const svns = Array.from({ length: 16 }, (_, index) => (index === 15 ? 4 : 5))
  expect(
    judgeTdxTcb(report([5, 0, 3]), pck(5, 13, { svns }), info([top, low]), qe()),
  ).toMatchObject({
    tcbStatus: 'OutOfDate',
    sgxTcbStatus: 'OutOfDate',
    date: '2023-01-01T00:00:00Z',
    advisoryIds: ['P-1', 'P-2'],
  })
  expect(judgeTdxTcb(report([5, 0, 2]), pck(5), info([top, low]), qe())).toMatchObject({
    tcbStatus: 'OutOfDate',
    sgxTcbStatus: 'UpToDate',
  })
})

test('no matching level is a refusal, never a status', () => {
  expect(refusal(() => judgeTdxTcb(report([5, 0, 3]), pck(2), info([top, low]), qe()))).toBe(
    'TCB_NOT_SUPPORTED',
  )
  expect(refusal(() => judgeTdxTcb(report([5, 0, 3]), pck(5, 10), info([top, low]), qe()))).toBe(
    'TCB_NOT_SUPPORTED',
  )
  expect(refusal(() => judgeTdxTcb(report([2, 0, 3]), pck(5), info([top, low]), qe()))).toBe(
    'TCB_NOT_SUPPORTED',
  )
  expect(refusal(() => judgeTdxTcb(report([5, 0, 3]), pck(5), info([]), qe()))).toBe(
    'TCB_NOT_SUPPORTED',
  )
  expect(refusal(() => judgeTdxTcb(report([5, 0, 3]), pck(5), info([top]), undefined))).toBe(
    'TCB_NOT_SUPPORTED',
  )
})

const judgePck = (more: Partial<SgxExtension>) =>
  refusal(() => judgeTdxTcb(report([5, 0, 3]), pck(5, 13, more), info([top]), qe()))

test('FMSPC and PCE id of certificate and TCB info are the same', () => {
  expect([judgePck({}), judgePck({ fmspc: '90c06f000001' }), judgePck({ pceId: '0100' })]).toEqual([
    'none',
    'TCB_INFO_MISMATCH',
    'TCB_INFO_MISMATCH',
  ])
})

const module01: Module = {
  id: 'TDX_01',
  levels: [
    { svn: 4, status: 'OutOfDate', advisoryIDs: ['M-1'] },
    { svn: 6, status: 'UpToDate' },
    { svn: 2, status: 'Revoked' },
  ],
}

const judgeModule = (svns: number[]) =>
  judgeTdxTcb(report(svns), pck(5), info([{ ...top, tdx: [9, 9, 3] }], [module01]), qe())

test('a module with an identity is judged by it, and its two components of the platform are not compared', () => {
  expect(judgeModule([6, 1, 3])).toMatchObject({
    tcbStatus: 'UpToDate',
    module: { id: 'TDX_01', isvSvn: 6, tcbStatus: 'UpToDate' },
  })
  expect(judgeModule([5, 1, 3])).toMatchObject({
    tcbStatus: 'OutOfDate',
    platformTcbStatus: 'UpToDate',
    advisoryIds: ['M-1'],
  })
  expect(judgeModule([3, 1, 3]).tcbStatus).toBe('Revoked')
  expect(refusal(() => judgeModule([1, 1, 3]))).toBe('TCB_NOT_SUPPORTED')
  expect(refusal(() => judgeModule([6, 1, 2]))).toBe('TCB_NOT_SUPPORTED')
  expect(refusal(() => judgeModule([6, 2, 3]))).toBe('TDX_MODULE_MISMATCH')
  expect(refusal(() => judgeModule([9, 0, 3]))).toBe('TCB_NOT_SUPPORTED')
})

test('the module is signed by its signer and has no attributes', () => {
  const forged = new Uint8Array(48)
  forged[47] = 1
  const attributes = new Uint8Array(8)
  attributes[0] = 1
  const judge = (svns: number[], seam: Partial<TdReport>, modules = [module01]) =>
    refusal(() => judgeTdxTcb(report(svns, undefined, seam), pck(5), info([top], modules), qe()))
  for (const svns of [
    [6, 1, 3],
    [5, 0, 3],
  ]) {
    expect(judge(svns, {})).toBe('none')
    expect(judge(svns, { mrSignerSeam: forged })).toBe('TDX_MODULE_MISMATCH')
    expect(judge(svns, { seamAttributes: attributes })).toBe('TDX_MODULE_MISMATCH')
  }
  const same = { ...module01, attributes: encodeHex(attributes) }
  expect(judge([6, 1, 3], { seamAttributes: attributes }, [same])).toBe('TDX_MODULE_MISMATCH')
  expect(judge([6, 1, 3], {}, [same])).toBe('TDX_MODULE_MISMATCH')
})

test.for<[TcbStatus, ComponentStatus, TcbStatus]>([
  ['UpToDate', 'UpToDate', 'UpToDate'],
  ['UpToDate', 'OutOfDate', 'OutOfDate'],
  ['SWHardeningNeeded', 'OutOfDate', 'OutOfDate'],
  ['ConfigurationNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
  ['ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
  ['OutOfDate', 'OutOfDate', 'OutOfDate'],
  ['OutOfDateConfigurationNeeded', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
  ['Revoked', 'OutOfDate', 'Revoked'],
  ['Revoked', 'UpToDate', 'Revoked'],
  ['SWHardeningNeeded', 'UpToDate', 'SWHardeningNeeded'],
  ['UpToDate', 'Revoked', 'Revoked'],
  ['ConfigurationNeeded', 'Revoked', 'Revoked'],
])('a platform that is %s with a component that is %s is %s', ([platform, component, together]) => {
  expect(convergeStatus(platform, component)).toBe(together)
})

test('advisories of platform, module and quoting enclave are joined, sorted, each once', () => {
  const tcb = judgeTdxTcb(
    report([5, 1, 2]),
    pck(3, 11),
    info([low], [module01]),
    qe('OutOfDate', ['P-1', 'A-9']),
  )
  expect(tcb.advisoryIds).toEqual(['A-9', 'M-1', 'P-1', 'P-2'])
  expect(tcb).toMatchObject({ tcbStatus: 'OutOfDate', qeTcbStatus: 'OutOfDate' })
})

const judgeRelaunch = (
  svns2: number[] | undefined,
  over: Partial<Level> = {},
  qeStatus: ComponentStatus = 'UpToDate',
  svns = [5, 1, 3],
) =>
  judgeTdxTcb(
    report(svns, svns2),
    pck(5),
    info([{ ...top, tdx: [5, 0, 3], ...over }], [module01]),
    qe(qeStatus),
  ).tcbStatus

test('a relaunch is advised where only the module at launch was old', () => {
  expect(judgeRelaunch([6, 1, 3])).toBe('TDRelaunchAdvised')
  expect(judgeRelaunch([6, 1, 3], { status: 'SWHardeningNeeded' })).toBe('TDRelaunchAdvised')
  expect(judgeRelaunch([6, 1, 3], { status: 'ConfigurationNeeded' })).toBe(
    'TDRelaunchAdvisedConfigurationNeeded',
  )
  expect(judgeRelaunch([5, 0, 3])).toBe('TDRelaunchAdvised')
  // TD 1.0 has no second TCB; the module now is still old; the loader is old; the enclave is old; all is new.
  expect(judgeRelaunch(undefined)).toBe('OutOfDate')
  expect(judgeRelaunch([5, 1, 3])).toBe('OutOfDate')
  expect(judgeRelaunch([4, 0, 3])).toBe('OutOfDate')
  expect(judgeRelaunch([6, 1, 2])).toBe('OutOfDate')
  expect(judgeRelaunch([6, 1, 3], {}, 'OutOfDate')).toBe('OutOfDate')
  expect(judgeRelaunch([6, 1, 3], {}, 'UpToDate', [6, 1, 3])).toBe('UpToDate')
  expect(judgeRelaunch([6, 1, 3], { status: 'OutOfDate' })).toBe('OutOfDate')
  expect(refusal(() => judgeRelaunch([6, 7, 3]))).toBe('TDX_MODULE_MISMATCH')
})

test('TCB info of another version, kind or shape is not read', () => {
  const good = {
    id: 'TDX',
    version: 3,
    issueDate: date,
    nextUpdate: date,
    fmspc: '90C06F000000',
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 1,
    tdxModule: { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8) },
    tcbLevels: [],
  }
  expect(parseTdxTcbInfo(JSON.stringify(good)).levels).toEqual([])
  for (const [member, value] of Object.entries({
    id: 'SGX',
    version: 2,
    tcbType: 1,
    fmspc: '90C06F0000',
    pceId: 7,
    issueDate: '2024',
    tcbLevels: {},
    tdxModule: null,
    tcbEvaluationDataNumber: -1,
  }))
    expect(() => parseTdxTcbInfo(JSON.stringify({ ...good, [member]: value })), member).toThrow(
      `TCB info.${member}`,
    )
})
