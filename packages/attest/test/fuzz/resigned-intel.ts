import { createHash } from 'node:crypto'
import type { AuthenticAppraisal, SgxClaims, TdxClaims } from '@cloister/attest'
import type { Bytes } from '@cloister/codec'
import { createIntelMachine, enclaveRequest, tdRequest } from './emulated-intel.ts'
import { mutateBytes } from './mutate.ts'
import { mutateJson, mutatePlain } from './mutate-text.ts'
import type { Random } from './random.ts'
import {
  brokenRule,
  changeFields,
  hexAt,
  isZeroAt,
  littleAt,
  type OpenResigner,
  type Resigner,
} from './resigned.ts'

type Span = readonly [offset: number, size: number]

const enclaveFields: readonly Span[] = [
  ...([
    [0, 16],
    [16, 4],
    [20, 12],
    [32, 16],
    [48, 8],
    [56, 8],
    [64, 32],
    [96, 32],
  ] as const),
  ...([
    [128, 32],
    [160, 32],
    [192, 64],
    [256, 2],
    [258, 2],
    [260, 2],
    [262, 42],
  ] as const),
  ...([
    [304, 16],
    [320, 64],
  ] as const),
]
const tdFields: readonly Span[] = [
  ...([
    [0, 16],
    [16, 48],
    [64, 48],
    [112, 8],
    [120, 8],
    [128, 8],
    [136, 48],
    [184, 48],
  ] as const),
  ...([
    [232, 48],
    [280, 48],
    [328, 48],
    [376, 48],
    [424, 48],
    [472, 48],
    [520, 64],
  ] as const),
]
const td15Fields: readonly Span[] = [...tdFields, [584, 16], [600, 48]]

/** Quotes whose header, body and vouching parts were changed before they were signed. */
export const intelResigners: readonly Resigner[] = [
  ...([3, 4, 5] as const).map((version) => ({
    name: `resigned-sgx-v${version}`,
    what: `SGX quotes of version ${version}: header, body, and what the quoting enclave vouches with`,
    open: () => openQuotes('sgx', version),
  })),
  ...([4, 5] as const).map((version) => ({
    name: `resigned-tdx-v${version}`,
    what: `TDX quotes of version ${version}: header, body, and what the quoting enclave vouches with`,
    open: () => openQuotes('tdx', version),
  })),
  { name: 'resigned-tcb-info', what: 'TCB info and QE identities', open: openDocuments },
]

/** Two machines, one of them out of date: whatever that one signs, it is not up to date. */
function openQuotes(tee: 'sgx' | 'tdx', version: 3 | 4 | 5): OpenResigner {
  const machines = (['UpToDate', 'OutOfDate'] as const).map((tcb) => {
    const { platform, given } = createIntelMachine({ tcb })
    return { name: `emulated ${tee} v${version} ${tcb}`, platform, given: given(tee) }
  })
  const genuine = genuineQuote(machines[0]!.platform, tee, version)
  const bodyAt = version === 5 ? 54 : 48
  const fields = tee === 'sgx' ? enclaveFields : version === 5 ? td15Fields : tdFields
  const bodySize = tee === 'sgx' ? 384 : version === 5 ? 648 : 584
  const signed = genuine.slice(0, bodyAt + bodySize)
  const spans: readonly Span[] = fields.map(([offset, size]) => [bodyAt + offset, size])
  const report = qeReportOf(genuine, signed.length, version)
  const layout = version === 3 ? 3 : 4
  return {
    make: (random) => {
      const { name, platform, given } = random.pick(machines)
      const roll = random.below(8)
      const header: readonly Span[] = [
        [0, 2],
        [2, 2],
        [4, 4],
        [8, 4],
        [12, 16],
        [28, 20],
      ]
      const typed: readonly Span[] = [
        [48, 2],
        [50, 4],
      ]
      const body =
        roll === 0
          ? changeFields(signed, version === 5 ? [...header, ...typed] : header, random)
          : roll === 1
            ? mutateBytes(signed, random)
            : changeFields(signed, spans, random)
      const parts = roll > 4 ? forgedParts(report, random) : {}
      const evidence = { tee, quote: platform.forge(body, { tee, layout }, parts) }
      return { name, evidence, given }
    },
    check: ({ name, evidence }, appraisal) => {
      if (evidence.tee !== 'sgx' && evidence.tee !== 'tdx') return 'another kind of evidence'
      const { quote } = evidence
      return (
        brokenStatusRule(name, appraisal) ??
        brokenQuoteRule(quote, bodyAt + bodySize, version, report, appraisal) ??
        brokenBodyRule(quote.subarray(bodyAt), appraisal)
      )
    },
  }
}

