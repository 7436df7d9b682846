import { vi } from 'vitest'
import { testSgxCorpus } from './sgx-corpus.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testSgxCorpus('WebCrypto')
