import { testTpmCorpus } from './tpm-corpus.ts'

testTpmCorpus('node:crypto')
