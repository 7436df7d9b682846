import {
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
import { parseCertificate } from './x509/certificate.ts'

/** What a file of anchors names: whom to trust, and the keys of devices among them, which evidence may lack. */
export type AnchorFile = {
  readonly anchors: readonly Anchor[]
  readonly deviceKeys: readonly DeviceKey[]
}

const limits = { blocksMax: 32, charactersMax: 1 << 20 }

/**
 * Reads anchors that somebody names: root certificates (DER, or PEM one after another), or device keys as a JSON Web
 * Key, a list or a set of them.
 *
 * A certificate with a vendor root's key is that vendor's root. Any other one proves nothing about hardware that a
 * vendor vouches for, and claims say so. A JSON Web Key does not say what its device signs: it is an anchor for evidence
 * of `tee`, whoever names the file says which, and none where single devices' keys sign no such evidence.
 *
 * @throws {MalformedError} where it is none of these.
 */
export async function parseAnchorFile(bytes: Bytes, tee: Tee | undefined): Promise<AnchorFile> {
  const [first] = bytes
  if (first === 0x30) return { anchors: [await rootOf(bytes)], deviceKeys: [] }
  const text = parseUtf8(bytes, 'anchors')
  if (text.includes('-----BEGIN')) {
    const blocks = parsePem(text, 'CERTIFICATE', 'anchors', limits)
    if (blocks.length === 0) throw new MalformedError('anchors', 0, 'no certificate')
    return { anchors: await Promise.all(blocks.map(rootOf)), deviceKeys: [] }
  }
  const value = parseJson(text, 'anchors', { charactersMax: limits.charactersMax, depthMax: 8 })
  const keys = new Map(typeof value === 'object' ? Object.entries(value ?? {}) : []).get('keys')
  const deviceKeys = deviceKeysOf(keys ?? value)
  const digests = await Promise.all(deviceKeys.map(deviceKeySha256))
  const isPinned = tee !== undefined && isDeviceKeyTee(tee)
  return {
    anchors: isPinned ? digests.map((digest) => deviceKeyAnchor(digest, tee)) : [],
    deviceKeys,
  }
}

async function rootOf(der: Bytes): Promise<Anchor> {
  const { spki } = parseCertificate(der, 'anchor')
  const digest = encodeHex(await sha256(spki))
  const vendor = productionAnchors().find((anchor) => anchorSpkiSha256(anchor) === digest)
  return vendor ?? insecureDevnetAnchor(digest)
}
