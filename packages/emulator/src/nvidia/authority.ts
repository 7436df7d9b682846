import { unixSeconds, type Bytes } from '@cloister/codec'
import {
  issueCertificate,
  keyIdentifier,
  type Issuer,
  type SubjectName,
  type Validity,
} from '../certificate.ts'
import { deriveSigningKey, type SigningKey } from '../signing-key.ts'

/** Chips that are emulated: two generations of GPUs, and the switch. */
export type NvidiaChip = 'GH100' | 'GB100' | 'LS10'

/** An issuer or signer, with the certificate that names it. */
export type Certified = Issuer<SubjectName> & {
  readonly key: SigningKey
  readonly serial: Bytes
  readonly der: Bytes
}

/** Certificates from an end to its root. */
export type CertifiedChain = readonly Certified[]

/** One lifetime for all authorities, so that a root made from one seed is valid for every vector ever committed. */
export const lifetime: Validity = {
  notBefore: unixSeconds(Date.UTC(2025, 0, 1) / 1000),
  notAfter: unixSeconds(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000),
}

/** The root of devices and those below it, down to the authority that certifies chips of one kind. */
export function deviceAuthorities(seed: Bytes, chip: NvidiaChip): CertifiedChain {
  const root = selfSigned(seed, 'nvidia/device-root', `${prefix} Device Identity CA`)
  // As in NVIDIA's tree, switches stand below the product authority of the GPUs that they connect.
  const product = chip === 'GB100' ? chip : 'GH100'
  const identity = certify(
    seed,
    `nvidia/identity/${product}`,
    `${prefix} ${product} Identity`,
    root,
  )
  const name = `${prefix} ${chip} Provisioner ICA 1`
  return [certify(seed, `nvidia/provisioner/${chip}`, name, identity), identity, root]
}

/** The root of manifests and those below it, down to the authority of their signers. */
export function rimAuthorities(seed: Bytes): CertifiedChain {
  const root = selfSigned(seed, 'nvidia/rim-root', `${prefix} CoRIM signing Root CA`)
  const middle = certify(seed, 'nvidia/rim-l2', `${prefix} Reference Value CA`, root)
  return [certify(seed, 'nvidia/rim-l3', `${prefix} Reference Value L3`, middle), middle, root]
}

/** Certifies an authority, or an end where `extra` says so. The key and the serial number follow from seed and label. */
export function certify(
  seed: Bytes,
  label: string,
  name: SubjectName,
  issuer: Issuer<SubjectName>,
  options: {
    readonly end?: true
    readonly validity?: Validity
    readonly extensions?: readonly Bytes[]
  } = {},
): Certified {
  const key = deriveSigningKey(seed, label, 'P-384')
  const serial = serialOf(key)
  const content = {
    subject: name,
    subjectKey: key,
    serial,
    pathLength: options.end === true ? undefined : 8,
    crlUrl: undefined,
    nonRepudiation: false,
    extraExtensions: options.extensions ?? [],
    ...(options.validity ?? lifetime),
  } as const
  return { name, key, serial, der: issueCertificate(content, issuer) }
}

const prefix = 'Cloister Emulator'

function selfSigned(seed: Bytes, label: string, name: string): Certified {
  return certify(seed, label, name, { name, key: deriveSigningKey(seed, label, 'P-384') })
}

function serialOf(key: SigningKey): Bytes {
  const serial = keyIdentifier(key).slice()
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40 // Twenty octets in DER, never negative, never zero.
  return serial
}
