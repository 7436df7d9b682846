import {
  appraise,
  insecureDevnetAnchor,
  strictPolicy,
  type Appraisal,
  type Given,
  type IntelCollateral,
  type SgxClaims,
} from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import type { Platform } from '../src/index.ts'
import { sgxVectors, type SgxExpected } from './sgx-vector-table.ts'
import { machineSeed, now, sampleEnclave, testManufacturer } from './verifier.ts'

const policy = strictPolicy({
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
  minTcbEvaluationDataNumber: 18,
  minRootCrlNumber: 1,
  minPckCrlNumber: 1,
})
const manufacturer = testManufacturer()
const anchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]

function givenFor(platform: Platform, over: Partial<IntelCollateral> = {}, after = 60): Given {
  const intel = { ...manufacturer.collateral({ tee: 'sgx', ca: platform.ca }), ...over }
  return { collateral: { intel }, anchors, policy, now: unixSeconds(now + after) }
}

function concluded(appraisal: Appraisal<SgxClaims>): SgxExpected {
  if (appraisal.authentic === false) return { authentic: false, reject: appraisal.reject }
  const { claims, reasons } = appraisal
  return {
    authentic: true,
    tcbStatus: claims.tcbStatus ?? '',
    platformTcbStatus: claims.platformTcbStatus ?? '',
    qeTcbStatus: claims.qeTcbStatus ?? '',
    advisoryIds: claims.advisoryIds ?? [],
    debug: claims.debug,
    reasons: reasons.map(({ code }) => code),
  }
}

test.for(sgxVectors)('our appraisal concludes what was asked for: $name', async (vector) => {
  const seed = machineSeed(sgxVectors.indexOf(vector) + 1)
  const platform = manufacturer.createPlatform({ machineSeed: seed, ...vector.platform })
  const quote = platform.quoteEnclave(sampleEnclave(vector.request))
  const given = givenFor(platform, {}, vector.verifyAfter)
  expect(concluded(await appraise({ tee: 'sgx', quote }, given))).toEqual(vector.expected)
})

const platform = manufacturer.createPlatform({ machineSeed: machineSeed(200) })
const other = manufacturer.createPlatform({ machineSeed: machineSeed(201) })
const older = manufacturer.createPlatform({ machineSeed: machineSeed(200), tcb: 'OutOfDate' })

test.for([1, 3] as const)(
  'a quote of certification type %i holds with its own chain alone',
  async (certificationType) => {
    const quote = platform.quoteEnclave(sampleEnclave({ certificationType }))
    const reject = async (pckCertificateChain: string) => {
      const given = givenFor(platform, { pckCertificateChain })
      const appraisal = await appraise({ tee: 'sgx', quote }, given)
      return appraisal.authentic === false ? appraisal.reject : appraisal.claims.ppid
    }
    expect(await reject(platform.pckChainPem)).toBe(Buffer.from(platform.ppid).toString('hex'))
    expect(await reject(older.pckChainPem)).toBe('CERT_MISMATCH')
    // Of another machine at the same TCB: type 3 does not say whose, so the signature has to.
    const named = certificationType === 1 ? 'CERT_MISMATCH' : 'QE_REPORT_SIGNATURE'
    expect(await reject(other.pckChainPem)).toBe(named)
    expect(await reject('no PEM')).toBe('CHAIN_INVALID')
  },
)

test('without collateral and chain a quote is at best a chain of signatures that ends nowhere', async () => {
  const quote = platform.quoteEnclave(sampleEnclave({ certificationType: 3 }))
  const given = { ...givenFor(platform), collateral: 'none' } as const
  const appraisal = await appraise({ tee: 'sgx', quote }, given)
  expect(appraisal).toMatchObject({
    authentic: 'chain-only',
    until: given.now,
    claims: { anchor: 'none', productLine: 'unknown', endorsement: 'supplied' },
  })
  if (appraisal.authentic === false) throw new Error('unreachable')
  expect(appraisal.claims.machineId).toBeUndefined()
  expect(appraisal.reasons.map(({ code }) => code)).toEqual([
    'CHAIN_ONLY',
    'PCK_CERT_UNAVAILABLE',
    'ENDORSEMENT',
  ])
  quote[431]! ^= 1
  expect(await appraise({ tee: 'sgx', quote }, given)).toMatchObject({ reject: 'QUOTE_SIGNATURE' })
})

test('collateral of the other technology judges no quote', async () => {
  const quote = platform.quoteEnclave(sampleEnclave())
  const tdx = manufacturer.collateral({ tee: 'tdx' })
  const reject = async (over: Partial<IntelCollateral>) =>
    concluded(await appraise({ tee: 'sgx', quote }, givenFor(platform, over)))
  const { tcbInfo, tcbInfoSignature, qeIdentity, qeIdentitySignature } = tdx
  expect(await reject({ tcbInfo, tcbInfoSignature })).toMatchObject({
    reject: 'TCB_INFO_UNSUPPORTED',
  })
  expect(await reject({ qeIdentity, qeIdentitySignature })).toMatchObject({
    reject: 'QE_IDENTITY_MISMATCH',
  })
})

