import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** One DER element. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts)
const oid = (hex: string) => der(6, Buffer.from(hex, 'hex'))
const ecdsaSha256 = sequence(oid('2a8648ce3d040302'))
const name = (commonName: string) =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))))
const time = (seconds: number) =>
  der(
    0x17,
    Buffer.from(`${new Date(seconds * 1000).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`),
  )
const extension = (id: string, critical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(critical ? [der(1, Buffer.from([255]))] : []), der(4, value))

/** A key with the name it signs as. */
export type Signer = {
  readonly commonName: string
  readonly key: KeyObject
  readonly publicKey: KeyObject
}

/** A fresh key. */
export function signer(commonName: string): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { commonName, key: privateKey, publicKey }
}

/** What can be wrong with a certificate. */
export type CertificateOptions = {
  readonly serial?: number
  readonly notBefore?: number
  readonly notAfter?: number
  readonly ca?: boolean
  readonly pathLength?: number
  readonly keyUsage?: number | 'absent'
  readonly extra?: readonly Uint8Array[]
  readonly version?: number
}

/** An extension that nobody knows. */
export const unknownExtension = (critical: boolean): Buffer => extension('2a0304', critical, der(5))

/** So many extensions that nobody knows, each of its own name. */
export const numberedExtensions = (count: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, index) => extension(`2a03${hexByte(index)}`, false, der(5)))

const hexByte = (value: number) => value.toString(16).padStart(2, '0')

/** Writes a certificate, DER. */
export function certificate(
  subject: Signer,
  issuer: Signer,
  options: CertificateOptions = {},
): Buffer {
  const constraints = [
    ...(options.ca === true ? [der(1, Buffer.from([255]))] : []),
    ...(options.pathLength === undefined ? [] : [der(2, Buffer.from([options.pathLength]))]),
  ]
  const tbs = sequence(
    der(0xa0, der(2, Buffer.from([options.version ?? 2]))),
    der(2, Buffer.from([options.serial ?? 1])),
    ecdsaSha256,
    name(issuer.commonName),
    sequence(time(options.notBefore ?? 1_600_000_000), time(options.notAfter ?? 1_900_000_000)),
    name(subject.commonName),
    subject.publicKey.export({ format: 'der', type: 'spki' }),
    der(
      0xa3,
      sequence(
        extension('551d13', true, sequence(...constraints)),
        ...(options.keyUsage === 'absent'
          ? []
          : [
              extension(
                '551d0f',
                true,
                der(3, Buffer.from([0, options.keyUsage ?? (options.ca === true ? 0x06 : 0xc0)])),
              ),
            ]),
        ...(options.extra ?? []),
      ),
    ),
  )
  return signed(tbs, issuer)
}

/** Writes a revocation list, DER. */
export function revocationList(
  issuer: Signer,
  options: {
    readonly serials?: readonly number[]
    readonly thisUpdate?: number
    readonly nextUpdate?: number
    readonly number?: number
    readonly extra?: readonly Uint8Array[]
  } = {},
): Buffer {
  const entries = (options.serials ?? []).map((serial) =>
    sequence(der(2, Buffer.from([serial])), time(1_650_000_000)),
  )
  return signed(
    sequence(
      der(2, Buffer.from([1])),
      ecdsaSha256,
      name(issuer.commonName),
      time(options.thisUpdate ?? 1_690_000_000),
      time(options.nextUpdate ?? 1_800_000_000),
      ...(entries.length > 0 ? [sequence(...entries)] : []),
      der(
        0xa0,
        sequence(
          extension('551d14', false, der(2, Buffer.from([options.number ?? 1]))),
          ...(options.extra ?? []),
        ),
      ),
    ),
    issuer,
  )
}

/** SHA-256 of a key's SubjectPublicKeyInfo. */
export function spkiSha256({ publicKey }: Signer): string {
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex')
}

/** PEM of some certificates. */
export function pem(...certificates: readonly Buffer[]): string {
  return certificates
    .map(
      (bytes) =>
        `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`,
    )
    .join('')
}

function signed(tbs: Buffer, issuer: Signer): Buffer {
  return sequence(tbs, ecdsaSha256, der(3, Buffer.from([0]), sign('sha256', tbs, issuer.key)))
}
