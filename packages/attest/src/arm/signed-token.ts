import { concatBytes, encodeHex, type Bytes } from '@cloister/codec'
import { sha256 } from '#crypto'
import { anchorName, findDeviceAnchor, type Anchor, type DeviceKeyTee } from '../anchors.ts'
import type { Given } from '../appraisal.ts'
import { deviceKeysIn } from '../collateral.ts'
import { isSign1By, type CoseSign1 } from '../cose/message.ts'
import { deviceKeySha256, type DeviceKey } from '../device-key.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'

/** Who signed a token of an Arm device, and who vouches for that key. */
export type TokenSigner = {
  /** How claims name who vouches for it. */
  readonly anchor: string
  readonly endorsement: 'pinned' | 'supplied'
  /** Whether the instance id that the token reports is the one that PSA derives from this key. */
  readonly instanceIdOfKey: boolean
}

/**
 * Finds the key that signed `message` of a `tee`: first the one that the instance id names, then the others.
 *
 * Arm has no root above its devices' keys: each is known to whoever made the device, and comes from there.
 *
 * @throws {Refusal} PARSE where more than 32 keys are given, COLLATERAL_MISSING where none is, REPORT_SIGNATURE where none of them signed.
 */
export async function findTokenSigner(
  tee: DeviceKeyTee,
  message: CoseSign1,
  what: string,
  instanceId: Bytes,
  { collateral, anchors }: Given,
): Promise<TokenSigner> {
  const keys = malformedAs('PARSE', () => deviceKeysIn(collateral))
  refuseUnless(keys.length > 0, 'COLLATERAL_MISSING', `${what}: no device key to verify it with`)
  const named = await Promise.all(
    keys.map(async (key) => ({
      key,
      matches: (await instanceIdOf(key)) === encodeHex(instanceId),
    })),
  )
  for (const { key, matches } of named.toSorted((a, b) => Number(b.matches) - Number(a.matches)))
    if (await isSign1By(message, key))
      return { ...vouched(await deviceKeySha256(key), anchors, tee), instanceIdOfKey: matches }
  throw new Refusal('REPORT_SIGNATURE', `${what}: not signed by any of ${keys.length} device keys`)
}

/** 01, then SHA-256 of the uncompressed point. Spec: RFC 9783 section 4.2.1, as Trusted Firmware-M derives it. */
async function instanceIdOf(key: DeviceKey): Promise<string | undefined> {
  if (key.kind !== 'ec') return undefined
  return `01${encodeHex(await sha256(concatBytes(Uint8Array.of(4), key.point)))}`
}

function vouched(
  keySha256: string,
  anchors: readonly Anchor[],
  tee: DeviceKeyTee,
): Pick<TokenSigner, 'anchor' | 'endorsement'> {
  const anchor = findDeviceAnchor(anchors, keySha256, tee)
  return anchor === undefined
    ? { anchor: `supplied:${keySha256}`, endorsement: 'supplied' }
    : { anchor: anchorName(anchor), endorsement: 'pinned' }
}
