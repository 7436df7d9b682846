import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { parsePartsList } from '@cloister/seal'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { startS3Server, s3Credentials, type S3Server } from '../../io/test/stores/s3-server.ts'
import { cli, here, lastJson, start, type Ended } from './cli.ts'
import { withSmallDisk } from './small-disk.ts'

const mebibyte = 1 << 20
const owner = '0x00000000000000000000000000000000000000AA'
const memoryBytesMax = 128 * mebibyte
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-sealing-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

const place = (name: string): string => join(folder, name)
const sealArgs = (file: string, out = place('sealed')) => [
  ...['asset', 'seal', file, '--owner', owner, '--state', place('state'), '--out', out, '--json'],
]

function writeRandom(name: string, mebibytes: number): string {
  const path = place(name)
  writeFileSync(path, '')
  for (let index = 0; index < mebibytes; index++) appendFileSync(path, randomBytes(mebibyte))
  return path
}

/** The digests of all parts, and what each object's bytes are. */
function partsIn(out: string) {
  const { root } = JSON.parse(readFileSync(join(out, 'asset.json'), 'utf8'))
  const read = (digest: string): Buffer =>
    readFileSync(join(out, 'objects', digest.slice(0, 2), digest))
  const name = String(root).slice(2)
  expect(sha256(read(name))).toBe(name)
  const { parts, bytes } = parsePartsList(new Uint8Array(read(name)))
  for (const part of parts) expect(sha256(read(part))).toBe(part)
  return { root: String(root), parts, bytes }
}

const linesOf = (path: string): readonly string[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []

/** Starts the real program, ends it with SIGKILL once `when` holds, and tells whether it was killed in time. */
async function killWhen(args: readonly string[], when: () => boolean, env = {}): Promise<boolean> {
  const child = start(args, { env })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const looking = setInterval(() => {
    if (when()) child.kill('SIGKILL')
  }, 5)
  const code = await ended
  clearInterval(looking)
  return code === null
}

test('a file of many parts is sealed within 128 MB, and says so', async () => {
  const gibibytes = Number(process.env['CLOISTER_SEAL_GIB'] ?? 0.25)
  const path = place('large')
  writeFileSync(path, 'PK')
  writeFileSync(path, 'a sparse file\n')
  truncateSync(path, gibibytes * 1024 * mebibyte)
  const ended = await here(sealArgs(path))
  expect(ended.stderr).not.toMatch(/cloister:/)
  const said = lastJson(ended)
  expect(said['bytes']).toBe(gibibytes * 1024 * mebibyte)
  expect(said['parts']).toBe(gibibytes * 64 + 1)
  expect(said['memoryBytes']).toBeLessThan(memoryBytesMax)
  console.info(`sealed ${gibibytes} GiB in ${Math.round(Number(said['memoryBytes']) / 1e6)} MB`)
}, 600_000)

describe('sealing that is killed', () => {
  test('goes on where it stopped: no part is sealed twice, and the object is the one it would have been', async () => {
    const path = writeRandom('data', 150)
    const log = place('sealed/sealed.log')
    for (const parts of [1, 3, 6]) {
      await killWhen(sealArgs(path), () => linesOf(log).length > parts)
      expect(existsSync(place('sealed/asset.json'))).toBe(false)
      await new Promise((resolve) => setTimeout(resolve, 300)) // The sealing program notices, too.
    }
    const before = linesOf(log)
    expect(before.length).toBeGreaterThan(6)
    const times = before.slice(1).map((line) => {
      const digest = line.split(' ')[1]!
      return statSync(place(`sealed/objects/${digest.slice(0, 2)}/${digest}`)).mtimeMs
    })
    const ended = await cli(sealArgs(path))
    expect(ended.stderr).toContain('going on where it stopped')
    expect(ended.code).toBe(0)
    const { parts } = partsIn(place('sealed'))
    expect(parts.length).toBe(10)
    expect(linesOf(log).slice(0, before.length)).toEqual(before)
    expect(linesOf(log).length).toBe(11)
    for (const [index, line] of before.slice(1).entries()) {
      const digest = line.split(' ')[1]!
      const { mtimeMs } = statSync(place(`sealed/objects/${digest.slice(0, 2)}/${digest}`))
      expect(mtimeMs).toBe(times[index])
    }
    expect(statSync(place('state')).mode & 0o777).toBe(0o600)
    const again = lastJson(await here(sealArgs(path)))
    expect(again['root']).toBe(partsIn(place('sealed')).root)
  }, 120_000)

  test('takes no line of its log for whole that was cut', async () => {
    const path = writeRandom('data', 40)
    const first = lastJson(await here(sealArgs(path)))
    const log = place('sealed/sealed.log')
    const text = readFileSync(log, 'utf8')
    writeFileSync(log, text.slice(0, -20))
    rmSync(place('sealed/asset.json'))
    const again = lastJson(await here(sealArgs(path)))
    expect(again['root']).toBe(first['root'])
    expect(partsIn(place('sealed')).parts.length).toBe(3)
  }, 60_000)

  test('does not go on with a source that has changed, another folder, owner or file', async () => {
    const path = writeRandom('data', 1)
    await here(sealArgs(path))
    const other = await here(sealArgs(path, place('elsewhere')))
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/it seals into .*sealed/)])
    const file = await here(sealArgs(writeRandom('other', 1)))
    expect([file.code, file.stderr]).toEqual([2, expect.stringMatching(/it seals .*data/)])
    appendFileSync(path, 'x')
    const changed = await here(sealArgs(path))
    expect(changed.code).toBe(2)
    expect(lastJson(changed)['error']).toMatchObject({ code: 'source-changed' })
    const foreign = place('state-2')
    const args = ['asset', 'seal', path, '--owner', owner, '--state', foreign]
    const taken = await here([...args, '--out', place('sealed'), '--json'])
    expect(lastJson(taken)['error']).toMatchObject({ code: 'folder-in-use' })
  }, 60_000)
})

