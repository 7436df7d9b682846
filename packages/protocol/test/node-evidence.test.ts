import { createHash } from 'node:crypto'

import { canonicalJson, type Json } from '@cloister/codec'
import { describe, expect, test } from 'vitest'

import {
  allTees,
  evidenceDigest,
  hasTee,
  nodeCollateralField,
  nodeEvidenceField,
  shownEvidenceField,
  teeNumbers,
  teeSet,
  teesOf,
} from '../src/index.ts'
import { objectField } from '../src/fields.ts'
import { machines } from './machines.ts'

const shownField = shownEvidenceField((collateral) =>
  objectField({ evidence: nodeEvidenceField, collateral }),
)

describe.for(machines)('evidence of $name', ({ evidence, collateral }) => {
  const shown = { evidence: evidence(new Uint8Array(64)), collateral: collateral() }
  const json = shownField.encode(shown)
  const [member] = Object.entries(shown.evidence).filter(([name]) => name !== 'tee')
  const [name = '', bytes = new Uint8Array(0)] = member ?? []

  test('stands in JSON in one way, and is read again', () => {
    expect(nodeEvidenceField.encode(shown.evidence)).toEqual({
      tee: shown.evidence.tee,
      [name]: `0x${Buffer.from(bytes).toString('hex')}`,
    })
    const read = shownField.parse(json, '')
    expect(read).toEqual(shown)
    expect(canonicalJson(shownField.encode(read))).toBe(canonicalJson(json))
  })

  test('is named by the digest of what was signed', () => {
    const digest = createHash('sha256').update(bytes).digest('hex')
    expect(evidenceDigest(shown.evidence)).toBe(`0x${digest}`)
  })

  test.for([
    ['nothing', { tee: shown.evidence.tee }, 'evidence'],
    ['no bytes', { tee: shown.evidence.tee, [name]: '0x' }, `evidence.${name}`],
    [
      'more bytes than any evidence has',
      { tee: shown.evidence.tee, [name]: `0x${'00'.repeat(32 * 1024 + 1)}` },
      `evidence.${name}`,
    ],
    ['a kind that is none', { tee: 'sev', [name]: '0x00' }, 'evidence.tee'],
    ['a member too many', { tee: shown.evidence.tee, [name]: '0x00', x: 1 }, 'evidence.x'],
  ] satisfies [string, Json, string][])('with %s is refused by its place', ([, value, field]) => {
    expect(() => nodeEvidenceField.parse(value, 'evidence')).toThrow(field)
  })

  test('comes with no other vendor’s documents', () => {
    for (const { evidence: other, collateral: documents } of machines) {
      const { tee } = other(new Uint8Array(64))
      if (tee === shown.evidence.tee) continue
      const foreign = nodeCollateralField(tee).encode(documents())
      const given = { evidence: nodeEvidenceField.encode(shown.evidence), collateral: foreign }
      expect(() => shownField.parse(given, 'bundle')).toThrow('bundle.collateral')
    }
  })
})

test('TEEs have the numbers that the chain knows, and sets of them are masks', () => {
  expect(teeNumbers).toEqual({ sgx: 1, tdx: 2, 'sev-snp': 3, 'aws-nitro': 4, 'arm-cca': 5 })
  expect(allTees).toBe(0b111110)
  expect(teeSet(['tdx', 'aws-nitro'])).toBe(0b10100)
  expect(teesOf(0b10100)).toEqual(['tdx', 'aws-nitro'])
  expect(hasTee(0b10100, 2) && !hasTee(0b10100, 3)).toBe(true)
})
