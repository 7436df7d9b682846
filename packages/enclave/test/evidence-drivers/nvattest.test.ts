import { encodeHex, parseHex } from '@cloister/codec'
import { expect, test } from 'vitest'
import { createNvattestDriver } from '../../src/evidence-drivers/nvattest.ts'
import { fakeProgram } from './fake-nvattest.ts'
import { bytesFrom } from './stand-in.ts'

const nonce = bytesFrom(1, 32)
const nonceHex = encodeHex(nonce)
const certificateChain = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'

function collect(body: string, device: 'gpu' | 'nvswitch' = 'gpu', waitMilliseconds = 20_000) {
  const program = fakeProgram(body)
  const driver = createNvattestDriver({ device, program: program.path, waitMilliseconds })
  return { program, collected: driver.collect({ reportData: nonce }) }
}

const answer = (evidences: string, code = 0, message = 'Ok') =>
  `print({ evidences: ${evidences}, result_code: ${code}, result_message: '${message}' })\n`

const measurements = (first: number) =>
  parseHex(`11e001ff${nonceHex}001160${first.toString(16).padStart(2, '0')}`)

test('every device’s request and response are collected, and its certificates', async () => {
  const { program, collected } = collect(
    answer(`[device(value('--nonce'), 1), device(value('--nonce'), 2)]`),
  )
  await expect(collected).resolves.toEqual(
    [1, 2].map((first) => ({
      evidence: { tee: 'nvidia-gpu', measurements: measurements(first), certificateChain },
    })),
  )
  expect(program.calls()).toEqual([
    ['--format', 'json', 'collect-evidence', '--device', 'gpu', '--nonce', nonceHex],
  ])
})

test('an older version, which knows neither --format nor nvswitch, is asked its way', async () => {
  const { program, collected } = collect(
    `if (args.includes('--format')) process.exit(109)
if (!['gpu', 'switch'].includes(value('--device'))) process.exit(105)
${answer(`[device(value('--nonce'), 3)]`)}`,
    'nvswitch',
  )
  await expect(collected).resolves.toEqual([
    { evidence: { tee: 'nvidia-nvswitch', measurements: measurements(3), certificateChain } },
  ])
  expect(program.calls().map((args) => args.slice(0, -2))).toEqual([
    ['--format', 'json', 'collect-evidence', '--device', 'nvswitch'],
    ['collect-evidence', '--device', 'switch'],
  ])
})

test('a result code is an error that names it', async () => {
  const { collected } = collect(`${answer('null', 12, 'NVML init failed')}process.exitCode = 12`)
  await expect(collected).rejects.toMatchObject({
    code: 'evidence-failed',
    message: expect.stringContaining('nvattest answers 12 (NVML init failed)'),
  })
})

test('an exit status that contradicts its result code is an error', async () => {
  const { collected } = collect(`${answer(`[device(value('--nonce'), 1)]`)}process.exitCode = 3`)
  await expect(collected).rejects.toMatchObject({ code: 'evidence-failed' })
})

test('a crash shows what the program said', async () => {
  const { collected } = collect(`console.error('no driver'); process.exit(7)`)
  await expect(collected).rejects.toMatchObject({
    code: 'evidence-failed',
    message: expect.stringContaining('ended with status 7 and said: no driver'),
  })
})

test.for([
  ['nothing', ''],
  ['no JSON', `console.log('evidence collection was successful')`],
  ['two answers', answer('[]') + answer('[]')],
  ['a list', 'print([])'],
  ['no result code', 'print({ evidences: [] })'],
  ['no devices', answer('[]')],
  ['too many devices', answer(`Array(33).fill(device(value('--nonce'), 1))`)],
  ['a device that is no object', answer('[7]')],
  ['evidence that is no text', answer(`[{ ...device(value('--nonce'), 1), evidence: 7 }]`)],
  ['evidence that is no base64', answer(`[{ ...device(value('--nonce'), 1), evidence: '*' }]`)],
  ['no certificate', answer(`[{ evidence: device(value('--nonce'), 1).evidence }]`)],
  ['a response alone', answer(`[{ ...device(value('--nonce'), 1), evidence: 'EWAB' }]`)],
  [
    'evidence of 20 bytes',
    answer(
      `[{ ...device(value('--nonce'), 1), evidence: device(value('--nonce'), 1).evidence.slice(0, 24) }]`,
    ),
  ],
  ['more than 4 MiB', `process.stdout.write(Buffer.alloc(5 << 20, 32))`],
  [
    'bytes without end',
    `const on = () => process.stdout.write(Buffer.alloc(1 << 20, 32), on); on()`,
  ],
])('%s is malformed', async ([, body]) => {
  await expect(collect(body!).collected).rejects.toMatchObject({
    code: 'evidence-malformed',
    retryable: false,
  })
})

test('a device that signed another nonce is noticed', async () => {
  const { collected } = collect(answer(`[device('ab'.repeat(32), 1)]`))
  await expect(collected).rejects.toMatchObject({ code: 'evidence-raced' })
})

test('a program that hangs is killed, though it ignores signals', async () => {
  const { collected } = collect(
    `for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => {}); setInterval(() => {}, 1000)`,
    'gpu',
    1_000,
  )
  await expect(collected).rejects.toMatchObject({ code: 'evidence-timeout', retryable: true })
})

test('a nonce has 32 bytes', async () => {
  const driver = createNvattestDriver({ device: 'gpu', program: fakeProgram('').path })
  for (const length of [0, 31, 33, 64])
    await expect(driver.collect({ reportData: bytesFrom(1, length) })).rejects.toMatchObject({
      code: 'evidence-refused',
    })
})

test('without the program there is nothing to ask', async () => {
  const driver = createNvattestDriver({ device: 'gpu', program: 'nvattest-that-is-nowhere' })
  await expect(driver.collect({ reportData: nonce })).rejects.toMatchObject({
    code: 'evidence-unavailable',
  })
})
