import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  verify,
  X509Certificate,
} from 'node:crypto'
import { encodeHex, encodeUtf8, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { issueCertificate, subjectPublicKeyInfo } from '../src/certificate.ts'
import { signDeterministic } from '../src/deterministic-ecdsa.ts'
import { signPss } from '../src/rsa-pss.ts'
import { curves as domains, deriveSigningKey, type SigningCurve } from '../src/signing-key.ts'

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

// RFC 6979 appendices A.2.5, A.2.6 and A.2.7, message "sample".
test.for<[SigningCurve, key: string, r: string, s: string]>([
  [
    'P-256',
    'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
    'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
    'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  ],
  [
    'P-384',
    '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5',
    '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46',
    '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  ],
  [
    'P-521',
    'fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538',
    'c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa',
    '617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a',
  ],
])('signatures on %s are those of RFC 6979', ([curve, key, r, s]) => {
  const signed = signDeterministic(domains[curve], BigInt(`0x${key}`), encodeUtf8('sample'))
  expect([signed.r.toString(16), signed.s.toString(16)]).toEqual([r, s])
})

test.for(['sha1', 'sha256', 'sha384', 'sha512'] as const)(
  'Node verifies PSS signatures with %s, and they are the same each time',
  (hash) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const messages = [0, 1, 2, 3].map((byte) => Uint8Array.of(byte))
    const signatures = messages.map((message) => signPss(privateKey, 2048, hash, message))
    const how = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING }
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
    for (const [index, signature] of signatures.entries())
      expect(verify(hash, messages[index]!, { ...how, saltLength }, signature)).toBe(true)
    expect(verify(hash, messages[0]!, { ...how, saltLength }, signatures[1]!)).toBe(false)
    expect(signPss(privateKey, 2048, hash, messages[0]!)).toEqual(signatures[0])
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
