import { mkdirSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { measureTd, serveGuestSocket } from '@cloister/emulator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectEvidence } from '../../src/evidence-drivers/collect.ts'
import { detectDrivers } from '../../src/evidence-drivers/detect.ts'
import { createDstackDriver } from '../../src/evidence-drivers/dstack.ts'
import { bytesFrom, manufacturer, quoteOver } from './stand-in.ts'

const reportData = bytesFrom(1)
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'collect-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('dstack’s agent gives a quote over what it was asked', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, 'x')
  const guest = await serveGuestSocket({
    platform: manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(3) }),
    measurement: await measureTd({
      files: [{ name: 'node', path }],
      runtime: 'node',
      entry: 'node',
    }),
    socketPath: join(folder, 'guest.sock'),
  })
  const [collected] = await createDstackDriver({ socketPath: guest.socketPath }).collect({
    reportData,
  })
  await guest.close()
  expect(collected?.evidence).toMatchObject({ tee: 'tdx' })
})

test('an agent that hands out an old quote is noticed', async () => {
  const socketPath = join(folder, 'old.sock')
  const quote = Buffer.from(quoteOver(bytesFrom(50))).toString('hex')
  const server = createServer((_, response) => response.end(JSON.stringify({ quote })))
  await new Promise((resolve) => void server.listen(socketPath, () => resolve(undefined)))
  await expect(createDstackDriver({ socketPath }).collect({ reportData })).rejects.toMatchObject({
    code: 'evidence-raced',
  })
  server.close()
})

test('without dstack’s agent the error says what to look at', async () => {
  const driver = createDstackDriver({ socketPath: join(folder, 'nobody.sock') })
  await expect(driver.collect({ reportData })).rejects.toMatchObject({
    code: 'evidence-failed',
    message: expect.stringContaining('look whether dstack’s guest agent runs'.replace('’', "'")),
  })
})

/** A machine's files below a folder: those with a slash at the end are folders. */
function machine(name: string, paths: readonly string[]): string {
  const root = join(folder, name)
  mkdirSync(root)
  for (const path of paths) {
    const at = join(root, path)
    mkdirSync(path.endsWith('/') ? at : dirname(at), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(at, '')
  }
  return root
}

test('what a machine offers is found by looking, and nothing else', async () => {
  const root = machine('tdx-with-gpus', [
    '/sys/kernel/config/tsm/report/',
    '/var/run/dstack.sock',
    '/dev/nvidia0',
    '/bin/nvattest',
  ])
  chmodSync(join(root, '/bin/nvattest'), 0o755)
  const found = await detectDrivers({ root, searchPath: `/nowhere:${root}/bin` })
  expect(found.map(({ name, presence }) => [name, presence])).toEqual([
    ['gramine', 'absent'],
    ['configfs-tsm', 'present'],
    ['dstack', 'present'],
    ['sev-guest', 'absent'],
    ['nsm', 'absent'],
    ['tpm', 'absent'],
    ['nvidia-gpu', 'present'],
    ['nvidia-nvswitch', 'absent'],
  ])
})

test('an empty machine offers nothing, and auto says where it looked', async () => {
  const root = machine('empty', [])
  const detect = { root }
  expect(new Set((await detectDrivers(detect)).map(({ presence }) => presence))).toEqual(
    new Set(['absent']),
  )
  await expect(collectEvidence({ driver: 'auto', reportData, detect })).rejects.toMatchObject({
    code: 'evidence-unavailable',
    message: expect.stringContaining(`${root}/sys/kernel/config/tsm/report`),
  })
})

test('auto takes the CPU’s evidence and not a GPU’s', async () => {
  const root = machine('gpu', ['/dev/nvidia0', '/bin/nvattest'])
  chmodSync(join(root, '/bin/nvattest'), 0o755)
  const detect = { root, searchPath: join(root, 'bin') }
  await expect(collectEvidence({ driver: 'auto', reportData, detect })).rejects.toMatchObject({
    code: 'evidence-unavailable',
  })
})

test('a driver that is named is asked, whatever was found', async () => {
  await expect(collectEvidence({ driver: 'gramine', reportData })).rejects.toMatchObject({
    code: 'evidence-unavailable',
    message: expect.stringContaining('/dev/attestation/attestation_type failed with ENOENT'),
  })
})
