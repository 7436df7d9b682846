import { createHash } from 'node:crypto'
import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

import { canonicalJson, OperationError } from '@cloister/codec'

/** One entry of a journal: `digest` covers every other field, `previous` is the digest before it. */
export type JournalEntry = {
  readonly sequence: number
  readonly kind: string
  readonly key: string
  readonly body: string
  readonly previous: string
  readonly digest: string
}

/** What a journal was asked to record: the entry that stands, and whether this call wrote it. */
export type Recorded = { readonly entry: JournalEntry; readonly isNew: boolean }

/** Longest body of an entry, in characters. */
export const journalBodyCharactersMax: number = 17 * 2 ** 20

const zeroDigest = '0'.repeat(64)

/**
 * An append-only, hash-chained record on disk. An entry that was returned survives `kill -9` and
 * power loss; per kind and key there is one entry for ever, so what was signed once is never signed otherwise.
 *
 * One process holds a journal at a time. Opening checks the whole chain. It can't notice that the
 * whole file was replaced by an older copy of itself: who must know that asks the chain and peers.
 */
export class Journal {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #move: StatementSync
  readonly #list: StatementSync
  #head: { readonly count: number; readonly digest: string }

  private constructor(path: string, database: DatabaseSync) {
    this.path = path
    this.#database = database
    this.#head = verifyChain(path, database)
    this.#find = database.prepare('SELECT * FROM entry WHERE kind = ? AND key = ?')
    this.#insert = database.prepare('INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)')
    this.#move = database.prepare('UPDATE head SET count = ?, digest = ?')
    this.#list = database.prepare(
      'SELECT * FROM entry WHERE kind = ? AND sequence >= ? ORDER BY sequence LIMIT ?',
    )
  }

  /**
   * Opens the journal at `path`, or makes it where there is no file.
   *
   * @throws {OperationError} `journal-locked`, `journal-corrupt`, `journal-full`, `journal-unusable`.
   */
  static open(path: string): Journal {
    let database: DatabaseSync | undefined
    try {
      if (!existsSync(path)) createFile(path)
      if (statSync(path).size === 0)
        throw corrupt(path, 'the file is empty, and a journal never is')
      database = connect(path)
      return new Journal(path, database)
    } catch (cause) {
      database?.close()
      throw journalError(path, 'open', cause)
    }
  }

  /** How many entries there are, and the digest of the last (zeros where there is none). */
  get head(): { readonly count: number; readonly digest: string } {
    return this.#head
  }

  /**
   * Records `body` unless there is an entry of this kind and key; then that one stands.
   *
   * It is on disk when this returns. @throws {OperationError} `journal-full`, `journal-unusable`.
   */
  recordOnce(kind: string, key: string, body: string): Recorded {
    const present = this.find(kind, key)
    if (present !== undefined) return { entry: present, isNew: false }
    if (body.length > journalBodyCharactersMax)
      throw new OperationError(
        'too-large',
        `Cannot record ${body.length} characters in ${this.path}: at most ${journalBodyCharactersMax}`,
      )
    const { count: sequence, digest: previous } = this.#head
    const digest = digestEntry({ sequence, kind, key, body, previous })
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      this.#insert.run(sequence, kind, key, body, previous, digest)
      this.#move.run(sequence + 1, digest)
      this.#database.exec('COMMIT')
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw journalError(this.path, `record ${kind} ${key}`, cause)
    }
    this.#head = { count: sequence + 1, digest }
    return { entry: { sequence, kind, key, body, previous, digest }, isNew: true }
  }

  /** Records a new entry. @throws {OperationError} `journal-duplicate` where the key is taken by another body. */
  append(kind: string, key: string, body: string): JournalEntry {
    const { entry } = this.recordOnce(kind, key, body)
    if (entry.body === body) return entry
    throw new OperationError(
      'journal-duplicate',
      `Cannot record ${kind} ${key} in ${this.path}: entry ${entry.sequence} already says otherwise`,
    )
  }

  /** The entry of this kind and key, if there is one. */
  find(kind: string, key: string): JournalEntry | undefined {
    try {
      const row = this.#find.get(kind, key)
      return row === undefined ? undefined : readEntry(this.path, row)
    } catch (cause) {
      throw journalError(this.path, `read ${kind} ${key}`, cause)
    }
  }

  /** Entries of a kind in order, at most `limit` of them, from a sequence number on. */
  list(kind: string, fromSequence = 0, limit = 1_000): readonly JournalEntry[] {
    try {
      return this.#list.all(kind, fromSequence, limit).map((row) => readEntry(this.path, row))
    } catch (cause) {
      throw journalError(this.path, `list ${kind}`, cause)
    }
  }

  /** Releases the file. */
  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

