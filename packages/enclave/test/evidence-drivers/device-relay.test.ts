import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodeCbor, unixSeconds, type Bytes } from '@cloister/codec'
import {
  createNitroCloud,
  createSnpManufacturer,
  serveEvidence,
  type GuestMeasurement,
  type Machine,
} from '@cloister/emulator'
import { parseNitroDocument, parseSnpReport } from '@cloister/attest'
import { afterAll, expect, test } from 'vitest'

import { createNsmDriver, createSevGuestDriver, createSevGuestSealing } from '../../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'relay-'))
afterAll(() => rmSync(folder, { recursive: true }))

const reportData = new Uint8Array(64).fill(3)
const seed = new Uint8Array(32).fill(5)
const now = unixSeconds(Math.floor(Date.now() / 1000) - 3600)
const machineSeed = new Uint8Array(16).fill(2)
const amd = createSnpManufacturer({ seed, now })
const snp: Machine = {
  tee: 'sev-snp',
  platform: amd.createPlatform({ machineSeed, line: 'Genoa' }),
}
const nitro: Machine = { tee: 'aws-nitro', cloud: createNitroCloud(seed), enclaveSeed: machineSeed }
const snpMeasurement: GuestMeasurement = {
  tee: 'sev-snp',
  ...{ measurement: '', manifest: '' },
  launchDigest: new Uint8Array(48).fill(1),
  hostData: new Uint8Array(32).fill(2),
}
const nitroMeasurement: GuestMeasurement = {
  tee: 'aws-nitro',
  ...{ measurement: '', manifest: '' },
  pcrs: new Map([0, 1, 2].map((index) => [index, new Uint8Array(48).fill(index + 1)])),
}

test('a relay of /dev/sev-guest gives a report over what it was asked', async () => {
  const socketPath = join(folder, 'snp.sock')
  const guest = await serveEvidence({ machine: snp, measurement: snpMeasurement, socketPath })
  const [collected] = await createSevGuestDriver({ socketPath }).collect({ reportData })
  await guest.close()
  if (collected?.evidence.tee !== 'sev-snp') throw new Error('no report')
  const report = parseSnpReport(collected.evidence.report)
  expect(report.reportData).toEqual(reportData)
  expect(report.measurement).toEqual(snpMeasurement.launchDigest)
  expect(report.hostData).toEqual(snpMeasurement.hostData)
})

test('a relay of /dev/sev-guest gives one key to each launch digest on each chip, again after a restart', async () => {
  const other = amd.createPlatform({ machineSeed: new Uint8Array(16).fill(9), line: 'Genoa' })
  const altered = { ...snpMeasurement, launchDigest: new Uint8Array(48) }
  const keys = []
  for (const [machine, measurement] of [
    [snp, snpMeasurement],
    [snp, snpMeasurement],
    [snp, altered],
    [{ tee: 'sev-snp', platform: other }, snpMeasurement],
  ] as const) {
    const socketPath = join(folder, `key-${keys.length}.sock`)
    const guest = await serveEvidence({ machine, measurement, socketPath })
    keys.push(Buffer.from(await createSevGuestSealing(socketPath).secret()).toString('hex'))
    await guest.close()
  }
  expect(keys[0]).toBe(keys[1])
  expect(new Set(keys).size).toBe(3)
})

test('a relay that gives no key is not sealed with', async () => {
  const refused = new Uint8Array(64)
  refused[0] = 0x16
  for (const [name, answer] of [
    ['key-refused', refused],
    ['key-zeros', new Uint8Array(64)],
    ['key-short', new Uint8Array(40)],
  ] as const) {
    const [socketPath, server] = await relay(name, (socket) => socket.write(framed(answer)))
    await expect(createSevGuestSealing(socketPath).secret()).rejects.toThrow()
    server.close()
  }
})