test('a full disk is said, and sealing goes on when there is room', async ({ skip }) => {
  const path = writeRandom('data', 60)
  const mounted = await withSmallDisk(40 * 1024, async (small) => {
    const out = join(small, 'sealed')
    const full = await here(sealArgs(path, out))
    expect(full.code).toBe(1)
    expect(lastJson(full)['error']).toMatchObject({ code: 'disk-full' })
    expect(readdirSync(join(out, 'partial')).length).toBeLessThanOrEqual(1)
    expect(linesOf(join(out, 'sealed.log')).length).toBe(3)
    execFileSync('mount', ['-o', 'remount,size=100m', small])
    const done = await here(sealArgs(path, out))
    expect(done.code).toBe(0)
    expect(partsIn(out).parts.length).toBe(4)
  })
  skip(!mounted, 'mounting a tmpfs needs root')
}, 60_000)

test('what no app opens is refused before it is sealed, and what is known is described', async () => {
  writeFileSync(place('rows.csv.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0]))
  const refused = await here(sealArgs(place('rows.csv.gz')))
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/gunzip first/)])
  expect(existsSync(place('sealed/sealed.log'))).toBe(false)
  writeFileSync(place('rows.csv'), 'age,weight\n12,40.5\n13,41\n')
  const ended = await here([...sealArgs(place('rows.csv')), '--state', place('second')])
  expect(lastJson(ended)['data']).toMatchObject({ format: 'csv', rowsSampled: 2 })
})

describe('a sealed folder', () => {
  let server: S3Server

  beforeAll(async () => {
    server = await startS3Server()
  })

  afterAll(() => server.close())

  beforeEach(() => {
    server.objects.clear()
    server.requests.length = 0
  })

  const credentials = {
    AWS_ACCESS_KEY_ID: s3Credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3Credentials.secretAccessKey,
  }
  const bucket = (): string => `s3://hospital/x?region=eu-west-1&endpoint=${server.endpoint}`
  const uploadArgs = (): string[] => [
    ...['asset', 'upload', place('sealed'), '--to', bucket(), '--parallel', '2', '--json'],
  ]
  const puts = (): readonly string[] => server.requests.filter((each) => each.startsWith('PUT'))

  test('is brought to a bucket although it is killed on the way, no part twice', async () => {
    await here(sealArgs(writeRandom('data', 150)))
    const { parts, root } = partsIn(place('sealed'))
    for (const count of [1, 4, 7])
      await killWhen(uploadArgs(), () => puts().length >= count, credentials)
    server.faults.unavailable = 2
    const ended: Ended = await cli(uploadArgs(), { env: credentials })
    expect(ended.code).toBe(0)
    const stored = [...server.objects.keys()].map((key) => key.replace('hospital/x/', ''))
    expect(stored.toSorted()).toEqual([...parts, root.slice(2)].toSorted())
    // One that was under way at each kill may come again: whether it arrived, nobody was there to hear.
    const sent = puts().length - 2
    expect(sent).toBeLessThanOrEqual(parts.length + 1 + 3 * 2)
    const again = lastJson(await cli(uploadArgs(), { env: credentials }))
    expect(again['stores']).toMatchObject([{ sent: 0, known: parts.length + 1 }])
    expect(puts().length - 2).toBe(sent)
  }, 120_000)

  test('that was damaged is not uploaded, and the part is named', async () => {
    await here(sealArgs(writeRandom('data', 20)))
    const { parts } = partsIn(place('sealed'))
    const damaged = place(`sealed/objects/${parts[1]!.slice(0, 2)}/${parts[1]}`)
    const bytes = readFileSync(damaged)
    bytes[100]! ^= 1
    writeFileSync(damaged, bytes)
    const ended = await here(['asset', 'upload', place('sealed'), '--to', place('copy'), '--json'])
    expect(ended.code).toBe(6)
    expect(ended.stderr).toMatch(/part 1 of 2/)
  }, 30_000)
})
