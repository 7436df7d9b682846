import { unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { issueCertificate, keyIdentifier, type Issuer } from '../certificate.ts'
import { deriveSigningKey, type SigningKey } from '../signing-key.ts'

/** The emulator's certificates above one instance, as AWS has them: root, region, zone, instance. */
export type NitroAuthority = {
  readonly rootKey: SigningKey
  /** DER, from the root to the instance. */
  readonly bundle: readonly Bytes[]
  readonly instance: Issuer
}

/** The name of AWS's root that follows the emulator's own. */
const partition = 'Cloister Emulator aws.nitro-enclaves'

/** Builds the tree above an instance. Keys and serial numbers follow from the seed, signatures do not. */
export function createNitroAuthority(seed: Uint8Array, instanceId: string): NitroAuthority {
  const names = [
    partition,
    `us-nowhere-1.${partition}`,
    `zonal.us-nowhere-1.${partition}`,
    `${instanceId}.us-nowhere-1.${partition}`,
  ]
  const issuers = names.map((name) => ({
    name,
    key: deriveSigningKey(seed, `nitro/${name}`, 'P-384'),
  }))
  const [root, ...below] = issuers
  const instance = below.at(-1)
  if (root === undefined || instance === undefined) throw new RangeError('Cannot build no tree')
  const bundle = issuers.map(({ name, key }, index) =>
    issueCertificate(
      {
        subject: name,
        subjectKey: key,
        serial: serialOf(key),
        ...lifetime,
        pathLength: below.length - index,
        crlUrl: undefined,
      },
      issuers[index - 1] ?? root,
    ),
  )
  return { rootKey: root.key, bundle, instance }
}

/** Certifies the key that an enclave's documents are signed with. AWS lets it live three hours. */
export function certifyEnclave(
  subject: string,
  key: SigningKey,
  from: UnixSeconds,
  issuer: Issuer,
): Bytes {
  return issueCertificate(
    {
      subject,
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
export const leafSeconds = 3 * 3600 + 3

// One lifetime for all, so that a root made from one seed is valid for every vector ever committed.
const lifetime = {
  notBefore: unixSeconds(Date.UTC(2020, 0, 1) / 1000),
  notAfter: unixSeconds(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000),
}

function serialOf(key: SigningKey): Bytes {
  const serial = keyIdentifier(key)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40 // Twenty octets in DER, never negative, never zero.
  return serial
}
