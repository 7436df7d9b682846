import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { cli, here, lastJson } from './cli.ts'

const recorded = resolve(process.env['CLOISTER_EVIDENCE'] ?? '../shared/evidence')
const hasRecorded = existsSync(join(recorded, 'tdx'))
if (!hasRecorded) {
  if (process.env['CLOISTER_REQUIRE']?.includes('evidence') === true)
    throw new Error(`CLOISTER_REQUIRE names evidence, and ${recorded} does not exist`)
  console.warn('SKIPPED: recorded evidence of real machines is not here (CLOISTER_EVIDENCE)')
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-cli-evidence-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const write = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const quote = join('tdx', 'google-v5-202603-UpToDate')
const at = '2026-03-05T10:50:03Z'

describe.runIf(hasRecorded)('recorded evidence of real machines', () => {
  const sample = join(recorded, quote)
  const args = ['evidence', 'appraise', sample, '--at', at, '--json']

  test('is accepted at its time, by the program as it is installed', async () => {
    const accepted = await cli(args)
    expect(accepted.code).toBe(0)
    expect(accepted.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(lastJson(accepted)).toMatchObject({
      tee: 'tdx',
      format: 'intel-dcap-quote-v5-tdx',
      authentic: true,
      reject: null,
      tcbStatus: 'UpToDate',
      debug: false,
      accepted: true,
      reasons: [],
      revocation: 'good',
      endorsement: 'pinned',
    })
  })

  test('is refused at another time, with other report data, and without collateral', async () => {
    const expected: unknown = JSON.parse(readFileSync(join(sample, 'expected.json'), 'utf8'))
    const { reportData } = Object(Object(expected).fields)
    expect((await here([...args, '--report-data', reportData])).code).toBe(0)
    expect((await here([...args, '--report-data', '00'.repeat(64)])).code).toBe(6)
    expect((await here(args.with(4, '2027-03-05T10:50:03Z'))).code).toBe(6)
    const bare = join(sample, 'quote.bin')
    expect(lastJson(await here(args.with(2, bare)))).toMatchObject({
      authentic: false,
      reject: 'COLLATERAL_MISSING',
    })
    expect(lastJson(await here([...args, '--collateral', 'none']))).toMatchObject({
      authentic: 'chain-only',
      accepted: false,
      revocation: 'not-checked',
    })
    const collateral = join(sample, 'collateral.json')
    expect((await here([...args.with(2, bare), '--collateral', collateral])).code).toBe(0)
  })

  test('is refused by a policy of somebody who wants another enclave', async () => {
    const strict = { reportData: 'any', machineIds: 'any', minRootCrlNumber: 0, minPckCrlNumber: 0 }
    const policy = { ...strict, measurements: ['00'.repeat(32)], minTcbEvaluationDataNumber: 0 }
    const refused = await here([...args, '--policy', write('policy.json', JSON.stringify(policy))])
    expect(refused.code).toBe(6)
    expect(lastJson(refused)['reasons']).toMatchObject([{ code: 'MEASUREMENT' }])
    const explained = await here([
      'evidence',
      'explain',
      ...args.slice(2, -1),
      '--policy',
      join(folder, 'policy.json'),
    ])
    expect(explained.code).toBe(6)
    expect(explained.stdout).toMatch(/MEASUREMENT[\s\S]*wanted: 0000[\s\S]*to pass: run software/)
    const lacking = await here([...args, '--policy', write('lacking.json', JSON.stringify(strict))])
    expect(lacking.code).toBe(2)
    expect(lacking.stderr).toContain('policy')
  })

  test('that carries its own root is not trusted for that, until the root is named', async () => {
    const own = join(recorded, 'sgx', 'intel-qvl-sample-custom-root')
    const judge = ['evidence', 'appraise', own, '--at', '2025-06-01T00:00:00Z', '--json']
    expect(lastJson(await here(judge))).toMatchObject({ reject: 'UNTRUSTED_ROOT' })
    const named = await here([...judge, '--anchors', join(own, 'trust-anchor.der')])
    expect(lastJson(named)).toMatchObject({ authentic: true, tcbStatus: 'UpToDate' })
    const both = [...judge, '--anchors', 'production', '--anchors', join(own, 'trust-anchor.der')]
    expect(lastJson(await here(both))).toMatchObject({ authentic: true })
  })

  test('by a device key is refused until the key is pinned', async () => {
    const token = join(recorded, 'arm-psa', 'tfm-psa-iot-1-sign1')
    const judge = ['evidence', 'appraise', token, '--json']
    const supplied = lastJson(await here(judge))
    expect(supplied).toMatchObject({ authentic: true, endorsement: 'supplied', accepted: false })
    const key = join(token, 'iak.jwk.json')
    const pinned = lastJson(await here([...judge, '--anchors', key]))
    expect(pinned).toMatchObject({ authentic: true, endorsement: 'pinned' })
    const alone = [...judge.with(2, join(token, 'token.cbor')), '--anchors', key]
    expect(lastJson(await here(alone))).toMatchObject({ endorsement: 'pinned' })
  })

  test('has its chain looked at without collateral, where the chain lies beside it', async () => {
    const none = ['--collateral', 'none', '--json']
    const report = join(recorded, 'snp', 'oak-genoa-v5-real-crl')
    const at2 = ['--at', '2026-09-01T00:00:00Z']
    expect(lastJson(await here(['evidence', 'appraise', report, ...at2, ...none]))).toMatchObject({
      authentic: 'chain-only',
      revocation: 'not-checked',
    })
    const token = join(recorded, 'arm-psa', 'tfm-psa-iot-1-sign1')
    expect(lastJson(await here(['evidence', 'appraise', token, ...none]))).toMatchObject({
      authentic: 'chain-only',
      endorsement: 'supplied',
    })
  })

  test('is shown with every field, and read from text and from standard input too', async () => {
    const shown = await here(['evidence', 'show', sample, '--json'])
    const { mrTd } = Object(
      Object(JSON.parse(readFileSync(join(sample, 'expected.json'), 'utf8'))).fields,
    )
    expect(lastJson(shown)).toMatchObject({ tee: 'tdx', fields: { report: { mrtd: mrTd } } })
    expect((await here(['evidence', 'show', sample])).stdout).toContain(mrTd)
    const hex = readFileSync(join(sample, 'quote.bin')).toString('hex')
    expect((await here(['evidence', 'show', write('hex', `0x${hex}\n`)])).stdout).toContain(mrTd)
    const piped = await cli(['evidence', 'show', '-'], { input: hex })
    expect(piped.stdout).toContain(mrTd)
  })

  const samples = ['sgx', 'tdx', 'snp', 'nvidia', 'nitro', 'arm-cca', 'arm-psa', 'tpm']
    .flatMap((kind) => readdirSync(join(recorded, kind)).map((name) => `${kind}/${name}`))
    .filter((name) => !/rims$|nras$/.test(name))

  test('all of it: exit codes and fields are those that each sample expects', async () => {
    expect(samples).toHaveLength(103)
    for (const name of samples) {
      const { verifyAt, trustAnchor, tee, expected } = JSON.parse(
        readFileSync(join(recorded, name, 'expected.json'), 'utf8'),
      )
      const chainOnly = expected.authentic === 'signature-chain-only'
      const ended = await here([
        ...['evidence', 'appraise', join(recorded, name), '--json'],
        ...['--at', verifyAt ?? '2026-09-21T12:53:20Z'],
        ...(chainOnly ? ['--collateral', 'none'] : []),
        ...(trustAnchor === 'trust-anchor.der'
          ? ['--anchors', join(recorded, name, 'trust-anchor.der')]
          : []),
      ])
      const said = lastJson(ended)
      expect(said['tee'], name).toBe(tee)
      expect(said['authentic'], name).toBe(chainOnly ? 'chain-only' : expected.authentic)
      expect(ended.code, name).toBe(said['accepted'] === true ? 0 : 6)
      const rejects = expected.rejectAnyOf ?? [expected.reject]
      if (expected.reject === null) expect(said['reject'], name).toBe(null)
      else
        expect(
          rejects.some((code: string) => String(said['reject']).includes(code)),
          name,
        ).toBe(true)
      if (expected.tcbStatus) expect(said['tcbStatus'], name).toBe(expected.tcbStatus)
    }
  })
})

test('what is no evidence is refused when judged, and malformed when shown', async () => {
  const garbage = write('garbage', 'x')
  const judged = await here(['evidence', 'appraise', garbage, '--json'])
  expect(judged.code).toBe(6)
  expect(lastJson(judged)).toMatchObject({
    accepted: false,
    tee: null,
    reject: 'PARSE',
    field: 'evidence',
    offset: 0,
  })
  const shown = await cli(['evidence', 'show', garbage])
  expect(shown).toMatchObject({ code: 2, stdout: '' })
  expect(shown.stderr).toMatch(/^cloister: Cannot read \w+.* at byte \d+: /)
})

test('a document that is malformed is the answer, with its name', async () => {
  const collateral = write('collateral.json', '{}')
  const bytes = new Uint8Array(48)
  bytes.set([4, 0, 2, 0, 0x81])
  const ended = await here([
    ...['evidence', 'appraise', write('quote', bytes), '--json'],
    ...['--collateral', collateral],
  ])
  expect(ended.code).toBe(6)
  expect(lastJson(ended)).toMatchObject({ reject: 'PARSE', field: 'collateral tcbInfo' })
})

test.for<[string, readonly string[], string]>([
  ['evidence', ['/no/such/file'], 'no such file or folder'],
  ['collateral', ['quote', '--collateral', '/no/such/file'], 'collateral'],
  ['anchors', ['quote', '--anchors', '/no/such/file'], 'anchors'],
  ['a time', ['quote', '--at', 'yesterday'], '--at'],
  ['report data', ['quote', '--report-data', 'xyz'], '--report-data'],
  ['anchors in a known form', ['quote', '--anchors', 'garbage'], 'anchors'],
])(
  '%s that is not there or wrong is a mistake of the caller',
  async ([, [name = '', ...args], said]) => {
    write('quote', 'x')
    write('garbage', 'x')
    const local = (value: string): string =>
      /^(quote|garbage)$/.test(value) ? join(folder, value) : value
    const ended = await here(['evidence', 'appraise', local(name), ...args.map(local), '--json'])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain(said)
    expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1)
  },
)

test('evidence and documents that are too large are malformed, not mistakes of the caller', async () => {
  const large = new Uint8Array(70_000)
  large.set([4, 0, 2, 0, 0x81])
  const judged = await here(['evidence', 'appraise', write('large', large), '--json'])
  expect(judged.code).toBe(6)
  expect(lastJson(judged)).toMatchObject({ reject: 'PARSE', field: 'evidence' })
  const documents = write('large.json', `{"tcbInfo":"${'x'.repeat(5 * 2 ** 20)}"}`)
  const quoted = write('small', large.subarray(0, 700))
  const ended = await here(['evidence', 'appraise', quoted, '--collateral', documents, '--json'])
  expect(ended.code).toBe(6)
  expect(lastJson(ended)).toMatchObject({ tee: 'tdx', reject: 'PARSE' })
})

test('malformed documents in a folder are the answer, and what they lie beside is still named', async () => {
  const path = join(folder, 'beside')
  mkdirSync(path)
  const bytes = new Uint8Array(700)
  bytes.set([4, 0, 2, 0, 0x81])
  writeFileSync(join(path, 'quote.bin'), bytes)
  writeFileSync(join(path, 'collateral.json'), '{"intel": 7}')
  const ended = await here(['evidence', 'appraise', path, '--json'])
  expect(ended.code).toBe(6)
  expect(lastJson(ended)).toMatchObject({ tee: 'tdx', reject: 'PARSE', field: 'collateral intel' })
})

test('a link that leads to itself, and a second path, are mistakes of the caller', async () => {
  symlinkSync(join(folder, 'loop'), join(folder, 'loop'))
  expect((await here(['evidence', 'appraise', join(folder, 'loop'), '--json'])).code).toBe(2)
  const two = await here(['evidence', 'appraise', write('one', 'x'), write('two', 'x'), '--json'])
  expect(two.code).toBe(2)
})
