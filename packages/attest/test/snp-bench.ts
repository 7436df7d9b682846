// Prints how many SNP reports are appraised in a second of processor time, and the ratio to one bare P-384 verification
// in the same run: the one signature that has to be computed for each report. Medians of rounds that take turns, so
// that other load on the machine falls on all alike. Needs real evidence (CLOISTER_EVIDENCE).
// Run: node packages/attest/test/snp-bench.ts [rounds]
import { appraise, createAppraiser, parseSnpReport } from '@cloister/attest'
import { parsePem, type Bytes } from '@cloister/codec'
import { ecdsaSha384 } from '../src/crypto-node.ts'
import { parseCertificate } from '../src/x509/certificate.ts'
import { anyPolicy } from './evidence.ts'
import { count, measureRounds, printMachine, printRate, roundsAsked } from './measure-rounds.ts'
import { amd, readSnpSample } from './snp-evidence.ts'

const rounds = roundsAsked(15)
const sample = readSnpSample('oak-genoa-v5-real-crl')
const policy = anyPolicy()
const given = { collateral: { amd: sample.amd }, anchors: amd, policy, now: sample.now }
const evidence = { tee: 'sev-snp', report: sample.report } as const
const { appraise: warm } = createAppraiser()
const { signed, signature } = parseSnpReport(sample.report)
const { key } = parseCertificate(leafOf(sample.amd.certificateChain), 'VCEK')
const rates = await measureRounds(
  {
    warm: async () => count((await warm(evidence, given)).authentic === true),
    cold: async () => count((await appraise(evidence, given)).authentic === true),
    floor: async () => count(await key.verify(ecdsaSha384, signed, signature)),
  },
  { rounds, warmUpRounds: 4, roundMilliseconds: 250 },
)
const { floor } = rates
printMachine(rounds)
printRate(
  'warm: certificates and revocation list read before; the report, its TCB and the policy anew',
  rates.warm,
  floor,
)
printRate('cold: everything anew', rates.cold, floor)
printRate('one bare P-384 verification', floor, floor)
console.log(JSON.stringify({ warmOfFloor: rates.warm / floor, coldOfFloor: rates.cold / floor }))

function leafOf(chain: string): Bytes {
  const limits = { blocksMax: 10, charactersMax: 65_536 }
  return parsePem(chain, 'CERTIFICATE', 'chain', limits)[0]!
}
