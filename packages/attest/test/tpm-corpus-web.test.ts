import { vi } from 'vitest'
import { testTpmCorpus } from './tpm-corpus.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testTpmCorpus('WebCrypto')
