import { createHash, X509Certificate } from 'node:crypto'
import { deviceKeyAnchor, insecureDevnetAnchor, isAccepted } from '@cloister/attest'
import { encodeHex, unixSeconds } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import type { AttestationKeyOptions } from '../src/index.ts'
import {
  anyPolicy,
  claimsOf,
  concluded,
  flipped,
  judge,
  nonce,
  startedTpm,
  testTpmManufacturer,
} from './tpm-world.ts'

const keys: readonly (AttestationKeyOptions & { readonly signs: string })[] = [
  { scheme: 'rsassa', signs: 'rsassa with sha256' },
  { scheme: 'rsassa', hash: 'sha384', signs: 'rsassa with sha384' },
  { scheme: 'rsapss', signs: 'rsapss with sha256' },
  { scheme: 'ecdsa', signs: 'ecdsa with sha256' },
  { scheme: 'ecdsa', curve: 'P-384', signs: 'ecdsa with sha384' },
  { scheme: 'ecdsa', curve: 'P-521', signs: 'ecdsa with sha512' },
]

describe.for(keys)('a key that signs $signs', ({ signs, ...key }) => {
  const tpm = startedTpm(testTpmManufacturer(), { key })

  test.for([false, true])('is believed, its signature bare: %s', async (bare) => {
    const appraisal = await judge(tpm.evidence({ nonce, bare }))
    expect(concluded(appraisal)).toEqual({ authentic: true, reasons: [] })
    expect(isAccepted(appraisal)).toBe(true)
    const { signature, attestationKey, reportData, endorsement, pcrs } = claimsOf(appraisal)
    expect(`${signature.scheme} with ${signature.hash}`).toBe(signs)
    expect(attestationKey.spkiSha256).toBe(tpm.keySpkiSha256)
    expect(reportData).toBe(encodeHex(nonce))
    expect(endorsement).toBe('pinned')
    expect(Object.keys(pcrs?.['sha256'] ?? {})).toHaveLength(24)
  })

  test('has its bare public key believed like its TPMT_PUBLIC', async () => {
    const evidence = { ...tpm.evidence({ nonce }), attestationKey: tpm.spki }
    const { attestationKey } = claimsOf(await judge(evidence))
    expect(attestationKey).toEqual({ spkiSha256: tpm.keySpkiSha256 })
  })

  test('vouches for no quote or signature with a bit turned', async () => {
    const evidence = tpm.evidence({ nonce })
    const { quote, signature } = evidence
    for (let bit = 0; bit < quote.length * 8; bit += 37)
      expect(await judge({ ...evidence, quote: flipped(quote, bit) })).toMatchObject({
        authentic: false,
      })
    for (let bit = 0; bit < signature.length * 8; bit += 61)
      expect(await judge({ ...evidence, signature: flipped(signature, bit) })).toMatchObject({
        authentic: false,
      })
  })
})

test('another measured kernel, or another selection, gives another measurement', async () => {
  const of = async (kernel: string, selection?: { sha256: number[] }) =>
    claimsOf(
      await judge(
        startedTpm(testTpmManufacturer(), { kernel }).evidence({
          nonce,
          ...(selection && { selection }),
        }),
      ),
    ).measurement
  const one = await of('kernel 1')
  expect(await of('kernel 1')).toBe(one)
  expect(new Set([one, await of('kernel 2'), await of('kernel 1', { sha256: [0, 7] })]).size).toBe(
    3,
  )
})

test('a measurement is made of selection and digest as it is documented', async () => {
  const evidence = startedTpm(testTpmManufacturer()).evidence({
    nonce,
    selection: { sha256: [0, 7] },
  })
  const values = evidence.pcrs!['sha256']!
  const digest = createHash('sha256').update(values['0']!).update(values['7']!).digest()
  const expected = createHash('sha256')
    .update('cloister/measurement/tpm2/1\0sha256:0,7;\0')
    .update(digest)
    .digest('hex')
  expect(claimsOf(await judge(evidence)).measurement).toBe(expected)
})

