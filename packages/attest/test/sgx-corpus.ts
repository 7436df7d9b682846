import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  anchorSpkiSha256,
  appraise,
  createAppraiser,
  encodeAppraisal,
  insecureDevnetAnchor,
  parseSgxQuote,
  type Anchor,
} from '@cloister/attest'
import { encodeHex, unixSeconds } from '@cloister/codec'
import { sha256 } from '#crypto'
import { describe, expect, test } from 'vitest'
import { parseCertificate } from '../src/x509/certificate.ts'
import {
  anyPolicy,
  evidenceRoot,
  hasEvidence,
  intel,
  mutate,
  readMutations,
  readSample,
  samplesIn,
  type Mutation,
} from './evidence.ts'

/** Where the field that a mutation of a TDX quote of version 5 changes stands in an SGX quote of version 3. */
const offsets: Readonly<Record<number, number>> = {
  0: 0, // version
  2: 2, // attestation key type
  40: 40, // user data
  190: 112, // MRTD, MRENCLAVE
  568: 431, // last byte of the report data
  702: 432, // size of the signature data
  706: 436, // signature
  716: 446, // signature, r
  775: 505, // attestation key
  1162: 892, // report of the quoting enclave
  1231: 961, // its signature
  1293: 1019, // its authentication data
}

const mutated = 'sgx/automata-v3-a-202508-SWHardeningNeeded'
const mutatedBytes = 4734

/** Every real SGX sample, and every mutation that exists for TDX made of one of them, with the caller's crypto. */
export function testSgxCorpus(crypto: string): void {
  const here = hasEvidence(2 * 10 + 23 + 2)
  const samples = samplesIn('sgx', 10).map((name) => `sgx/${name}`)
  const mutations = here ? readMutations().map(asSgx) : []

  describe(`real SGX evidence, ${crypto}`, () => {
    test.skipIf(!here)('there are 10 samples and 23 mutations', () => {
      expect([samples.length, mutations.length]).toEqual([10, 23])
    })

    test.skipIf(!here).for(samples)('%s comes out as its vendor algorithm says', async (name) => {
      expect(await concluded(name)).toEqual(stated(name))
    })

    test.skipIf(!here).for(samples)('%s is read as it stands', (name) => {
      const { quote, fields } = readSample(name)
      const { header, report, qeReport, certificationType, qeAuthData, size } = parseSgxQuote(quote)
      expect({
        quoteVersion: header.version,
        headerUserData: encodeHex(header.userData),
        certDataType: certificationType,
        cpuSvn: encodeHex(report.cpuSvn),
        miscSelect: encodeHex(report.miscSelect),
        attributes: encodeHex(report.attributes),
        mrEnclave: encodeHex(report.mrEnclave),
        mrSigner: encodeHex(report.mrSigner),
        isvProdId: report.isvProdId,
        isvSvn: report.isvSvn,
        reportData: encodeHex(report.reportData),
        consumedBytes: size,
        qe: {
          mrSigner: encodeHex(qeReport.mrSigner),
          mrEnclave: encodeHex(qeReport.mrEnclave),
          isvProdId: qeReport.isvProdId,
          isvSvn: qeReport.isvSvn,
          attributes: encodeHex(qeReport.attributes),
          miscSelect: encodeHex(qeReport.miscSelect),
          authDataLen: qeAuthData.length,
        },
      }).toMatchObject(only(fields, fieldsOfQuote))
    })

    test.skipIf(!here).for(mutations)('$id of an SGX quote is refused: $expect', async (change) => {
      const { quote, collateral, verifyAt } = mutate(readSample(mutated), change)
      const given = { collateral, anchors: intel, policy: anyPolicy(), now: verifyAt! }
      const appraisal = await appraise({ tee: 'sgx', quote }, given)
      const reject = appraisal.authentic === false ? appraisal.reject : 'none'
      expect(
        change.expect.split('|').some((part) => reject.includes(part)),
        reject,
      ).toBe(true)
    })

    test.skipIf(!here)('a warm appraiser gives the same bytes as a stateless one', async () => {
      const { appraise: warm } = createAppraiser()
      for (const mutation of [...mutations, undefined, ...mutations]) {
        const base = readSample(mutated)
        const { quote, collateral, verifyAt } = mutation ? mutate(base, mutation) : base
        const given = { collateral, anchors: intel, policy: anyPolicy(), now: verifyAt! }
        const [kept, anew] = [
          await warm({ tee: 'sgx', quote }, given),
          await appraise({ tee: 'sgx', quote }, given),
        ]
        expect(encodeHex(encodeAppraisal(kept))).toBe(encodeHex(encodeAppraisal(anew)))
      }
    })
  })
}

