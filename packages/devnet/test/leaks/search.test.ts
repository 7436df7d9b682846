import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { searchLeaks } from '../../src/demo/leak-search.ts'
import { makeFolders } from '../../src/folders.ts'
import type { Canary } from '../../src/leaks/canary.ts'

const secret = 'the archive of clinic-1'
const canaries: readonly Canary[] = [
  { kind: 'text', owner: 'clinic-1', name: 'a description', text: secret },
  { kind: 'number', owner: 'company', name: 'a rate', value: 0.0100123457 },
]

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloister-search-'))
  for (const owner of ['clinic-1', 'company'])
    mkdirSync(join(root, 'owners', owner), { recursive: true })
  writeFileSync(join(root, 'owners/clinic-1/metadata.json'), secret)
  writeFileSync(join(root, 'owners/company/settings.json'), '0.0100123457')
})
afterEach(() => rmSync(root, { recursive: true }))

const search = () =>
  searchLeaks(
    {
      folders: makeFolders(root),
      nodes: [],
    },
    { canaries, chains: [], opened: new Set(), openedObjects: [] },
  )

test('what stands in its owner’s folder alone is no leak', () => {
  expect(search().leaks).toEqual([])
})

test('what one owner finds in another owner’s folder is a leak', () => {
  writeFileSync(join(root, 'owners/company/copied.txt'), `note: ${secret}`)
  expect(search().leaks).toMatchObject([{ canary: 'a description' }])
})

test('what stands anywhere else is a leak', () => {
  mkdirSync(join(root, 'logs'), { recursive: true })
  writeFileSync(join(root, 'logs/node-1.log'), 'rate=0.0100123457')
  expect(search().leaks).toMatchObject([{ canary: 'a rate' }])
})

test('a search that does not even find a canary at home fails', () => {
  rmSync(join(root, 'owners/company/settings.json'))
  expect(search).toThrow('a rate')
})