describe('what vouches for a key', () => {
  const manufacturer = testTpmManufacturer()
  const tpm = startedTpm(manufacturer)
  const evidence = tpm.evidence({ nonce })
  const { certificateChain: _, ...bare } = evidence
  const stranger = testTpmManufacturer(1)

  test('nothing, where it came alone: authentic, supplied, and refused by default', async () => {
    const appraisal = await judge(bare)
    expect(concluded(appraisal)).toEqual({ authentic: true, reasons: ['ENDORSEMENT'] })
    expect(claimsOf(appraisal).anchor).toBe(`supplied:${tpm.keySpkiSha256}`)
    const policy = anyPolicy({ allowSuppliedKeys: true })
    expect(isAccepted(await judge(bare, { policy }))).toBe(true)
  })

  test('an anchor of its own', async () => {
    const appraisal = await judge(bare, { anchors: [deviceKeyAnchor(tpm.keySpkiSha256, 'tpm2')] })
    expect(isAccepted(appraisal)).toBe(true)
    expect(claimsOf(appraisal).anchor).toBe(`device-key:tpm2:${tpm.keySpkiSha256}`)
    const emulated = await judge(bare, { anchors: [insecureDevnetAnchor(tpm.keySpkiSha256)] })
    expect(claimsOf(emulated).anchor).toBe(`insecure-devnet:${tpm.keySpkiSha256}`)
  })

  test('no anchor that pins the same key for evidence of another kind', async () => {
    for (const tee of ['arm-cca', 'arm-psa'] as const)
      expect(
        concluded(await judge(bare, { anchors: [deviceKeyAnchor(tpm.keySpkiSha256, tee)] })),
      ).toEqual({ authentic: true, reasons: ['ENDORSEMENT'] })
  })

  test('a certificate under a root that is trusted, and none under another', async () => {
    const under = claimsOf(await judge(evidence, { manufacturer }))
    expect(under.anchor).toBe(`insecure-devnet:${manufacturer.anchorSpkiSha256}`)
    expect(concluded(await judge(evidence, { manufacturer: stranger }))).toEqual({
      authentic: true,
      reasons: ['ENDORSEMENT'],
    })
  })

  test('no certificate that is broken, expired or of another key', async () => {
    const other = startedTpm(manufacturer, { tpmSeed: new Uint8Array(16).fill(2) })
    const { certificateChain } = other
    expect(concluded(await judge({ ...evidence, certificateChain }))).toEqual({
      authentic: false,
      reject: 'AK_BINDING',
    })
    const [leaf, ...above] = evidence.certificateChain!.split(/(?=-----BEGIN)/)
    const foreign = startedTpm(stranger).certificateChain.split(/(?=-----BEGIN)/)
    // Equal names, other keys.
    expect(
      concluded(await judge({ ...evidence, certificateChain: [foreign[0], ...above].join('') })),
    ).toEqual({ authentic: false, reject: 'CHAIN_SIGNATURE' })
    const reversed = [...above, leaf].join('')
    expect(concluded(await judge({ ...evidence, certificateChain: reversed }))).toEqual({
      authentic: false,
      reject: 'CHAIN_INVALID',
    })
    const at = unixSeconds(Date.UTC(2050, 0, 1) / 1000)
    expect(concluded(await judge(evidence, { at }))).toEqual({
      authentic: false,
      reject: 'CERT_EXPIRED_OR_NOT_YET_VALID',
    })
  })

  test('says in every certificate that it is an insecure one', () => {
    for (const pem of evidence.certificateChain!.split(/(?=-----BEGIN)/))
      expect(new X509Certificate(pem).subject).toContain('insecure development root')
  })
})

