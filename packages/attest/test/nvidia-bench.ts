// Prints how many reports of GPUs are appraised in a second of processor time, and the ratio to two bare P-384
// verifications in the same run: the report's, and that of the leaf certificate, which has to be computed for each
// report. Medians of rounds that take turns, so that other load on the machine falls on all alike.
// The device is emulated: manifests and responses about every certificate are judged each time.
// Run: node packages/attest/test/nvidia-bench.ts [rounds]
import { cpus } from 'node:os'
import { appraise, createAppraiser, isAccepted, parseMeasurementReport } from '@cloister/attest'
import { parsePem } from '@cloister/codec'
import { ecdsaSha384 } from '../src/crypto-node.ts'
import { parseCertificate, type Certificate } from '../src/x509/certificate.ts'
import { isSignedBy } from '../src/x509/signed.ts'
import { deviceSeed, given as judgedBy, nonce, nvidia } from './nvidia-emulated.ts'

const rounds = Number(process.argv[2] ?? 15)
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
  throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 1000`)
const roundMilliseconds = 250
const warmUpRounds = 4 // Not counted: the engine compiles what is measured.

const manufacturer = nvidia()
const gpu = manufacturer.createDevice({ chip: 'GH100', deviceSeed: deviceSeed(1) })
const given = judgedBy(manufacturer.collateral(gpu))
const evidence = gpu.evidence({ nonce })
const { appraise: warm } = createAppraiser()
const { signed, signature } = parseMeasurementReport(evidence.measurements)
const [leaf, identity] = certificatesOf(evidence.certificateChain)
let consumed = 0

const works: Readonly<Record<string, () => Promise<void>>> = {
  'warm: certificates, manifests and responses read before; report, leaf, measurements and policy anew':
    async () => count(isAccepted(await warm(evidence, given))),
  'cold: everything anew': async () => count(isAccepted(await appraise(evidence, given))),
  'two bare P-384 verifications': async () => {
    count(await isSignedBy(leaf!, identity!))
    count(await leaf!.key.verify(ecdsaSha384, signed, signature))
  },
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

function count(holds: boolean): void {
  if (!holds) throw new Error('What is measured was refused')
  consumed++
}

function certificatesOf(chain: string): readonly Certificate[] {
  const limits = { blocksMax: 10, charactersMax: 65_536 }
  return parsePem(chain, 'CERTIFICATE', 'chain', limits).map((der) =>
    parseCertificate(der, 'certificate'),
  )
}
