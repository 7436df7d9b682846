import { testNvidiaCorpus } from './nvidia-corpus.ts'

testNvidiaCorpus('node:crypto')
