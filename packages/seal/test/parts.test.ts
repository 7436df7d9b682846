import { testParts } from './parts-suite.ts'

testParts()
