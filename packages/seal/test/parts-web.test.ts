import { vi } from 'vitest'

import { testParts } from './parts-suite.ts'

// Nothing is faked: this is the file that a browser gets.
vi.mock('#crypto', () => import('../src/crypto-web.ts'))

testParts()
