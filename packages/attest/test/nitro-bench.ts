// Prints how many documents of Nitro enclaves are appraised in a second of processor time, and the ratio to the bare
// P-384 verifications that cannot be saved: the document's and its certificate's, all in the same run. Medians of
// rounds that take turns, so that other load on the machine falls on all alike.
// Run: node packages/attest/test/nitro-bench.ts [rounds]
import { appraise, createAppraiser, isAccepted } from '@cloister/attest'
import { isSign1By } from '../src/cose/message.ts'
import { parseNitroDocument } from '../src/nitro/parse.ts'
import { parseCertificate } from '../src/x509/certificate.ts'
import { isSignedBy } from '../src/x509/signed.ts'
import { count, measureRounds, printMachine, printRate, roundsAsked } from './measure-rounds.ts'
import { enclave, given, now } from './nitro-documents.ts'

const rounds = roundsAsked(15)
const evidence = {
  tee: 'aws-nitro',
  document: enclave.document({ now, userData: new Uint8Array(64) }),
} as const
const by = given()
const { appraise: warm } = createAppraiser()
const { message, chain } = parseNitroDocument(evidence.document)
const [leaf, issuer] = chain.map((der) => parseCertificate(der, 'certificate'))

const rates = await measureRounds(
  {
    warm: async () => count(isAccepted(await warm(evidence, by))),
    cold: async () => count(isAccepted(await appraise(evidence, by))),
    floor: async () => {
      count(await isSignedBy(leaf!, issuer!))
      count(await isSign1By(message, leaf!.numbers, leaf!.key))
    },
  },
  { rounds, warmUpRounds: 2, roundMilliseconds: 250 },
)
const { floor } = rates
printMachine(rounds)
printRate(
  'warm: authorities read and verified before; certificate and document anew',
  rates.warm,
  floor,
)
printRate('cold: everything anew', rates.cold, floor)
printRate('two bare P-384 verifications', floor, floor)
console.log(JSON.stringify({ warmOfFloor: rates.warm / floor, coldOfFloor: rates.cold / floor }))
