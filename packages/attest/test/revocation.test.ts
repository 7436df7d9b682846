import { insecureDevnetAnchor, type IntelCollateral } from '@cloister/attest'
import { encodeUtf8, unixSeconds } from '@cloister/codec'
import { sign } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  DcapMemory,
  requireDocuments,
  verifyCollateral,
  type Technology,
} from '../src/dcap/collateral.ts'
import { parseTdxTcbInfo, type TdxTcbInfo } from '../src/dcap/tcb-info.ts'
import { Refusal } from '../src/reject.ts'
import {
  certificate,
  pem,
  revocationList,
  signer,
  spkiSha256,
  type Signer,
} from './certificate-writer.ts'

const root = signer('SGX Root CA')
const platformCa = signer('SGX PCK Platform CA')
const processorCa = signer('SGX PCK Processor CA')
const tcbSigner = signer('SGX TCB Signing')
const pck = signer('SGX PCK Certificate')
const now = 1_700_000_000
const iso = (seconds: number) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
const dates = { issueDate: iso(now - 10), nextUpdate: iso(now + 10) }

const rootPem = certificate(root, root, { ca: true, serial: 1 })
const signerPem = pem(certificate(tcbSigner, root, { serial: 2 }), rootPem)
const pckPem = pem(
  certificate(pck, platformCa, { serial: 4 }),
  certificate(platformCa, root, { ca: true, serial: 3 }),
  rootPem,
)

const tcbInfo = (over: object = {}) =>
  JSON.stringify({
    id: 'TDX',
    version: 3,
    ...dates,
    fmspc: '90C06F000000',
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 5,
    tdxModule: { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8) },
    tcbLevels: [],
    ...over,
  })
const qeIdentity = (over: object = {}) =>
  JSON.stringify({
    id: 'TD_QE',
    version: 2,
    ...dates,
    tcbEvaluationDataNumber: 5,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '00'.repeat(16),
    attributesMask: 'FF'.repeat(16),
    mrsigner: '00'.repeat(32),
    isvprodid: 2,
    tcbLevels: [],
    ...over,
  })
const signature = (text: string, by: Signer = tcbSigner) =>
  sign('sha256', encodeUtf8(text), { key: by.key, dsaEncoding: 'ieee-p1363' }).toString('hex')

function collateral(over: Partial<IntelCollateral> = {}): IntelCollateral {
  const info = over.tcbInfo ?? tcbInfo()
  const identity = over.qeIdentity ?? qeIdentity()
  return {
    tcbInfo: info,
    tcbInfoSignature: signature(info),
    tcbInfoIssuerChain: signerPem,
    qeIdentity: identity,
    qeIdentitySignature: signature(identity),
    qeIdentityIssuerChain: signerPem,
    rootCaCrl: revocationList(root, { number: 7 }).toString('hex'),
    pckCrl: revocationList(platformCa, { number: 8 }).toString('hex'),
    pckCrlIssuerChain: pem(certificate(platformCa, root, { ca: true, serial: 3 }), rootPem),
    ...over,
  }
}

const tdx: Technology<TdxTcbInfo> = {
  qeIdentityId: 'TD_QE',
  parseTcbInfo: parseTdxTcbInfo,
  tcbInfos: (memory) => memory.tdxTcbInfos,
}

async function outcome(over: Partial<IntelCollateral> = {}, at = now): Promise<string> {
  const result = await judge(over, [root], at)
  return result instanceof Refusal ? result.reject : result
}

