import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { ObjectStore } from '../src/index.ts'
import { mountSmallDisk } from './small-disk.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-store-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half of it')
  throw new Error('connection reset')
}

async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function files(of = folder): Promise<string[]> {
  const names = await readdir(of, { recursive: true, withFileTypes: true })
  return names.filter((entry) => entry.isFile()).map((entry) => entry.name)
}

test('an object is read back whole and in ranges, also after opening the store again', async () => {
  const bytes = randomBytes(200_000)
  const store = await ObjectStore.open(folder)
  expect(await store.put(sha256(bytes), inParts(bytes, 7_001))).toBe(200_000)
  const again = await ObjectStore.open(folder)
  expect(again.usedBytes).toBe(200_000)
  expect(Buffer.from(await again.get(sha256(bytes))).equals(bytes)).toBe(true)
  const part = await again.get(sha256(bytes), { offset: 65_530, length: 20 })
  expect(Buffer.from(part).equals(bytes.subarray(65_530, 65_550))).toBe(true)
  expect(await again.get(sha256(bytes), { offset: 199_990, length: 50 })).toHaveLength(10)
  expect(await again.get(sha256(bytes), { offset: 300_000, length: 50 })).toHaveLength(0)
})

test('the digest of the empty object is the one of FIPS 180-4', async () => {
  const store = await ObjectStore.open(folder)
  expect(await store.add(new Uint8Array(0))).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  )
})

test('bytes of another digest leave nothing behind', async () => {
  const store = await ObjectStore.open(folder)
  await expect(store.put(sha256(Buffer.from('a')), Buffer.from('b'))).rejects.toMatchObject({
    code: 'digest-mismatch',
  })
  expect(await files()).toEqual([])
  expect(store.usedBytes).toBe(0)
})

test('a source that breaks off leaves nothing behind', async () => {
  const store = await ObjectStore.open(folder)
  await expect(store.put('0'.repeat(64), broken())).rejects.toThrow('connection reset')
  expect(await files()).toEqual([])
  expect(store.usedBytes).toBe(0)
})

test('caps on one object and on all of them are kept, and deleting makes room', async () => {
  const store = await ObjectStore.open(folder, { objectBytesMax: 100, totalBytesMax: 150 })
  await expect(store.add(new Uint8Array(101))).rejects.toMatchObject({ code: 'too-large' })
  const first = await store.add(new Uint8Array(100))
  await expect(store.add(randomBytes(60))).rejects.toMatchObject({
    code: 'store-full',
    message: expect.stringContaining(folder),
  })
  expect(store.usedBytes).toBe(100)
  expect(await store.delete(first)).toBe(true)
  expect(await store.delete(first)).toBe(false)
  await store.add(randomBytes(60))
  expect(store.usedBytes).toBe(60)
})

test('storing an object twice counts it once', async () => {
  const store = await ObjectStore.open(folder)
  await store.add(new Uint8Array(100))
  await store.add(new Uint8Array(100))
  expect(store.usedBytes).toBe(100)
})

test.for(['', 'ABCDEF', '../../etc/passwd', 'G'.repeat(64), 'A'.repeat(64), `${'a'.repeat(64)}/`])(
  'the name %j is no digest',
  async (name) => {
    const store = await ObjectStore.open(folder)
    await expect(store.size(name)).rejects.toMatchObject({ code: 'malformed' })
    await expect(store.put(name, new Uint8Array(1))).rejects.toMatchObject({ code: 'malformed' })
  },
)

test('an absent object is said to be absent', async () => {
  const store = await ObjectStore.open(folder)
  expect(await store.has('0'.repeat(64))).toBe(false)
  await expect(store.get('0'.repeat(64))).rejects.toMatchObject({ code: 'object-absent' })
})

test('what a crash left half-written is removed on opening', async () => {
  await ObjectStore.open(folder)
  await writeFile(join(folder, 'partial', 'left-over'), 'half an object')
  await ObjectStore.open(folder)
  expect(await files()).toEqual([])
})

test('collection by age takes the old, keeps the new and the named', async () => {
  const store = await ObjectStore.open(folder)
  const [old, kept, fresh] = await Promise.all([1, 2, 3].map((n) => store.add(new Uint8Array(n))))
  for (const digest of [old!, kept!])
    await utimes(join(folder, 'objects', digest.slice(0, 2), digest), 1_000, 1_000)
  expect(await store.collect(2_000_000, new Set([kept!]))).toBe(1)
  expect(await Promise.all([old!, kept!, fresh!].map((digest) => store.has(digest)))).toEqual([
    false,
    true,
    true,
  ])
  expect(store.usedBytes).toBe(5)
})

test('a folder that is a file is named in the error', async () => {
  await writeFile(join(folder, 'file'), '')
  await expect(ObjectStore.open(join(folder, 'file'))).rejects.toMatchObject({
    code: 'store-unusable',
    message: expect.stringContaining(join(folder, 'file')),
  })
})

test('a full disk is said to be full, nothing half-written remains, and the store goes on', async ({
  skip,
}) => {
  const disk = mountSmallDisk(512)
  if (disk === undefined) {
    skip()
    return
  }
  try {
    const store = await ObjectStore.open(disk.folder)
    const small = await store.add(randomBytes(100_000))
    const large = randomBytes(600_000)
    await expect(store.put(sha256(large), inParts(large, 65_536))).rejects.toMatchObject({
      code: 'store-full',
      retryable: true,
      message: expect.stringContaining(disk.folder),
    })
    expect(await files(disk.folder)).toEqual([small])
    expect(store.usedBytes).toBe(100_000)
    await store.delete(small)
    await store.add(randomBytes(300_000))
  } finally {
    disk.remove()
  }
})
