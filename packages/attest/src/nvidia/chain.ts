import { MalformedError } from '@cloister/codec'
import type { Given } from '../appraisal.ts'
import type { NvidiaEvidence } from '../evidence.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import { requireSigner, verifyChain, type Chain } from '../x509/chain.ts'
import { certifiedFirmwareId } from './firmware-id.ts'
import type { NvidiaMemory } from './memory.ts'
import { subjectSerialNumber, subjectText } from './subject.ts'

/** What the certificates of a device say. */
export type Device = {
  /** Signs reports. It goes with the firmware: an update makes another. */
  readonly leaf: Certificate
  /** The device's own authority, in its boot ROM: the same for as long as the chip lives. */
  readonly identity: Certificate
  /** The chip: `GH100`, `GB100`, `LS10`. */
  readonly productLine: string
  /** The subject serial number of {@link Device} `identity`: the PDI after one byte. */
  readonly serialNumber: string
  /** The name by which other devices on NVLink know this one, 8 bytes in hexadecimal. */
  readonly pdi: string
  /** Subjects from the leaf to the root. */
  readonly subjects: readonly string[]
  /** The firmware that the leaf certificate was made for. */
  readonly firmwareId: string | undefined
}

/** The root that chains of devices end at. */
const deviceRoots = ['nvidia-device-root'] as const

/** FMC leaf, boot ROM, provisioner, product, root. */
const chainLength = 5

const pdiDigits = 16

/** Reads a device's certificates. @throws {Refusal} PARSE or CHAIN_INVALID. */
export function readDeviceChain(
  { certificateChain }: NvidiaEvidence,
  { now }: Given,
  memory: NvidiaMemory,
): { readonly chain: Chain; readonly device: Device } {
  const chain = malformedAs('PARSE', () =>
    memory.certificates.chain(certificateChain, 'device chain', now),
  )
  const [leaf, identity] = chain
  if (leaf === undefined || identity === undefined || chain.length !== chainLength)
    throw new Refusal(
      'CHAIN_INVALID',
      `device chain: got ${chain.length} certificates, expected ${chainLength}`,
    )
  const device = malformedAs('PARSE', () =>
    memory.device(chain, () => readDevice(chain, leaf, identity)),
  )
  return { chain, device }
}

/**
 * Verifies a device's certificates, and that it is of the kind it is said to be. Gives the anchor's name.
 *
 * @throws {Refusal} CHAIN_INVALID, UNTRUSTED_ROOT, CHAIN_SIGNATURE, CERT_EXPIRED_OR_NOT_YET_VALID or CERT_MISMATCH.
 */
export async function verifyDeviceChain(
  chain: Chain,
  device: Device,
  tee: NvidiaEvidence['tee'],
  given: Given,
  memory: NvidiaMemory,
): Promise<string> {
  requireSigner(device.leaf, '', 'CHAIN_INVALID', 'device chain')
  const { certificates } = memory
  const anchor = await verifyChain(chain, 'device chain', given, certificates, 'anew', deviceRoots)
  refuseUnless(
    (device.productLine === switchLine) === (tee === 'nvidia-nvswitch'),
    'CERT_MISMATCH',
    () => `device chain: its chip is ${device.productLine}, the evidence is said to be ${tee}`,
  )
  return anchor
}

/** The one line of NVSwitches that signs measurements. */
const switchLine = 'LS10'

function readDevice(chain: Chain, leaf: Certificate, identity: Certificate): Device {
  // `GH100 A01 GSP BROM`: chip, revision, processor, firmware. A switch's chip is spelled LS_10.
  const productLine = identity.commonName.split(' ')[0]?.replaceAll('_', '') ?? ''
  const serialNumber = subjectSerialNumber(identity)?.toLowerCase() ?? ''
  if (!/^[A-Z]{2}[0-9]{2,3}$/.test(productLine) || !/^(?:[0-9a-f]{2}){9,20}$/.test(serialNumber))
    throw new MalformedError(
      'boot ROM certificate subject',
      0,
      'expected a chip in its common name, and a serial number of 9 bytes or more',
    )
  return {
    leaf,
    identity,
    productLine,
    serialNumber,
    pdi: serialNumber.slice(-pdiDigits),
    subjects: chain.map(subjectText),
    firmwareId: certifiedFirmwareId(leaf),
  }
}
