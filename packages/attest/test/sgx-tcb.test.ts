import { expect, test } from 'vitest'
import type { SgxExtension } from '../src/dcap/sgx-extension.ts'
import { parseSgxTcbInfo, type ComponentLevel } from '../src/dcap/tcb-info.ts'
import { Refusal } from '../src/reject.ts'
import { judgeSgxTcb } from '../src/sgx/tcb.ts'

type Level = readonly [svn: number, pce: number, status: string, advisories?: readonly string[]]

const date = '2024-01-01T00:00:00Z'
const svns = (svn: number) => Array.from({ length: 16 }, () => svn)

function infoText(version: 2 | 3, levels: readonly Level[], over: object = {}): string {
  return JSON.stringify({
    ...(version === 3 && { id: 'SGX' }),
    version,
    issueDate: date,
    nextUpdate: '2024-01-31T00:00:00Z',
    fmspc: '00906ED50000',
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 16,
    tcbLevels: levels.map(([svn, pcesvn, tcbStatus, advisoryIDs]) => ({
      tcb: {
        ...(version === 3
          ? { sgxtcbcomponents: svns(svn).map((each) => ({ svn: each })) }
          : named(svn)),
        pcesvn,
      },
      tcbDate: date,
      tcbStatus,
      advisoryIDs,
    })),
    ...over,
  })
}

/** The components as version 2 names them. */
function named(svn: number): object {
  return Object.fromEntries(
    svns(svn).map((each, index) => [`sgxtcbcomp${String(index + 1).padStart(2, '0')}svn`, each]),
  )
}

function pck(svn: number, pceSvn: number, over: Partial<SgxExtension> = {}): SgxExtension {
  return {
    ppid: '00'.repeat(16),
    cpuSvn: '00'.repeat(16),
    svns: svns(svn),
    pceSvn,
    pceId: '0000',
    fmspc: '00906ed50000',
    sgxType: 0,
    configuration: undefined,
    ...over,
  }
}

function qe(status: ComponentLevel['status'] = 'UpToDate'): ComponentLevel {
  const advisoryIds = status === 'UpToDate' ? [] : ['INTEL-SA-00002']
  return { isvSvn: 1, status, date, advisoryIds }
}

// In the wrong order: levels are sorted before they are matched.
const levels: readonly Level[] = [
  [3, 9, 'OutOfDate', ['INTEL-SA-00003']],
  [5, 13, 'UpToDate'],
  [5, 11, 'SWHardeningNeeded', ['INTEL-SA-00001']],
  [1, 0, 'Revoked'],
]

function concluded(
  platform: SgxExtension,
  level: ComponentLevel | undefined = qe(),
  text?: string,
) {
  try {
    const tcb = judgeSgxTcb(platform, parseSgxTcbInfo(text ?? infoText(3, levels)), level)
    return [tcb.tcbStatus, tcb.platformTcbStatus, ...tcb.advisoryIds]
  } catch (refusal) {
    if (refusal instanceof Refusal) return [refusal.reject]
    throw refusal
  }
}

test.for([2, 3] as const)(
  'of TCB info of version %i the highest level reached counts',
  (version) => {
    const of = (svn: number, pceSvn: number) =>
      concluded(pck(svn, pceSvn), qe(), infoText(version, levels))
    expect(of(9, 20)).toEqual(['UpToDate', 'UpToDate'])
    expect(of(5, 13)).toEqual(['UpToDate', 'UpToDate'])
    expect(of(5, 12)).toEqual(['SWHardeningNeeded', 'SWHardeningNeeded', 'INTEL-SA-00001'])
    expect(of(4, 20)).toEqual(['OutOfDate', 'OutOfDate', 'INTEL-SA-00003'])
    expect(of(5, 10)).toEqual(['OutOfDate', 'OutOfDate', 'INTEL-SA-00003'])
    expect(of(2, 20)).toEqual(['Revoked', 'Revoked'])
    expect(of(0, 20)).toEqual(['TCB_NOT_SUPPORTED'])
  },
)

test('one component below a level is enough to miss it', () => {
  for (let index = 0; index < 16; index++) {
    const low = svns(5).map((svn, at) => (at === index ? 4 : svn))
    expect(concluded(pck(5, 13, { svns: low }))[0]).toBe('OutOfDate')
  }
})

test('the quoting enclave drags a platform down, with its advisories', () => {
  expect(concluded(pck(5, 11), qe('OutOfDate'))).toEqual([
    'OutOfDate',
    'SWHardeningNeeded',
    'INTEL-SA-00001',
    'INTEL-SA-00002',
  ])
  expect(concluded(pck(5, 13), qe('Revoked'))[0]).toBe('Revoked')
})

test('TCB info of another family or PCE, or for another technology, judges nothing', () => {
  expect(concluded(pck(5, 13, { fmspc: '00906ed50001' }))).toEqual(['TCB_INFO_MISMATCH'])
  expect(concluded(pck(5, 13, { pceId: '0100' }))).toEqual(['TCB_INFO_MISMATCH'])
  expect(() => parseSgxTcbInfo(infoText(3, levels, { id: 'TDX' }))).toThrow('TCB info.id')
  expect(() => parseSgxTcbInfo(infoText(3, levels, { version: 1 }))).toThrow('TCB info.version')
  expect(() => parseSgxTcbInfo(infoText(3, levels, { tcbType: 1 }))).toThrow('TCB info.tcbType')
  expect(() => parseSgxTcbInfo(infoText(2, [[256, 0, 'UpToDate']]))).toThrow('sgxtcbcomp01svn')
  expect(() => parseSgxTcbInfo(infoText(3, [[1, 0, 'Fine']]))).toThrow('tcbStatus')
})

test('a quoting enclave older than every level is no status but a refusal', () => {
  const info = parseSgxTcbInfo(infoText(3, levels))
  expect(() => judgeSgxTcb(pck(5, 13), info, undefined)).toThrow('TCB_NOT_SUPPORTED')
})
