import { MalformedError, parseJson, type Json } from '@cloister/codec'
import { deviceKeysMax, deviceKeysOf, encodeDeviceKey, type DeviceKey } from './device-key.ts'
import { readIntelCollateral, type IntelCollateral } from './dcap/collateral-documents.ts'

/** AMD's documents that an SNP report is judged by. */
export type AmdCollateral = {
  /** PEM: the VCEK or VLEK, then its authority (ASK or ASVK), then the root (ARK). The last two may be left out. */
  readonly certificateChain: string
  /** DER in hexadecimal: the revocation list of the product line. */
  readonly crl?: string
}

/** NVIDIA's documents that a device's measurements are judged by. */
export type NvidiaCollateral = {
  /** Reference manifests as XML, of driver and VBIOS. */
  readonly rims: readonly string[]
  /** DER in hexadecimal: OCSP responses for the certificates of the device. */
  readonly ocspResponses: readonly string[]
}

/**
 * Documents that evidence is judged by, of every vendor that has a say in it: a TPM's quote may lean on an AMD
 * report. Nothing here is trusted.
 */
export type Collateral = {
  readonly intel?: IntelCollateral
  readonly amd?: AmdCollateral
  readonly nvidia?: NvidiaCollateral
  /** Keys of single devices: Arm CPAKs and IAKs, AKs of TPMs. Whether one is pinned, an anchor says. */
  readonly deviceKeys?: readonly DeviceKey[]
}

/** Most characters that all of one collateral may have together. */
export const collateralCharactersMax = 4 * 1024 * 1024

const limits = { charactersMax: collateralCharactersMax, depthMax: 6 }

/** Most documents of one kind. */
export const documentsMax = 32

/**
 * Reads collateral from JSON: an object with `intel`, `amd`, `nvidia` and `deviceKeys` (JWKs), each of them where it
 * is needed; or Intel's nine texts alone, spelled `tcbInfo` or `tcb_info`.
 *
 * @throws {MalformedError} naming the member that is absent, given twice or of another type.
 */
export function parseCollateral(text: string): Collateral {
  const value = asObject(parseJson(text, 'collateral', limits), 'collateral')
  const vendors = ['intel', 'amd', 'nvidia', 'deviceKeys']
  if (!Object.keys(value).some((key) => vendors.includes(key)))
    return { intel: readIntelCollateral(value) }
  const unknown = Object.keys(value).find((key) => !vendors.includes(key))
  if (unknown !== undefined)
    throw new MalformedError(`collateral ${unknown}`, 0, `expected ${vendors.join(', ')}`)
  const { intel, amd, nvidia, deviceKeys } = value
  return {
    ...(intel !== undefined && {
      intel: readIntelCollateral(asObject(intel, 'collateral intel')),
    }),
    ...(amd !== undefined && { amd: readAmd(asObject(amd, 'collateral amd')) }),
    ...(nvidia !== undefined && { nvidia: readNvidia(asObject(nvidia, 'collateral nvidia')) }),
    ...(deviceKeys !== undefined && { deviceKeys: deviceKeysOf(deviceKeys) }),
  }
}

/** Collateral as JSON: {@link parseCollateral} gives the same again. */
export function encodeCollateral(collateral: Collateral): string {
  const { deviceKeys, ...documents } = collateral
  return JSON.stringify({
    ...documents,
    ...(deviceKeys && { deviceKeys: deviceKeys.map(encodeDeviceKey) }),
  })
}

/** How many characters all documents have together. */
export function collateralCharacters(collateral: Collateral): number {
  const { intel, amd, nvidia, deviceKeys } = collateral
  const texts = [
    ...Object.values(intel ?? {}),
    amd?.certificateChain ?? '',
    amd?.crl ?? '',
    ...(nvidia?.rims ?? []),
    ...(nvidia?.ocspResponses ?? []),
    ...(deviceKeys ?? []).flatMap((key) => Object.values(encodeDeviceKey(key))),
  ]
  return texts.reduce((sum, text) => sum + text.length, 0)
}

/**
 * Keys of devices that evidence without one may be signed by: each is tried, so there are at most 32.
 *
 * @throws {MalformedError} past that.
 */
export function deviceKeysIn(collateral: Collateral | 'none'): readonly DeviceKey[] {
  const keys = collateral === 'none' ? [] : (collateral.deviceKeys ?? [])
  if (keys.length > deviceKeysMax)
    throw new MalformedError('device keys', 0, `got ${keys.length}, at most ${deviceKeysMax}`)
  return keys
}

function readAmd(value: JsonObject): AmdCollateral {
  const { certificateChain, crl } = value
  return {
    certificateChain: asText(certificateChain, 'collateral amd certificateChain'),
    ...(crl !== undefined && { crl: asText(crl, 'collateral amd crl') }),
  }
}

function readNvidia(value: JsonObject): NvidiaCollateral {
  return {
    rims: asTexts(value['rims'], 'collateral nvidia rims'),
    ocspResponses: asTexts(value['ocspResponses'], 'collateral nvidia ocspResponses'),
  }
}

type JsonObject = Readonly<Record<string, Json>>

function asObject(value: Json, field: string): JsonObject {
  if (typeof value !== 'object' || value === null || isList(value))
    throw new MalformedError(field, 0, 'expected an object')
  return value
}

function asText(value: Json | undefined, field: string): string {
  if (typeof value !== 'string') throw new MalformedError(field, 0, 'expected a text')
  return value
}

function asTexts(value: Json | undefined, field: string): readonly string[] {
  if (value === undefined) return []
  if (!isList(value) || value.length > documentsMax)
    throw new MalformedError(field, 0, `expected a list of at most ${documentsMax} texts`)
  return value.map((each, index) => asText(each, `${field} ${index + 1}`))
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
