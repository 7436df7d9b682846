import type { Bytes } from '@cloister/codec'
import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { isSign1By } from '../cose/message.ts'
import type { NitroEvidence } from '../evidence.ts'
import { unless } from '../reasons.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import { CertificateMemory, earliest, verifyChain, type Chain } from '../x509/chain.ts'
import { keyUsageBits, type Extensions } from '../x509/extensions.ts'
import { readNitroClaims, type NitroClaims } from './claims.ts'
import { parseNitroDocument } from './parse.ts'
import { judgeNitroClaims } from './policy.ts'

/**
 * Appraises an attestation document of a Nitro enclave. Pure: no network, no clock, and nothing in `memory` changes
 * the answer.
 *
 * A document carries its whole chain, and AWS says that its revocation lists are not to be checked: there is no collateral to give, and an
 * empty one is enough. Spec: AWS Nitro Enclaves Attestation Process, 3.
 */
export function appraiseNitro(
  evidence: NitroEvidence,
  given: Given,
  memory: CertificateMemory = new CertificateMemory(),
): Promise<Appraisal<NitroClaims>> {
  return refusalAsAnswer(given, () => appraiseOrRefuse(evidence.document, given, memory))
}

async function appraiseOrRefuse(
  bytes: Bytes,
  given: Given,
  memory: CertificateMemory,
): Promise<Appraisal<NitroClaims>> {
  const document = malformedAs('PARSE', () => parseNitroDocument(bytes))
  const chain = malformedAs('PARSE', () =>
    memory.chainOfDer(document.chain, 'Nitro chain', given.now),
  )
  const anchor = await verifyChain(chain, 'Nitro chain', given, memory, 'anew', [
    'aws-nitro-root-g1',
  ])
  const leaf = requireNitroUsage(chain)
  refuseUnless(
    await isSign1By(document.message, leaf.numbers, leaf.key),
    'REPORT_SIGNATURE',
    'document: not signed by its certificate',
  )
  const claims = await readNitroClaims(document, anchor)
  const known = given.collateral !== 'none'
  const reasons = [
    ...unless(known, 'CHAIN_ONLY', 'no more than the chain was asked for', 'none', 'collateral'),
    ...judgeNitroClaims(claims, given.policy, given.now),
  ]
  const until = earliest(chain.map((certificate) => certificate.notAfter))
  return { authentic: known ? true : 'chain-only', claims, until, reasons }
}

/**
 * Stricter than RFC 5280, which lets a certificate without keyUsage do anything: here the bit has to be there, and
 * the signer is no authority and limits no path.
 *
 * Spec: AWS Nitro Enclaves Attestation Process, 3.2.3.2 and 3.2.3.3.
 */
function requireNitroUsage(chain: Chain): Certificate {
  const [leaf, ...authorities] = chain
  if (leaf === undefined) throw new Refusal('CHAIN_INVALID', 'Nitro chain: no certificate')
  refuseUnless(
    !leaf.extensions.ca &&
      leaf.extensions.pathLength === undefined &&
      says(leaf.extensions, keyUsageBits.digitalSignature),
    'CHAIN_INVALID',
    'Nitro chain: its first certificate may not sign documents',
  )
  refuseUnless(
    authorities.every(({ extensions }) => says(extensions, keyUsageBits.keyCertSign)),
    'CHAIN_INVALID',
    'Nitro chain: an authority that does not say that it signs certificates',
  )
  return leaf
}

function says({ keyUsage }: Extensions, bit: number): boolean {
  return keyUsage !== undefined && ((keyUsage >> bit) & 1) === 1
}
