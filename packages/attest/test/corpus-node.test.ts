import { testCorpus } from './corpus.ts'

testCorpus('node:crypto')
