import { createHash, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Collateral } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { createManufacturer, createTpmManufacturer, serveCollateral } from '@cloister/emulator'
import { writeEvidence } from '@cloister/io'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { withProgress } from '../src/evidence/fetch-progress.ts'
import { here, lastJson } from './cli.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-cli-evidence-tools-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const now = unixSeconds(1_790_000_000)
const at = ['--at', String(now)]
const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(3), now })
const registers = { mrtd: filled(1), rtmrs: [filled(2), filled(3), filled(4), filled(5)] as const }

function filled(byte: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(48).fill(byte)
}

const quote = (): Uint8Array<ArrayBuffer> =>
  manufacturer
    .createPlatform({ machineSeed: new Uint8Array(16).fill(9) })
    .quote({ ...registers, reportData: new Uint8Array(64).fill(7) })

function evidenceAt(name: string, bytes = quote(), known: Collateral = {}): string {
  const path = join(folder, name)
  writeEvidence(path, { tee: 'tdx', quote: bytes }, known)
  return path
}

function rootAt(name: string): string {
  const path = join(folder, name)
  writeFileSync(path, manufacturer.rootDer)
  return path
}

test('documents are fetched for evidence, kept, and make it accepted', async () => {
  const service = await serveCollateral(manufacturer)
  try {
    const evidence = evidenceAt('fetched')
    const trust = ['--anchors', rootAt('root-1.der'), ...at]
    const bare = lastJson(await here(['evidence', 'appraise', evidence, ...trust, '--json']))
    expect(bare).toMatchObject({ reject: 'COLLATERAL_MISSING' })
    const out = join(folder, 'collateral.json')
    const fetching = ['evidence', 'fetch', evidence, ...trust, '--pccs', service.url]
    const fetched = await here([
      ...fetching,
      '--out',
      out,
      '--cache',
      join(folder, 'cache'),
      '--json',
    ])
    expect(fetched.code).toBe(0)
    expect(lastJson(fetched)).toMatchObject({ fetched: true, kinds: ['intel'] })
    const judge = ['evidence', 'appraise', evidence, ...trust, '--collateral', out, '--json']
    expect(lastJson(await here(judge))).toMatchObject({ accepted: true, revocation: 'good' })
    const again = await here([...fetching, '--out', out, '--json'])
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('--force')
  } finally {
    await service.close()
  }
})

test('a TCB recovery that is announced is told ahead', async () => {
  const evidence = evidenceAt('recovering')
  const documents = (name: string, tcbEvaluationDataNumber: number): string => {
    const path = join(folder, name)
    const intel = manufacturer.collateral({ tcbEvaluationDataNumber })
    writeFileSync(path, JSON.stringify({ intel }))
    return path
  }
  const trust = ['--anchors', rootAt('root-3.der'), ...at, '--collateral', documents('now', 20)]
  const explain = ['evidence', 'explain', evidence, ...trust, '--early', documents('early', 21)]
  const said = lastJson(await here([...explain, '--json']))
  expect(said).toMatchObject({
    accepted: true,
    recovery: {
      currentNumber: 20,
      newerNumber: 21,
      machines: [{ from: 'UpToDate', acceptedNow: true }],
    },
  })
  expect((await here(explain)).stdout).toMatch(/newer documents \(evaluation data 20 to 21\)/)
})

test('what is fetched early is the newer set, and what is over is replaced, though the folder has documents', async () => {
  const service = await serveCollateral(manufacturer, () => ({
    tcbEvaluationDataNumber: 18,
    earlyTcbEvaluationDataNumber: 19,
  }))
  try {
    const trust = ['--anchors', rootAt('root-4.der'), ...at]
    const appraised = async (name: string, known: Collateral, ...more: readonly string[]) => {
      const [evidence, out] = [evidenceAt(name, quote(), known), join(folder, `${name}.json`)]
      const fetching = ['evidence', 'fetch', evidence, ...trust, '--pccs', service.url, ...more]
      expect((await here([...fetching, '--out', out])).code).toBe(0)
      const judging = ['evidence', 'appraise', evidence, ...trust, '--collateral', out, '--json']
      return lastJson(await here(judging))
    }
    const current = { intel: manufacturer.collateral({ tcbEvaluationDataNumber: 18 }) }
    expect(await appraised('ahead', current, '--early')).toMatchObject({ tcbStatus: 'OutOfDate' })
    const over = { intel: manufacturer.collateral({ issuedAt: unixSeconds(now - 60 * 86_400) }) }
    expect(await appraised('over', over)).toMatchObject({ accepted: true })
  } finally {
    await service.close()
  }
})

