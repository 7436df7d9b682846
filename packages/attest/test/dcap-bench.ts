// Prints how many SGX and TDX quotes are appraised in a second of processor time, and the ratio to the third-party
// verifier @phala/dcap-qvl and to three bare P-256 verifications, all in the same run. Medians of rounds that take
// turns, so that other load on the machine falls on all alike.
//
// Every appraisal recomputes the three signatures of its quote (PCK certificate, report of the quoting enclave, quote)
// and judges the policy. What is kept differs: `machines` meets a new machine each time, `warm` the same one, `cold`
// keeps nothing. Real samples where they are at hand, else emulated ones; `machines` is emulated always.
// Run: node packages/attest/test/dcap-bench.ts [rounds]
import { createPublicKey, verify, X509Certificate, type KeyObject } from 'node:crypto'
import { createRequire } from 'node:module'
import {
  appraise,
  createAppraiser,
  insecureDevnetAnchor,
  parseSgxQuote,
  parseTdxQuote,
  type Given,
  type IntelCollateral,
  type SgxEvidence,
  type TdxEvidence,
} from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { createManufacturer, type Platform } from '@cloister/emulator'
import { DcapMemory } from '../src/dcap/collateral.ts'
import { pckChainText } from '../src/dcap/certification.ts'
import { anyPolicy, hasEvidence, intel, readSample } from './evidence.ts'
import {
  count,
  measureRounds,
  printMachine,
  printRate,
  roundsAsked,
  type Work,
} from './measure-rounds.ts'

type Tee = 'sgx' | 'tdx'
type DcapEvidence = SgxEvidence | TdxEvidence
type Case = { readonly evidence: DcapEvidence; readonly given: Given }

const rounds = roundsAsked(60)
const machineCount = 200 // More than any memory keeps, so that each certificate is met as for the first time.

const samples = {
  sgx: 'sgx/automata-v3-a-202508-SWHardeningNeeded',
  tdx: 'tdx/google-v5-202603-UpToDate',
} as const

const here = hasEvidence(0)
const now = unixSeconds(1_790_000_000)
const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })
const qvl = readQvl()

const results: Record<string, number> = {}
printMachine(rounds, here ? 'real samples' : 'emulated samples')
for (const tee of ['sgx', 'tdx'] as const) await measure(tee)
console.log(JSON.stringify(results))

async function measure(tee: Tee): Promise<void> {
  const one = here ? realCase(tee) : emulatedCases(tee, 1)[0]!
  const many = emulatedCases(tee, machineCount)
  const { appraise: warm } = createAppraiser()
  const { appraise: manyWarm } = createAppraiser()
  const root = here ? undefined : manufacturer.rootDer
  const works = {
    warm: async () => count((await warm(one.evidence, one.given)).authentic === true),
    cold: async () => count((await appraise(one.evidence, one.given)).authentic === true),
    qvl: thirdParty([one], root),
    machines: eachInTurn(many, async ({ evidence, given }) =>
      count((await manyWarm(evidence, given)).authentic === true),
    ),
    qvlMachines: thirdParty(many, manufacturer.rootDer),
    floor: threeSignatures(one),
  }
  const rates = await measureRounds(works, { rounds, warmUpRounds: 12, roundMilliseconds: 40 })
  const { warm: warmRate, cold, qvl: peer, machines, qvlMachines, floor } = rates
  const figures = {
    machines: machines / qvlMachines,
    warm: warmRate / peer,
    warmOfFloor: warmRate / floor,
    cold: cold / peer,
  }
  printRate(
    `${tee} a new machine each time: authorities and collateral kept`,
    machines,
    qvlMachines,
  )
  printRate(`${tee} the same machine: its PCK certificate kept too`, warmRate, peer)
  printRate(`${tee} everything anew`, cold, peer)
  printRate(`${tee} three bare P-256 verifications`, floor, peer)
  printRate(`${tee} @phala/dcap-qvl`, peer, peer)
  for (const [name, value] of Object.entries(figures))
    results[`${tee}${name[0]!.toUpperCase()}${name.slice(1)}`] = value
}

function realCase(tee: Tee): Case {
  const { quote, collateral, verifyAt } = readSample(samples[tee])
  if (verifyAt === undefined) throw new Error('The sample has no time')
  return {
    evidence: { tee, quote },
    given: { collateral, anchors: intel, policy: anyPolicy(), now: verifyAt },
  }
}

