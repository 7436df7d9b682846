import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, expect, test } from 'vitest'

import { copyMeasured } from '../src/measured-copy.ts'

const folder = mkdtempSync(join(tmpdir(), 'measured-copy-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('TDs that are prepared at the same time share one cache', { timeout: 60_000 }, async () => {
  for (let round = 0; round < 60; round++) {
    const place = join(folder, String(round))
    const source = join(folder, `source-${round}`)
    writeFileSync(source, randomBytes(200_000))
    const targets = Array.from({ length: 8 }, (_, index) => join(place, String(index), 'file'))
    const copies = targets.map((target) => copyMeasured(source, target, join(place, 'cache')))
    const outcomes = await Promise.allSettled(copies)
    expect(outcomes.map(({ status }) => status)).toEqual(targets.map(() => 'fulfilled'))
  }
})
