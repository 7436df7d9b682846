import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Bytes } from '@cloister/codec'
import { contentDigest, contentId, type PartStore } from '@cloister/protocol'
import { drawObjectSalt, PartsReader, sealInParts, type PartsList } from '@cloister/seal'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import {
  openFolderStore,
  openIpfsGateway,
  openReadableStore,
  openS3Store,
  openWritableStore,
  parseStoreAddress,
} from '../../src/index.ts'
import { s3Credentials, startS3Server, type S3Server } from './s3-server.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const bytesOf = (size: number): Bytes => Uint8Array.from(randomBytes(size))

let server: S3Server
let folder: string

beforeAll(async () => {
  server = await startS3Server()
  folder = await mkdtemp(join(tmpdir(), 'cloister-stores-'))
})

afterAll(async () => {
  server.close()
  await rm(folder, { recursive: true })
})

beforeEach(() => {
  server.objects.clear()
  server.faults.unavailable = 0
  server.faults.cut = 0
  server.faults.instead.clear()
  server.requests.length = 0
})

const place = (credentials = s3Credentials) => ({
  bucket: 'hospital',
  prefix: 'sealed/',
  region: 'eu-central-1',
  endpoint: server.endpoint,
  credentials,
})

const stores: readonly (readonly [string, () => Promise<PartStore>])[] = [
  ['a folder', () => openFolderStore(join(folder, 'store'))],
  ['a bucket', () => openS3Store(place())],
]

test.for(stores)('%s gives back what it took, whole and in ranges', async ([, open]) => {
  const store = await open()
  const bytes = bytesOf(300_000)
  const digest = sha256(bytes)
  expect(await store.has(digest)).toBe(false)
  await expect(store.get(digest)).rejects.toMatchObject({ code: 'object-absent' })
  await store.put(digest, bytes)
  await store.put(digest, bytes)
  expect(await store.has(digest)).toBe(true)
  expect(await store.get(digest)).toEqual(bytes)
  expect(await store.get(digest, { offset: 1000, length: 70 })).toEqual(bytes.slice(1000, 1070))
  await expect(store.get(digest, undefined, 100)).rejects.toThrow(/at most 100/)
  const more = [bytesOf(1), bytesOf(2), bytesOf(3)]
  for (const each of more) await store.put(sha256(each), each)
  const listed = []
  for await (const name of store.list()) listed.push(name)
  expect(listed.toSorted()).toEqual([bytes, ...more].map(sha256).toSorted())
  for (const name of listed) await store.delete(name)
  await store.delete(digest)
  expect(await store.has(digest)).toBe(false)
})

test.for(stores)('%s takes nothing under a name that is not its own', async ([, open]) => {
  const store = await open()
  const wrong = store.put(sha256(bytesOf(3)), bytesOf(4))
  await expect(wrong).rejects.toMatchObject({ code: 'digest-mismatch' })
  await expect(store.put('../etc/passwd', bytesOf(4))).rejects.toThrow()
  await expect(store.has('A'.repeat(64))).rejects.toMatchObject({ code: 'malformed' })
})

describe('a bucket', () => {
  test('is asked again while it is busy, and where an answer breaks off', async () => {
    const store = await openS3Store(place())
    const bytes = bytesOf(200_000)
    server.faults.unavailable = 2
    await store.put(sha256(bytes), bytes)
    server.faults.unavailable = 2
    server.faults.cut = 2
    expect(await store.get(sha256(bytes))).toEqual(bytes)
    expect(server.requests.length).toBeGreaterThanOrEqual(8)
  }, 30_000)

  test('that stays busy is unreachable, and that may pass', async () => {
    const store = await openS3Store(place())
    server.faults.unavailable = 100
    await expect(store.get(sha256(bytesOf(1)))).rejects.toMatchObject({
      code: 'store-unreachable',
      retryable: true,
    })
  }, 30_000)

  test('refuses who signs with another secret, and says what to check', async () => {
    const store = await openS3Store(place({ ...s3Credentials, secretAccessKey: 'wrong' }))
    const refusal = store.put(sha256(bytesOf(0)), bytesOf(0))
    await expect(refusal).rejects.toThrow(/403 SignatureDoesNotMatch.*credentials/)
    expect(server.refused).toEqual(['the signature is wrong'])
  })

  test('that nobody runs is unreachable', async () => {
    const store = await openS3Store({ ...place(), endpoint: 'http://127.0.0.1:9' })
    await expect(store.has('0'.repeat(64))).rejects.toMatchObject({ code: 'store-unreachable' })
  }, 30_000)
})

