import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  appraise,
  deviceKeyAnchor,
  isAccepted,
  strictPolicy,
  type TpmClaims,
  type TpmEvidence,
} from '@cloister/attest'
import { encodeHex, encodeUtf8, unixSeconds, type Bytes } from '@cloister/codec'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'

import { createTpmDriver, persistTpmKey, type TpmOptions } from '../../src/evidence-drivers/tpm.ts'
import { hasSwtpm, startSwtpm, type Swtpm } from './swtpm.ts'

const here = hasSwtpm(9)
const handle = '0x81010010'
const nonce = encodeUtf8('thirty-two bytes, never used yet')
const folder = mkdtempSync(join(tmpdir(), 'cloister-tpm-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a device that is not there, or not for this user, is named before any tool is started', async () => {
  const [absent, closed] = [join(folder, 'tpmrm0'), join(folder, 'closed')]
  await expect(
    createTpmDriver({ tcti: `device:${absent}` }).collect({ reportData: nonce }),
  ).rejects.toMatchObject({
    code: 'evidence-unavailable',
    message: expect.stringContaining(`there is no ${absent};`),
  })
  writeFileSync(closed, '')
  chmodSync(closed, 0)
  if (process.getuid?.() === 0) return // Nothing is closed to root.
  await expect(
    createTpmDriver({ tcti: `device:${closed}` }).collect({ reportData: nonce }),
  ).rejects.toMatchObject({ code: 'evidence-denied', message: expect.stringContaining(closed) })
})

describe.skipIf(!here)('a software TPM', () => {
  let tpm: Swtpm
  beforeEach(async () => {
    tpm = await startSwtpm()
  })
  afterEach(() => tpm.stop())

  test('signs PCRs by a pinned key: accepted over its nonce, refused over another', async () => {
    await persistTpmKey(handle, { tcti: tpm.tcti })
    const evidence = await collect({ signer: { kind: 'persistent', handle } })
    const { attestationKey } = await claimsOf(evidence)
    const pinned = [deviceKeyAnchor(attestationKey.spkiSha256, 'tpm2')]
    expect(isAccepted(await judge(evidence, pinned))).toBe(true)
    const other = await judge(evidence, pinned, encodeUtf8('another nonce'))
    expect(codesOf(other)).toEqual(['REPORT_DATA'])
    expect(codesOf(await judge(evidence, []))).toEqual(['ENDORSEMENT'])
  })

  test('is measured: what is extended into a PCR changes the measurement, and nothing else does', async () => {
    await persistTpmKey(handle, { tcti: tpm.tcti, algorithm: 'ecc' })
    const options = { signer: { kind: 'persistent', handle } } as const
    const before = await claimsOf(await collect(options))
    expect((await claimsOf(await collect(options))).measurement).toBe(before.measurement)
    tpm.tool('tpm2_pcrextend', `7:sha256=${'5a'.repeat(32)}`)
    const after = await claimsOf(await collect(options))
    expect(after.measurement).not.toBe(before.measurement)
    expect(after.attestationKey).toEqual(before.attestationKey)
    const changed = Object.entries(after.pcrs!['sha256']!)
      .filter(([index, value]) => before.pcrs!['sha256']![index] !== value)
      .map(([index]) => index)
    expect(changed).toEqual(['7'])
  })

  test.for(['rsa', 'ecc'] as const)('makes a new %s key where none is named', async (algorithm) => {
    const signer = { kind: 'new', algorithm } as const
    const claims = await claimsOf(await collect({ signer, pcrs: [0, 23, 7] }))
    expect(claims.selection).toEqual([{ bank: 'sha256', indices: [0, 7, 23] }])
    expect(claims.signature.scheme).toBe(algorithm === 'rsa' ? 'rsassa' : 'ecdsa')
    expect(claims.attestationKey.attributes).toMatchObject({
      restricted: true,
      sign: true,
      fixedTpm: true,
      decrypt: false,
    })
    const again = await claimsOf(await collect({ signer }))
    expect(again.attestationKey.spkiSha256).not.toBe(claims.attestationKey.spkiSha256)
  })

  test('signs with RSAPSS and other hashes as they are verified', async () => {
    const file = (name: string): string => join(folder, name)
    for (const [scheme, hash] of [
      ['rsapss', 'sha256'],
      ['rsapss', 'sha384'],
      ['rsassa', 'sha1'],
      ['ecdsa', 'sha256'],
    ] as const) {
      const algorithm = scheme === 'ecdsa' ? 'ecc' : 'rsa'
      const flush = (): unknown =>
        ['-t', '-l', '-s'].map((kind) => tpm.tool('tpm2_flushcontext', kind))
      tpm.tool('tpm2_createek', '-c', file('ek'), '-G', algorithm)
      flush()
      tpm.tool(
        'tpm2_createak',
        ...['-C', file('ek'), '-c', file('ak'), '-G', algorithm, '-g', hash, '-s', scheme],
        ...['-f', 'tss', '-u', file('public')],
      )
      flush()
      tpm.tool(
        'tpm2_quote',
        ...['-c', file('ak'), '-l', 'sha256:0,7', '-q', encodeHex(nonce), '-g', hash],
        ...['--scheme', scheme, '-m', file('quote'), '-s', file('signature')],
      )
      flush()
      const bytes = (name: string): Bytes => Uint8Array.from(readFileSync(file(name)))
      const quoted = { quote: bytes('quote'), signature: bytes('signature') }
      // Without the size before TPMT_PUBLIC, and with zeros in all PCRs.
      const attestationKey = bytes('public').slice(2)
      const pcrs = { sha256: { '0': new Uint8Array(32), '7': new Uint8Array(32) } }
      const claims = await claimsOf({ tee: 'tpm2', ...quoted, attestationKey, pcrs })
      expect(claims.signature).toEqual({ scheme, hash })
    }
  })

  test("makes Google's key the same each time, and leaves no key behind", async () => {
    const signer = { kind: 'google', algorithm: 'rsa' } as const
    const [one, two] = [await collect({ signer }), await collect({ signer })]
    expect(one.attestationKey).toEqual(two.attestationKey)
    expect(codesOf(await judge(one, []))).toEqual(['ENDORSEMENT'])
    expect(tpm.tool('tpm2_getcap', 'handles-transient').trim()).toBe('')
  })

  test('gives out what lies in its NV indices, and the log beside it', async () => {
    const [blob, log] = [join(folder, 'blob'), join(folder, 'log')]
    writeFileSync(blob, 'HCLA and what follows')
    writeFileSync(log, new Uint8Array(40))
    tpm.tool('tpm2_nvdefine', '0x01400001', '-C', 'o', '-s', '21')
    tpm.tool('tpm2_nvwrite', '0x01400001', '-C', 'o', '-i', blob)
    const evidence = await collect({ hclIndex: '0x01400001', eventLog: log })
    expect(evidence.hcl).toEqual(encodeUtf8('HCLA and what follows'))
    expect(evidence.eventLog).toEqual(new Uint8Array(40))
  })

  test('that has no such key or index says so', async () => {
    await expect(collect({ signer: { kind: 'persistent', handle } })).rejects.toMatchObject({
      code: 'evidence-failed',
      message: expect.stringContaining('the handle is not correct'),
    })
    await expect(collect({ hclIndex: '0x01400001' })).rejects.toMatchObject({
      message: expect.stringContaining('tpm2_nvread'),
    })
    await persistTpmKey(handle, { tcti: tpm.tcti })
    await expect(persistTpmKey(handle, { tcti: tpm.tcti })).rejects.toMatchObject({
      code: 'evidence-failed',
    })
  })

  test('that is not there, or does not answer, is an error that says what to do', async () => {
    const absent = createTpmDriver({ tcti: `swtpm:path=${folder}/nothing` })
    await expect(absent.collect({ reportData: nonce })).rejects.toMatchObject({
      code: 'evidence-unavailable',
      message: expect.stringContaining(`there is no ${folder}/nothing;`),
    })
    const impatient = createTpmDriver({ tcti: tpm.tcti, waitMilliseconds: 1 })
    await expect(impatient.collect({ reportData: nonce })).rejects.toMatchObject({
      code: 'evidence-timeout',
    })
    const long = createTpmDriver({ tcti: tpm.tcti })
    await expect(long.collect({ reportData: new Uint8Array(65) })).rejects.toMatchObject({
      code: 'evidence-refused',
    })
  })

  async function collect(options: TpmOptions): Promise<TpmEvidence> {
    const eventLog = join(folder, 'no log')
    const driver = createTpmDriver({ tcti: tpm.tcti, eventLog, ...options })
    const [collected] = await driver.collect({ reportData: nonce })
    if (collected?.evidence.tee !== 'tpm2') throw new Error('No quote')
    return collected.evidence
  }
})

function judge(
  evidence: TpmEvidence,
  anchors: readonly ReturnType<typeof deviceKeyAnchor>[],
  expected: Bytes = nonce,
) {
  const policy = strictPolicy({
    measurements: 'any',
    reportData: encodeHex(expected),
    machineIds: 'any',
  })
  return appraise(evidence, { collateral: {}, anchors, policy, now: unixSeconds(1_790_000_000) })
}

async function claimsOf(evidence: TpmEvidence): Promise<TpmClaims> {
  const appraisal = await judge(evidence, [])
  if (appraisal.authentic === false) throw new Error(`${appraisal.reject} (${appraisal.where})`)
  return appraisal.claims
}

function codesOf(appraisal: Awaited<ReturnType<typeof judge>>): readonly string[] {
  if (appraisal.authentic === false) return [appraisal.reject]
  return appraisal.reasons.map(({ code }) => code)
}