test('the list of the other authority says nothing of a certificate', async () => {
  const quote = platform.quoteEnclave(sampleEnclave())
  const { pckCrl } = manufacturer.collateral({ ca: 'processor' })
  expect(concluded(await appraise({ tee: 'sgx', quote }, givenFor(platform, { pckCrl })))).toEqual({
    authentic: false,
    reject: 'CRL_MISSING',
  })
})

test('claims carry every field of the enclave that was asked for', async () => {
  const configId = new Uint8Array(64).fill(0xc0)
  const request = sampleEnclave({ configId, configSvn: 5, miscSelect: 1, attributes: 0x85n })
  const quote = platform.quoteEnclave(request)
  const appraisal = await appraise({ tee: 'sgx', quote }, givenFor(platform))
  expect(appraisal).toMatchObject({
    authentic: true,
    claims: {
      format: 'intel-dcap-quote-v3-sgx',
      mrEnclave: 'e0'.repeat(32),
      mrSigner: 'e1'.repeat(32),
      isvProdId: 7,
      isvSvn: 3,
      configId: 'c0'.repeat(64),
      configSvn: 5,
      miscSelect: '01000000',
      xfrm: 'e700000000000000',
      attributes: { initialized: true, mode64Bit: true, kss: true, debug: false, reserved: '0' },
    },
  })
})

test('a policy can name signers, products, versions and configurations', async () => {
  const quote = platform.quoteEnclave(sampleEnclave())
  const codes = async (sgx: Partial<typeof policy.sgx>) => {
    const wanted = { ...policy, sgx: { ...policy.sgx, ...sgx } }
    const appraisal = await appraise(
      { tee: 'sgx', quote },
      { ...givenFor(platform), policy: wanted },
    )
    return appraisal.authentic === false ? [] : appraisal.reasons.map(({ code }) => code)
  }
  expect(
    await codes({ mrSigners: ['0xE1'.padEnd(66, 'e1')], isvProdIds: [7], minIsvSvn: 3 }),
  ).toEqual([])
  expect(
    await codes({ mrSigners: [], isvProdIds: [8], minIsvSvn: 4, configIds: ['11'.repeat(64)] }),
  ).toEqual(['MRSIGNER', 'ISV_PROD_ID', 'ISV_SVN', 'CONFIG_ID'])
  expect(await codes({ minIsvSvn: Number.NaN, configIds: 'any' })).toEqual(['ISV_SVN'])
})

test('what is forged is signed as it stands', async () => {
  const genuine = platform.quoteEnclave(sampleEnclave())
  const signed = genuine.slice(0, 432)
  signed[431] = 0xff
  const layout = { tee: 'sgx', layout: 3 } as const
  const judged = async (quote: Uint8Array<ArrayBuffer>) =>
    await appraise({ tee: 'sgx', quote }, givenFor(platform))
  expect(await judged(platform.forge(signed, layout))).toMatchObject({
    authentic: true,
    claims: { reportData: expect.stringMatching(/ff$/) },
  })
  expect(await judged(platform.forge(signed.slice(0, 400), layout))).toMatchObject({
    reject: 'PARSE',
  })
  const unbound = platform.forge(signed, layout, { qeReport: new Uint8Array(384) })
  expect(await judged(unbound)).toMatchObject({ reject: 'QE_REPORT_DATA' })
  const { text, signature } = manufacturer.signDocument('{"version":3,"id":"SGX"}')
  const over = { tcbInfo: text, tcbInfoSignature: signature }
  expect(await appraise({ tee: 'sgx', quote: genuine }, givenFor(platform, over))).toMatchObject({
    reject: 'TCB_INFO_UNSUPPORTED',
    at: { field: 'TCB info.tcbType' },
  })
})

test('after a recovery the same machine is out of date, with a new advisory', async () => {
  const quote = platform.quoteEnclave(sampleEnclave())
  const options = { tee: 'sgx', earlyTcbEvaluationDataNumber: 19 } as const
  const judged = async (update: 'early' | 'standard') =>
    await appraise(
      { tee: 'sgx', quote },
      givenFor(platform, manufacturer.collateral({ ...options, update })),
    )
  expect(await judged('standard')).toMatchObject({
    claims: { tcbStatus: 'UpToDate', tcbEvaluationDataNumber: 18 },
  })
  expect(await judged('early')).toMatchObject({
    claims: {
      tcbStatus: 'OutOfDate',
      tcbEvaluationDataNumber: 19,
      advisoryIds: ['EMULATED-SA-00007'],
    },
  })
})
