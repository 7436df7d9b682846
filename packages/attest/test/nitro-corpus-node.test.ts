import { testNitroCorpus } from './nitro-corpus.ts'

testNitroCorpus('node:crypto')
