// Prints how many TDX quotes are appraised in a second of processor time, and the ratio to the third-party verifier
// @phala/dcap-qvl and to three bare P-256 verifications, all in the same run. Medians of rounds that
// take turns, so that other load on the machine falls on all alike.
// Run: node packages/attest/test/tdx-bench.ts [rounds]
import { X509Certificate } from 'node:crypto'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import {
  appraise,
  createAppraiser,
  isAccepted,
  parseTdxQuote,
  type Given,
  type TdxQuote,
} from '@cloister/attest'
import { parsePem, parseUtf8 } from '@cloister/codec'
import { ecdsaSha256, publicKey } from '../src/crypto-node.ts'
import { parseCertificate } from '../src/x509/certificate.ts'
import { parseEcdsaSignature } from '../src/x509/ecdsa-signature.ts'
import { intelTexts } from './evidence.ts'
import { emulated } from './vectors.ts'

type Qvl = {
  readonly QuoteVerifier: {
    newWithRootCa(root: Buffer): {
      verify(quote: Buffer, collateral: object, now: number): { readonly status: string }
    }
  }
}

const rounds = Number(process.argv[2] ?? 15)
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
  throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 1000`)
const roundMilliseconds = 250
const warmUpRounds = 4 // Not counted: the engine compiles what is measured.

const { quote, given } = emulated('up-to-date')
const evidence = { tee: 'tdx', quote } as const
const { appraise: warm } = createAppraiser()
const parsedQuote = parseTdxQuote(quote)
const chain = readChain(parsedQuote)
const leafSignature = parseEcdsaSignature(chain[0]!.signature, 'PCK signature', 32)!
let consumed = 0

const works: Readonly<Record<string, () => unknown>> = {
  'warm: authorities, collateral and PCK certificate read before; 3 signatures, TCB and policy anew':
    async () => count(isAccepted(await warm(evidence, given))),
  'cold: everything anew': async () => count(isAccepted(await appraise(evidence, given))),
  'three bare P-256 verifications, one with a new key': threeSignatures,
  '@phala/dcap-qvl verify': thirdParty(given),
}

const rates = new Map<string, number[]>()
for (let round = -warmUpRounds; round < rounds; round++)
  for (const [name, work] of Object.entries(works)) {
    const end = performance.now() + roundMilliseconds
    const before = process.cpuUsage()
    let done = 0
    while (performance.now() < end) {
      await work()
      done++
    }
    const { user, system } = process.cpuUsage(before)
    const rate = (done * 1_000_000) / (user + system)
    if (round >= 0) rates.set(name, [...(rates.get(name) ?? []), rate])
  }
if (consumed === 0) throw new Error('Nothing was measured')

const medians = [...rates].map(([name, all]) => ({
  name,
  perSecond: all.toSorted((a, b) => a - b)[all.length >> 1]!,
}))
const baseline = medians.at(-1)!.perSecond
console.log(
  `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}, ${rounds} rounds`,
)
for (const { name, perSecond } of medians)
  console.log(
    `${perSecond.toFixed(0).padStart(7)}/s ${(perSecond / baseline).toFixed(1).padStart(6)}x  ${name}`,
  )
console.log(
  JSON.stringify({
    warm: medians[0]!.perSecond / baseline,
    cold: medians[1]!.perSecond / baseline,
    warmOfFloor: medians[0]!.perSecond / medians[2]!.perSecond,
  }),
)

function count(holds: boolean): void {
  if (!holds) throw new Error('What is measured was refused')
  consumed++
}

function readChain({ certificationData }: TdxQuote) {
  const limits = { blocksMax: 10, charactersMax: 65_536 }
  const text = parseUtf8(certificationData, 'chain').replaceAll('\0', '')
  return parsePem(text, 'CERTIFICATE', 'chain', limits).map((der) =>
    parseCertificate(der, 'certificate'),
  )
}

async function threeSignatures(): Promise<void> {
  const [leaf, authority] = chain
  const { qeReport, qeReportSignature, attestationKey, signed, signature } = parsedQuote
  const key = publicKey({ kind: 'ec', curve: 'P-256', point: attestationKey })
  count(await authority!.key.verify(ecdsaSha256, leaf!.tbs, leafSignature))
  count(await leaf!.key.verify(ecdsaSha256, qeReport.raw, qeReportSignature))
  count(await key.verify(ecdsaSha256, signed, signature))
}

function thirdParty({ collateral, now }: Given): () => void {
  const qvl: Qvl = createRequire(import.meta.url)('@phala/dcap-qvl')
  const text = parseUtf8(parsedQuote.certificationData, 'chain').replaceAll('\0', '')
  const pem = `-----BEGIN CERTIFICATE-----${text.split('-----BEGIN CERTIFICATE-----').at(-1)}`
  const verifier = qvl.QuoteVerifier.newWithRootCa(new X509Certificate(pem).raw)
  const underscored = Object.fromEntries(
    Object.entries(intelTexts(collateral)).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
  const bytes = Buffer.from(quote)
  return () => count(verifier.verify(bytes, underscored, now).status === 'UpToDate')
}