describe('a sealed object in a bucket', () => {
  const [key, context] = [bytesOf(32), bytesOf(8)]
  const plain = bytesOf(40 << 20)
  let list: PartsList
  let parts: readonly Bytes[]

  beforeAll(async () => {
    ;({ list, parts } = await sealInParts({ key, context, salt: drawObjectSalt() }, plain))
  })

  const reader = async (): Promise<PartsReader> => {
    const store = await openS3Store(place())
    for (const [index, part] of parts.entries()) await store.put(list.parts[index]!, part)
    return new PartsReader(key, context, list, ({ digest, bytes }) =>
      store.get(digest, undefined, bytes),
    )
  }

  test('is read in any range', async () => {
    const opened = await (await reader()).read(15 << 20, 20 << 20)
    expect(Buffer.compare(opened, plain.subarray(15 << 20, 35 << 20))).toBe(0)
  })

  const lies: readonly (readonly [string, (parts: readonly Bytes[]) => Uint8Array, RegExp])[] = [
    ['another part', ([first]) => first!, /part 1 of 3.*gave 16793656 bytes|at most/],
    ['a cut part', ([, second]) => second!.subarray(0, 1000), /part 1 of 3.*gave 1000 bytes/],
    [
      'changed bytes',
      ([, second]) => {
        const changed = second!.slice()
        changed[5]! ^= 1
        return changed
      },
      /part 1 of 3.*were changed/,
    ],
  ]

  test.for(lies)('gives %s: noticed, with the part named', async ([, lie, message]) => {
    const opened = await reader()
    server.faults.instead.set(`hospital/sealed/${list.parts[1]}`, Buffer.from(lie(parts)))
    await expect(opened.read(20 << 20, 10)).rejects.toThrow(message)
  })

  test('whose parts of equal size were swapped: noticed, with both named', async () => {
    const big = bytesOf(50 << 20)
    const sealed = await sealInParts({ key, context, salt: drawObjectSalt() }, big)
    const [, second, third] = sealed.parts
    const store = await openS3Store(place())
    for (const [index, part] of sealed.parts.entries())
      await store.put(sealed.list.parts[index]!, part)
    const at = (index: number) => `hospital/sealed/${sealed.list.parts[index]}`
    server.faults.instead.set(at(1), Buffer.from(third!)).set(at(2), Buffer.from(second!))
    const opened = new PartsReader(key, context, sealed.list, ({ digest }) => store.get(digest))
    await expect(opened.read(0, 50 << 20)).rejects.toThrow(/part 1 of 4.*part 2 in its place/)
  })
})

describe('an IPFS gateway', () => {
  test('is read by content ids, whose digest is the part’s', () => {
    // The five letters "hello" as a raw block.
    const digest = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
    const cid = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
    expect(contentId(digest)).toBe(cid)
    expect(contentDigest(cid)).toBe(digest)
    for (const other of [
      cid.toUpperCase(),
      `z${cid.slice(1)}`,
      cid.slice(0, -1),
      `${cid.slice(0, -1)}r`,
      'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n',
      // The same digest as a file of the dag-pb codec.
      'bafybeibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq',
    ])
      expect(() => contentDigest(other)).toThrow(/content id/)
  })

  test('gives the block, or is found out', async () => {
    const bytes = bytesOf(5000)
    const [digest, other] = [sha256(bytes), sha256(bytesOf(9))]
    const gateway = createServer((request, response) => {
      const found = request.url?.includes(contentId(digest)) ? bytes : undefined
      const given = request.url?.includes(contentId(other)) ? bytes : found
      response.writeHead(given === undefined ? 404 : 200).end(given)
    })
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
    const address = gateway.address()
    const port = typeof address === 'object' ? address?.port : 0
    const store = openIpfsGateway(`http://127.0.0.1:${port}`)
    expect(await store.get(digest)).toEqual(bytes)
    expect(await store.get(digest, { offset: 10, length: 5 })).toEqual(bytes.slice(10, 15))
    expect(await store.has(digest)).toBe(true)
    expect(await store.has(sha256(bytesOf(1)))).toBe(false)
    await expect(store.get(other)).rejects.toThrow(new RegExp(`have SHA-256 ${digest}`))
    gateway.close()
  })
})

test('a store’s address says what it is', async () => {
  expect(parseStoreAddress('/data/sealed')).toEqual({ kind: 'folder', folder: '/data/sealed' })
  expect(parseStoreAddress('file:///data')).toEqual({ kind: 'folder', folder: '/data' })
  expect(parseStoreAddress('s3://b/a/c?region=eu-west-1&endpoint=http://127.0.0.1:9000')).toEqual({
    ...{ kind: 's3', bucket: 'b', prefix: 'a/c/', region: 'eu-west-1' },
    endpoint: 'http://127.0.0.1:9000',
  })
  expect(parseStoreAddress('ipfs+https://ipfs.io')).toEqual({
    kind: 'ipfs',
    gateway: 'https://ipfs.io',
  })
  expect(parseStoreAddress('https://node.example')).toMatchObject({ kind: 'node' })
  for (const wrong of [
    'sealed',
    'ftp://x',
    's3://',
    's3://b?secret=x',
    's3://b?endpoint=ftp://x',
    'https://user:password@node.example',
  ])
    expect(() => parseStoreAddress(wrong), wrong).toThrow(/store address/)
  const opened = await openReadableStore({ kind: 'folder', folder: join(folder, 'other') })
  expect(opened.name).toBe(join(folder, 'other'))
  expect(await readdir(join(folder, 'other'))).toContain('objects')
  const gateway = openWritableStore({ kind: 'ipfs', gateway: 'https://ipfs.io' })
  await expect(gateway).rejects.toThrow(/only reads/)
})
