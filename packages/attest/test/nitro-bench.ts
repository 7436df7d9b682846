// Prints how many documents of Nitro enclaves are appraised in a second of processor time, and the ratio to the bare
// P-384 verifications that cannot be saved: the document's and its certificate's, all in the same run. Medians of
// rounds that take turns, so that other load on the machine falls on all alike.
// Run: node packages/attest/test/nitro-bench.ts [rounds]
import { cpus } from 'node:os'
import { appraise, createAppraiser, isAccepted } from '@cloister/attest'
import { isSign1By } from '../src/cose/message.ts'
import { parseNitroDocument } from '../src/nitro/parse.ts'
import { parseCertificate } from '../src/x509/certificate.ts'
import { isSignedBy } from '../src/x509/signed.ts'
import { enclave, given, now } from './nitro-documents.ts'

const rounds = Number(process.argv[2] ?? 15)
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
  throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 1000`)
const roundMilliseconds = 250
const warmUpRounds = 2 // Not counted: the engine compiles what is measured.

const evidence = {
  tee: 'aws-nitro',
  document: enclave.document({ now, userData: new Uint8Array(64) }),
} as const
const by = given()
const { appraise: warm } = createAppraiser()
const { message, chain } = parseNitroDocument(evidence.document)
const [leaf, issuer] = chain.map((der) => parseCertificate(der, 'certificate'))
let consumed = 0

const works = [
  [
    'warm: authorities read and verified before; certificate and document anew',
    async () => count(isAccepted(await warm(evidence, by))),
  ],
  ['cold: everything anew', async () => count(isAccepted(await appraise(evidence, by)))],
  [
    'two bare P-384 verifications',
    async () => {
      count(await isSignedBy(leaf!, issuer!))
      count(await isSign1By(message, leaf!.numbers, leaf!.key))
    },
  ],
] as const

const rates = works.map((): number[] => [])
for (let round = -warmUpRounds; round < rounds; round++)
  for (const [index, [, work]] of works.entries()) {
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
if (consumed === 0) throw new Error('Nothing was measured')

const medians = rates.map((all) => all.toSorted((a, b) => a - b)[all.length >> 1]!)
const floor = medians.at(-1)!
console.log(
  `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}, ${rounds} rounds`,
)
for (const [index, rate] of medians.entries())
  console.log(`${rate.toFixed(0).padStart(7)}/s  ${works[index]![0]}`)
console.log(JSON.stringify({ warmOfFloor: medians[0]! / floor, coldOfFloor: medians[1]! / floor }))

function count(holds: boolean): void {
  if (!holds) throw new Error('What is measured was refused')
  consumed++
}
