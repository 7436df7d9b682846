import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unixSeconds } from '@cloister/codec'
import { expect, onTestFinished, test } from 'vitest'
import { FolderCache, MemoryCache, type CacheEntry } from '../../src/index.ts'

const entry = (text: string): CacheEntry => ({
  body: new Uint8Array(Buffer.from(text)),
  header: 'a%20chain',
  fetchedAt: unixSeconds(5),
  until: unixSeconds(9),
})

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'cloister-cache-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('what is put into either cache comes out again, until it is forgotten', async () => {
  for (const cache of [new MemoryCache(), await FolderCache.open(folder())]) {
    await cache.put('key', entry('one\ntwo'))
    expect(await cache.get('key')).toEqual(entry('one\ntwo'))
    expect(await cache.get('another')).toBeUndefined()
    await cache.put('key', entry('three'))
    expect(await cache.get('key')).toEqual(entry('three'))
    await cache.forget('key')
    expect(await cache.get('key')).toBeUndefined()
  }
})

test('a folder is found again by the next process', async () => {
  const path = folder()
  await (await FolderCache.open(path)).put('key', entry('x'))
  expect(await (await FolderCache.open(path)).get('key')).toEqual(entry('x'))
})

test('a file whose content, head or key was changed counts as absent and is removed', async () => {
  const path = folder()
  const cache = await FolderCache.open(path)
  const changes = [
    (text: string) => text.replace('content', 'c0ntent'),
    (text: string) => text.replace('"until":9', '"until":-9'),
    (text: string) => text.replace('"key":"key"', '"key":"kex"'),
    (text: string) => text.slice(0, 40),
    () => '',
  ]
  for (const change of changes) {
    await cache.put('key', entry('content'))
    const [name = ''] = readdirSync(path)
    const file = join(path, name)
    writeFileSync(file, change(readFileSync(file, 'utf8')))
    expect(await cache.get('key')).toBeUndefined()
    expect(readdirSync(path)).toEqual([])
  }
})

test('a folder that can not be made is named', async () => {
  const path = join(folder(), 'file')
  writeFileSync(path, '')
  await expect(FolderCache.open(join(path, 'below'))).rejects.toMatchObject({
    code: 'collateral-cache',
    message: expect.stringContaining(path),
  })
})

test('memory keeps 1024 documents, and lets the oldest go', async () => {
  const cache = new MemoryCache()
  for (let index = 0; index <= 1024; index++) await cache.put(`${index}`, entry('x'))
  expect(await cache.get('0')).toBeUndefined()
  expect(await cache.get('1')).toEqual(entry('x'))
})
