import { expect, test } from 'vitest'
import { vectors } from './vector-table.ts'
import { machineSeed, now, sampleRequest, testManufacturer, verdict } from './verifier.ts'

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