function genuineQuote(
  platform: ReturnType<typeof createIntelMachine>['platform'],
  tee: 'sgx' | 'tdx',
  version: 3 | 4 | 5,
): Bytes {
  if (tee === 'sgx') return platform.quoteEnclave({ ...enclaveRequest, version })
  return platform.quote({ ...tdRequest, version: version === 5 ? 5 : 4 })
}

function qeReportOf(quote: Bytes, signedBytes: number, version: 3 | 4 | 5): Bytes {
  const at = signedBytes + 4 + 128 + (version === 3 ? 0 : 6)
  return quote.slice(at, at + 384)
}

function forgedParts(report: Bytes, random: Random) {
  const roll = random.below(4)
  if (roll === 0) return { qeReport: changeFields(report, enclaveFields, random) }
  if (roll === 1) return { qeAuthData: random.bytes(random.pick([0, 1, 32, 1000])) }
  if (roll === 2) return { certificationType: random.below(9) }
  return { certificationData: mutateBytes(random.bytes(404), random) }
}

/** What holds of every quote, whatever its body says. */
function brokenQuoteRule(
  quote: Bytes,
  signedBytes: number,
  version: 3 | 4 | 5,
  genuineReport: Bytes,
  { claims }: AuthenticAppraisal,
): string | undefined {
  if (claims.tee !== 'sgx' && claims.tee !== 'tdx') return 'claims of another kind'
  const report = qeReportOf(quote, signedBytes, version)
  const key = quote.subarray(signedBytes + 68, signedBytes + 132)
  const authAt = signedBytes + 132 + (version === 3 ? 0 : 6) + 448
  const auth = quote.subarray(authAt + 2, authAt + 2 + Number(littleAt(quote, authAt, 2)))
  const bound = createHash('sha256').update(key).update(auth).digest('hex')
  return brokenRule({
    'the QE report binds the attestation key': hexAt(report, 320, 32) === bound,
    'and has zeros after it': isZeroAt(report, 352, 32),
    'the quoting enclave is of its signer':
      hexAt(report, 128, 32) === hexAt(genuineReport, 128, 32),
    'and of its product': hexAt(report, 256, 2) === hexAt(genuineReport, 256, 2),
    'and no debug enclave': (report[48]! & 2) === 0,
    'the vendor is Intel': hexAt(quote, 12, 16) === '939a7233f79c4ca9940a0db3957f0607',
    'the version is as it was': quote[0] === version && quote[1] === 0,
    'user data are told': claims.quoteUserData === hexAt(quote, 28, 20),
  })
}

function brokenStatusRule(
  name: string,
  { claims, reasons }: AuthenticAppraisal,
): string | undefined {
  if (!name.endsWith('OutOfDate')) return undefined
  return brokenRule({
    'an out-of-date machine is not up to date': claims.tcbStatus !== 'UpToDate',
    'nor accepted': reasons.some(({ code }) => code === 'TCB_STATUS'),
  })
}

function brokenBodyRule(body: Bytes, appraisal: AuthenticAppraisal): string | undefined {
  const { claims, reasons } = appraisal
  // What is said of the machine is said whatever it signs.
  const codes: readonly string[] = reasons
    .map(({ code }) => code)
    .filter((code) => !['TCB_STATUS', 'ADVISORY', 'CONFIG_ID'].includes(code))
  if (claims.tee === 'tdx') return brokenTdRule(body, claims, codes)
  return claims.tee === 'sgx' ? brokenEnclaveRule(body, claims, codes) : 'claims of another kind'
}