const fieldsOfQuote = [
  ...['quoteVersion', 'headerUserData', 'certDataType', 'cpuSvn', 'miscSelect', 'attributes'],
  ...['mrEnclave', 'mrSigner', 'isvProdId', 'isvSvn', 'reportData', 'consumedBytes', 'qe'],
]

function only(value: Readonly<Record<string, unknown>>, keys: readonly string[]) {
  return Object.fromEntries(keys.map((key) => [key, value[key]]))
}

function asSgx(mutation: Mutation): Mutation {
  const patch = mutation.patch.map((each) => ({
    ...each,
    ...(each.offset !== undefined && { offset: offsets[each.offset] ?? Number.NaN }),
    ...(each.truncateTo !== undefined && { truncateTo: mutatedBytes - 1 }),
  }))
  return { ...mutation, base: mutated, patch }
}

type Concluded = {
  readonly authentic: unknown
  readonly rejects: readonly string[]
  readonly claims?: Readonly<Record<string, unknown>>
}

/** What our appraisal says of a sample, in the words of `expected.json`. */
async function concluded(name: string): Promise<Concluded> {
  const { quote, collateral, verifyAt, expected, fields } = readSample(name)
  // Where no time is given, take one inside the validity of every certificate.
  const now = verifyAt ?? unixSeconds(1_790_000_000)
  const anchors = await anchorsOf(name)
  const appraisal = await appraise(
    { tee: 'sgx', quote },
    { collateral, anchors, policy: anyPolicy(), now },
  )
  if (appraisal.authentic === false)
    return {
      authentic: false,
      rejects: rejectsOf(expected).includes(appraisal.reject)
        ? rejectsOf(expected)
        : [appraisal.reject],
    }
  const { claims, reasons, until } = appraisal
  const codes = reasons.map(({ code }) => code)
  const missing = codes.includes('PCK_CERT_UNAVAILABLE') ? ['PCK_CERT_UNAVAILABLE'] : []
  const all = {
    ...claims,
    advisoryIDs: claims.advisoryIds,
    pck: {
      fmspc: claims.fmspc,
      pceid: claims.pceId,
      cpusvn: claims.cpuSvn,
      pcesvn: claims.pceSvn,
      ppid: claims.ppid,
    },
    until,
  }
  return {
    authentic: appraisal.authentic,
    rejects: missing,
    claims: only({ ...all }, claimKeys(expected, fields)),
  }
}

/** What `expected.json` says, in the same shape. */
function stated(name: string): Concluded {
  const { expected, fields } = readSample(name)
  const authentic =
    expected.authentic === 'signature-chain-only' ? 'chain-only' : expected.authentic
  if (authentic === false) return { authentic, rejects: rejectsOf(expected) }
  const { sgxType: _, configuration: __, ...pck } = fields.pck ?? {}
  const all = {
    ...expected,
    pck,
    ...(expected.validWindow && { until: Date.parse(expected.validWindow[1]) / 1000 }),
  }
  return {
    authentic,
    rejects: expected.reject === null ? [] : [expected.reject],
    claims: only({ ...all }, claimKeys(expected, fields)),
  }
}

/** What is expected of the claims: of an unknown machine nothing but that it may be looked into or not. */
function claimKeys(expected: object, fields: object): readonly string[] {
  const keys = [
    ...['platformTcbStatus', 'sgxTcbStatus', 'qeTcbStatus', 'tcbDate', 'advisoryIDs', 'debug'],
    ...['tcbEvaluationDataNumber', 'qeIdentityEvaluationDataNumber'],
  ].filter((key) => key in expected)
  const known = 'tcbStatus' in expected && expected.tcbStatus !== null ? ['tcbStatus'] : []
  const window = 'validWindow' in expected ? ['until'] : []
  return [...keys, ...known, ...window, ...('pck' in fields ? ['pck'] : [])]
}

function rejectsOf(expected: {
  readonly reject: string | null
  readonly rejectAnyOf?: readonly string[]
}): readonly string[] {
  return expected.rejectAnyOf ?? [expected.reject ?? '']
}

/** Intel's root; of the one sample that has a root of its own, that. */
async function anchorsOf(name: string): Promise<readonly Anchor[]> {
  const path = join(evidenceRoot, name, 'trust-anchor.der')
  if (!existsSync(path)) return intel
  const { spki } = parseCertificate(new Uint8Array(readFileSync(path)), 'trust anchor')
  const anchor = insecureDevnetAnchor(encodeHex(await sha256(spki)))
  expect(anchorSpkiSha256(anchor)).not.toBe(anchorSpkiSha256(intel[0]!))
  return [anchor]
}
