// Prints how many SNP reports are appraised in a second of processor time, and the ratio to one bare P-384 verification
// in the same run: the one signature that has to be computed for each report. Medians of rounds that take turns, so
// that other load on the machine falls on all alike. Needs real evidence (CLOISTER_EVIDENCE).
// Run: node packages/attest/test/snp-bench.ts [rounds]
import { cpus } from 'node:os'
import { appraise, createAppraiser, parseSnpReport } from '@cloister/attest'
import { parsePem, type Bytes } from '@cloister/codec'
import { ecdsaSha384 } from '../src/crypto-node.ts'
import { parseCertificate } from '../src/x509/certificate.ts'
import { anyPolicy } from './evidence.ts'
import { amd, readSnpSample } from './snp-evidence.ts'

const rounds = Number(process.argv[2] ?? 15)
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
  throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 1000`)
const roundMilliseconds = 250
const warmUpRounds = 4 // Not counted: the engine compiles what is measured.

const sample = readSnpSample('oak-genoa-v5-real-crl')
const policy = anyPolicy()
const given = { collateral: { amd: sample.amd }, anchors: amd, policy, now: sample.now }
const evidence = { tee: 'sev-snp', report: sample.report } as const
const { appraise: warm } = createAppraiser()
const { signed, signature } = parseSnpReport(sample.report)
const { key } = parseCertificate(leafOf(sample.amd.certificateChain), 'VCEK')
let consumed = 0

const works: Readonly<Record<string, () => Promise<void>>> = {
  'warm: certificates and revocation list read before; the report, its TCB and the policy anew':
    async () => count((await warm(evidence, given)).authentic),
  'cold: everything anew': async () => count((await appraise(evidence, given)).authentic),
  'one bare P-384 verification': async () =>
    count(await key.verify(ecdsaSha384, signed, signature)),
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
    if (round >= 0)
      rates.set(name, [...(rates.get(name) ?? []), (done * 1_000_000) / (user + system)])
  }
if (consumed === 0) throw new Error('Nothing was measured')

const medians = [...rates].map(([name, all]) => ({
  name,
  perSecond: all.toSorted((a, b) => a - b)[all.length >> 1]!,
}))
const floor = medians.at(-1)!.perSecond
console.log(
  `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}, ${rounds} rounds`,
)
for (const { name, perSecond } of medians)
  console.log(
    `${perSecond.toFixed(0).padStart(7)}/s ${(perSecond / floor).toFixed(2).padStart(6)}x  ${name}`,
  )
console.log(
  JSON.stringify({
    warmOfFloor: medians[0]!.perSecond / floor,
    coldOfFloor: medians[1]!.perSecond / floor,
  }),
)

function count(holds: boolean | 'chain-only'): void {
  if (holds !== true) throw new Error('What is measured was refused')
  consumed++
}

function leafOf(chain: string): Bytes {
  const limits = { blocksMax: 10, charactersMax: 65_536 }
  return parsePem(chain, 'CERTIFICATE', 'chain', limits)[0]!
}