test('a relay of /dev/nsm gives a document with what it was asked as user data', async () => {
  const socketPath = join(folder, 'nsm.sock')
  const guest = await serveEvidence({ machine: nitro, measurement: nitroMeasurement, socketPath })
  const driver = createNsmDriver({ socketPath })
  const [collected] = await driver.collect({ reportData })
  const [other] = await driver.collect({ reportData: Uint8Array.of(1) })
  await guest.close()
  if (collected?.evidence.tee !== 'aws-nitro' || other?.evidence.tee !== 'aws-nitro')
    throw new Error('no document')
  const document = parseNitroDocument(collected.evidence.document)
  expect(document.userData).toEqual(reportData)
  expect(parseNitroDocument(other.evidence.document).userData).toEqual(Uint8Array.of(1))
  expect([0, 1, 2].map((index) => document.pcrs.get(index)?.[0])).toEqual([1, 2, 3])
})

/** A relay that answers each message as `act` says. */
async function relay(name: string, act: (socket: Socket) => void): Promise<[string, Server]> {
  const socketPath = join(folder, name)
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => act(socket))
  })
  await new Promise((resolve) => void server.listen(socketPath, () => resolve(undefined)))
  return [socketPath, server]
}

function framed(bytes: Uint8Array, length = bytes.length): Uint8Array {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, length)
  return Buffer.concat([head, bytes])
}

const attestation = (document: Bytes): Bytes =>
  encodeCbor(new Map([['Attestation', new Map([['document', document]])]]))
const foreignDocument = createNitroCloud(seed)
  .startEnclave({ enclaveSeed: machineSeed })
  .document({ now, userData: new Uint8Array(64) })

test.for([
  ['hangs up', (socket) => socket.end(), 'evidence-failed'],
  [
    'announces more than any answer',
    (socket) => socket.write(framed(new Uint8Array(0), 0x7fff_ffff)),
    'evidence-malformed',
  ],
  [
    'says more than it announced',
    (socket) => socket.write(Buffer.concat([framed(new Uint8Array(1)), new Uint8Array(9)])),
    'evidence-malformed',
  ],
  [
    'answers with no CBOR',
    (socket) => socket.write(framed(Uint8Array.of(0xff))),
    'evidence-malformed',
  ],
  [
    'answers with an error',
    (socket) => socket.write(framed(encodeCbor(new Map([['Error', 'InternalError']])))),
    'evidence-refused',
  ],
  [
    'answers with another request’s document',
    (socket) => socket.write(framed(attestation(foreignDocument))),
    'evidence-raced',
  ],
  [
    'answers with something else than a document',
    (socket) => socket.write(framed(attestation(new Uint8Array(5)))),
    'evidence-malformed',
  ],
] satisfies [string, (socket: Socket) => void, string][])(
  'a relay of /dev/nsm that %s is told from one that works',
  async ([name, act, code]) => {
    const [socketPath, server] = await relay(name.slice(0, 20).replaceAll(/\W/g, '-'), act)
    await expect(createNsmDriver({ socketPath }).collect({ reportData })).rejects.toMatchObject({
      code,
    })
    server.close()
  },
)

test('a firmware that refuses, and a report of another size, are named', async () => {
  const refusing = new Uint8Array(4000)
  refusing[0] = 0x16
  const short = new Uint8Array(4000)
  short[4] = 1
  for (const [name, answer, code] of [
    ['refusing', refusing, 'evidence-refused'],
    ['short', short, 'evidence-malformed'],
  ] as const) {
    const [socketPath, server] = await relay(name, (socket) => socket.write(framed(answer)))
    await expect(
      createSevGuestDriver({ socketPath }).collect({ reportData }),
    ).rejects.toMatchObject({ code })
    server.close()
  }
})

test('without a relay the error says what this machine lacks', async () => {
  const socketPath = join(folder, 'nobody.sock')
  await expect(createNsmDriver({ socketPath }).collect({ reportData })).rejects.toMatchObject({
    code: 'evidence-unavailable',
    message: expect.stringContaining(`ask the relay at ${socketPath} failed with ENOENT`),
  })
})

test('a caller that gives up is not kept waiting by a silent relay', async () => {
  const [socketPath, server] = await relay('silent', () => undefined)
  const giveUp = AbortSignal.timeout(200)
  await expect(
    createSevGuestDriver({ socketPath }).collect({ reportData, signal: giveUp }),
  ).rejects.toMatchObject({ code: 'evidence-aborted' })
  server.close()
})
