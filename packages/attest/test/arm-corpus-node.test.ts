import { testArmCorpus } from './arm-corpus.ts'

testArmCorpus('node:crypto')
