import { createPublicKey, generateKeyPairSync, sign, verify, webcrypto } from 'node:crypto'
import {
  appraisalDigest,
  appraise,
  createEar,
  earSigner,
  policyDigest,
  signEar,
  strictPolicy,
  verifyEar,
  type EarClaims,
  type EarSigner,
  type Given,
} from '@cloister/attest'
import { encodeHex, encodeUtf8, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { emulated } from '../vectors.ts'

const verifier = { developer: 'https://example.org', build: 'test 1' }
const es256 = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
  'sign',
  'verify',
])
const ed25519 = generateKeyPairSync('ed25519')
const edSigner: EarSigner = {
  algorithm: 'EdDSA',
  keyId: 'key 1',
  sign: (bytes) => Promise.resolve(new Uint8Array(sign(null, bytes, ed25519.privateKey))),
}
const edKey = await webcrypto.subtle.importKey(
  'jwk',
  ed25519.publicKey.export({ format: 'jwk' }),
  'Ed25519',
  true,
  ['verify'],
)

async function earOf(name: string, more: Partial<Given> = {}): Promise<EarClaims> {
  const { quote, given: base } = emulated(name)
  const given = { ...base, ...more }
  const appraisal = await appraise({ tee: 'tdx', quote }, given)
  const cpu = { appraisal, evidence: quote, policy: given.policy }
  return await createEar({
    appraisals: { cpu },
    verifier,
    now: given.now,
    nonce: 'a nonce of the peer',
  })
}

const { given } = emulated('up-to-date')
const expected = { now: given.now, ageSecondsMax: 300, nonce: 'a nonce of the peer' }

test('an EAR says what was judged, by which policy, when and with what result', async () => {
  const { quote } = emulated('up-to-date')
  const appraisal = await appraise({ tee: 'tdx', quote }, given)
  if (appraisal.authentic === false) throw new Error(appraisal.where)
  const digest = new Uint8Array(await webcrypto.subtle.digest('SHA-256', quote))
  expect(await earOf('up-to-date')).toEqual({
    eat_profile: 'tag:github.com,2023:veraison/ear',
    iat: given.now,
    exp: appraisal.until,
    'ear.verifier-id': verifier,
    eat_nonce: 'a nonce of the peer',
    submods: {
      cpu: {
        'ear.status': 'affirming',
        // The policy lists no measurement and no machine: nothing is claimed about either.
        'ear.trustworthiness-vector': { configuration: 2, hardware: 2, 'runtime-opaque': 2 },
        'ear.appraisal-policy-id': `sha-256:${await policyDigest(given.policy)}`,
        'cloister.verified-at': given.now,
        'cloister.appraisal-digest': encodeHex(await appraisalDigest(appraisal)),
        'cloister.evidence-digest': encodeHex(digest),
        'cloister.tee': 'tdx',
        'cloister.measurement': appraisal.claims.measurement,
        'cloister.machine-id': appraisal.claims.machineId,
        'cloister.report-data': appraisal.claims.reportData,
        'cloister.reasons': [],
      },
    },
  })
})

test('what a policy lists is claimed', async () => {
  const plain = await earOf('up-to-date')
  const { 'cloister.measurement': measurement, 'cloister.machine-id': machineId } =
    plain.submods['cpu']!
  const policy = strictPolicy({
    ...given.policy,
    measurements: [measurement!],
    machineIds: [machineId!],
  })
  const ear = await earOf('up-to-date', { policy })
  expect(ear.submods['cpu']).toMatchObject({
    'ear.status': 'affirming',
    'ear.trustworthiness-vector': { 'instance-identity': 2, executables: 3, hardware: 2 },
  })
})

test('a token made with WebCrypto holds under node:crypto, and the other way round', async () => {
  const claims = await earOf('up-to-date')
  const token = await signEar(claims, earSigner(es256.privateKey))
  const [header = '', payload = '', signature = ''] = token.split('.')
  const jwk = await webcrypto.subtle.exportKey('jwk', es256.publicKey)
  const key = createPublicKey({ format: 'jwk', key: { ...jwk } })
  const raw = Buffer.from(signature, 'base64url')
  const signed = Buffer.from(`${header}.${payload}`)
  expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true)
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
    alg: 'ES256',
    typ: 'eat+jwt',
  })
  expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual(claims)
  expect(await verifyEar(token, es256.publicKey, expected)).toMatchObject({ valid: true })
  const edToken = await signEar(claims, edSigner)
  expect(await verifyEar(edToken, edKey, expected)).toMatchObject({
    valid: true,
    ear: { submods: { cpu: { 'ear.status': 'affirming' } } },
  })
})

async function forge(header: object, payload: string, key = ed25519.privateKey): Promise<string> {
  const part = (text: string) => Buffer.from(text).toString('base64url')
  const signed = `${part(JSON.stringify(header))}.${part(payload)}`
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}

