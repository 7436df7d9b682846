import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync, existsSync } from 'node:fs' // prettier-ignore
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodeUtf8, MalformedError } from '@cloister/codec'
import { afterAll, expect, test } from 'vitest'

import { BundleCache } from '../../src/bundle/bundle-cache.ts'
import { parseBundleList } from '../../src/bundle/bundle-list.ts'
import { scanFolder } from '../../src/bundle/scan-folder.ts'
import { folderOf, ObjectFolder } from '../drivers/app-runner.ts'

const caches: BundleCache[] = []
afterAll(() => caches.forEach((cache) => cache.close()))

function cacheOf(objects: ObjectFolder, bytesMax?: number): BundleCache {
  const cache = new BundleCache((digest) => objects.read(digest), bytesMax)
  caches.push(cache)
  return cache
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex')

function sample(): string {
  const folder = folderOf({
    'a/b.txt': 'two',
    'a.txt': 'one',
    'z/run': '#!/bin/sh\n',
    'z/empty': '',
  })
  symlinkSync('../a.txt', join(folder, 'z/link'))
  return folder
}

test('a bundle is named by the list of its files, in byte order', () => {
  const text =
    'cloister-bundle/1\n' +
    `f ${hash('one')} 3 a.txt\nf ${hash('two')} 3 a/b.txt\nf ${hash('')} 0 z/empty\n` +
    `l z/link\t../a.txt\nx ${hash('#!/bin/sh\n')} 10 z/run\np ${hash('onetwo#!/bin/sh\n')}\n`
  const scanned = scanFolder(sample())
  expect(new TextDecoder().decode(scanned.text)).toBe(text)
  expect(scanned.digest).toBe(`0x${hash(text)}`)
  expect(scanned.bytes).toBe(16)
  expect(parseBundleList(scanned.text)).toEqual(scanned.list)
})

test('times, owners and the order in which files were made do not count', () => {
  const first = sample()
  const copy = mkdtempSync(join(tmpdir(), 'cloister-copy-'))
  for (const name of ['z/run', 'a/b.txt', 'z/empty', 'a.txt']) {
    mkdirSync(join(copy, name, '..'), { recursive: true })
    cpSync(join(first, name), join(copy, name))
    utimesSync(join(copy, name), 1, 2)
  }
  symlinkSync('../a.txt', join(copy, 'z/link'))
  chmodSync(join(copy, 'a.txt'), 0o600)
  mkdirSync(join(copy, 'an-empty-folder'))
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', '1234:1234', copy])
  expect(scanFolder(copy).digest).toBe(scanFolder(first).digest)
})

test('contents, names, links and the right to execute do count', () => {
  const digests = new Set([scanFolder(sample()).digest])
  for (const change of [
    (folder: string) => writeFileSync(join(folder, 'a.txt'), 'One'),
    (folder: string) => cpSync(join(folder, 'a.txt'), join(folder, 'b.txt')),
    (folder: string) => chmodSync(join(folder, 'a.txt'), 0o755),
    (folder: string) => (
      rmSync(join(folder, 'z/link')),
      symlinkSync('../a/b.txt', join(folder, 'z/link'))
    ),
    (folder: string) => rmSync(join(folder, 'z/empty')),
  ]) {
    const folder = sample()
    change(folder)
    digests.add(scanFolder(folder).digest)
  }
  expect(digests.size).toBe(6)
})

test('what is unpacked is what was packed, and only once', async () => {
  const objects = new ObjectFolder()
  const folder = sample()
  const big = Buffer.alloc(9_000_000, 'big') // Two parts.
  writeFileSync(join(folder, 'big'), big)
  const bundle = objects.publish(folder, ['x'])
  const cache = cacheOf(objects)
  await cache.with(bundle, async (unpacked) => {
    expect(scanFolder(unpacked).digest).toBe(bundle.digest)
    expect(readFileSync(join(unpacked, 'big')).equals(big)).toBe(true)
    expect(readlinkSync(join(unpacked, 'z/link'))).toBe('../a.txt')
    expect(statSync(join(unpacked, 'z/run')).mode & 0o7777).toBe(0o555)
    expect(statSync(join(unpacked, 'a.txt')).mode & 0o7777).toBe(0o444)
  })
  objects.objects.clear()
  await cache.with(bundle, async (unpacked) => expect(existsSync(unpacked)).toBe(true))
})

test('the least used bundle makes room, one in use never', async () => {
  const objects = new ObjectFolder()
  const bundles = ['one', 'two', 'six'].map((text) =>
    objects.publish(folderOf({ f: text.repeat(100) }), ['f']),
  )
  const cache = cacheOf(objects, 650)
  const folders: string[] = []
  for (const bundle of bundles)
    await cache.with(bundle, async (folder) => void folders.push(folder))
  expect(folders.map((folder) => existsSync(folder))).toEqual([false, true, true])
  await cache.with(bundles[1]!, () =>
    cache.with(bundles[2]!, async () => {
      await expect(cache.with(bundles[0]!, async () => undefined)).rejects.toThrow('together')
    }),
  )
})

test.for([
  ['another byte in a part', (objects: ObjectFolder, digests: string[]) => { objects.objects.get(digests[0]!)![3]! ^= 1 }],
  ['a part that is longer', (objects: ObjectFolder, digests: string[]) => objects.objects.set(digests[0]!, Buffer.alloc(1000))],
  ['a part that is shorter', (objects: ObjectFolder, digests: string[]) => objects.objects.set(digests[0]!, Buffer.alloc(1))],
  ['no part', (objects: ObjectFolder, digests: string[]) => objects.objects.delete(digests[0]!)],
  ['another list', (objects: ObjectFolder, digests: string[]) => objects.objects.set(digests[1]!, encodeUtf8('cloister-bundle/1\n'))],
] as const)('with %s nothing is unpacked', async ([, change]) => {
  const objects = new ObjectFolder()
  const bundle = objects.publish(sample(), ['x'])
  const part = [...objects.objects.keys()].find((digest) => digest !== bundle.digest)!
  change(objects, [part, bundle.digest])
  await expect(cacheOf(objects).with(bundle, async () => 'used')).rejects.toThrow(/Cannot use|There is no/)
}) // prettier-ignore

test('a manifest that says another size is not believed', async () => {
  const objects = new ObjectFolder()
  const bundle = { ...objects.publish(sample(), ['x']), bytes: 15 }
  await expect(cacheOf(objects).with(bundle, async () => 'used')).rejects.toThrow(
    'manifest says 15',
  )
})

test.for([
  ['a device', (folder: string) => execFileSync('mknod', [join(folder, 'd'), 'p'])],
  ['a link that climbs out', (folder: string) => symlinkSync('../../etc/passwd', join(folder, 'l'))],
  ['a name with a line end', (folder: string) => writeFileSync(join(folder, 'a\nb'), 'x')],
  ['a name that is no text', (folder: string) => writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff)]), 'x')],
  ['nothing in it', (folder: string) => rmSync(join(folder, 'a.txt'))],
] as const)('a folder with %s makes no bundle', ([, add]) => {
  const folder = folderOf({ 'a.txt': 'one' })
  add(folder)
  expect(() => scanFolder(folder)).toThrow('Cannot make a bundle')
}) // prettier-ignore

