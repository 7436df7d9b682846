import { testSnpCorpus } from './snp-corpus.ts'

testSnpCorpus('node:crypto')