async function judge(
  over: Partial<IntelCollateral>,
  roots: readonly Signer[],
  at: number,
): Promise<string | Refusal> {
  const memory = new DcapMemory()
  const time = unixSeconds(at)
  const anchors = roots.map((each) => insecureDevnetAnchor(spkiSha256(each)))
  const given = { anchors, now: time }
  try {
    requireDocuments(collateral(over))
    const verified = await verifyCollateral(
      collateral(over),
      memory.certificates.chain(pckPem, 'PCK chain', time),
      given,
      memory,
      tdx,
    )
    return `${verified.rootCrlNumber} ${verified.pckCrlNumber} ${verified.until - now}`
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

const hex = (by: Signer, options: Parameters<typeof revocationList>[1]) =>
  revocationList(by, options).toString('hex')

test('good collateral holds until its first part ends', async () => {
  expect(await outcome()).toBe('7 8 10')
  expect(await outcome({ pckCrlIssuerChain: '' })).toBe('7 8 10')
  expect(await outcome({ pckCrl: hex(platformCa, { nextUpdate: now + 3 }) })).toBe('7 1 3')
})

test.for<[string, string, Partial<IntelCollateral>]>([
  ['a revoked PCK certificate', 'CERT_REVOKED', { pckCrl: hex(platformCa, { serials: [9, 4] }) }],
  ['a revoked PCK authority', 'CERT_REVOKED', { rootCaCrl: hex(root, { serials: [3] }) }],
  ['a revoked TCB signer', 'CERT_REVOKED', { rootCaCrl: hex(root, { serials: [2] }) }],
  ['the list of another PCK authority', 'CRL_MISSING', { pckCrl: hex(processorCa, {}) }],
  ['the root list in place of the PCK list', 'CRL_MISSING', { pckCrl: hex(root, {}) }],
  ['no root list', 'CRL_MISSING', { rootCaCrl: '' }],
  ['no PCK list', 'CRL_MISSING', { pckCrl: '' }],
  [
    'a list by a stranger of that name',
    'CRL_INVALID_OR_EXPIRED',
    { pckCrl: hex(signer('SGX PCK Platform CA'), {}) },
  ],
  [
    'a stale PCK list alone',
    'CRL_INVALID_OR_EXPIRED',
    { pckCrl: hex(platformCa, { nextUpdate: now - 1 }) },
  ],
  [
    'a stale root list alone',
    'CRL_INVALID_OR_EXPIRED',
    { rootCaCrl: hex(root, { nextUpdate: now - 1 }) },
  ],
  [
    'a list of tomorrow',
    'CRL_INVALID_OR_EXPIRED',
    { rootCaCrl: hex(root, { thisUpdate: now + 1 }) },
  ],
  ['a list that is no DER', 'CRL_INVALID_OR_EXPIRED', { rootCaCrl: 'deadbeef' }],
  ['a list that is no hexadecimal', 'CRL_INVALID_OR_EXPIRED', { rootCaCrl: 'xy' }],
  ['no TCB info', 'COLLATERAL_MISSING', { tcbInfo: '' }],
  ['no QE identity chain', 'COLLATERAL_MISSING', { qeIdentityIssuerChain: '' }],
  [
    'a signer chain without its root',
    'CHAIN_INVALID',
    { tcbInfoIssuerChain: pem(certificate(tcbSigner, root)) },
  ],
  ['a chain that is no PEM', 'CHAIN_INVALID', { tcbInfoIssuerChain: 'nothing' }],
  ['TCB info signed by a PCK certificate', 'CHAIN_INVALID', { tcbInfoIssuerChain: pckPem }],
  [
    'TCB info signed by an authority',
    'TCB_INFO_SIGNATURE',
    { tcbInfoIssuerChain: pem(certificate(tcbSigner, root, { ca: true }), rootPem) },
  ],
  [
    'TCB info signed by another role',
    'TCB_INFO_SIGNATURE',
    {
      tcbInfoSignature: signature(tcbInfo(), pck),
      tcbInfoIssuerChain: pem(certificate(pck, root), rootPem),
    },
  ],
  [
    'TCB info signed by another key',
    'TCB_INFO_SIGNATURE',
    { tcbInfoSignature: signature(tcbInfo(), pck) },
  ],
  ['a signature that is none', 'TCB_INFO_SIGNATURE', { tcbInfoSignature: '00' }],
  [
    'TCB info written anew',
    'TCB_INFO_SIGNATURE',
    { tcbInfo: `${tcbInfo()} `, tcbInfoSignature: signature(tcbInfo()) },
  ],
  [
    'a QE identity signed by another key',
    'QE_IDENTITY_SIGNATURE',
    { qeIdentitySignature: signature(qeIdentity(), pck) },
  ],
  ['TCB info of version 2', 'TCB_INFO_UNSUPPORTED', { tcbInfo: tcbInfo({ version: 2 }) }],
  ['TCB info for SGX', 'TCB_INFO_UNSUPPORTED', { tcbInfo: tcbInfo({ id: 'SGX' }) }],
  [
    'a QE identity of version 1',
    'QE_IDENTITY_UNSUPPORTED',
    { qeIdentity: qeIdentity({ version: 1 }) },
  ],
  ['stale TCB info', 'TCB_INFO_EXPIRED', { tcbInfo: tcbInfo({ nextUpdate: iso(now - 1) }) }],
  [
    'TCB info of tomorrow',
    'TCB_INFO_NOT_YET_VALID',
    { tcbInfo: tcbInfo({ issueDate: iso(now + 1) }) },
  ],
  [
    'a stale QE identity',
    'QE_IDENTITY_EXPIRED',
    { qeIdentity: qeIdentity({ nextUpdate: iso(now - 1) }) },
  ],
  [
    'a QE identity of tomorrow',
    'QE_IDENTITY_NOT_YET_VALID',
    { qeIdentity: qeIdentity({ issueDate: iso(now + 1) }) },
  ],
  ['more than four million characters', 'PARSE', { pckCrl: '00'.repeat(2 * 1024 * 1024) }],
])('%s is refused as %s', async ([, reject, over]) => {
  expect(await outcome(over)).toBe(reject)
})

const other = signer('SGX Root CA')
const otherPem = certificate(other, other, { ca: true, serial: 1 })
const foreignSigner = pem(certificate(tcbSigner, other, { serial: 2 }), otherPem)

test.for<[string, Partial<IntelCollateral>]>([
  ['TCB info issuer chain', { tcbInfoIssuerChain: foreignSigner }],
  ['QE identity issuer chain', { qeIdentityIssuerChain: foreignSigner }],
  [
    'PCK CRL issuer chain',
    { pckCrlIssuerChain: pem(certificate(platformCa, other, { ca: true }), otherPem) },
  ],
])('a %s under another anchor than the PCK chain is refused, naming both', async ([what, over]) => {
  expect(await judge(over, [root, other], now)).toMatchObject({
    reject: 'UNTRUSTED_ROOT',
    where: `${what}: root key ${spkiSha256(other)}, the PCK chain has root key ${spkiSha256(root)}`,
  })
})

test('a revocation list past a million characters is not read', async () => {
  for (const key of ['rootCaCrl', 'pckCrl'] as const)
    expect(await judge({ [key]: '00'.repeat(512 * 1024 + 1) }, [root], now)).toMatchObject({
      reject: 'CRL_INVALID_OR_EXPIRED',
      where: expect.stringContaining('1048578 characters, at most 1048576 are read'),
    })
})

test('the last second of collateral is valid, the next is not', async () => {
  expect(await outcome({}, now + 10)).toBe('7 8 10')
  expect(await outcome({}, now + 11)).toBe('TCB_INFO_EXPIRED')
})
