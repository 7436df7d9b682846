import { MalformedError, parseBase64, parsePemBlocks, type Bytes } from '@cloister/codec'
import type { NvidiaEvidence } from '../evidence.ts'
import { parseRim } from '../nvidia/rim.ts'
import { chainLimits } from '../x509/chain.ts'

/**
 * The certificates of a device in DER, from its leaf to the root.
 *
 * Nothing is verified. @throws {MalformedError} where there are none, or one is not in base64.
 */
export function deviceCertificates({ certificateChain }: NvidiaEvidence): readonly Bytes[] {
  const blocks = parsePemBlocks(certificateChain, 'CERTIFICATE', 'device chain', chainLimits)
  if (blocks.length === 0) throw new MalformedError('device chain', 0, 'no certificate')
  return blocks.map((block) => parseBase64(block, 'device chain'))
}

/**
 * The certificates of whoever signed a reference manifest in DER, from the signer to the root.
 *
 * Nothing is verified. @throws {MalformedError} where it is no manifest.
 */
export function manifestCertificates(rim: string): readonly Bytes[] {
  const { certificates } = parseRim(rim, 'manifest').signature
  return certificates.map((each) => parseBase64(each, 'manifest certificate'))
}
