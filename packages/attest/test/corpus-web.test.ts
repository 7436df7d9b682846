import { appraise } from '@cloister/attest'
import { expect, test, vi } from 'vitest'
import { testCorpus } from './corpus.ts'
import { emulated } from './vectors.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testCorpus('WebCrypto')

test('it is WebCrypto that computes every one of the ten signatures', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  const { quote, given } = emulated('up-to-date')
  expect(await appraise({ tee: 'tdx', quote }, given)).toMatchObject({ authentic: true })
  // Root, PCK authority, PCK, TCB signer, two lists, TCB info, QE identity, QE report, quote.
  expect(verify).toHaveBeenCalledTimes(10)
  verify.mockRestore()
})