test.for<[string, Collateral]>([
  ['forged', {}],
  ['forged-with-documents', { intel: manufacturer.collateral() }],
])('nothing is asked for where the evidence is %s', async ([name, known]) => {
  const forged = quote()
  forged[300]! ^= 1
  const args = ['evidence', 'fetch', evidenceAt(name, forged, known), ...at, '--json']
  const ended = await here([
    ...args,
    ...['--anchors', rootAt('root-2.der'), '--out', join(folder, 'none.json')],
    // Nobody listens there: a request would fail in another way.
    ...['--pccs', 'http://127.0.0.1:9'],
  ])
  expect(ended.code).toBe(6)
  expect(lastJson(ended)).toMatchObject({ fetched: false, reject: 'QUOTE_SIGNATURE' })
})

test('a service that cannot be reached is named once, with what to do and what is waited for', async () => {
  const service = await serveCollateral(manufacturer)
  const { url } = service
  await service.close()
  const ended = await here([
    ...['evidence', 'fetch', evidenceAt('offline'), ...at, '--anchors', rootAt('root-5.der')],
    ...['--out', join(folder, 'offline.json'), '--pccs', url],
  ])
  expect(ended.code).not.toBe(0)
  const lines = ended.stderr.trim().split('\n')
  const last = lines.at(-1)!
  expect(last.split(url)).toHaveLength(2)
  expect(last).toMatch(
    /cannot reach it: nothing listens there \(ECONNREFUSED\); check the network or proxy, or name another.*--pccs/,
  )
}, 30_000)

test('a fetch that takes longer says what it waits for', async () => {
  vi.useFakeTimers()
  try {
    const said: string[] = []
    const say = (line: string) => said.push(line)
    const progress = () => ({ say, draw: undefined, now: () => 0 })
    const run = { json: false, say, progress, emit: () => {} }
    const { promise, resolve } = Promise.withResolvers<number>()
    const waiting = withProgress(run, async (log) => {
      log.debug('A service is asked', { url: 'https://kds.example', attempt: 2, attemptsMax: 4 })
      return await promise
    })
    await vi.advanceTimersByTimeAsync(2_900)
    expect(said).toEqual([])
    await vi.advanceTimersByTimeAsync(200)
    expect(said).toEqual(['waiting for https://kds.example, attempt 2 of 4 (3 s)'])
    resolve(1)
    expect(await waiting).toBe(1)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(said).toHaveLength(1)
  } finally {
    vi.useRealTimers()
  }
})

test.for(['ES256', 'EdDSA'])(
  'an attestation result is signed with %s and verified',
  async (name) => {
    const algorithm =
      name === 'EdDSA' ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: 'P-256' }
    const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    if (!('privateKey' in pair)) throw new Error('A pair of keys was asked for')
    const write = async (kind: string, key: typeof pair.privateKey): Promise<string> => {
      const path = join(folder, `${name}-${kind}.jwk`)
      const jwk = await crypto.subtle.exportKey('jwk', key)
      writeFileSync(path, JSON.stringify(jwk), { mode: 0o600 })
      return path
    }
    const secret = await write('private', pair.privateKey)
    const known = await write('public', pair.publicKey)
    const evidence = evidenceAt(`ear-${name}`)
    const made = await here([
      ...['evidence', 'ear', evidence, '--anchors', rootAt(`root-${name}.der`), ...at, '--json'],
      ...['--collateral', 'none', '--key', secret, '--nonce', 'a fresh nonce'],
    ])
    expect(made.code).toBe(6) // Without collateral it is signed, and not accepted.
    const { jwt } = lastJson(made)
    const token = join(folder, `${name}.jwt`)
    writeFileSync(token, String(jwt))
    const verify = ['evidence', 'ear-verify', token, '--key', known, ...at, '--json']
    expect(lastJson(await here(verify))).toMatchObject({
      valid: true,
      ear: { submods: { cpu: { 'ear.status': 'none' } } },
    })
    expect((await here([...verify, '--nonce', 'another nonce'])).code).toBe(6)
    // A result is believed for five minutes, or for as long as is said.
    const later = ['--at', String(now + 301)]
    const verifyLater = ['evidence', 'ear-verify', token, '--key', known, ...later, '--json']
    expect(lastJson(await here(verifyLater))).toMatchObject({ valid: false, fault: 'EXPIRED' })
    expect((await here([...verifyLater, '--max-age', '301'])).code).toBe(0)
    expect((await here([...verifyLater, '--max-age', 'x'])).code).toBe(2)
    writeFileSync(
      token,
      String(jwt).replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')),
    )
    expect((await here(verify)).code).toBe(6)
  },
)

