import { generateKeyPairSync, sign } from 'node:crypto'
import { CborTag, concatBytes, encodeCbor, type Bytes, type Cbor } from '@cloister/codec'
import { expect, test } from 'vitest'
import { isSign1By, parseSign1, signedBytes } from '../src/cose/message.ts'
import { parseDeviceKey } from '../src/device-key.ts'
import { malformedAs, Refusal } from '../src/reject.ts'

const empty = new Uint8Array(0)
const payload = Uint8Array.of(1, 2, 3)
const header = (...entries: readonly (readonly [number, Cbor])[]) => encodeCbor(new Map(entries))
const es256 = header([1, -7])
const signature = new Uint8Array(64)
const message = (
  changes: Partial<Record<'protected' | 'unprotected' | 'payload' | 'signature', Cbor>>,
) => [
  changes.protected ?? es256,
  changes.unprotected ?? new Map(),
  'payload' in changes ? changes.payload : payload,
  changes.signature ?? signature,
]

/** Why it is refused, or the algorithm's name. */
function read(value: Cbor | Bytes): string {
  try {
    const bytes = value instanceof Uint8Array ? value : encodeCbor(value)
    return malformedAs('PARSE', () => parseSign1(bytes, 'it')).algorithm.name
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal
    return `${refusal.reject} ${refusal.where}`
  }
}