function brokenTdRule(
  body: Bytes,
  claims: TdxClaims,
  codes: readonly string[],
): string | undefined {
  const attributes = littleAt(body, 120, 8)
  // DEBUG, SEPT_VE_DISABLE, MIGRATABLE, PKS, KL, PERFMON. Spec: Intel TDX DCAP quoting library API, A.3.4.
  const named = (1n << 0n) | (0b1111n << 28n) | (1n << 63n)
  const [debug, septVeDisable] = [(attributes & 1n) === 1n, ((attributes >> 28n) & 1n) === 1n]
  const isMigratable = ((attributes >> 29n) & 1n) === 1n
  return brokenRule({
    'the module is signed by Intel': isZeroAt(body, 64, 48),
    'the module has no attributes': isZeroAt(body, 112, 8),
    'MRTD is told': claims.mrtd === hexAt(body, 136, 48),
    'MRCONFIGID is told': claims.mrConfigId === hexAt(body, 184, 48),
    'MROWNER is told': claims.mrOwner === hexAt(body, 232, 48),
    'MROWNERCONFIG is told': claims.mrOwnerConfig === hexAt(body, 280, 48),
    'RTMRs are told': claims.rtmrs.join('') === hexAt(body, 328, 192),
    'report data are told': claims.reportData === hexAt(body, 520, 64),
    'XFAM is told': claims.xfam === hexAt(body, 128, 8),
    'MRSEAM is told': claims.mrSeam === hexAt(body, 16, 48),
    'debugging is told': claims.debug === debug && codes.includes('DEBUG') === debug,
    'SEPT_VE is a reason': codes.includes('SEPT_VE_ENABLED') === !septVeDisable,
    'a reserved bit is a reason': (attributes & ~named) === 0n || codes.length > 0,
    'a service TD is a reason': /^0*$/.test(claims.mrServiceTd ?? '') || codes.length > 0,
    'migration is a reason': !isMigratable || codes.length > 0,
  })
}

function brokenEnclaveRule(
  body: Bytes,
  claims: SgxClaims,
  codes: readonly string[],
): string | undefined {
  const flags = littleAt(body, 48, 8)
  const debug = (flags & 2n) !== 0n
  // INIT, DEBUG, MODE64BIT; PROVISIONKEY, EINITTOKENKEY, CET, KSS; AEXNOTIFY. Spec: Intel SDM 3D, 37.7.1.
  const named = 0b111n | (0b1111n << 4n) | (1n << 10n)
  return brokenRule({
    'MRENCLAVE is told': claims.mrEnclave === hexAt(body, 64, 32),
    'MRSIGNER is told': claims.mrSigner === hexAt(body, 128, 32),
    'report data are told': claims.reportData === hexAt(body, 320, 64),
    'product and SVN are told':
      BigInt(claims.isvProdId) === littleAt(body, 256, 2) &&
      BigInt(claims.isvSvn) === littleAt(body, 258, 2),
    'debugging is told': claims.debug === debug && codes.includes('DEBUG') === debug,
    'INIT is told': claims.attributes.initialized === ((flags & 1n) === 1n),
    'a reserved flag is a reason': (flags & ~named) === 0n || codes.length > 0,
    'a provisioning enclave is a reason': (flags & (1n << 4n)) === 0n || codes.length > 0,
  })
}

/** TCB info and QE identities that no manufacturer would issue, signed as if one had. */
function openDocuments(): OpenResigner {
  const { manufacturer, platform, given } = createIntelMachine()
  const quote = platform.quote(tdRequest)
  const judgedBy = given('tdx')
  const intel = manufacturer.collateral({ tee: 'tdx', ca: platform.ca })
  return {
    make: (random) => {
      const isInfo = random.once(2)
      const text = isInfo ? intel.tcbInfo : intel.qeIdentity
      const changed = mutateJson(text, random, (value, from) => mutatePlain(value, from)) ?? text
      const { signature } = manufacturer.signDocument(changed)
      const collateral = isInfo
        ? { ...intel, tcbInfo: changed, tcbInfoSignature: signature }
        : { ...intel, qeIdentity: changed, qeIdentitySignature: signature }
      const evidence = { tee: 'tdx', quote } as const
      return {
        name: isInfo ? 'emulated TCB info' : 'emulated QE identity',
        evidence,
        given: { ...judgedBy, collateral: { intel: collateral } },
      }
    },
    check: ({ given: { collateral, now } }) =>
      collateral === 'none' || !collateral.intel
        ? 'no collateral'
        : (brokenDocumentRule(collateral.intel.tcbInfo, 'TDX', now) ??
          brokenDocumentRule(collateral.intel.qeIdentity, 'TD_QE', now)),
  }
}

/** What a document has to say to be believed. Spec: Intel PCS API v4, TCB info and enclave identity. */
function brokenDocumentRule(text: string, id: string, now: number): string | undefined {
  const document: Readonly<Record<string, unknown>> = JSON.parse(text)
  const seconds = (value: unknown): number =>
    typeof value === 'string' ? Date.parse(value) / 1000 : Number.NaN
  return brokenRule({
    [`${id} is called so`]: document['id'] === id,
    [`${id} has begun`]: seconds(document['issueDate']) <= now,
    [`${id} has not ended`]: now <= seconds(document['nextUpdate']),
    [`${id} has levels`]: Array.isArray(document['tcbLevels']) && document['tcbLevels'].length > 0,
  })
}
