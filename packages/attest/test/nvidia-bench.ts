// Prints how many reports of GPUs are appraised in a second of processor time, and the ratio to two bare P-384
// verifications in the same run: the report's, and that of the leaf certificate, which has to be computed for each
// report. Medians of rounds that take turns, so that other load on the machine falls on all alike.
// The device is emulated: manifests and responses about every certificate are judged each time.
// Run: node packages/attest/test/nvidia-bench.ts [rounds]
import { appraise, createAppraiser, isAccepted, parseMeasurementReport } from '@cloister/attest'
import { parsePem } from '@cloister/codec'
import { ecdsaSha384 } from '../src/crypto-node.ts'
import { parseCertificate, type Certificate } from '../src/x509/certificate.ts'
import { isSignedBy } from '../src/x509/signed.ts'
import {
  count,
  measureRounds,
  printMachine,
  printRate,
  roundsAsked,
  type Work,
} from './measure-rounds.ts'
import { deviceSeed, given as judgedBy, nonce, nvidia } from './nvidia-emulated.ts'

const rounds = { rounds: roundsAsked(15), warmUpRounds: 4, roundMilliseconds: 250 }
const manufacturer = nvidia()
const gpu = manufacturer.createDevice({ chip: 'GH100', deviceSeed: deviceSeed(1) })
const given = judgedBy(manufacturer.collateral(gpu))
const evidence = gpu.evidence({ nonce })
const { appraise: warm } = createAppraiser()
const { signed, signature } = parseMeasurementReport(evidence.measurements)
const [leaf, identity] = certificatesOf(evidence.certificateChain)

const floor: Work = async () => {
  count(await isSignedBy(leaf!, identity!))
  count(await leaf!.key.verify(ecdsaSha384, signed, signature))
}

// What is cold leaves much to be collected behind, at the cost of whatever comes next: it has rounds of its own.
const known = await measureRounds(
  { warm: async () => count(isAccepted(await warm(evidence, given))), floor },
  rounds,
)
const anew = await measureRounds(
  { cold: async () => count(isAccepted(await appraise(evidence, given))), floor },
  rounds,
)
printMachine(rounds.rounds)
printRate(
  'warm: certificates, manifests and responses read before; report, leaf and policy anew',
  known.warm,
  known.floor,
)
printRate('cold: everything anew', anew.cold, anew.floor)
printRate('two bare P-384 verifications', known.floor, known.floor)
console.log(
  JSON.stringify({
    warmOfFloor: known.warm / known.floor,
    coldOfFloor: anew.cold / anew.floor,
  }),
)

function certificatesOf(chain: string): readonly Certificate[] {
  const limits = { blocksMax: 10, charactersMax: 65_536 }
  return parsePem(chain, 'CERTIFICATE', 'chain', limits).map((der) =>
    parseCertificate(der, 'certificate'),
  )
}