test.for([
  { algorithm: 'ES256', id: -7, namedCurve: 'P-256', hash: 'sha256' },
  { algorithm: 'ES384', id: -35, namedCurve: 'P-384', hash: 'sha384' },
  { algorithm: 'ES512', id: -36, namedCurve: 'P-521', hash: 'sha512' },
])('$algorithm is verified on its own curve alone', async ({ algorithm, id, namedCurve, hash }) => {
  const protectedHeader = header([1, id])
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  // Written out: an array of four, the text "Signature1", the header, no external data, the payload.
  const signed = concatBytes(
    Uint8Array.of(0x84, 0x6a),
    Buffer.from('Signature1'),
    encodeCbor(protectedHeader),
    Uint8Array.of(0x40),
    encodeCbor(payload),
  )
  const made = sign(hash, signed, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const parts = message({ protected: protectedHeader, signature: new Uint8Array(made) })
  const sign1 = parseSign1(encodeCbor(parts), 'it')
  expect(sign1.algorithm.name).toBe(algorithm)
  expect(signedBytes(sign1)).toEqual(signed)
  const own = parseDeviceKey(JSON.parse(JSON.stringify(publicKey.export({ format: 'jwk' }))))
  expect(await isSign1By(sign1, own)).toBe(true)
  for (const other of ['P-256', 'P-384', 'P-521']) {
    const stranger = generateKeyPairSync('ec', { namedCurve: other }).publicKey
    const key = parseDeviceKey(JSON.parse(JSON.stringify(stranger.export({ format: 'jwk' }))))
    expect(await isSign1By(sign1, key), other).toBe(false)
  }
  const altered = { ...sign1, payload: Uint8Array.of(1, 2, 4) }
  expect(await isSign1By(altered, own)).toBe(false)
  expect(await isSign1By({ ...sign1, signature: sign1.signature.subarray(1) }, own)).toBe(false)
})

test('tag 18 may be there or not', () => {
  expect(read(message({}))).toBe('ES256')
  expect(read(new CborTag(18, message({})))).toBe('ES256')
  expect(read(new CborTag(98, message({})))).toMatch(/^PARSE Cannot read it tag/)
})

test('a MAC is told by its tag or by its algorithm', () => {
  const refused = 'SYMMETRIC_TOKEN_NOT_SUPPORTED Cannot read it at byte 0: a COSE_Mac0'
  expect(read(new CborTag(17, message({ protected: header([1, 5]) })))).toBe(refused)
  expect(read(new CborTag(17, message({})))).toBe(refused)
  expect(read(message({ protected: header([1, 5]) }))).toBe(refused)
})

test.for([-8, -37, -65_535, 1])('algorithm %i is another format', (id) => {
  expect(read(message({ protected: header([1, id]) }))).toBe(
    `UNSUPPORTED_FORMAT Cannot read it algorithm at byte 0: got ${id}, expected ES256, ES384 or ES512`,
  )
})

test.for<readonly [string, Cbor, RegExp]>([
  ['no array', 1, /^PARSE Cannot read it at/],
  ['an array of three', message({}).slice(1), /^PARSE Cannot read it at/],
  ['an array of five', [...message({}), 1], /^PARSE Cannot read it at/],
  ['a header that is no byte string', message({ protected: new Map() }), /protected header/],
  ['an empty header', message({ protected: empty }), /protected header/],
  ['a header that is no map', message({ protected: encodeCbor([]) }), /protected header/],
  ['a header without algorithm', message({ protected: header([4, 1]) }), /no algorithm/],
  ['an algorithm by name', message({ protected: header([1, 'ES256']) }), /no algorithm/],
  ['a critical parameter', message({ protected: header([1, -7], [2, [99]]) }), /critical/],
  [
    'a header of 257 bytes',
    message({ protected: header([1, -7], [9, new Uint8Array(251)]) }),
    /at most 256/,
  ],
  [
    'nine parameters',
    message({
      protected: header(
        [1, -7],
        ...[11, 12, 13, 14, 15, 16, 17, 18].map((key) => [key, 0] as const),
      ),
    }),
    /at most 8/,
  ],
  ['keys out of order', message({ protected: Uint8Array.of(0xa2, 4, 1, 1, 0x26) }), /out of order/],
  [
    'a long form of a number',
    message({ protected: Uint8Array.of(0xa1, 0x18, 1, 0x26) }),
    /shortest form/,
  ],
  ['the algorithm unprotected', message({ unprotected: new Map([[1, -7]]) }), /may not stand here/],
  [
    'a critical parameter unprotected',
    message({ unprotected: new Map([[2, [1]]]) }),
    /may not stand here/,
  ],
  [
    'a parameter in both headers',
    message({ protected: header([1, -7], [4, 1]), unprotected: new Map([[4, 1]]) }),
    /may not stand here/,
  ],
  [
    'nine unprotected parameters',
    message({ unprotected: new Map([11, 12, 13, 14, 15, 16, 17, 18, 19].map((key) => [key, 0])) }),
    /at most 8/,
  ],
  ['no payload', message({ payload: null }), /payload/],
  ['a signature as text', message({ signature: 'a' }), /signature/],
])('%s is refused', ([, value, reason]) => {
  expect(read(value)).toMatch(/^PARSE /)
  expect(read(value)).toMatch(reason)
})

test('an unprotected parameter that nobody knows is left alone', () => {
  expect(read(message({ unprotected: new Map([[4, Uint8Array.of(1)]]) }))).toBe('ES256')
})

test('zeros after a message are padding, other bytes and other encodings are not', () => {
  const genuine = encodeCbor(message({}))
  expect(read(concatBytes(genuine, new Uint8Array(4096)))).toBe('ES256')
  expect(read(concatBytes(genuine, Uint8Array.of(0, 1)))).toBe(
    `PARSE Cannot read it padding at byte ${genuine.length + 1}: bytes after it are not zero`,
  )
  expect(read(concatBytes(Uint8Array.of(0x9f), genuine.subarray(1), Uint8Array.of(0xff)))).toMatch(
    /indefinite/,
  )
  expect(read(concatBytes(Uint8Array.of(0x98, 4), genuine.subarray(1)))).toMatch(/shortest form/)
})

test('size and depth are bounded before anything is kept', () => {
  expect(read(new Uint8Array(65_537))).toMatch(/at most 65536 are read/)
  const deep = new Uint8Array(1000).fill(0x81)
  expect(read(deep)).toMatch(/nested deeper than 16/)
  // An array of 2^32 - 1 items in five bytes.
  expect(read(Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff))).toMatch(/only 0 bytes are left/)
})
