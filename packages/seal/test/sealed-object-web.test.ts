import { expect, test, vi } from 'vitest'

import * as chosen from '#crypto'

import * as web from '../src/crypto-web.ts'
import { testSealedObjects } from './sealed-object-suite.ts'

// Nothing is faked: this is the file that a browser gets.
vi.mock('#crypto', () => import('../src/crypto-web.ts'))

test('these tests run on WebCrypto', () => {
  expect(chosen.createChunkCipher).toBe(web.createChunkCipher)
})

testSealedObjects()