// Made under another name and renamed: a crash in between never leaves an empty journal behind.
function createFile(path: string): void {
  const fresh = `${path}.new`
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    rmSync(`${fresh}${suffix}`, { force: true })
  const database = new DatabaseSync(fresh)
  try {
    database.exec(`
      PRAGMA synchronous = FULL;
      CREATE TABLE entry (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,
        body TEXT NOT NULL, previous TEXT NOT NULL, digest TEXT NOT NULL, UNIQUE (kind, key)) STRICT;
      CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL, digest TEXT NOT NULL) STRICT;
      INSERT INTO head VALUES (1, 0, '${zeroDigest}');
      PRAGMA user_version = 1;
    `)
  } finally {
    database.close()
  }
  renameSync(fresh, path)
}

function connect(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // Exclusive before the first read: the lock is held until close, and no shared memory file is made.
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT',
    )
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function verifyChain(path: string, database: DatabaseSync): { count: number; digest: string } {
  const version = database.prepare('PRAGMA user_version').get()?.['user_version']
  if (version !== 1) throw corrupt(path, `it has format ${String(version)}, expected 1`)
  let count = 0
  let digest = zeroDigest
  for (const row of database.prepare('SELECT * FROM entry ORDER BY sequence').iterate()) {
    const entry = readEntry(path, row)
    if (entry.sequence !== count) throw corrupt(path, `entry ${count} is missing`)
    if (entry.previous !== digest)
      throw corrupt(path, `entry ${count} does not follow the one before`)
    if (entry.digest !== digestEntry(entry)) throw corrupt(path, `entry ${count} was altered`)
    digest = entry.digest
    count++
  }
  const head = database.prepare('SELECT count, digest FROM head').get()
  if (head?.['count'] !== count || head['digest'] !== digest)
    throw corrupt(path, `it holds ${count} entries, its head says ${String(head?.['count'])}`)
  return { count, digest }
}

function digestEntry(entry: Omit<JournalEntry, 'digest'>): string {
  const { sequence, kind, key, body, previous } = entry
  const text = canonicalJson(['cloister/journal/1', sequence, kind, key, body, previous])
  return createHash('sha256').update(text).digest('hex')
}

function readEntry(path: string, row: Readonly<Record<string, unknown>>): JournalEntry {
  const { sequence, kind, key, body, previous, digest } = row
  if (
    typeof sequence !== 'number' ||
    typeof kind !== 'string' ||
    typeof key !== 'string' ||
    typeof body !== 'string' ||
    typeof previous !== 'string' ||
    typeof digest !== 'string'
  )
    throw corrupt(path, 'an entry has a field of another type')
  return { sequence, kind, key, body, previous, digest }
}

function corrupt(path: string, detail: string): OperationError {
  return new OperationError(
    'journal-corrupt',
    `Cannot trust the journal ${path}: ${detail}; keep the file, and start with a new key and a new journal`,
  )
}

// SQLite's primary result codes. Spec: https://sqlite.org/rescode.html
const busy = 5
const corruptDatabase = 11
const full = 13
const notDatabase = 26

function journalError(path: string, action: string, cause: unknown): OperationError {
  if (cause instanceof OperationError) return cause
  const raw = cause instanceof Error && 'errcode' in cause ? cause.errcode : undefined
  const code = typeof raw === 'number' ? raw & 0xff : undefined
  if (code === busy)
    return new OperationError(
      'journal-locked',
      `Cannot ${action} the journal ${path}: another process holds it; end that process first`,
      { cause },
    )
  if (code === full)
    return new OperationError(
      'journal-full',
      `Cannot ${action} in the journal ${path}: the disk is full; free space there, then try again`,
      { cause, retryable: true },
    )
  if (code === corruptDatabase || code === notDatabase)
    return new OperationError('journal-corrupt', corrupt(path, 'it is no database').message, {
      cause,
    })
  const detail = cause instanceof Error ? cause.message : 'unknown failure'
  return new OperationError(
    'journal-unusable',
    `Cannot ${action} the journal ${path}: ${detail}; check that its folder may be read and written`,
    { cause },
  )
}
