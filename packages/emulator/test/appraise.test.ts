import { createHash } from 'node:crypto'
import {
  appraise,
  insecureDevnetAnchor,
  isAccepted,
  productionAnchor,
  strictPolicy,
  type Appraisal,
  type TdxClaims,
} from '@cloister/attest'
import { encodeHex, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { createManufacturer } from '../src/index.ts'
import { vectors, type Expected } from './vector-table.ts'
import { machineSeed, now, sampleRequest, testManufacturer } from './verifier.ts'

const policy = strictPolicy({
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
  minTcbEvaluationDataNumber: 18,
  minRootCrlNumber: 1,
  minPckCrlNumber: 1,
})

function concluded(appraisal: Appraisal<TdxClaims>): Expected {
  if (appraisal.authentic === false) return { authentic: false, reject: appraisal.reject }
  const { claims, reasons } = appraisal
  return {
    authentic: true,
    tcbStatus: claims.tcbStatus ?? '',
    platformTcbStatus: claims.platformTcbStatus ?? '',
    qeTcbStatus: claims.qeTcbStatus ?? '',
    moduleTcbStatus: claims.tdxModule?.tcbStatus ?? '',
    advisoryIds: claims.advisoryIds ?? [],
    debug: claims.debug,
    reasons: reasons.map(({ code }) => code),
  }
}

test.for(vectors)('our appraisal concludes what was asked for: $name', async (vector) => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), ...vector.platform })
  const quote = platform.quote(sampleRequest(vector.request))
  const appraisal = await appraise(
    { tee: 'tdx', quote },
    {
      collateral: { intel: manufacturer.collateral() },
      anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
      policy,
      now: unixSeconds(now + (vector.verifyAfter ?? 60)),
    },
  )
  expect(concluded(appraisal)).toEqual(vector.expected)
})

test('claims carry the registers, report data and machine id that were asked for', async () => {
  const manufacturer = testManufacturer()
  const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1) })
  const request = sampleRequest()
  const appraisal = await appraise(
    { tee: 'tdx', quote: platform.quote(request) },
    {
      collateral: { intel: manufacturer.collateral() },
      anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
      policy,
      now,
    },
  )
  expect(isAccepted(appraisal)).toBe(true)
  if (appraisal.authentic === false) throw new Error('unreachable')
  const { claims } = appraisal
  expect([claims.mrtd, ...claims.rtmrs]).toEqual(
    ['a0', 'b0', 'b1', 'b2', 'b3'].map((byte) => byte.repeat(48)),
  )
  expect(claims.reportData).toBe(encodeHex(request.reportData))
  expect(claims.machineId).toBe(
    createHash('sha256').update('cloister/machine/1\0intel\0').update(platform.ppid).digest('hex'),
  )
  expect(Buffer.from(claims.quoteUserData, 'hex').toString()).toBe('CLOISTER EMULATOR\0\0\0')
})

test("under Intel's root, or another emulator's, no emulated quote is authentic", async () => {
  const manufacturer = testManufacturer()
  const quote = manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest())
  const other = createManufacturer({ seed: new Uint8Array(32).fill(1), now })
  for (const anchor of [
    productionAnchor('intel-sgx-root-ca'),
    insecureDevnetAnchor(other.anchorSpkiSha256),
  ]) {
    const given = {
      collateral: { intel: manufacturer.collateral() },
      anchors: [anchor],
      policy,
      now,
    }
    expect(concluded(await appraise({ tee: 'tdx', quote }, given))).toEqual({
      authentic: false,
      reject: 'UNTRUSTED_ROOT',
    })
  }
})

test('collateral of another manufacturer judges no quote of this one', async () => {
  const manufacturer = testManufacturer()
  const other = createManufacturer({ seed: new Uint8Array(32).fill(1), now })
  const quote = manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest())
  const anchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]
  const given = { collateral: { intel: other.collateral() }, anchors, policy, now }
  expect(concluded(await appraise({ tee: 'tdx', quote }, given))).toMatchObject({
    authentic: false,
  })
})

test('numbers of collateral are the ones asked for, and a policy can demand newer ones', async () => {
  const manufacturer = testManufacturer()
  const quote = manufacturer.createPlatform({ machineSeed: machineSeed(1) }).quote(sampleRequest())
  const anchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]
  const demanding = {
    ...policy,
    minTcbEvaluationDataNumber: 19,
    minRootCrlNumber: 7,
    minPckCrlNumber: 7,
  }
  const judge = async (options: object) =>
    concluded(
      await appraise(
        { tee: 'tdx', quote },
        {
          collateral: { intel: manufacturer.collateral(options) },
          anchors,
          policy: demanding,
          now,
        },
      ),
    )
  expect(await judge({})).toMatchObject({
    reasons: ['TCB_EVALUATION_DATA_NUMBER', 'ROOT_CRL_NUMBER', 'PCK_CRL_NUMBER'],
  })
  expect(await judge({ tcbEvaluationDataNumber: 19, crlNumber: 7 })).toMatchObject({ reasons: [] })
})
