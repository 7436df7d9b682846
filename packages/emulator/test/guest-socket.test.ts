import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { connect } from 'node:net'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  measureTd,
  replay,
  serveGuestSocket,
  type GuestSocket,
  type TdEvent,
  type TdMeasurement,
} from '../src/index.ts'
import { machineSeed, testManufacturer, verdict } from './verifier.ts'

const manufacturer = testManufacturer()
const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1) })
let directory: string
let measurement: TdMeasurement
let guest: GuestSocket

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'guest-'))
  const path = join(directory, 'file')
  await writeFile(path, 'x')
  measurement = await measureTd({ files: [{ name: 'node', path }], runtime: 'node', entry: 'node' })
  guest = await serveGuestSocket({
    platform,
    measurement,
    socketPath: join(directory, 'guest.sock'),
  })
})
afterAll(async () => {
  await guest.close()
  await rm(directory, { recursive: true })
})

type Answer = { status: number; body: Record<string, string> }

function ask(path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      socketPath: guest.socketPath,
      path,
      method: body === undefined ? 'GET' : 'POST',
    }
    request(options, async (response) => {
      const chunks = await response.toArray()
      resolve({
        status: response.statusCode ?? 0,
        body: JSON.parse(Buffer.concat(chunks).toString()),
      })
    })
      .on('error', reject)
      .end(body)
  })
}

function reportData(quoteHex: string | undefined): string {
  return Buffer.from(quoteHex ?? '', 'hex')
    .subarray(568, 632)
    .toString('hex')
}

function rtmr3(quote = ''): string {
  return Buffer.from(quote, 'hex').subarray(520, 568).toString('hex')
}

test('GetQuote pads short report data with zeros and says what it quoted', async () => {
  for (const path of ['/GetQuote', '/prpc/DstackGuest.GetQuote', '/prpc/GetQuote']) {
    const { status, body } = await ask(path, '{"report_data":"1234deadbeaf"}')
    expect(status).toBe(200)
    expect(body['report_data']).toBe('1234deadbeaf'.padEnd(128, '0'))
    expect(reportData(body['quote'])).toBe(body['report_data'])
    expect(verdict(manufacturer, new Uint8Array(Buffer.from(body['quote'] ?? '', 'hex')))).toBe(
      'UpToDate',
    )
  }
})

test('GetQuote takes its parameters from the query too', async () => {
  const { body } = await ask(`/GetQuote?report_data=${'ab'.repeat(64)}`)
  expect(reportData(body['quote'])).toBe('ab'.repeat(64))
})

test('report data of more than 64 bytes is refused', async () => {
  const { status, body } = await ask('/GetQuote', JSON.stringify({ report_data: '00'.repeat(65) }))
  expect(status).toBe(400)
  expect(body['error']).toContain('Report data is too long')
})

test('the older TdxQuote hashes its data under a prefix', async () => {
  const { body } = await ask('/prpc/Tappd.TdxQuote?json', '{"report_data":"c0ffee"}')
  const expected = createHash('sha512')
    .update('app-data:')
    .update(Buffer.from('c0ffee', 'hex'))
    .digest('hex')
  expect(reportData(body['quote'])).toBe(expected)
  const raw = await ask('/prpc/Tappd.TdxQuote', '{"report_data":"c0ffee","hash_algorithm":"raw"}')
  expect(reportData(raw.body['quote'])).toBe('c0ffee'.padEnd(128, '0'))
})

test('an emitted event extends RTMR3, in the quote and in the log', async () => {
  const before = (await ask('/GetQuote', '{"report_data":""}')).body
  expect((await ask('/EmitEvent', '{"event":"opened","payload":"beef"}')).status).toBe(200)
  const after = (await ask('/GetQuote', '{"report_data":""}')).body
  expect(rtmr3(after['quote'])).not.toBe(rtmr3(before['quote']))
  const log: TdEvent[] = JSON.parse(after['event_log'] ?? '')
  expect(log.at(-1)).toMatchObject({ imr: 3, event: 'opened', event_payload: 'beef' })
  expect(Buffer.from(replay(log, 3)).toString('hex')).toBe(rtmr3(after['quote']))
  expect(Buffer.from(replay(log, 0))).toEqual(Buffer.from(measurement.rtmrs[0]))
})

test('Info carries the registers of the quote', async () => {
  const { body } = await ask('/Info')
  const { quote } = (await ask('/GetQuote', '{"report_data":""}')).body
  const info = JSON.parse(body['tcb_info'] ?? '')
  expect(
    Buffer.from(quote ?? '', 'hex')
      .subarray(520, 568)
      .toString('hex'),
  ).toBe(info.rtmr3)
  expect(
    Buffer.from(quote ?? '', 'hex')
      .subarray(184, 232)
      .toString('hex'),
  ).toBe(info.mrtd)
})

test.for([
  ['/GetKey', '{"path":"a"}', 404],
  ['/GetQuote', '{"report_data":"xyz"}', 400],
  ['/GetQuote', '{"report_data":', 400],
  ['/GetQuote', '[]', 400],
  ['/GetQuote', '{"report_data":7}', 400],
  ['/GetQuote', 'a'.repeat(70_000), 400],
  ['//', '{}', 400],
  ['/EmitEvent', '{"event":"","payload":""}', 400],
  ['/prpc/Tappd.TdxQuote', '{"report_data":"","hash_algorithm":"md5"}', 400],
] as const)('%s with %.20s is refused with %i', async ([path, body, expected]) => {
  const { status, body: answer } = await ask(path, body)
  expect(status).toBe(expected)
  expect(answer['error']).toBeTypeOf('string')
})

test('a caller that sends too much, or hangs up, does not end the service', async () => {
  expect((await ask('/GetQuote', 'a'.repeat(5_000_000))).status).toBe(400)
  const brief = connect(guest.socketPath)
  brief.write('POST /GetQuote HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{')
  await new Promise((resolve) => setTimeout(resolve, 50))
  brief.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect((await ask('/Info')).status).toBe(200)
})

test('only the owner may open the socket, and a path too long for one is refused', async () => {
  expect((await stat(guest.socketPath)).mode & 0o777).toBe(0o600)
  const socketPath = join(directory, 'x'.repeat(120))
  await expect(serveGuestSocket({ platform, measurement, socketPath })).rejects.toThrow(
    'at most 107 bytes',
  )
})
