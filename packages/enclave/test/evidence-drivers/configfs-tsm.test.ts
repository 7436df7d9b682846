import { appraise, insecureDevnetAnchor, isAccepted, strictPolicy } from '@cloister/attest'
import { encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import {
  ccaProvider,
  KernelError,
  snpProvider,
  tdxProvider,
  TsmReports,
  type TsmReportsOptions,
} from '@cloister/emulator'
import { describe, expect, test, vi } from 'vitest'
import {
  createConfigfsTsmDriver,
  type ConfigfsTsmOptions,
} from '../../src/evidence-drivers/configfs-tsm.ts'
import { bytesFrom, calls, manufacturer, now, quoteOver, ways } from './stand-in.ts'

const reportData = bytesFrom(1)
const tdx = tdxProvider((data) => quoteOver(data))

const policy = strictPolicy({
  measurements: 'any',
  reportData: encodeHex(reportData),
  machineIds: 'any',
  minTcbEvaluationDataNumber: 18,
  minRootCrlNumber: 1,
  minPckCrlNumber: 1,
})

/** 1184 bytes with report data where AMD's firmware puts it, VMPL and signer: all that the driver reads. */
function snpReport({ inblob, privilegeLevel }: { inblob: Bytes; privilegeLevel: number }): Bytes {
  const report = new Uint8Array(1184)
  report[0x30] = privilegeLevel
  report.set(inblob, 0x50)
  return report
}

describe.for(ways)('configfs-tsm $name', ({ show }) => {
  async function drive(options: TsmReportsOptions, chosen: ConfigfsTsmOptions = {}) {
    const kernel = new TsmReports(options)
    return { kernel, driver: createConfigfsTsmDriver({ ...(await show(kernel)), ...chosen }) }
  }

  test('a TD’s quote is collected whole, appraises as authentic, and leaves no folder', async () => {
    const { kernel, driver } = await drive({ provider: tdx })
    const [collected] = await driver.collect({ reportData })
    const appraisal = await appraise(collected!.evidence, {
      collateral: { intel: manufacturer.collateral() },
      anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
      policy,
      now: unixSeconds(now + 60),
    })
    expect(isAccepted(appraisal)).toBe(true)
    expect(kernel.folders).toEqual([])
  })

  test('version 5 has its report data six bytes further on', async () => {
    const { driver } = await drive({ provider: tdxProvider((data) => quoteOver(data, 5)) })
    await expect(driver.collect({ reportData })).resolves.toHaveLength(1)
  })

  test('requests at the same time each get their own evidence', async () => {
    const { kernel, driver } = await drive({ provider: tdx })
    const asked = [10, 20, 30, 40].map((first) => bytesFrom(first))
    const got = await Promise.all(asked.map((data) => driver.collect({ reportData: data })))
    expect(got.map(([each]) => each!.evidence)).toEqual(
      asked.map((data) => ({ tee: 'tdx', quote: expect.toSatisfy(holds(data)) })),
    )
    expect(kernel.folders).toEqual([])
  })

  test('an SNP report speaks for the level that was chosen', async () => {
    const provider = snpProvider((request) => ({ outblob: snpReport(request) }))
    const { driver } = await drive({ provider }, { privilegeLevel: 2 })
    const [collected] = await driver.collect({ reportData })
    expect(collected).toEqual({
      evidence: { tee: 'sev-snp', report: snpReport({ inblob: reportData, privilegeLevel: 2 }) },
    })
  })

  test('a level below the guest’s own is refused, and a platform without levels has no such file', async () => {
    const provider = snpProvider((request) => ({ outblob: snpReport(request) }), 2)
    const below = await drive({ provider }, { privilegeLevel: 1 })
    await expect(below.driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-refused',
      message: expect.stringContaining('privlevel failed with EINVAL'),
    })
    const none = await drive({ provider: tdx }, { privilegeLevel: 1 })
    await expect(none.driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-unavailable',
    })
    expect([...below.kernel.folders, ...none.kernel.folders]).toEqual([])
  })

  test('a CCA token takes challenges of 32 to 64 bytes', async () => {
    const { driver } = await drive({ provider: ccaProvider((challenge) => challenge) })
    for (const length of [32, 48, 64])
      await expect(driver.collect({ reportData: bytesFrom(3, length) })).resolves.toEqual([
        { evidence: { tee: 'arm-cca', token: bytesFrom(3, length) } },
      ])
    for (const length of [0, 31, 65])
      await expect(driver.collect({ reportData: bytesFrom(3, length) })).rejects.toMatchObject({
        code: 'evidence-refused',
      })
  })

  test('a TD’s report data has 64 bytes', async () => {
    const { kernel, driver } = await drive({ provider: tdx })
    await expect(driver.collect({ reportData: bytesFrom(3, 63) })).rejects.toMatchObject({
      code: 'evidence-refused',
      message: expect.stringContaining('got 63 bytes of report data, expected 64'),
    })
    expect(kernel.folders).toEqual([])
  })

  test('somebody who writes in between is noticed, and the request tried again', async () => {
    let races = 1
    const kernel: TsmReports = new TsmReports({
      provider: tdx,
      beforeOpen: (path) => {
        if (!path.endsWith('/outblob') || races-- <= 0) return
        const file = kernel.open(path.replace('outblob', 'inblob'), 'write')
        file.write(0, bytesFrom(99))
        file.close()
      },
    })
    const driver = createConfigfsTsmDriver(await show(kernel))
    const [collected] = await driver.collect({ reportData })
    expect(collected!.evidence).toMatchObject({ quote: expect.toSatisfy(holds(reportData)) })
    races = 100
    await expect(driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-raced',
      retryable: true,
      message: expect.stringContaining('at generation 2, expected 1'),
    })
    expect(races).toBe(97) // Three attempts, no more.
    expect(kernel.folders).toEqual([])
  })

  test('a race after which the kernel refuses is called a race all the same', async () => {
    const kernel: TsmReports = new TsmReports({
      provider: tdx,
      beforeOpen: (path) => {
        if (!path.endsWith('/outblob')) return
        const file = kernel.open(path.replace('outblob', 'inblob'), 'write')
        file.write(0, bytesFrom(99, 5))
        file.close()
      },
    })
    await expect(
      createConfigfsTsmDriver(await show(kernel)).collect({ reportData }),
    ).rejects.toMatchObject({ code: 'evidence-raced' })
  })

  test('report data that the kernel silently dropped is noticed', async () => {
    const { kernel, driver } = await drive({ provider: tdx, writesUntilBusy: 0 })
    await expect(driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-raced',
      message: expect.stringContaining('the kernel dropped what was written'),
    })
    expect(kernel.folders).toEqual([])
  })

  test('a driver that signs other report data is noticed', async () => {
    const { driver } = await drive({ provider: tdxProvider(() => quoteOver(bytesFrom(77))) })
    await expect(driver.collect({ reportData })).rejects.toMatchObject({ code: 'evidence-raced' })
  })

  test.for([
    ['EINVAL', 'evidence-refused', false],
    ['EBUSY', 'evidence-busy', true],
    ['EINTR', 'evidence-busy', true],
    ['ETIMEDOUT', 'evidence-timeout', true],
    ['ENOTTY', 'evidence-unavailable', false],
    ['EFBIG', 'evidence-refused', false],
    ['EIO', 'evidence-failed', false],
  ] as const)('%s from the platform is %s', async ([errno, code, retryable]) => {
    const provider = tdxProvider(() => {
      throw new KernelError(errno)
    })
    const { kernel, driver } = await drive({ provider })
    await expect(driver.collect({ reportData })).rejects.toMatchObject({
      code,
      retryable,
      message: expect.stringContaining(`outblob failed with ${errno}; `),
    })
    expect(kernel.folders).toEqual([])
  })

  test('without a platform’s driver there is nothing to ask', async () => {
    await expect((await drive({})).driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-unavailable',
      message: expect.stringContaining('ENXIO; no driver of a trusted module is loaded'),
    })
  })

  test('a provider that is not known here is named', async () => {
    const { kernel, driver } = await drive({ provider: { ...tdx, name: 'riscv_cove' } })
    await expect(driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-unavailable',
      message: expect.stringContaining('"riscv_cove"'),
    })
    expect(kernel.folders).toEqual([])
  })

  test.for([
    [64 * 1024, undefined],
    [64 * 1024 + 1, 'evidence-malformed'],
  ] as const)('a token of %i bytes', async ([size, code]) => {
    const provider = ccaProvider(() => new Uint8Array(size).fill(7))
    const { kernel, driver } = await drive({ provider, outblobBytesMax: 16 * 1024 * 1024 })
    const result = driver.collect({ reportData })
    await (code === undefined
      ? expect(result).resolves.toMatchObject([{ evidence: { token: { length: size } } }])
      : expect(result).rejects.toMatchObject({ code }))
    expect(kernel.folders).toEqual([])
  })

  test('an empty answer is no evidence', async () => {
    const { driver } = await drive({ provider: ccaProvider(() => new Uint8Array(0)) })
    await expect(driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-malformed',
    })
  })
})

