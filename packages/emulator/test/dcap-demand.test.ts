// States of SGX and TDX machines and of Intel's documents that can be asked for, and what is made of each.
import { appraise, insecureDevnetAnchor, strictPolicy, type Appraisal } from '@cloister/attest'
import { encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import {
  serveCollateral,
  type AuthorityRole,
  type CollateralOptions,
  type Manufacturer,
  type PlatformOptions,
  type QuoteRequest,
} from '../src/index.ts'
import {
  machineSeed,
  now,
  qvl,
  sampleEnclave,
  sampleRequest,
  testManufacturer,
  verdict,
} from './verifier.ts'

type Demand = {
  readonly machine?: Partial<PlatformOptions>
  readonly documents?: CollateralOptions
  readonly revoked?: readonly Exclude<AuthorityRole, 'root'>[]
  readonly request?: Partial<QuoteRequest>
  readonly manufacturer?: Manufacturer
}

const policy = strictPolicy({ measurements: 'any', reportData: 'any', machineIds: 'any' })

function judge(tee: 'sgx' | 'tdx', demand: Demand): Promise<Appraisal> {
  const { manufacturer = testManufacturer(), machine, documents, revoked = [], request } = demand
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), ...machine })
  const quote =
    tee === 'sgx'
      ? platform.quoteEnclave(sampleEnclave())
      : platform.quote(sampleRequest(request ?? {}))
  for (const role of revoked) manufacturer.revoke(role)
  const intel = manufacturer.collateral({ tee, ca: platform.ca, ...documents })
  const anchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]
  const given = { collateral: { intel }, anchors, policy, now: unixSeconds(now + 60) }
  return appraise({ tee, quote }, given)
}

/** Why evidence is not authentic, or what the policy has against it. */
async function outcome(tee: 'sgx' | 'tdx', demand: Demand): Promise<string> {
  const appraisal = await judge(tee, demand)
  return appraisal.authentic === false
    ? appraisal.reject
    : appraisal.reasons.map(({ code }) => code).join(' ') || 'accepted'
}

const over = { notAfter: unixSeconds(now) }
const notYet = { notBefore: unixSeconds(now + 3600) }
const family: Bytes = Uint8Array.of(0xc1, 1, 0x57, 0xe0, 0, 1)

const rows: readonly (readonly [what: string, outcome: string, demand: Demand])[] = [
  ...(['pck', 'ca', 'root'] as const).flatMap((part) =>
    [over, notYet].map(
      (validity, index) =>
        [
          `${part} certificate of the machine ${index === 0 ? 'expired' : 'not yet valid'}`,
          'CERT_EXPIRED_OR_NOT_YET_VALID',
          { machine: { validity: { [part]: validity } } },
        ] as const,
    ),
  ),
  ...(
    [
      ['tcbSigner', 'CERT_EXPIRED_OR_NOT_YET_VALID', 'CERT_EXPIRED_OR_NOT_YET_VALID'],
      ['pckCa', 'CERT_EXPIRED_OR_NOT_YET_VALID', 'CERT_EXPIRED_OR_NOT_YET_VALID'],
      ['root', 'CERT_EXPIRED_OR_NOT_YET_VALID', 'CERT_EXPIRED_OR_NOT_YET_VALID'],
      ['rootCaCrl', 'CRL_INVALID_OR_EXPIRED', 'CRL_INVALID_OR_EXPIRED'],
      ['pckCrl', 'CRL_INVALID_OR_EXPIRED', 'CRL_INVALID_OR_EXPIRED'],
      ['tcbInfo', 'TCB_INFO_EXPIRED', 'TCB_INFO_NOT_YET_VALID'],
      ['qeIdentity', 'QE_IDENTITY_EXPIRED', 'QE_IDENTITY_NOT_YET_VALID'],
    ] as const
  ).flatMap(([part, expired, early]) => [
    [`${part} expired`, expired, { documents: { validity: { [part]: over } } }] as const,
    [`${part} not yet valid`, early, { documents: { validity: { [part]: notYet } } }] as const,
  ]),
  ['Platform CA revoked', 'CERT_REVOKED', { revoked: ['platformCa'] }],
  ['TCB signer revoked', 'CERT_REVOKED', { revoked: ['tcbSigner'] }],
  ['the other CA revoked', 'accepted', { revoked: ['processorCa'] }],
  [
    "the machine's own Processor CA revoked",
    'CERT_REVOKED',
    { machine: { ca: 'processor' }, revoked: ['processorCa'] },
  ],
  ['machine revoked', 'CERT_REVOKED', { machine: { revoked: true } }],
  ["list of the other CA's machines", 'CRL_MISSING', { documents: { ca: 'processor' } }],
  ['another family', 'accepted', { machine: { fmspc: family }, documents: { fmspc: family } }],
  ['TCB info of another family', 'TCB_INFO_MISMATCH', { documents: { fmspc: family } }],
  ['machine of another family', 'TCB_INFO_MISMATCH', { machine: { fmspc: family } }],
  [
    'quoting enclave that binds another key',
    'QE_REPORT_DATA',
    { machine: { quotingEnclaveFields: { reportData: new Uint8Array(64).fill(1) } } },
  ],
  [
    'quoting enclave of another signer',
    'QE_IDENTITY_MISMATCH',
    { machine: { quotingEnclaveFields: { mrSigner: new Uint8Array(32).fill(1) } } },
  ],
  [
    'quoting enclave in debug mode',
    'QE_IDENTITY_MISMATCH',
    { machine: { quotingEnclaveFields: { attributes: 0x17n } } },
  ],
]