describe('values of PCRs', () => {
  const tpm = startedTpm(testTpmManufacturer())
  const evidence = tpm.evidence({ nonce, selection: { sha256: [0, 4, 7] } })
  const values = evidence.pcrs!['sha256']!

  test('that the quote selects have to be the quoted ones', async () => {
    const pcrs = { sha256: { ...values, '7': flipped(values['7']!, 3) } }
    expect(concluded(await judge({ ...evidence, pcrs }))).toEqual({
      authentic: false,
      reject: 'PCR_DIGEST',
    })
    const swapped = { sha256: { ...values, '0': values['4']!, '4': values['0']! } }
    expect(concluded(await judge({ ...evidence, pcrs: swapped }))).toMatchObject({
      reject: 'PCR_DIGEST',
    })
  })

  test('that it does not select are no claims, whatever they are', async () => {
    const pcrs = { sha256: { ...values, '9': new Uint8Array(32).fill(9) } }
    const claims = claimsOf(await judge({ ...evidence, pcrs }))
    expect(Object.keys(claims.pcrs!['sha256']!)).toEqual(['0', '4', '7'])
  })

  test('that are missing leave the quote authentic, and are a reason', async () => {
    const { '4': _, ...rest } = values
    const appraisal = await judge({ ...evidence, pcrs: { sha256: rest } })
    expect(concluded(appraisal)).toEqual({ authentic: true, reasons: ['PCR_MISSING'] })
    expect(claimsOf(appraisal).pcrs).toBeUndefined()
    const policy = anyPolicy({ tpm: { allowMissingPcrs: true } })
    expect(isAccepted(await judge({ ...evidence, pcrs: {} }, { policy }))).toBe(true)
  })

  test('have to be those that a policy names', async () => {
    const wanting = (index: string, accepted: readonly string[]) =>
      anyPolicy({ tpm: { requiredPcrs: { sha256: { [index]: accepted } } } })
    const hex = encodeHex(values['7']!)
    expect(isAccepted(await judge(evidence, { policy: wanting('7', [hex]) }))).toBe(true)
    const other = await judge(evidence, { policy: wanting('7', ['00'.repeat(32)]) })
    expect(concluded(other)).toEqual({ authentic: true, reasons: ['MEASUREMENT'] })
    const unquoted = await judge(evidence, { policy: wanting('9', [hex]) })
    expect(concluded(unquoted)).toEqual({ authentic: true, reasons: ['PCR_MISSING'] })
  })

  test('of another length, bank or index are malformed', async () => {
    for (const pcrs of [
      { sha256: { '0': new Uint8Array(31) } },
      { md5: { '0': new Uint8Array(16) } },
      { sha256: { '32': new Uint8Array(32) } },
      { sha256: { '00': new Uint8Array(32) } },
    ])
      expect(concluded(await judge({ ...evidence, pcrs }))).toEqual({
        authentic: false,
        reject: 'PARSE',
      })
  })
})

describe('what a strict policy has against a quote', () => {
  test('SHA-1 in the signature or a bank, unless it is allowed', async () => {
    const weakKey = startedTpm(testTpmManufacturer(), { key: { scheme: 'rsassa', hash: 'sha1' } })
    const weakBank = startedTpm(testTpmManufacturer())
    const policy = anyPolicy({ tpm: { allowSha1: true } })
    for (const evidence of [
      weakKey.evidence({ nonce }),
      weakBank.evidence({ nonce, selection: { sha1: [0] } }),
    ]) {
      expect(concluded(await judge(evidence))).toEqual({ authentic: true, reasons: ['WEAK_HASH'] })
      expect(isAccepted(await judge(evidence, { policy }))).toBe(true)
    }
  })

  test('a key that signs what others made', async () => {
    const key = { scheme: 'rsassa', unrestricted: true } as const
    const evidence = startedTpm(testTpmManufacturer(), { key }).evidence({ nonce })
    expect(concluded(await judge(evidence))).toEqual({
      authentic: true,
      reasons: ['AK_ATTRIBUTES'],
    })
    const policy = anyPolicy({ tpm: { allowUnrestrictedKey: true } })
    expect(isAccepted(await judge(evidence, { policy }))).toBe(true)
  })

  test('another nonce', async () => {
    const evidence = startedTpm(testTpmManufacturer()).evidence({ nonce })
    const policy = anyPolicy({ reportData: '00' })
    expect(concluded(await judge(evidence, { policy }))).toEqual({
      authentic: true,
      reasons: ['REPORT_DATA'],
    })
  })

  test('that it was judged without collateral, where that was spelled', async () => {
    const evidence = startedTpm(testTpmManufacturer()).evidence({ nonce })
    expect(concluded(await judge(evidence, { collateral: 'none' }))).toEqual({
      authentic: 'chain-only',
      reasons: ['CHAIN_ONLY'],
    })
  })
})

