import { unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { issueCertificate, keyIdentifier, type Issuer, type Validity } from '../certificate.ts'
import { deriveSigningKey, type CertificateKey, type SigningKey } from '../signing-key.ts'

/** The emulator's certificates above all instances, as AWS has them: root, region, zone. */
export type NitroAuthority = {
  readonly rootKey: SigningKey
  /** DER, from the root to the zone. */
  readonly bundle: readonly [root: Bytes, region: Bytes, zone: Bytes]
  readonly zone: Issuer
  /** The bundle with other validities, where they are chosen. */
  bundleOf(validity: NitroValidity): readonly Bytes[]
}

/** When certificates above an enclave's are valid, where not as always. */
export type NitroValidity = Partial<
  Record<'root' | 'region' | 'zone' | 'instance', Partial<Validity>>
>

/** In front of every common name; AWS's own names follow, cut where 64 characters are not enough for both. */
const prefix = 'Cloister Emulator '
const partition = 'aws.nitro-enclaves'
const region = `us-nowhere-1.${partition}`

/** Builds the tree. Every byte follows from the seed. */
export function createNitroAuthority(seed: Uint8Array): NitroAuthority {
  const root = issuerNamed(seed, partition)
  const regional = issuerNamed(seed, region)
  const zone = issuerNamed(seed, `zonal.${region}`)
  return {
    rootKey: root.key,
    bundle: [
      certifyAuthority(root, 3, root),
      certifyAuthority(regional, 2, root),
      certifyAuthority(zone, 1, regional),
    ],
    zone,
    bundleOf: (validity) => [
      certifyAuthority(root, 3, root, validity.root),
      certifyAuthority(regional, 2, root, validity.region),
      certifyAuthority(zone, 1, regional, validity.zone),
    ],
  }
}

/** Certifies the machine that starts enclaves. */
export function certifyInstance(
  seed: Uint8Array,
  instanceId: string,
  zone: Issuer,
  validity?: Partial<Validity>,
): { readonly der: Bytes; readonly issuer: Issuer } {
  const issuer = issuerNamed(seed, `${instanceId}.${partition}`)
  return { der: certifyAuthority(issuer, 0, zone, validity), issuer }
}

function issuerNamed(seed: Uint8Array, name: string): Issuer & { readonly key: SigningKey } {
  return { name: `${prefix}${name}`, key: deriveSigningKey(seed, `nitro/${name}`, 'P-384') }
}

function certifyAuthority(
  { name, key }: Issuer,
  pathLength: number,
  issuer: Issuer,
  validity: Partial<Validity> = {},
): Bytes {
  return issueCertificate(
    {
      subject: name,
      subjectKey: key,
      serial: serialOf(key),
      ...lifetime,
      ...validity,
      pathLength,
      crlUrl: undefined,
    },
    issuer,
  )
}

/** Certifies the key that an enclave's documents are signed with. AWS lets it live three hours. */
export function certifyEnclave(
  moduleId: string,
  key: SigningKey,
  from: UnixSeconds,
  issuer: Issuer,
): Bytes {
  return issueCertificate(
    {
      subject: `${prefix}${moduleId}`,
      subjectKey: key,
      serial: serialOf(key),
      notBefore: from,
      notAfter: unixSeconds(from + leafSeconds),
      pathLength: undefined,
      crlUrl: undefined,
      nonRepudiation: false,
    },
    issuer,
  )
}

/** How long an enclave's certificate lives. */
const leafSeconds = 3 * 3600 + 3

// One lifetime for all, so that a root made from one seed is valid for every vector ever committed.
const lifetime = {
  notBefore: unixSeconds(Date.UTC(2020, 0, 1) / 1000),
  notAfter: unixSeconds(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000),
}

function serialOf(key: CertificateKey): Bytes {
  const serial = keyIdentifier(key)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40 // Twenty octets in DER, never negative, never zero.
  return serial
}
