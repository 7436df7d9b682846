import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  appraise,
  createAppraiser,
  insecureDevnetAnchor,
  productionAnchor,
  type AmdCollateral,
  type Appraisal,
  type Given,
  type SnpClaims,
} from '@cloister/attest'
import { concatBytes, encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { verifySnpChain } from '../src/snp/chain.ts'
import { verifyRevocation } from '../src/snp/revocation.ts'
import { CertificateMemory } from '../src/x509/chain.ts'
import { findAuthority, rootOf } from '../src/snp/authority.ts'
import { parseCertificate } from '../src/x509/certificate.ts'
import { anyPolicy, evidenceRoot, hasEvidence } from './evidence.ts'
import { amd, pem, readAnchor, readSnpSample } from './snp-evidence.ts'

const here = hasEvidence(16)
const samples = [
  'google-milan-v2',
  'oak-genoa-v5-real-crl',
  'ms-turin-v5-real-crl',
  'coco-milan-vlek',
]

describe.skipIf(!here)('real SNP evidence', () => {
  // All bits of each: SNP_FLIPS=all npx vitest run packages/attest/test/snp-forged.test.ts
  test.for(samples)(
    'no flipped bit of %s leaves it authentic',
    { timeout: 120_000 },
    async (name) => {
      const { report, given } = open(name)
      const { appraise: warm } = createAppraiser()
      expect((await warm({ tee: 'sev-snp', report }, given)).authentic).toBe(true)
      const bits = report.length * 8
      const chosen =
        process.env['SNP_FLIPS'] === 'all'
          ? Array.from({ length: bits }, (_, bit) => bit)
          : fc.sample(fc.nat({ max: bits - 1 }), 300)
      for (const bit of chosen) {
        const forged = report.slice()
        forged[bit >> 3]! ^= 1 << (bit & 7)
        const appraisal = await warm({ tee: 'sev-snp', report: forged }, given)
        expect(appraisal.authentic, `bit ${bit}`).toBe(false)
      }
    },
  )

  test('no flipped character of certificates or list changes what is authentic', async () => {
    const { report, given, documents } = open('oak-genoa-v5-real-crl')
    const genuine = await appraise({ tee: 'sev-snp', report }, given)
    const key = fc.constantFrom('certificateChain' as const, 'crl' as const)
    await fc.assert(
      fc.asyncProperty(key, fc.nat(), fc.integer({ min: 0, max: 6 }), async (name, at, bit) => {
        const text = documents[name]!
        const index = at % text.length
        const flipped = String.fromCharCode(text.charCodeAt(index) ^ (1 << bit))
        const forged = text.slice(0, index) + flipped + text.slice(index + 1)
        const appraisal = await judge(report, given, { ...documents, [name]: forged })
        // Hexadecimal is read in either case: there, and only there, the bytes are the same.
        if (appraisal.authentic !== false) expect(appraisal).toEqual(genuine)
        if (appraisal.authentic !== false) expect(forged.toLowerCase()).toBe(text.toLowerCase())
      }),
      { numRuns: 500 },
    )
  })

  test('zeros after a report are padding, anything else is not', async () => {
    const { report, given } = open('oak-genoa-v5-real-crl')
    const padded = concatBytes(report, new Uint8Array(2816))
    expect((await judge(padded, given)).authentic).toBe(true)
    padded[3999] = 1
    expect(await judge(padded, given)).toMatchObject({
      reject: 'PARSE',
      at: { field: 'padding', offset: 3999 },
    })
    const long = concatBytes(report, new Uint8Array(64 * 1024))
    expect(await judge(long, given)).toMatchObject({ reject: 'PARSE', at: { field: 'report' } })
  })

  test('the authorities that are left out are known', async () => {
    for (const name of samples) {
      const { report, given, documents } = open(name)
      const full = await appraise({ tee: 'sev-snp', report }, given)
      const blocks = documents.certificateChain.split(/(?<=-----END CERTIFICATE-----\n)/)
      for (const count of [1, 2]) {
        const certificateChain = blocks.slice(0, count).join('')
        const appraisal = await judge(report, given, { ...documents, certificateChain })
        expect(appraisal, `${name}, ${count}`).toEqual(full)
      }
    }
  })

  test.for([
    ['oak-genoa-v5-real-crl', 'SEV-VCEK', 'SEV-VLEK', '"SEV-Genoa", which signs a VCEK'],
    ['coco-milan-vlek', 'SEV-VLEK', 'SEV-VCEK', '"SEV-VLEK-Milan", which signs a VLEK'],
  ] as const)('in %s an authority known here vouches for a %s alone', async (known) => {
    const [name, subject, other, issuer] = known
    const { report, given, documents } = open(name)
    const [leaf = ''] = documents.certificateChain.split(/(?<=-----END CERTIFICATE-----\n)/)
    const der = Buffer.from(leaf.replaceAll(/-.*-|\s/g, ''), 'base64')
    // The subject is the last name in a certificate.
    const at = der.lastIndexOf(subject)
    const certificateChain = pem(Uint8Array.from(der.fill(other, at, at + other.length)))
    expect(await judge(report, given, { certificateChain: leaf })).toMatchObject({
      authentic: true,
    })
    expect(await judge(report, given, { certificateChain })).toMatchObject({
      reject: 'CHAIN_INVALID',
      where: `AMD certificates: "${other}" is issued by ${issuer}`,
    })
  })

  test('what is known of them is what their certificates say', () => {
    for (const line of ['Milan', 'Genoa', 'Turin'] as const) {
      const named = (role: string) =>
        parseCertificate(readAnchor(`amd-${role}-${line.toLowerCase()}`), role)
      const certificates = [named('ark'), named('ask'), named('asvk')]
      for (const [index, certificate] of certificates.entries()) {
        const known = index === 0 ? rootOf(line) : findAuthority(certificate.subject)?.authority
        const { commonName, subject, serial, notBefore, notAfter, keyName } = certificate
        expect(known).toMatchObject({ commonName, subject, serial, notBefore, notAfter, keyName })
      }
    }
  })

  test('they count only below a root that is an anchor', async () => {
    const { report, given, documents } = open('oak-genoa-v5-real-crl')
    const [leaf = ''] = documents.certificateChain.split(/(?<=-----END CERTIFICATE-----\n)/)
    for (const anchors of [
      [],
      [productionAnchor('amd-ark-milan'), productionAnchor('intel-sgx-root-ca')],
      [insecureDevnetAnchor('00'.repeat(32))],
    ])
      for (const certificateChain of [leaf, documents.certificateChain])
        expect(await judge(report, { ...given, anchors }, { certificateChain })).toMatchObject({
          reject: 'UNTRUSTED_ROOT',
        })
  })

  test.for(['azure-snp-vtpm-v0', 'azure-snp-vtpm-v2', 'azure-snp-vtpm-genoa'])(
    'the report below the TPM of %s is authentic by its VCEK alone',
    async (name) => {
      const read = (file: string): Bytes =>
        new Uint8Array(readFileSync(join(evidenceRoot, 'tpm', name, file)))
      const { given } = open('google-milan-v2')
      const certificateChain = pem(read('vcek.der'))
      expect(await judge(read('snp_report.bin'), given, { certificateChain })).toMatchObject({
        authentic: true,
        claims: { endorsement: 'pinned', revocation: 'not-checked' },
      })
    },
  )

  test('the list of Genoa takes back an authority that is not this one', async () => {
    const { report, given } = open('oak-genoa-v5-real-crl')
    expect(await judge(report, given)).toMatchObject({
      authentic: true,
      claims: { revocation: 'good' },
      until: Date.UTC(2026, 9, 4) / 1000,
      reasons: [],
    })
  })

  test('a list is refused before and after its time', async () => {
    const { report, given } = open('oak-genoa-v5-real-crl')
    for (const [now, authentic] of [
      [Date.UTC(2026, 7, 19, 14, 9, 0), false],
      [Date.UTC(2026, 7, 19, 14, 9, 1), true],
      [Date.UTC(2026, 9, 4), true],
      [Date.UTC(2026, 9, 4, 0, 0, 1), false],
    ] as const)
      expect(await judge(report, { ...given, now: unixSeconds(now / 1000) })).toMatchObject(
        authentic ? { authentic } : { authentic, reject: 'CRL_INVALID_OR_EXPIRED' },
      )
  })

  test('a root that may not sign lists has signed none', async () => {
    const { given, documents } = open('oak-genoa-v5-real-crl')
    const memory = new CertificateMemory()
    const chain = await verifySnpChain(documents.certificateChain, given, memory)
    const verify = (keyUsage: number) => {
      const extensions = { ...chain.root.extensions!, keyUsage }
      const root = { ...chain.root, extensions }
      return verifyRevocation(documents.crl!, { ...chain, root }, given.now, memory)
    }
    // keyCertSign and cRLSign, then keyCertSign alone.
    expect(await verify(0b110_0000)).toBe(Date.UTC(2026, 9, 4) / 1000)
    await expect(verify(0b010_0000)).rejects.toMatchObject({ reject: 'CRL_INVALID_OR_EXPIRED' })
  })

  test('the second signature that ECDSA always has changes no claim', async () => {
    const { report, given } = open('oak-genoa-v5-real-crl')
    const other = report.slice()
    const at = 0x2a0 + 72
    const s = BigInt(`0x${encodeHex(report.slice(at, at + 48).toReversed())}`)
    const hex = (p384Order - s).toString(16).padStart(96, '0')
    other.set(Uint8Array.from(Buffer.from(hex, 'hex')).toReversed(), at)
    expect(await judge(other, given)).toEqual(await judge(report, given))
  })
})

const p384Order =
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n

function open(name: string) {
  const { report, amd: documents, now } = readSnpSample(name)
  const given: Given = { collateral: { amd: documents }, anchors: amd, policy: anyPolicy(), now }
  return { report, given, documents }
}

function judge(
  report: Bytes,
  given: Given,
  documents?: AmdCollateral,
): Promise<Appraisal<SnpClaims>> {
  return appraise(
    { tee: 'sev-snp', report },
    documents === undefined ? given : { ...given, collateral: { amd: documents } },
  )
}
