import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Journal } from '@cloister/io'
import {
  cloisterDomain,
  encodeMessage,
  recoverSigner,
  zeroHash,
  type Vote,
} from '@cloister/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { VoteJournal } from '../src/vote-journal.ts'
import { key, named } from './attempt.ts'

const domain = cloisterDomain(31337, '0x5FbDB2315678afecb367f032d93F642f64180aa3')
const member = key('verifier')
const accept: Vote = {
  task: named('task'),
  attempt: 1,
  posting: named('posting'),
  verdict: 1,
  reason: 0,
  keepersHash: named('keepers'),
  appraisalDigest: named('appraisal'),
}
const refuse: Vote = {
  ...accept,
  verdict: 2,
  reason: 3,
  keepersHash: zeroHash,
  appraisalDigest: zeroHash,
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-votes-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (): [Journal, VoteJournal] => {
  const journal = Journal.open(join(folder, 'journal.sqlite'))
  return [journal, new VoteJournal(journal, domain, (hash) => member.sign({ hash }))]
}

test('a vote that was journalled before kill -9 is the one that is signed afterwards, whatever is judged then', async () => {
  const script = join(import.meta.dirname, 'write-vote-then-die.ts')
  const path = join(folder, 'journal.sqlite')
  const died = spawnSync(process.execPath, [script, path, encodeMessage('Vote', accept)], {
    encoding: 'utf8',
  })
  expect(died.stderr).not.toContain('Error')
  expect(died.signal).toBe('SIGKILL')

  const [journal, votes] = open()
  const cast = await votes.cast(refuse)
  expect(cast?.vote).toEqual(accept)
  expect(await recoverSigner(domain, 'Vote', accept, cast!.signature)).toBe(member.address)
  journal.close()
})

test('a second, different vote is never signed, also after the journal was closed and opened', async () => {
  const [first, votes] = open()
  const cast = await votes.cast(accept)
  expect((await votes.cast(refuse))?.vote).toEqual(accept)
  first.close()
  const [second, again] = open()
  expect(await again.cast(refuse)).toEqual(cast)
  expect([again.knows(accept), again.knows(refuse)]).toEqual([true, false])
  second.close()
})

test('nothing is signed for another posting of the same attempt', async () => {
  const [journal, votes] = open()
  await votes.cast(accept)
  expect(await votes.cast({ ...accept, posting: named('another posting') })).toBeUndefined()
  expect((await votes.cast({ ...accept, attempt: 2 }))?.vote.attempt).toBe(2)
  journal.close()
})
