import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { encodeHex, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { issueCertificate, subjectPublicKeyInfo } from '../src/certificate.ts'
import { deriveSigningKey, type SigningCurve } from '../src/signing-key.ts'

const seed = new Uint8Array(32).fill(7)
const curves = [
  { curve: 'P-256', hash: 'sha256', openSslName: 'prime256v1', size: 64 },
  { curve: 'P-384', hash: 'sha384', openSslName: 'secp384r1', size: 96 },
  { curve: 'P-521', hash: 'sha512', openSslName: 'secp521r1', size: 132 },
] as const satisfies readonly {
  curve: SigningCurve
  hash: string
  openSslName: string
  size: number
}[]

test.for(curves)(
  'Node verifies what a $curve key signs, in both forms, with $hash',
  ({ curve, hash, openSslName, size }) => {
    const key = deriveSigningKey(seed, 'a', curve)
    const message = new Uint8Array([1, 2, 3])
    const spki = createPublicKey({
      key: Buffer.from(subjectPublicKeyInfo(key)),
      format: 'der',
      type: 'spki',
    })
    expect(spki.asymmetricKeyDetails).toEqual({ namedCurve: openSslName })
    expect(key.point.length).toBe(size)
    const raw = key.signRaw(message)
    expect(raw.length).toBe(size)
    expect(verify(hash, message, { key: spki, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true)
    expect(verify(hash, message, spki, key.signDer(message))).toBe(true)
  },
)

test('a key follows from seed, label and curve', () => {
  const name = (label: string, curve: SigningCurve, from = seed) =>
    encodeHex(deriveSigningKey(from, label, curve).point)
  expect(name('a', 'P-384')).toBe(name('a', 'P-384'))
  const others = [name('b', 'P-384'), name('a', 'P-384', new Uint8Array(32)), name('a', 'P-256')]
  expect(new Set([name('a', 'P-384'), ...others]).size).toBe(4)
})

test('a certificate of one algorithm is signed by a key of another', () => {
  const issuer = { name: 'Issuer', key: deriveSigningKey(seed, 'issuer', 'P-384') }
  const certificate = new X509Certificate(
    issueCertificate(
      {
        subject: 'Subject',
        subjectKey: deriveSigningKey(seed, 'subject', 'P-256'),
        serial: Uint8Array.of(1),
        notBefore: unixSeconds(1_700_000_000),
        notAfter: unixSeconds(1_700_010_000),
        pathLength: undefined,
        crlUrl: undefined,
      },
      issuer,
    ),
  )
  const issuerKey = createPublicKey({
    key: Buffer.from(subjectPublicKeyInfo(issuer.key)),
    format: 'der',
    type: 'spki',
  })
  expect(certificate.verify(issuerKey)).toBe(true)
  expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
})