describe.for(['sgx', 'tdx'] as const)('%s', (tee) => {
  test.for(rows)('%s: %s', async ([, expected, demand]) => {
    expect(await outcome(tee, demand)).toBe(expected)
  })

  test('identity of the other technology: QE_IDENTITY_MISMATCH', async () => {
    const qeIdentityOf = tee === 'sgx' ? 'tdx' : 'sgx'
    expect(await outcome(tee, { documents: { qeIdentityOf } })).toBe('QE_IDENTITY_MISMATCH')
  })

  test('a machine has the PPID that is chosen, in claims and certificate', async () => {
    const ppid = Uint8Array.from({ length: 16 }, (_, index) => index)
    const appraisal = await judge(tee, { machine: { ppid } })
    expect(appraisal).toMatchObject({ claims: { ppid: encodeHex(ppid) }, reasons: [] })
    const others = await judge(tee, { machine: { ppid: new Uint8Array(16) } })
    expect(others).not.toHaveProperty('claims.machineId', idOf(appraisal))
  })
})

test.for<[string, Partial<QuoteRequest>]>([
  ['another signer', { mrSignerSeam: new Uint8Array(48).fill(1) }],
  ['attributes of its own', { seamAttributes: 1n }],
])('a TDX module with %s: TDX_MODULE_MISMATCH', async ([, request]) => {
  for (const version of [4, 5] as const)
    expect(await outcome('tdx', { request: { ...request, version } })).toBe('TDX_MODULE_MISMATCH')
})

test('a third-party verifier refuses a revoked authority; it does not look at the signer of a module', () => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1) })
  const foreign = sampleRequest({ mrSignerSeam: new Uint8Array(48).fill(1) })
  expect(verdict(manufacturer, platform.quote(sampleRequest()))).toBe('UpToDate')
  // Ours: TDX_MODULE_MISMATCH, above.
  expect(verdict(manufacturer, platform.quote(foreign))).toBe('UpToDate')
  manufacturer.revoke('platformCa')
  expect(verdict(manufacturer, platform.quote(sampleRequest()))).toBe('Certificate is revoked')
})

test('the service has TCB info of each family whose machines were made', async () => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), fmspc: family })
  const service = await serveCollateral(manufacturer)
  try {
    const quote = Buffer.from(platform.quote(sampleRequest()))
    const collateral = await qvl.getCollateral(service.url, quote)
    const verifier = qvl.QuoteVerifier.newWithRootCa(Buffer.from(manufacturer.rootDer))
    expect(verifier.verify(quote, collateral, now + 1).status).toBe('UpToDate')
  } finally {
    await service.close()
  }
})

function idOf(appraisal: Appraisal): unknown {
  return appraisal.authentic === false ? undefined : appraisal.claims.machineId
}
