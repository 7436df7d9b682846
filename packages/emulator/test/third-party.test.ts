import { expect, test } from 'vitest'
import { vectors } from './vector-table.ts'
import { sgxVectors } from './sgx-vector-table.ts'
import {
  enclaveVerdict,
  machineSeed,
  now,
  qvl,
  sampleEnclave,
  sampleRequest,
  testManufacturer,
  underscored,
  verdict,
} from './verifier.ts'

// Where the third-party verifier (0.3.9) knows less than Intel's library: it has no relaunch advice,
// and takes the worse of two statuses where Intel's table joins them.
const lesser: Readonly<Record<string, string>> = {
  'module-updated-since-start-v5': 'OutOfDate',
  'quoting-enclave-out-of-date': 'OutOfDate',
}

// What it refuses outright, in its own words.
const refusals: Readonly<Record<string, string>> = {
  'revoked-level': 'TCB status is invalid: Revoked',
  'quoting-enclave-revoked': 'TCB status is invalid: Revoked',
  debug: 'Debug mode is enabled',
  'sept-ve-enabled': 'SEPT_VE_DISABLE is not enabled',
  'below-every-level': 'No matching TCB level found',
  'revoked-machine': 'Certificate is revoked',
  expired: 'TCBInfo expired',
}

test.for(vectors)('an unmodified third-party verifier says the same of $name', (vector) => {
  const { name, expected, platform: options, request, verifyAfter = 60 } = vector
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), ...options })
  const said = verdict(manufacturer, platform.quote(sampleRequest(request)), now + verifyAfter)
  const status = expected.authentic ? expected.tcbStatus : 'refused'
  expect(said).toBe(lesser[name] ?? refusals[name] ?? status)
})

// It looks at no attribute but DEBUG and reads no SGX quote of version 4 or 5; here it gets the chain that the vector lacks.
const sgxSaid: Readonly<Record<string, string>> = {
  'up-to-date-v4': 'SGX TEE quote must have version 3',
  'up-to-date-v5': 'SGX TEE quote must have version 3',
  'platform-named-only': 'UpToDate',
  'quoting-enclave-out-of-date': 'OutOfDate',
  'revoked-level': 'TCB status is invalid: Revoked',
  'quoting-enclave-revoked': 'TCB status is invalid: Revoked',
  debug: 'Debug mode is enabled',
  'below-every-level': 'No matching TCB level found',
  'revoked-machine': 'Certificate is revoked',
  expired: 'TCBInfo expired',
}

test.for(sgxVectors)('it says the same of the enclave $name', (vector) => {
  const { name, expected, platform: options, request, verifyAfter = 60 } = vector
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), ...options })
  const quote = platform.quoteEnclave(sampleEnclave(request))
  const said = enclaveVerdict(manufacturer, platform, quote, now + verifyAfter)
  const status = expected.authentic ? expected.tcbStatus : 'refused'
  expect(said).toBe(sgxSaid[name] ?? status)
})

test('no emulated enclave is accepted under the root of Intel', () => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1) })
  const quote = Buffer.from(platform.quoteEnclave(sampleEnclave()))
  const collateral = underscored(manufacturer.collateral({ tee: 'sgx' }))
  expect(() => qvl.QuoteVerifier.newProd().verify(quote, collateral, now)).toThrow(
    'Failed to verify certificate chain',
  )
})
