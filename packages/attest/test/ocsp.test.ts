import { appraise, createAppraiser, encodeAppraisal, type NvidiaCollateral } from '@cloister/attest'
import { encodeHex, MalformedError, parseHex, unixSeconds, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'
import { parseOcspResponse } from '../src/x509/ocsp.ts'
import { deviceSeed, given, nonce, now, nvidia } from './nvidia-emulated.ts'

const day = 86_400
const gpu = nvidia().createDevice({ chip: 'GH100', deviceSeed: deviceSeed(1) })
const full = nvidia().collateral(gpu)
const chain = gpu.identityChain

/** What an appraisal with these responses comes down to. */
async function verdict(ocspResponses: readonly string[], at = now): Promise<string> {
  const collateral: NvidiaCollateral = { ...full, ocspResponses }
  const appraisal = await appraise(gpu.evidence({ nonce }), { ...given(collateral), now: at })
  if (appraisal.authentic === false) return appraisal.reject
  return appraisal.reasons.map(({ code }) => code).join() || 'accepted'
}

/** The standard responses, the first of them (about the boot ROM) replaced. */
const withFirst = (first: Bytes): readonly string[] => [
  encodeHex(first),
  ...full.ocspResponses.slice(1),
]

test('responses are good from the second they are issued to the one they end in', async () => {
  expect(await verdict(full.ocspResponses)).toBe('accepted')
  expect(await verdict(full.ocspResponses, unixSeconds(now + day))).toBe('accepted')
  expect(await verdict(full.ocspResponses, unixSeconds(now + day + 1))).toBe(
    'OCSP_INVALID_OR_EXPIRED',
  )
  expect(await verdict(full.ocspResponses, unixSeconds(now - 1))).toBe('OCSP_INVALID_OR_EXPIRED')
})

test('every certificate of device and manifests has to be spoken of', async () => {
  for (const index of full.ocspResponses.keys())
    expect(await verdict(full.ocspResponses.toSpliced(index, 1))).toBe('REVOCATION_UNKNOWN')
  expect(await verdict([])).toBe('REVOCATION_UNKNOWN')
})

test.for([
  ['revoked', 'CERT_REVOKED'],
  ['hold', 'CERT_REVOKED'],
  ['unknown', 'REVOCATION_UNKNOWN'],
] as const)(
  'a device certificate that is %s gives %s, wherever it stands',
  async ([status, expected]) => {
    for (const index of [0, 1, 2]) {
      const manufacturer = nvidia()
      manufacturer.setStatus(chain[index]!.serial, status)
      const response = encodeHex(manufacturer.ocspResponse({ chain, index }))
      expect(await verdict(full.ocspResponses.with(index, response))).toBe(expected)
      // A good answer beside it, or before it, changes nothing.
      expect(await verdict([...full.ocspResponses, response])).toBe(expected)
    }
  },
)

test('a manifest whose signer is revoked counts for nothing', async () => {
  const manufacturer = nvidia()
  const rimChain = manufacturer.rimChain()
  manufacturer.setStatus(rimChain[0]!.serial, 'hold')
  const response = manufacturer.ocspResponse({ chain: rimChain, index: 0 })
  const responses = full.ocspResponses.with(3, encodeHex(response))
  expect(await verdict(responses)).toBe('RIM_INVALID,RIM_INVALID')
})

test.for([
  ['the issuer itself', { responder: 'issuer' }, 'accepted'],
  ['a responder that the issuer certified', { responder: 'delegate' }, 'accepted'],
  ['a responder that the root certified', { delegatedBy: 3 }, 'accepted'],
  [
    'one that the issuer certified for nothing',
    { responder: 'unauthorized' },
    'OCSP_INVALID_OR_EXPIRED',
  ],
  [
    'one whose key may sign certificates alone',
    { responder: 'authority' },
    'OCSP_INVALID_OR_EXPIRED',
  ],
  ['another key', { responder: 'forged' }, 'OCSP_INVALID_OR_EXPIRED'],
  ['one that the device itself certified', { delegatedBy: 0 }, 'OCSP_INVALID_OR_EXPIRED'],
  [
    'one whose certificate has ended',
    { responderEndsAt: unixSeconds(now - 1) },
    'OCSP_INVALID_OR_EXPIRED',
  ],
  ['nobody who says until when', { withoutEnd: true }, 'OCSP_INVALID_OR_EXPIRED'],
] as const)('a response by %s: %o gives %s', async ([, how, expected]) => {
  const response = nvidia().ocspResponse({ chain, index: 0, ...how })
  expect(await verdict(withFirst(response))).toBe(expected)
})

test('what an appraiser remembers changes no answer, at any time', async () => {
  const { appraise: warm } = createAppraiser()
  const evidence = gpu.evidence({ nonce })
  const ends = nvidia().ocspResponse({ chain, index: 0, responderEndsAt: unixSeconds(now + 10) })
  const lists = [full.ocspResponses, withFirst(ends), full.ocspResponses.slice(2), []]
  for (const seconds of [0, 10, 11, day, day + 1, 0])
    for (const ocspResponses of lists) {
      const by = { ...given({ ...full, ocspResponses }), now: unixSeconds(now + seconds) }
      expect(encodeHex(encodeAppraisal(await warm(evidence, by)))).toBe(
        encodeHex(encodeAppraisal(await appraise(evidence, by))),
      )
    }
})

test('a response about another device says nothing', async () => {
  const other = nvidia().createDevice({ chip: 'GH100', deviceSeed: deviceSeed(2) })
  const response = nvidia().ocspResponse({ chain: other.identityChain, index: 0 })
  expect(await verdict(withFirst(response))).toBe('REVOCATION_UNKNOWN')
})

test('no response with one flipped bit makes a device good', async () => {
  const { appraise: warm } = createAppraiser()
  const [first = '', ...rest] = full.ocspResponses
  const evidence = gpu.evidence({ nonce })
  const bytes = parseHex(first)
  for (let bit = 0; bit < bytes.length * 8; bit += 37) {
    const forged = bytes.slice()
    forged[bit >> 3]! ^= 1 << (bit & 7)
    const collateral = { ...full, ocspResponses: [encodeHex(forged), ...rest] }
    const appraisal = await warm(evidence, given(collateral))
    if (appraisal.authentic === false) expect(appraisal.reject).toBe('OCSP_INVALID_OR_EXPIRED')
    // A bit of the responder's certificate may be one that nothing hangs on: the answer itself is the same.
    else if (appraisal.claims.revocation === 'good')
      expect(signedPart(forged)).toBe(signedPart(bytes))
  }
})

test('nothing but a whole response is read', () => {
  const bytes = parseHex(full.ocspResponses[0]!)
  for (let length = 0; length < bytes.length; length += 7)
    expect(() => parseOcspResponse(bytes.subarray(0, length), 'response')).toThrow(MalformedError)
  expect(() => parseOcspResponse(parseHex('30030a0103'), 'response')).toThrow('got tryLater')
  expect(() => parseOcspResponse(new Uint8Array(2 ** 16 + 1), 'response')).toThrow('at most 65536')
})

function signedPart(response: Bytes): string {
  const { tbs, signature } = parseOcspResponse(response, 'response')
  return `${encodeHex(tbs)} ${encodeHex(signature)}`
}