test.for(['p256', 'ed25519'])('ear-key makes a %s key that signs results', async (type) => {
  const [secret, known, token] = ['key', 'pub', 'jwt'].map((end) => join(folder, `${type}.${end}`))
  const make = ['evidence', 'ear-key', '--out', secret!, '--public', known!, '--type', type]
  expect((await here([...make.slice(0, 4), '--public', secret!])).code).toBe(2)
  expect(lastJson(await here([...make, '--json']))).toMatchObject({ type, path: secret })
  expect(statSync(secret!).mode & 0o777).toBe(0o600)
  expect(JSON.parse(readFileSync(known!, 'utf8'))).not.toHaveProperty('d')
  const written = readFileSync(secret!)
  const again = await here(make)
  expect(again.code).not.toBe(0)
  expect(again.stderr).toMatch(/there is one already; choose another path$/m)
  expect(readFileSync(secret!)).toEqual(written)
  const made = await here(['evidence', 'ear', evidenceAt(`own-${type}`), ...at, '--key', secret!])
  writeFileSync(token!, made.stdout)
  const verify = ['evidence', 'ear-verify', token!, ...at, '--key']
  expect(await here([...verify, known!])).toMatchObject({ code: 0, stderr: '' })
  const careless = await here([...verify, secret!])
  expect([careless.code, careless.stderr]).toEqual([0, expect.stringContaining('is a private key')])
})

test('a key in another format is refused by the name of its file', async () => {
  const pem = join(folder, 'k8.pem')
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(pem, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
  const publicOnly = join(folder, 'public-only.jwk')
  writeFileSync(publicOnly, JSON.stringify(publicKey.export({ format: 'jwk' })), { mode: 0o600 })
  for (const path of [pem, publicOnly]) {
    const made = await here([
      'evidence',
      'ear',
      evidenceAt(`${path}-ear`.split('/').at(-1)!),
      ...at,
      '--key',
      path,
    ])
    expect(made.code).not.toBe(0)
    expect(made.stderr).toContain(`${path}: expected a private JWK (JSON, not PEM)`)
  }
})

test('a result says which bytes were judged, and of none where nothing could be read', async () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const key = join(folder, 'digest.jwk')
  writeFileSync(key, JSON.stringify(privateKey.export({ format: 'jwk' })), { mode: 0o600 })
  const submod = async (path: string): Promise<Record<string, unknown>> => {
    const made = lastJson(await here(['evidence', 'ear', path, ...at, '--key', key, '--json']))
    return Object(made['claims']).submods.cpu
  }
  const digest = (...parts: readonly Uint8Array[]): string =>
    createHash('sha256').update(Buffer.concat(parts)).digest('hex')
  expect(await submod(evidenceAt('digest'))).toMatchObject({
    'cloister.evidence-digest': digest(quote()),
  })
  const tpm = createTpmManufacturer({ seed: new Uint8Array(32).fill(3) })
    .createTpm({ tpmSeed: new Uint8Array(16) })
    .evidence({ nonce: new Uint8Array(32) })
  const quoted = join(folder, 'digest-tpm')
  writeEvidence(quoted, tpm, {})
  expect(await submod(quoted)).toMatchObject({
    'cloister.evidence-digest': digest(tpm.quote, tpm.signature),
  })
  const garbage = join(folder, 'garbage.bin')
  writeFileSync(garbage, 'garbage')
  const unread = await submod(garbage)
  expect(unread).toMatchObject({ 'ear.status': 'none', 'cloister.reject': 'PARSE' })
  expect(unread).not.toHaveProperty(['cloister.evidence-digest'])
  expect(unread).not.toHaveProperty(['cloister.session-reasons'])
})

test.skipIf(existsSync('/dev/tpmrm0'))(
  'where no TPM is, the device that is missing is named',
  async () => {
    const asked = [
      '--driver',
      'tpm',
      '--report-data',
      '00'.repeat(32),
      '--out',
      join(folder, 'tpm'),
    ]
    const ended = await here(['evidence', 'collect', ...asked])
    expect([ended.code, ended.stderr]).toEqual([
      3,
      expect.stringContaining('there is no /dev/tpmrm0;'),
    ])
  },
)

test('where no device is, collecting says where it looked, and writes nothing', async () => {
  const out = join(folder, 'collected')
  const ended = await here([
    ...['evidence', 'collect', '--driver', 'gramine', '--json'],
    ...['--report-data', '00'.repeat(64), '--out', out],
  ])
  expect(ended.code).not.toBe(0)
  expect(ended.stderr).toMatch(/^Cannot|Cannot collect evidence/)
  expect(() => readFileSync(join(out, 'quote.bin'))).toThrow('ENOENT')
  const drivers = lastJson(await here(['evidence', 'drivers', '--json']))['drivers']
  const names = ['gramine', 'configfs-tsm', 'dstack', 'sev-guest', 'nsm', 'tpm', 'nvidia-gpu']
  expect(drivers).toMatchObject([...names, 'nvidia-nvswitch'].map((name) => ({ name })))
})