const good = JSON.stringify(await earOf('up-to-date'))
const header = { alg: 'EdDSA' }
const edited = (edit: (claims: ReturnType<typeof JSON.parse>) => void): string => {
  const claims = JSON.parse(good)
  edit(claims)
  return JSON.stringify(claims)
}

test.for([
  ['another key', forge(header, good, generateKeyPairSync('ed25519').privateKey), 'SIGNATURE'],
  ['no algorithm', forge({ alg: 'none' }, good), 'ALGORITHM'],
  ["another key's algorithm", forge({ alg: 'ES256' }, good), 'ALGORITHM'],
  ['an algorithm with a shared secret', forge({ alg: 'HS256' }, good), 'ALGORITHM'],
  ['an extension that must be known', forge({ ...header, crit: ['b64'] }, good), 'ALGORITHM'],
  ['another type', forge({ ...header, typ: 'at+jwt' }, good), 'ALGORITHM'],
  ['no JSON', forge(header, '{'), 'MALFORMED'],
  [
    'another profile',
    forge(
      header,
      edited((c) => (c['eat_profile'] = 'x')),
    ),
    'PROFILE',
  ],
  [
    'no submods',
    forge(
      header,
      edited((c) => (c['submods'] = {})),
    ),
    'MALFORMED',
  ],
  [
    'a status of its own',
    forge(
      header,
      edited((c) => (c['submods'].cpu['ear.status'] = 'good')),
    ),
    'MALFORMED',
  ],
  [
    'a value past its range',
    forge(
      header,
      edited((c) => (c['submods'].cpu['ear.trustworthiness-vector'].hardware = 128)),
    ),
    'MALFORMED',
  ],
  [
    'a member that no vector has',
    forge(
      header,
      edited((c) => (c['submods'].cpu['ear.trustworthiness-vector'].luck = 2)),
    ),
    'MALFORMED',
  ],
  [
    'another nonce',
    forge(
      header,
      edited((c) => (c['eat_nonce'] = 'another nonce')),
    ),
    'NONCE',
  ],
  [
    'no nonce',
    forge(
      header,
      edited((c) => delete c['eat_nonce']),
    ),
    'NONCE',
  ],
  [
    'a time to come',
    forge(
      header,
      edited((c) => (c['iat'] += 61)),
    ),
    'NOT_YET_VALID',
  ],
  [
    'too old a time',
    forge(
      header,
      edited((c) => (c['iat'] -= 301)),
    ),
    'EXPIRED',
  ],
  [
    'an end that has passed',
    forge(
      header,
      edited((c) => (c['exp'] = c['iat'] - 1)),
    ),
    'EXPIRED',
  ],
] as const)('a token with %s is refused', async ([, token, fault]) => {
  expect(await verifyEar(await token, edKey, expected)).toMatchObject({ valid: false, fault })
})

test('a token is refused with any one character changed, cut anywhere, or too long', async () => {
  const token = await forge(header, good)
  expect(await verifyEar(token, edKey, expected)).toMatchObject({ valid: true })
  for (let at = 0; at < token.length; at += 7) {
    const other = token[at] === 'A' ? 'B' : 'A'
    const changed = token.slice(0, at) + other + token.slice(at + 1)
    expect(await verifyEar(changed, edKey, expected)).toMatchObject({ valid: false })
    expect(await verifyEar(token.slice(0, at), edKey, expected)).toMatchObject({ valid: false })
  }
  for (const bad of [`${token}.`, `${token}=`, 'a.b', '', 'A'.repeat(300_000)])
    expect(await verifyEar(bad, edKey, expected)).toMatchObject({ valid: false })
})

test('names, counts and nonces that EAT does not allow make no EAR', async () => {
  const { quote } = emulated('up-to-date')
  const appraisal = await appraise({ tee: 'tdx', quote }, given)
  const cpu = { appraisal, evidence: quote, policy: given.policy }
  const make = (appraisals: Record<string, typeof cpu>, nonce = 'long enough') =>
    createEar({ appraisals, verifier, now: unixSeconds(1), nonce })
  await expect(make({})).rejects.toThrow('0 appraisals')
  await expect(make({ 'GPU 0': cpu })).rejects.toThrow('GPU 0')
  await expect(make({ cpu }, 'short')).rejects.toThrow('5 characters')
  const both = await make({ cpu, 'gpu-0': cpu })
  expect(Object.keys(both.submods)).toEqual(['cpu', 'gpu-0'])
})

test('raw evidence travels as base64url', async () => {
  const { quote } = emulated('up-to-date')
  const appraisal = await appraise({ tee: 'tdx', quote }, given)
  const cpu = { appraisal, evidence: quote, policy: given.policy }
  const rawEvidence = encodeUtf8('evidence?>')
  const ear = await createEar({ appraisals: { cpu }, verifier, now: given.now, rawEvidence })
  expect(Buffer.from(ear['ear.raw-evidence']!, 'base64url').toString()).toBe('evidence?>')
})