/** One quote of each of `size` machines, all under one set of collateral. */
function emulatedCases(tee: Tee, size: number): readonly Case[] {
  const given: Given = {
    collateral: { intel: manufacturer.collateral({ tee }) },
    anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
    policy: anyPolicy(),
    now: unixSeconds(now + 60),
  }
  return Array.from({ length: size }, (_, index) => {
    const machineSeed = new Uint8Array(16)
    new DataView(machineSeed.buffer).setUint32(0, index)
    const quote = quoteOf(tee, manufacturer.createPlatform({ machineSeed }))
    return { evidence: { tee, quote }, given }
  })
}

function quoteOf(tee: Tee, platform: Platform) {
  const [register, identity] = [new Uint8Array(48), new Uint8Array(32)]
  const rtmrs = [register, register, register, register] as const
  const reportData = new Uint8Array(64)
  return tee === 'tdx'
    ? platform.quote({ mrtd: register, rtmrs, reportData, version: 5 })
    : platform.quoteEnclave({ mrEnclave: identity, mrSigner: identity, reportData })
}

function eachInTurn(cases: readonly Case[], work: (one: Case) => unknown): Work {
  let next = 0
  return () => work(cases[next++ % cases.length]!)
}

/** Three verifications by the runtime itself: keys imported before, signatures in the form that it takes. */
function threeSignatures({ evidence, given }: Case): Work {
  const quote =
    evidence.tee === 'sgx' ? parseSgxQuote(evidence.quote) : parseTdxQuote(evidence.quote)
  const pem = pckChainText(quote) ?? ''
  const [leaf] = new DcapMemory().certificates.chain(pem, 'chain', given.now)
  const [certificate, authority] = pem
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .map((block) => new X509Certificate(block))
  const three: readonly (readonly [Uint8Array, KeyObject, Uint8Array])[] = [
    [leaf!.tbs, authority!.publicKey, leaf!.signature],
    [quote.qeReport.raw, certificate!.publicKey, toDer(quote.qeReportSignature)],
    [quote.signed, importPoint(quote.attestationKey), toDer(quote.signature)],
  ]
  return () => {
    for (const [data, key, signature] of three) count(verify('sha256', data, key, signature))
  }
}

function importPoint(point: Uint8Array): KeyObject {
  const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((half) =>
    Buffer.from(half).toString('base64url'),
  )
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: x!, y: y! } })
}

/** r then s as Ecdsa-Sig-Value. */
function toDer(signature: Uint8Array): Uint8Array {
  const integers = [signature.subarray(0, 32), signature.subarray(32)].map((half) => {
    const start = half.findIndex((byte) => byte !== 0)
    const magnitude = half.subarray(start)
    const bytes = magnitude[0]! >= 0x80 ? [0, ...magnitude] : [...magnitude]
    return [2, bytes.length, ...bytes]
  })
  const content = integers.flat()
  return Uint8Array.from([0x30, content.length, ...content])
}

type QvlVerifier = {
  verify(quote: Buffer, collateral: object, now: number): { readonly status: string }
}
type Qvl = {
  readonly QuoteVerifier: {
    newProd(): QvlVerifier
    newWithRootCa(root: Buffer): QvlVerifier
  }
}

function readQvl(): Qvl {
  return createRequire(import.meta.url)('@phala/dcap-qvl')
}

/** The third-party verifier on the same cases; `root` in place of Intel's where they are emulated. */
function thirdParty(cases: readonly Case[], root: Uint8Array | undefined): Work {
  const verifier =
    root === undefined
      ? qvl.QuoteVerifier.newProd()
      : qvl.QuoteVerifier.newWithRootCa(new X509Certificate(root).raw)
  const { given } = cases[0]!
  if (given.collateral === 'none' || given.collateral.intel === undefined)
    throw new Error('The cases have collateral')
  const collateral = underscored(given.collateral.intel)
  const quotes = cases.map(({ evidence }) => Buffer.from(evidence.quote))
  let next = 0
  return () => {
    const { status } = verifier.verify(quotes[next++ % quotes.length]!, collateral, given.now)
    count(status === 'UpToDate' || status === 'SWHardeningNeeded')
  }
}

function underscored(collateral: IntelCollateral): object {
  return Object.fromEntries(
    Object.entries(collateral).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
}
