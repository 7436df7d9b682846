import { createHash, X509Certificate } from 'node:crypto'
import { appraise, type Given } from '@cloister/attest'
import { encodeHex, parseCbor, type Bytes } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import { parseNitroDocument } from '../src/nitro/parse.ts'
import { anyPolicy, hasEvidence, samplesIn } from './evidence.ts'
import { aws, readNitroSample, type NitroSample } from './nitro-evidence.ts'

const count = 5

/** Every real document of a Nitro enclave, with whichever crypto the caller has chosen. */
export function testNitroCorpus(crypto: string): void {
  const here = hasEvidence(2 * count + 1)
  const samples = samplesIn('nitro', count)

  describe(`real Nitro evidence, ${crypto}`, () => {
    test.skipIf(!here)(`there are ${count} samples`, () => {
      expect(samples.length).toBe(count)
    })

    test.skipIf(!here).for(samples)('%s comes out as AWS says', async (name) => {
      const { document, now, expected, fields } = readNitroSample(name)
      const appraisal = await appraise({ tee: 'aws-nitro', document }, givenAt(now))
      expect(appraisal.authentic).toBe(expected.authentic)
      if (appraisal.authentic === false) {
        expect(appraisal.reject).toBe(expected.reject)
        return
      }
      const { claims } = appraisal
      const { userData, nonce, publicKey } = fields
      expect(claims).toEqual({
        tee: 'aws-nitro',
        format: 'aws-nitro-attestation-document',
        anchor: 'aws-nitro-root-g1',
        productLine: 'nitro',
        measurement: measurementOf(fields.pcrs),
        reportData: userData ?? '',
        debug: expected.debugMode,
        revocation: 'not-checked',
        endorsement: 'pinned',
        moduleId: fields.moduleId,
        digest: fields.digest,
        timestampMilliseconds: fields.timestamp,
        pcrs: fields.pcrs,
        ...(userData !== null && { userData }),
        ...(nonce !== null && { nonce }),
        ...(publicKey !== null && { publicKey }),
      })
      expect(appraisal.until).toBe(Date.parse(expected.validWindow[1]) / 1000)
      const reasons = appraisal.reasons.map(({ code }) => code)
      expect(reasons).toEqual(expected.debugMode ? ['DEBUG'] : [])
    })

    test.skipIf(!here).for(samples)('header and chain of %s are read', (name) => {
      const { document, fields } = readNitroSample(name)
      const { message, chain } = parseNitroDocument(document)
      expect(headerOf(message.protectedHeader)).toEqual(fields.protectedHeader)
      expect(chain.map(namesOf)).toEqual(fields.chain.map((text) => text.split(',').toSorted()))
      expect(fields.cabundleOrder).toBe('root first')
      const leaf = new X509Certificate(chain[0]!)
      expect([leaf.validFrom, leaf.validTo].map((text) => Date.parse(text))).toEqual(
        fields.leafValidity.map((text) => Date.parse(text)),
      )
    })
  })
}

function givenAt(now: NitroSample['now']): Given {
  return { collateral: {}, anchors: aws, policy: anyPolicy(), now }
}

function measurementOf(pcrs: Readonly<Record<string, string>>): string {
  const registers = Buffer.from(`${pcrs['0']}${pcrs['1']}${pcrs['2']}`, 'hex')
  return createHash('sha256')
    .update('cloister/measurement/aws-nitro/1\0')
    .update(registers)
    .digest('hex')
}

function headerOf(bytes: Bytes): Readonly<Record<string, unknown>> {
  const map = parseCbor(bytes, 'header', { bytesMax: 64, depthMax: 1, itemsMax: 8 })
  if (!(map instanceof Map)) throw new Error(`A header is a map, got ${encodeHex(bytes)}`)
  return Object.fromEntries(map)
}

/** Order differs between tools. */
function namesOf(der: Bytes): readonly string[] {
  return new X509Certificate(der).subject.split('\n').toSorted()
}
