import { readFileSync } from 'node:fs'
import { appId as idOfManifest } from '@cloister/learn'
import { appId as idOfJson } from '@cloister/protocol'
import { expect, test } from 'vitest'
import { manifestOf } from './engine-process.ts'

test.for(['tabular-train', 'tabular-infer'])(
  'learn and protocol give %s the same id',
  async (name) => {
    const url = new URL(`../../../apps/${name}/manifest.json`, import.meta.url)
    expect(await idOfManifest(manifestOf(name))).toBe(
      idOfJson(JSON.parse(readFileSync(url, 'utf8'))),
    )
  },
)