const file = (path: string, size = 0) => `f ${hash('')} ${size} ${path}`
test.for([
  ['another format', 'cloister-bundle/2\n'],
  ['no line end', 'cloister-bundle/1'],
  ['a path that climbs', `cloister-bundle/1\n${file('../x')}\n`],
  ['a path that climbs inside', `cloister-bundle/1\n${file('a/../../x')}\n`],
  ['an absolute path', `cloister-bundle/1\n${file('/etc/passwd')}\n`],
  ['a dot', `cloister-bundle/1\n${file('a/./b')}\n`],
  ['an empty name', `cloister-bundle/1\n${file('a//b')}\n`],
  ['a path twice', `cloister-bundle/1\n${file('a')}\n${file('a')}\n`],
  ['paths out of order', `cloister-bundle/1\n${file('b')}\n${file('a')}\n`],
  ['a file below a file', `cloister-bundle/1\n${file('a')}\n${file('a/b')}\n`],
  ['a file below a link', `cloister-bundle/1\nl a\t/etc\n${file('a/b')}\n`],
  ['a file below a link, with another between', `cloister-bundle/1\nl a\t/etc\n${file('a-')}\n${file('a/b')}\n`],
  ['a link that leaves', `cloister-bundle/1\nl a/b\t../../c\n`],
  ['a device', `cloister-bundle/1\nc 1 3 null\n`],
  ['setuid', `cloister-bundle/1\ns ${hash('')} 0 su\n`],
  ['a size that is too large', `cloister-bundle/1\n${file('a', 9e9)}\n`],
  ['a total that is too large', `cloister-bundle/1\n${Array.from({ length: 9 }, (_, i) => file(`a${i}`, 4e9 + i)).join('\n')}\n`],
  ['a size with a sign', `cloister-bundle/1\nf ${hash('')} -1 a\n`],
  ['too few parts', `cloister-bundle/1\n${file('a', 9_000_000)}\np ${hash('a')}\n`],
  ['parts of nothing', `cloister-bundle/1\n${file('a')}\np ${hash('a')}\n`],
  ['an entry behind the parts', `cloister-bundle/1\n${file('a', 1)}\np ${hash('a')}\n${file('b')}\n`],
  ['a path that is too deep', `cloister-bundle/1\n${file('a/'.repeat(70) + 'b')}\n`],
  ['a path that is too long', `cloister-bundle/1\n${file('a'.repeat(300))}\n`],
  ['too many lines', `cloister-bundle/1\n${'x\n'.repeat(200_000)}`],
] as const)('a list with %s is refused', ([, text]) => {
  const began = performance.now()
  expect(() => parseBundleList(encodeUtf8(text))).toThrow(MalformedError)
  expect(performance.now() - began).toBeLessThan(1000)
}) // prettier-ignore
