import { readdirSync, readFileSync } from 'node:fs'

import { reasonCodes, rejectCodes } from '@cloister/attest'
import { expect, test } from 'vitest'

const docs = new URL('../../../docs/', import.meta.url)
const page = readFileSync(new URL('attestation.md', docs), 'utf8')
const kinds = readdirSync(new URL('attestation/', docs)).map((name) =>
  readFileSync(new URL(`attestation/${name}`, docs), 'utf8'),
)

/** Codes in the first column of tables, in the order of the page. */
function codesOf(text: string): readonly string[] {
  return [...text.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) +\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, code = '']) => code),
  )
}

test('the page lists every reject code, in the order in which checks are made', () => {
  const [rejects = ''] = page.split('## Reasons')
  expect(codesOf(rejects)).toEqual([...rejectCodes])
})

test('every reason stands on the page, or on the one of its kind', () => {
  const [, reasons = ''] = page.split('## Reasons')
  const found = new Set(
    [reasons, ...kinds].flatMap((text) =>
      [...text.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code),
    ),
  )
  expect(reasonCodes.filter((code) => !found.has(code))).toEqual([])
})

test('every code is given by some check', () => {
  const root = new URL('../src/', import.meta.url)
  const about = ['advice.ts', 'ear/vector.ts']
  const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !about.includes(name))
    .map((name) => readFileSync(new URL(name, root), 'utf8'))
    .join('')
    .replaceAll(/const re(?:ject|ason)Codes = \[[^\]]*\]/g, '') // The lists themselves.
  const given = (code: string): boolean => source.includes(`'${code}'`)
  expect([...rejectCodes, ...reasonCodes].filter((code) => !given(code))).toEqual([])
})
