import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { Journal } from '../src/index.ts'
import { mountSmallDisk } from './small-disk.ts'

let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-journal-'))
  path = join(folder, 'votes.sqlite')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function withEntries(count: number): void {
  const journal = Journal.open(path)
  for (let index = 0; index < count; index++)
    journal.append('vote', `item ${index}`, `body ${index}`)
  journal.close()
}

test('the first body of a kind and key stands for ever', () => {
  const journal = Journal.open(path)
  expect(journal.recordOnce('vote', 'task 1', 'accept')).toMatchObject({ isNew: true })
  expect(journal.recordOnce('vote', 'task 1', 'refuse')).toMatchObject({
    isNew: false,
    entry: { sequence: 0, body: 'accept' },
  })
  expect(journal.recordOnce('draw', 'task 1', 'refuse')).toMatchObject({ isNew: true })
  expect(() => journal.append('vote', 'task 1', 'refuse')).toThrow(/already says otherwise/)
  journal.close()
  const again = Journal.open(path)
  expect(again.recordOnce('vote', 'task 1', 'refuse').entry.body).toBe('accept')
  expect(again.head.count).toBe(2)
  again.close()
})

test('entries come in order, by kind, and chain by digest', () => {
  withEntries(5)
  const journal = Journal.open(path)
  const entries = journal.list('vote', 1, 3)
  expect(entries.map((entry) => entry.key)).toEqual(['item 1', 'item 2', 'item 3'])
  expect(entries[1]!.previous).toBe(entries[0]!.digest)
  expect(journal.list('other')).toEqual([])
  journal.close()
})

test('a second opener is refused while the first holds the journal', () => {
  const first = Journal.open(path)
  expect(() => Journal.open(path)).toThrow(expect.objectContaining({ code: 'journal-locked' }))
  first.close()
  Journal.open(path).close()
})

test.for([
  ['an altered body', `UPDATE entry SET body = 'other' WHERE sequence = 1`],
  ['an altered key', `UPDATE entry SET key = 'other' WHERE sequence = 1`],
  ['an entry missing in the middle', 'DELETE FROM entry WHERE sequence = 1'],
  ['an entry missing at the end', 'DELETE FROM entry WHERE sequence = 2'],
  ['a head that is behind', 'UPDATE head SET count = 2'],
  ['another format', 'PRAGMA user_version = 2'],
] as const)('%s is noticed on opening', ([, statement]) => {
  withEntries(3)
  const database = new DatabaseSync(path)
  database.exec(statement)
  database.close()
  expect(() => Journal.open(path)).toThrow(expect.objectContaining({ code: 'journal-corrupt' }))
})

test('a file cut short is noticed on opening', () => {
  withEntries(200)
  const { length } = readFileSync(path)
  for (const size of [0, 1, 100, 4_096, Math.floor(length / 2), length - 4_096]) {
    withEntriesAgain()
    truncateSync(path, size)
    expect(() => Journal.open(path), `cut to ${size}`).toThrow(
      expect.objectContaining({ code: 'journal-corrupt', message: expect.stringContaining(path) }),
    )
  }
})

function withEntriesAgain(): void {
  rmSync(folder, { recursive: true })
  folder = mkdtempSync(join(tmpdir(), 'cloister-journal-'))
  path = join(folder, 'votes.sqlite')
  withEntries(200)
}

test('a file that is no journal is refused and left as it is', () => {
  writeFileSync(path, 'a letter to a friend, which is long enough to be a header of a database...')
  expect(() => Journal.open(path)).toThrow(expect.objectContaining({ code: 'journal-corrupt' }))
  expect(readFileSync(path, 'utf8')).toContain('a letter to a friend')
})

test('one altered letter in the file is noticed', () => {
  withEntries(50)
  const bytes = readFileSync(path)
  const file = openSync(path, 'r+')
  // Splitting a page leaves stale copies behind, so every copy is altered.
  for (let at = bytes.indexOf('body 7'); at >= 0; at = bytes.indexOf('body 7', at + 1))
    writeSync(file, 'bodi 7', at)
  closeSync(file)
  expect(() => Journal.open(path)).toThrow(expect.objectContaining({ code: 'journal-corrupt' }))
})

test('a folder that does not exist is named', () => {
  expect(() => Journal.open(join(folder, 'none', 'votes.sqlite'))).toThrow(/none\/votes\.sqlite/)
})

test('every entry that was reported survives kill -9 at any moment', async () => {
  const writer = new URL('journal-writer.ts', import.meta.url).pathname
  const reported: string[] = []
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', writer, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (data: Buffer) => (output += data.toString()))
    await once(child.stdout, 'data')
    await sleep(Math.random() * 120)
    child.kill('SIGKILL')
    await once(child, 'close')
    reported.push(...output.split('\n').slice(0, -1))
  }
  const journal = Journal.open(path)
  const kept = journal
    .list('vote', 0, 1_000_000)
    .map((entry) => `${entry.sequence} ${entry.digest}`)
  journal.close()
  expect(reported.length).toBeGreaterThan(8)
  expect(kept.filter((line) => reported.includes(line))).toEqual(reported)
  // At most the one that was in flight is there besides, once per kill.
  expect(kept.length - reported.length).toBeLessThanOrEqual(8)
})

test('a full disk is said to be full, what stands remains, and the journal goes on', ({ skip }) => {
  const disk = mountSmallDisk(512)
  if (disk === undefined) {
    skip()
    return
  }
  try {
    const small = join(disk.folder, 'votes.sqlite')
    const journal = Journal.open(small)
    journal.append('vote', 'first', 'stands')
    expect(() => journal.append('vote', 'huge', 'x'.repeat(600_000))).toThrow(
      expect.objectContaining({ code: 'journal-full', message: expect.stringContaining(small) }),
    )
    journal.append('vote', 'second', 'stands too')
    journal.close()
    const again = Journal.open(small)
    expect(again.list('vote').map((entry) => entry.key)).toEqual(['first', 'second'])
    again.close()
  } finally {
    disk.remove()
  }
})
