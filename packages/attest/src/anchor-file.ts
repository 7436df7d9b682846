import {
  DerReader,
  derTags,
  encodeHex,
  MalformedError,
  parseJson,
  parsePem,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'
import { sha256 } from '#crypto'
import {
  anchorSpkiSha256,
  deviceKeyAnchor,
  insecureDevnetAnchor,
  isDeviceKeyTee,
  productionAnchors,
  type Anchor,
} from './anchors.ts'
import { deviceKeySha256, deviceKeysOf, type DeviceKey } from './device-key.ts'
import type { Tee } from './evidence.ts'
import { parseAttestationKey } from './tpm/attestation-key.ts'
import { parseCertificate } from './x509/certificate.ts'

/** What a file of anchors names: whom to trust, and the keys of devices among them, which evidence may lack. */
export type AnchorFile = {
  readonly anchors: readonly Anchor[]
  readonly deviceKeys: readonly DeviceKey[]
}

const limits = { blocksMax: 32, charactersMax: 1 << 20 }

/**
 * Reads anchors that somebody names: root certificates (DER, or PEM one after another), or keys of devices: a JSON Web
 * Key, a list or a set of them, a SubjectPublicKeyInfo (DER or PEM), a TPM's TPMT_PUBLIC.
 *
 * A certificate with a vendor root's key is that vendor's root. Any other one proves nothing about hardware that a
 * vendor vouches for, and claims say so. One that is not its own issuer is refused: it is no root. A key does not say
 * what its device signs: it is an anchor for evidence of `tee`, whoever names the file says which, and none where
 * single devices' keys sign no such evidence.
 *
 * @throws {MalformedError} where it is none of these.
 */
export async function parseAnchorFile(bytes: Bytes, tee: Tee | undefined): Promise<AnchorFile> {
  const [first] = bytes
  if (first === 0x30) return isKeyInfo(bytes) ? await keysOf([bytes], tee) : await rootsOf([bytes])
  // TPM_ALG_RSA or TPM_ALG_ECC, big-endian: no text begins so.
  if (first === 0x00) return await keysOf([bytes], tee)
  const text = parseUtf8(bytes, 'anchors')
  if (text.includes('-----BEGIN PUBLIC KEY-----'))
    return await keysOf(parsePem(text, 'PUBLIC KEY', 'anchors', limits), tee)
  if (text.includes('-----BEGIN'))
    return await rootsOf(parsePem(text, 'CERTIFICATE', 'anchors', limits))
  const value = parseJson(text, 'anchors', { charactersMax: limits.charactersMax, depthMax: 8 })
  const keys = new Map(typeof value === 'object' ? Object.entries(value ?? {}) : []).get('keys')
  return await pinned(deviceKeysOf(keys ?? value), tee)
}

/** A SubjectPublicKeyInfo ends with a bit string after its algorithm; a certificate has its names there. */
function isKeyInfo(der: Bytes): boolean {
  try {
    const inner = new DerReader(der).inside('anchor')
    return (
      new DerReader(inner.element('anchor', derTags.sequence).content).peek() === derTags.objectId
    )
  } catch {
    return false // Whatever reads it as a certificate says what is wrong.
  }
}

async function keysOf(keys: readonly Bytes[], tee: Tee | undefined): Promise<AnchorFile> {
  return await pinned(
    keys.map((key) => parseAttestationKey(key).numbers),
    tee,
  )
}

async function pinned(deviceKeys: readonly DeviceKey[], tee: Tee | undefined): Promise<AnchorFile> {
  const digests = await Promise.all(deviceKeys.map(deviceKeySha256))
  const isPinned = tee !== undefined && isDeviceKeyTee(tee)
  return {
    anchors: isPinned ? digests.map((digest) => deviceKeyAnchor(digest, tee)) : [],
    deviceKeys,
  }
}

async function rootsOf(certificates: readonly Bytes[]): Promise<AnchorFile> {
  if (certificates.length === 0) throw new MalformedError('anchors', 0, 'no certificate')
  return { anchors: await Promise.all(certificates.map(rootOf)), deviceKeys: [] }
}

async function rootOf(der: Bytes): Promise<Anchor> {
  const { spki, issuer, subject, commonName } = parseCertificate(der, 'anchor')
  if (issuer !== subject)
    throw new MalformedError(
      'anchor',
      0,
      `${JSON.stringify(commonName)} is not a root: give the one above it`,
    )
  const digest = encodeHex(await sha256(spki))
  const vendor = productionAnchors().find((anchor) => anchorSpkiSha256(anchor) === digest)
  return vendor ?? insecureDevnetAnchor(digest)
}
