import { encodeBase64Url, type Bytes } from '@cloister/codec'
import { encodeCollateral, encodeDeviceKey } from '@cloister/attest'
import type { Base } from './case.ts'
import { partsOf } from './parts.ts'

/** Genuine inputs of parsers, taken out of evidence and collateral. */
export type Seeds = {
  readonly cbor: readonly Bytes[]
  readonly der: readonly Bytes[]
  readonly pem: readonly string[]
  readonly json: readonly string[]
  readonly xml: readonly string[]
  readonly certificates: readonly Bytes[]
  readonly revocationLists: readonly Bytes[]
  readonly ocspResponses: readonly Bytes[]
  readonly attestationKeys: readonly Bytes[]
  readonly eventLogs: readonly Bytes[]
  readonly hcls: readonly Bytes[]
  readonly collaterals: readonly string[]
  readonly deviceKeys: readonly string[]
}

/** Every distinct piece of `bases` by what it is. */
export function seeds(bases: readonly Base[]): Seeds {
  const parts = bases.flatMap((base) => [...partsOf(base)])
  const texts = (pattern: RegExp): readonly string[] =>
    distinct(
      parts.flatMap(([name, leaf]) => (pattern.test(name) ? leaf : [])),
      isText,
    )
  const bytes = (pattern: RegExp): readonly Bytes[] =>
    distinctBytes(parts.flatMap(([name, leaf]) => (pattern.test(name) ? leaf : [])))
  const pem = [...texts(/[cC]hain$/), ...embeddedPem(bytes(/\.quote$/))]
  const certificates = distinctBytes(pem.flatMap(blocksOf))
  const revocationLists = texts(/[cC]rl$/).map(fromHex)
  const ocspResponses = texts(/ocspResponses/).map(fromHex)
  const collaterals = bases.flatMap(({ given: { collateral } }) =>
    collateral === 'none' ? [] : encodeCollateral(collateral),
  )
  const deviceKeys = bases.flatMap(({ given: { collateral } }) =>
    collateral === 'none' ? [] : (collateral.deviceKeys ?? []),
  )
  return {
    cbor: bytes(/\.(?:document|token)$/),
    der: [...certificates, ...revocationLists, ...ocspResponses],
    pem,
    json: texts(/\.(?:tcbInfo|qeIdentity)$/),
    xml: texts(/\.rims\./),
    certificates,
    revocationLists,
    ocspResponses,
    attestationKeys: bytes(/\.attestationKey$/),
    eventLogs: bytes(/\.eventLog$/),
    hcls: bytes(/\.hcl$/),
    collaterals: distinct(collaterals, isText),
    deviceKeys: distinct(
      deviceKeys.map((key) => JSON.stringify({ keys: [encodeDeviceKey(key)] })),
      isText,
    ),
  }
}

function embeddedPem(quotes: readonly Bytes[]): readonly string[] {
  return quotes.flatMap((quote) => {
    const text = Buffer.from(quote).toString('latin1')
    const found = /-----BEGIN [^]*-----END CERTIFICATE-----\n?/.exec(text)
    return found ? [found[0]] : []
  })
}

function blocksOf(pem: string): readonly Bytes[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END/g)].map(
    ([, base64 = '']) => new Uint8Array(Buffer.from(base64, 'base64')),
  )
}

function fromHex(hex: string): Bytes {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function distinctBytes(values: readonly unknown[]): readonly Bytes[] {
  const known = new Map<string, Bytes>()
  for (const value of values)
    if (value instanceof Uint8Array) {
      const copy = Uint8Array.from(value)
      known.set(encodeBase64Url(copy), copy)
    }
  return [...known.values()]
}

function distinct<T>(values: readonly unknown[], is: (value: unknown) => value is T): readonly T[] {
  return [...new Set(values.filter(is))]
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
