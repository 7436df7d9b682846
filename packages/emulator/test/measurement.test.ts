import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { measureTd, type TdEvent, type GuestImage } from '../src/index.ts'

let directory: string
let image: GuestImage

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloister-measure-'))
  await writeFile(join(directory, 'bundle'), 'console.log(1)')
  await writeFile(join(directory, 'node'), 'not really')
  image = {
    files: [
      { name: 'bin/node', path: join(directory, 'node') },
      { name: 'enclave.mjs', path: join(directory, 'bundle') },
    ],
    runtime: 'bin/node',
    entry: 'enclave.mjs',
    config: { chain: 1 },
  }
})
afterAll(() => rm(directory, { recursive: true }))

function hash(...parts: readonly (string | Buffer)[]): Buffer {
  return parts.reduce((state, part) => state.update(part), createHash('sha384')).digest()
}

function replayed(log: readonly TdEvent[], imr: number): string {
  const register = log
    .filter((event) => event.imr === imr)
    .reduce<Buffer>((old, event) => hash(old, Buffer.from(event.digest, 'hex')), Buffer.alloc(48))
  return register.toString('hex')
}

test('the event log replays to the four registers, and each is filled', async () => {
  const { rtmrs, eventLog, mrtd } = await measureTd(image)
  for (const [imr, register] of rtmrs.entries()) {
    expect(Buffer.from(register).toString('hex')).toBe(replayed(eventLog, imr))
    expect(register.some((byte) => byte !== 0)).toBe(true)
  }
  expect(mrtd).toHaveLength(48)
})

test('RTMR3 covers type, name and payload of each event, as dstack defines it', async () => {
  const { eventLog } = await measureTd(image)
  for (const event of eventLog.filter(({ imr }) => imr === 3)) {
    const type = Buffer.from('01000008', 'hex') // 0x08000001, little-endian.
    expect(event.digest).toBe(
      hash(type, ':', event.event, ':', Buffer.from(event.event_payload, 'hex')).toString('hex'),
    )
  }
})

test('the manifest in the log names every file by its SHA-256, sorted', async () => {
  const { eventLog, manifest } = await measureTd(image)
  const event = eventLog.find((entry) => entry.event === 'cloister-manifest')
  expect(Buffer.from(event?.event_payload ?? '', 'hex').toString()).toBe(manifest)
  const names = manifest
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(65))
  expect(names).toEqual([
    'bin/node',
    'config.json',
    'enclave.mjs',
    'import-guard.ts',
    'launch.json',
    'package.json',
  ])
  const bundle = createHash('sha256').update('console.log(1)').digest('hex')
  expect(manifest).toContain(`${bundle} enclave.mjs\n`)
  expect(manifest).toContain(
    `${createHash('sha256').update('{"chain":1}').digest('hex')} config.json\n`,
  )
})

test('a changed byte, name, flag, entry or setting changes RTMR3 and nothing else', async () => {
  const before = await measureTd(image)
  await writeFile(join(directory, 'altered'), 'console.log(2)')
  const altered: readonly GuestImage[] = [
    { ...image, config: { chain: 2 } },
    { ...image, nodeFlags: ['--no-warnings'] },
    { ...image, entry: 'bin/node' },
    {
      ...image,
      files: image.files.map((file) =>
        file.name === 'enclave.mjs' ? { ...file, path: join(directory, 'altered') } : file,
      ),
    },
    {
      ...image,
      files: [...image.files, { name: 'lib/extra.node', path: join(directory, 'node') }],
    },
  ]
  const seen = new Set([Buffer.from(before.rtmrs[3]).toString('hex')])
  for (const other of altered) {
    const after = await measureTd(other)
    expect([after.mrtd, ...after.rtmrs.slice(0, 3)]).toEqual([
      before.mrtd,
      ...before.rtmrs.slice(0, 3),
    ])
    seen.add(Buffer.from(after.rtmrs[3]).toString('hex'))
  }
  expect(seen.size).toBe(altered.length + 1)
})

test('where files come from is not measured', async () => {
  await writeFile(join(directory, 'elsewhere'), 'console.log(1)')
  const moved = image.files.map((file) =>
    file.name === 'enclave.mjs' ? { ...file, path: join(directory, 'elsewhere') } : file,
  )
  expect((await measureTd({ ...image, files: moved.toReversed() })).rtmrs).toEqual(
    (await measureTd(image)).rtmrs,
  )
})

test.for(['../escape', '/absolute', 'a/../b', 'a//b', '', 'new\nline', 'config.json', 'bin/node'])(
  'a file named %j is refused',
  async (name) => {
    const files = [...image.files, { name, path: join(directory, 'node') }]
    await expect(measureTd({ ...image, files })).rejects.toMatchObject({ code: 'guest-image' })
  },
)

test('a file that is not there is named', async () => {
  const files = [...image.files, { name: 'gone', path: join(directory, 'gone') }]
  await expect(measureTd({ ...image, files })).rejects.toThrow(join(directory, 'gone'))
})

test('a runtime or entry that is not among the files is named', async () => {
  await expect(measureTd({ ...image, entry: 'other.mjs' })).rejects.toThrow('other.mjs')
})
