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

type Work = () => Promise<void>

const warmWork: Work = async () => count(isAccepted(await warm(evidence, given)))
const coldWork: Work = async () => count(isAccepted(await appraise(evidence, given)))
const floorWork: Work = async () => {
  count(await isSignedBy(leaf!, identity!))
  count(await leaf!.key.verify(ecdsaSha384, signed, signature))
}

// What is cold leaves much to be collected behind, at the cost of whatever comes next: it has rounds of its own.
const [warmRate, floorRate] = await takeTurns([warmWork, floorWork])
const [coldRate, secondFloorRate] = await takeTurns([coldWork, floorWork])
if (consumed === 0) throw new Error('Nothing was measured')

console.log(
  `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}, ${rounds} rounds`,
)
print(
  'warm: certificates, manifests and responses read before; report, leaf and policy anew',
  warmRate!,
  floorRate!,
)
print('cold: everything anew', coldRate!, secondFloorRate!)
print('two bare P-384 verifications', floorRate!, floorRate!)
console.log(
  JSON.stringify({
    warmOfFloor: warmRate! / floorRate!,
    coldOfFloor: coldRate! / secondFloorRate!,
  }),
)

/** How often each work is done in a second of processor time: the median of rounds. */
async function takeTurns(works: readonly Work[]): Promise<readonly number[]> {
  const rates = works.map((): number[] => [])
  for (let round = -warmUpRounds; round < rounds; round++)
    for (const [index, work] of works.entries()) {
      const end = performance.now() + roundMilliseconds
      const before = process.cpuUsage()
      let done = 0
      while (performance.now() < end) {
        await work()
        done++
      }
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) rates[index]!.push((done * 1_000_000) / (user + system))
    }
  return rates.map((all) => all.toSorted((a, b) => a - b)[all.length >> 1]!)
}

function print(name: string, perSecond: number, floor: number): void {
  const ratio = (perSecond / floor).toFixed(2).padStart(6)
  console.log(`${perSecond.toFixed(0).padStart(7)}/s ${ratio}x  ${name}`)
}

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
