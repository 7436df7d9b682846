import { appraise, isAccepted, parseTdxQuote } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import {
  anyPolicy,
  hasEvidence,
  intel,
  mutate,
  readMutations,
  readSample,
  samplesIn,
  type Mutation,
} from './evidence.ts'

/** Every real TDX sample and every mutation of one, with whichever crypto the caller has chosen. */
export function testTdxCorpus(crypto: string): void {
  const here = hasEvidence(17 + 23 + 1)
  const samples = samplesIn('tdx', 17)
  const mutations: readonly Mutation[] = here
    ? readMutations()
    : Array.from({ length: 23 }, (_, index) => ({
        id: `mutation ${index + 1}`,
        base: 'a sample',
        expect: 'refused',
        patch: [],
      }))

  describe(`real TDX evidence, ${crypto}`, () => {
    test.skipIf(!here)('there are 17 samples and 23 mutations', () => {
      expect([samples.length, mutations.length]).toEqual([17, 23])
    })

    test.skipIf(!here).for(samples)('%s comes out as its vendor algorithm says', async (name) => {
      const { quote, collateral, verifyAt, expected, fields } = readSample(`tdx/${name}`)
      // Where no time is given, take one inside the PCK certificate's validity.
      const now = verifyAt ?? unixSeconds(1_790_000_000)
      const appraisal = await appraise(
        { tee: 'tdx', quote },
        { collateral, anchors: intel, policy: anyPolicy(), now },
      )
      const authentic =
        expected.authentic === 'signature-chain-only' ? 'chain-only' : expected.authentic
      expect(appraisal.authentic).toBe(authentic)
      if (appraisal.authentic === false) {
        expect(appraisal.reject).toBe(expected.reject)
        return
      }
      const { claims } = appraisal
      expect({
        quoteVersion: claims.quoteVersion,
        teeTcbSvn: claims.teeTcbSvn,
        mrSeam: claims.mrSeam,
        mrSignerSeam: claims.mrSignerSeam,
        tdAttributes: claims.tdAttributes.raw,
        xfam: claims.xfam,
        mrTd: claims.mrtd,
        mrConfigId: claims.mrConfigId,
        mrOwner: claims.mrOwner,
        mrOwnerConfig: claims.mrOwnerConfig,
        rtMr0: claims.rtmrs[0],
        rtMr1: claims.rtmrs[1],
        rtMr2: claims.rtmrs[2],
        rtMr3: claims.rtmrs[3],
        reportData: claims.reportData,
        headerUserData: claims.quoteUserData,
        ...(claims.quoteVersion === 5 && {
          teeTcbSvn2: claims.teeTcbSvn2,
          mrServiceTd: claims.mrServiceTd,
        }),
      }).toEqual(
        Object.fromEntries(
          Object.entries({
            quoteVersion: 0,
            teeTcbSvn: 0,
            mrSeam: 0,
            mrSignerSeam: 0,
            tdAttributes: 0,
            xfam: 0,
            mrTd: 0,
            mrConfigId: 0,
            mrOwner: 0,
            mrOwnerConfig: 0,
            rtMr0: 0,
            rtMr1: 0,
            rtMr2: 0,
            rtMr3: 0,
            reportData: 0,
            headerUserData: 0,
            ...(fields.quoteVersion === 5 && { teeTcbSvn2: 0, mrServiceTd: 0 }),
          }).map(([key]) => [key, fields[key]]),
        ),
      )
      expect([claims.ppid, claims.fmspc, claims.pceId, claims.cpuSvn, claims.pceSvn]).toEqual([
        fields.pck['ppid'],
        fields.pck['fmspc'],
        fields.pck['pceid'],
        fields.pck['cpusvn'],
        fields.pck['pcesvn'],
      ])
      expect(claims.qe).toEqual({
        mrEnclave: fields.qe['mrEnclave'],
        mrSigner: fields.qe['mrSigner'],
        isvProdId: fields.qe['isvProdId'],
        isvSvn: fields.qe['isvSvn'],
      })
      expect(parseTdxQuote(quote).size).toBe(fields.consumedBytes)
      if (expected.debug !== undefined) expect(claims.debug).toBe(expected.debug)
      if (appraisal.authentic === 'chain-only') {
        expect(appraisal.reasons.map(({ code }) => code)).toContain('CHAIN_ONLY')
        expect(claims.tcbStatus).toBeUndefined()
        return
      }
      expect({
        tcbStatus: claims.tcbStatus,
        platformTcbStatus: claims.platformTcbStatus,
        sgxTcbStatus: claims.sgxTcbStatus,
        qeTcbStatus: claims.qeTcbStatus,
        tdxModule: claims.tdxModule && {
          id: claims.tdxModule.id,
          isvsvn: claims.tdxModule.isvSvn,
          tcbStatus: claims.tdxModule.tcbStatus,
          advisories: claims.tdxModule.advisoryIds,
        },
        tcbDate: claims.tcbDate,
        advisoryIDs: claims.advisoryIds,
        tcbEvaluationDataNumber: claims.tcbEvaluationDataNumber,
        qeIdentityEvaluationDataNumber: claims.qeIdentityEvaluationDataNumber,
        until: appraisal.until,
        flags: [
          claims.tdAttributes.debug,
          claims.tdAttributes.septVeDisable,
          claims.tdAttributes.migratable,
          claims.tdAttributes.pks,
          claims.tdAttributes.keyLocker,
          claims.tdAttributes.perfmon,
        ],
      }).toEqual({
        tcbStatus: expected.tcbStatus,
        platformTcbStatus: expected.platformTcbStatus,
        sgxTcbStatus: expected.sgxTcbStatus,
        qeTcbStatus: expected.qeTcbStatus,
        tdxModule: expected.tdxModule,
        tcbDate: expected.tcbDate,
        advisoryIDs: expected.advisoryIDs,
        tcbEvaluationDataNumber: expected.tcbEvaluationDataNumber,
        qeIdentityEvaluationDataNumber: expected.qeIdentityEvaluationDataNumber,
        until: Date.parse(expected.validWindow![1]) / 1000,
        flags: ['debug', 'septVeDisable', 'migratable', 'pks', 'kl', 'perfmon'].map(
          (flag) => expected.tdFlags![flag],
        ),
      })
      expect(isAccepted(appraisal)).toBe(
        expected.tcbStatus === 'UpToDate' && !expected.debug && expected.tdFlags!['septVeDisable'],
      )
      if (expected.debug === true)
        expect(appraisal.reasons.map(({ code }) => code)).toEqual(['DEBUG'])
    })

    test.skipIf(!here).for(mutations)('$id of $base is refused: $expect', async (mutation) => {
      const { quote, collateral, verifyAt } = mutate(readSample(mutation.base), mutation)
      const given = { collateral, anchors: intel, policy: anyPolicy(), now: verifyAt! }
      const appraisal = await appraise({ tee: 'tdx', quote }, given)
      expect(appraisal.authentic).toBe(false)
      if (appraisal.authentic !== false) return
      const { reject } = appraisal
      expect(
        mutation.expect.split('|').some((name) => reject.includes(name)),
        reject,
      ).toBe(true)
    })
  })
}
