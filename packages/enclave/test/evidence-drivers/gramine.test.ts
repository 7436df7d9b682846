import { encodeHex, type Bytes } from '@cloister/codec'
import { GramineFiles, KernelError, type GramineOptions } from '@cloister/emulator'
import { describe, expect, test } from 'vitest'
import { createGramineDriver } from '../../src/evidence-drivers/gramine.ts'
import { bytesFrom, ways } from './stand-in.ts'

const reportData = bytesFrom(1)

/** As much of an SGX quote as the driver reads: header, and report data at its place. */
function quoteOver(data: Bytes): Bytes {
  const quote = new Uint8Array(4600).fill(0xee)
  quote.set(data, 368)
  return quote
}

describe.for(ways)('gramine $name', ({ show }) => {
  async function drive(options: Partial<GramineOptions> = {}) {
    const files = new GramineFiles({ attestationType: 'dcap', quote: quoteOver, ...options })
    return createGramineDriver(await show(files))
  }

  test('a quote is collected whole', async () => {
    const driver = await drive()
    await expect(driver.collect({ reportData })).resolves.toEqual([
      { evidence: { tee: 'sgx', quote: quoteOver(reportData) } },
    ])
  })

  test('requests at the same time take turns, over one set of report data', async () => {
    const driver = await drive()
    const asked = [10, 20, 30, 40].map((first) => bytesFrom(first))
    const got = await Promise.all(asked.map((data) => driver.collect({ reportData: data })))
    expect(got).toEqual(asked.map((data) => [{ evidence: { tee: 'sgx', quote: quoteOver(data) } }]))
  })

  test('another thread that writes in between is noticed', async () => {
    const files: GramineFiles = new GramineFiles({
      attestationType: 'dcap',
      quote: quoteOver,
      beforeOpen: (path) => {
        if (path === '/quote') files.open('/user_report_data', 'write').write(0, bytesFrom(99))
      },
    })
    await expect(
      createGramineDriver(await show(files)).collect({ reportData }),
    ).rejects.toMatchObject({
      code: 'evidence-raced',
      retryable: true,
      message: expect.stringContaining(encodeHex(bytesFrom(99))),
    })
  })

  test.for(['none', 'epid'] as const)(
    'attestation by %s is not what is asked for',
    async (type) => {
      const driver = await drive({ attestationType: type })
      await expect(driver.collect({ reportData })).rejects.toMatchObject({
        code: 'evidence-unavailable',
        message: expect.stringContaining(`Gramine attests by "${type}", expected "dcap"`),
      })
    },
  )

  test('a quoting enclave that cannot be reached is EACCES', async () => {
    const driver = await drive({
      quote: () => {
        throw new KernelError('EACCES')
      },
    })
    await expect(driver.collect({ reportData })).rejects.toMatchObject({
      code: 'evidence-denied',
      message: expect.stringContaining('/quote failed with EACCES'),
    })
  })

  test('report data that Gramine would pad or cut is refused', async () => {
    const driver = await drive()
    for (const length of [0, 32, 63, 65])
      await expect(driver.collect({ reportData: bytesFrom(1, length) })).rejects.toMatchObject({
        code: 'evidence-refused',
      })
  })

  test.for([
    [64 * 1024, undefined],
    [64 * 1024 + 1, 'evidence-malformed'],
    [431, 'evidence-malformed'],
    [0, 'evidence-malformed'],
  ] as const)('a quote of %i bytes', async ([size, code]) => {
    const driver = await drive({
      quote: (data) => {
        const quote = new Uint8Array(Math.max(size, 432))
        quote.set(data, 368)
        return quote.slice(0, size)
      },
    })
    const result = driver.collect({ reportData })
    await (code === undefined
      ? expect(result).resolves.toHaveLength(1)
      : expect(result).rejects.toMatchObject({ code }))
  })
})

test('outside of Gramine there is nothing to ask', async () => {
  await expect(
    createGramineDriver({ folder: '/nowhere' }).collect({ reportData }),
  ).rejects.toMatchObject({ code: 'evidence-unavailable' })
})
