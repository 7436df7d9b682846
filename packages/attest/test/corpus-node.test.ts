import { testEveryCorpus } from './every-corpus.ts'

testEveryCorpus('node:crypto')
