// States of NVIDIA's devices, Nitro enclaves and Arm's tokens that can be asked for, and what is made of each.
import {
  appraise,
  insecureDevnetAnchor,
  strictPolicy,
  type Appraisal,
  type Collateral,
  type Evidence,
} from '@cloister/attest'
import { encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import {
  createCcaPlatform,
  createNitroCloud,
  createNvidiaManufacturer,
  createPsaDevice,
  type CcaPlatform,
  type DeviceOptions,
} from '../src/index.ts'
import { machineSeed, now } from './verifier.ts'

const seed = new Uint8Array(32).fill(4)
const policy = strictPolicy({ measurements: 'any', reportData: 'any', machineIds: 'any' })
const over = { notAfter: unixSeconds(now - 1) }
const notYet = { notBefore: unixSeconds(now + 1) }

function judge(
  evidence: Evidence,
  anchors: readonly string[],
  collateral: Collateral,
): Promise<Appraisal> {
  const trusted = anchors.map((digest) => insecureDevnetAnchor(digest))
  return appraise(evidence, { collateral, anchors: trusted, policy, now })
}

type Keyed = Pick<CcaPlatform, 'deviceKey' | 'keySpkiSha256'>

/** Why evidence is not authentic, or what the policy has against it. */
async function outcome(...args: Parameters<typeof judge>): Promise<readonly string[]> {
  const appraisal = await judge(...args)
  return appraisal.authentic === false
    ? [appraisal.reject]
    : appraisal.reasons.map(({ code }) => code)
}

describe('NVIDIA', () => {
  const nonce = new Uint8Array(32).fill(7)
  const open = () => createNvidiaManufacturer({ seed, now })
  const options = { chip: 'GH100', deviceSeed: machineSeed(1) } as const

  async function judged(
    chosen: Partial<DeviceOptions>,
    prepare: (manufacturer: ReturnType<typeof open>) => void = () => undefined,
  ): Promise<readonly string[]> {
    const manufacturer = open()
    prepare(manufacturer)
    const device = manufacturer.createDevice({ ...options, ...chosen })
    const anchors = [manufacturer.anchorSpkiSha256, manufacturer.rimAnchorSpkiSha256]
    const nvidia = manufacturer.collateral(device)
    return outcome(device.evidence({ nonce }), anchors, { nvidia })
  }

  test.for(['leaf', 'identity'] as const)('its %s certificate expired or early', async (which) => {
    expect(await judged({})).toEqual([])
    for (const validity of [over, notYet])
      expect(await judged({ validity: { [which]: validity } })).toEqual([
        'CERT_EXPIRED_OR_NOT_YET_VALID',
      ])
  })

  test.for([
    ['revoked', ['CERT_REVOKED']],
    ['hold', ['CERT_REVOKED']],
    ['unknown', ['REVOCATION_UNKNOWN']],
  ] as const)('each certificate of its chain %s', async ([status, expected]) => {
    const { identityChain } = open().createDevice(options)
    for (const { serial } of identityChain.slice(0, -1))
      expect(await judged({}, (manufacturer) => manufacturer.setStatus(serial, status))).toEqual(
        expected,
      )
  })
})

describe('Nitro', () => {
  const cloud = createNitroCloud(seed)
  const enclave = cloud.startEnclave({ enclaveSeed: machineSeed(1) })
  const anchors = [cloud.anchorSpkiSha256]
  const judged = (document: Bytes, under = anchors): Promise<readonly string[]> =>
    outcome({ tee: 'aws-nitro', document }, under, {})

  test.for(['root', 'region', 'zone', 'instance'] as const)(
    'its %s certificate expired or early',
    async (which) => {
      expect(await judged(enclave.document({ now, validity: {} }))).toEqual([])
      for (const validity of [over, notYet])
        expect(await judged(enclave.document({ now, validity: { [which]: validity } }))).toEqual([
          'CERT_EXPIRED_OR_NOT_YET_VALID',
        ])
    },
  )

  test('another key, and another root', async () => {
    expect(await judged(enclave.document({ now, wrongKey: true }))).toEqual(['REPORT_SIGNATURE'])
    const other = createNitroCloud(new Uint8Array(32)).anchorSpkiSha256
    expect(await judged(enclave.document({ now }), [other])).toEqual(['UNTRUSTED_ROOT'])
  })
})

describe('Arm', () => {
  const nonce = new Uint8Array(64).fill(9)
  const software = [
    { name: 'X', measurement: nonce.slice(0, 32), signerId: nonce.slice(32), version: '7' },
  ]
  const options = {
    deviceSeed: machineSeed(1),
    implementationId: new Uint8Array(32).fill(2),
    software,
  }
  const listed = [
    { type: 'X', measurement: '09'.repeat(32), signerId: '09'.repeat(32), version: '7' },
  ]
  const cca = createCcaPlatform(seed, options)
  const psa = createPsaDevice(seed, options)
  const judged = (evidence: Evidence, { deviceKey, keySpkiSha256 }: Keyed = cca) =>
    judge(evidence, [keySpkiSha256], { deviceKeys: [deviceKey] })

  test('firmware, implementation, personalisation and boot seed are those that are chosen', async () => {
    const personalization = new Uint8Array(64).fill(3)
    const token = cca.token({ challenge: nonce, personalization })
    expect(await judged({ tee: 'arm-cca', token })).toMatchObject({
      claims: {
        platform: { softwareComponents: listed, implementationId: '02'.repeat(32) },
        realm: { personalisation: encodeHex(personalization) },
      },
      reasons: [],
    })
    const bootSeed = new Uint8Array(32).fill(5)
    expect(
      await judged({ tee: 'arm-psa', token: psa.token({ nonce, bootSeed }) }, psa),
    ).toMatchObject({
      claims: {
        softwareComponents: listed,
        implementationId: '02'.repeat(32),
        bootSeed: '05'.repeat(32),
      },
      reasons: [],
    })
  })

  test('a token that another key signed is not authentic', async () => {
    for (const wrongKey of ['platform', 'realm'] as const) {
      const token = cca.token({ challenge: nonce, wrongKey })
      expect(await judged({ tee: 'arm-cca', token })).toMatchObject({ reject: 'REPORT_SIGNATURE' })
      const unsigned = cca.token({ challenge: nonce, mac: wrongKey })
      expect(await judged({ tee: 'arm-cca', token: unsigned })).toMatchObject({
        reject: 'SYMMETRIC_TOKEN_NOT_SUPPORTED',
      })
    }
    const token = psa.token({ nonce, wrongKey: true })
    expect(await judged({ tee: 'arm-psa', token }, psa)).toMatchObject({
      reject: 'REPORT_SIGNATURE',
    })
  })
})