test('a caller who gives up is answered at once, and the folder still goes', async () => {
  const { promise: stuck, resolve: go } = Promise.withResolvers<undefined>()
  const kernel = new TsmReports({ provider: tdx })
  const quick = calls(kernel)
  const files = {
    ...quick,
    open: async (path: string, access: 'read' | 'write') => {
      if (path.endsWith('/outblob')) await stuck
      return quick.open(path, access)
    },
  }
  const waiting = createConfigfsTsmDriver({ folder: '', files, waitMilliseconds: 50 })
  await expect(waiting.collect({ reportData })).rejects.toMatchObject({ code: 'evidence-timeout' })
  const controller = new AbortController()
  const patient = createConfigfsTsmDriver({ folder: '', files })
  const given = patient.collect({ reportData, signal: controller.signal })
  controller.abort()
  await expect(given).rejects.toMatchObject({ code: 'evidence-aborted' })
  await expect(patient.collect({ reportData, signal: controller.signal })).rejects.toMatchObject({
    code: 'evidence-aborted',
  })
  expect(kernel.folders).toHaveLength(1) // The first is still with the kernel; the second never began.
  go(undefined)
  await vi.waitFor(() => expect(kernel.folders).toEqual([]))
})

test('a folder that cannot be removed is an error that says so', async () => {
  const files = {
    ...calls(new TsmReports({ provider: tdx })),
    rmdir: () => Promise.reject(new KernelError('EBUSY')),
  }
  await expect(
    createConfigfsTsmDriver({ folder: '', files }).collect({ reportData }),
  ).rejects.toMatchObject({
    code: 'evidence-failed',
    message: expect.stringMatching(/rmdir \/cloister-[0-9a-f]{32} failed with EBUSY/),
  })
})

/** Whether a quote holds these bytes at all: they are found nowhere else in it. */
function holds(data: Bytes): (quote: Uint8Array) => boolean {
  return (quote) => encodeHex(quote).includes(encodeHex(data))
}
