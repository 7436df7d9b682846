import { testSgxCorpus } from './sgx-corpus.ts'

testSgxCorpus('node:crypto')