test('keys that were given beside the evidence are tried, and pinned like others', async () => {
  const tpm = startedTpm(testTpmManufacturer(), { key: { scheme: 'ecdsa' } })
  const { attestationKey: _, certificateChain: __, ...bare } = tpm.evidence({ nonce })
  expect(concluded(await judge(bare))).toEqual({ authentic: false, reject: 'COLLATERAL_MISSING' })
  const point = tpm.spki.slice(-64)
  const key = { kind: 'ec', curve: 'P-256', point } as const
  const other = {
    ...key,
    point: startedTpm(testTpmManufacturer(1), { key: { scheme: 'ecdsa' } }).spki.slice(-64),
  }
  const anchors = [deviceKeyAnchor(tpm.keySpkiSha256, 'tpm2')]
  const appraisal = await judge(bare, { collateral: { deviceKeys: [other, key] }, anchors })
  expect(isAccepted(appraisal)).toBe(true)
  expect(concluded(await judge(bare, { collateral: { deviceKeys: [other] }, anchors }))).toEqual({
    authentic: false,
    reject: 'QUOTE_SIGNATURE',
  })
  const among = (count: number) => [...Array.from({ length: count - 1 }, () => other), key]
  expect(isAccepted(await judge(bare, { collateral: { deviceKeys: among(32) }, anchors }))).toBe(
    true,
  )
  expect(await judge(bare, { collateral: { deviceKeys: among(33) }, anchors })).toMatchObject({
    reject: 'PARSE',
    at: { field: 'device keys' },
  })
})

test('structures of a TPM other than quotes, and keys and schemes unknown here, are named as such', async () => {
  const evidence = startedTpm(testTpmManufacturer()).evidence({ nonce })
  const certify = evidence.quote.slice()
  certify[5] = 0x17 // TPM_ST_ATTEST_CERTIFY
  const ecdaa = evidence.signature.slice()
  ecdaa[1] = 0x1a
  const keyedHash = evidence.attestationKey!.slice()
  keyedHash[1] = 0x08
  for (const changed of [{ quote: certify }, { signature: ecdaa }, { attestationKey: keyedHash }])
    expect(concluded(await judge({ ...evidence, ...changed }))).toEqual({
      authentic: false,
      reject: 'UNSUPPORTED_FORMAT',
    })
})

test('every truncated or lengthened part is malformed or signed by nobody', async () => {
  const evidence = startedTpm(testTpmManufacturer()).evidence({ nonce })
  for (const part of ['quote', 'signature', 'attestationKey'] as const) {
    const bytes = evidence[part]!
    for (const changed of [bytes.slice(0, -1), new Uint8Array([...bytes, 0]), bytes.slice(0, 0)])
      expect(concluded(await judge({ ...evidence, [part]: changed }))).toMatchObject({
        authentic: false,
      })
  }
  const tail = { ...evidence, quote: new Uint8Array([...evidence.quote, 0]) }
  expect(await judge(tail)).toMatchObject({
    reject: 'PARSE',
    at: { field: 'quote', offset: evidence.quote.length },
  })
})

test('more than 64 KiB beside the event log are malformed, whatever they are', async () => {
  const evidence = startedTpm(testTpmManufacturer()).evidence({ nonce })
  const certificateChain = evidence.certificateChain! + '\n'.repeat(64 * 1024)
  expect(await judge({ ...evidence, certificateChain })).toMatchObject({
    reject: 'PARSE',
    at: { field: 'evidence' },
  })
})

test('a manufacturer and its TPMs follow from their seeds', () => {
  const [one, two] = [testTpmManufacturer(), testTpmManufacturer()]
  expect(one.anchorSpkiSha256).toBe(two.anchorSpkiSha256)
  expect(startedTpm(one).keySpkiSha256).toBe(startedTpm(two).keySpkiSha256)
})
