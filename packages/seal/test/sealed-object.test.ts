import { expect, test } from 'vitest'

import * as chosen from '#crypto'

import * as node from '../src/crypto-node.ts'
import { testSealedObjects } from './sealed-object-suite.ts'

test('these tests run on node:crypto', () => {
  expect(chosen.createChunkCipher).toBe(node.createChunkCipher)
})

testSealedObjects()
