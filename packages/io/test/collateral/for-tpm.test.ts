import { appraise, productionAnchors } from '@cloister/attest'
import { expect, test } from 'vitest'
import { CollateralFetcher, DocumentClient } from '../../src/index.ts'
import { anything, hasEvidence, readSample } from './evidence.ts'
import { manualClock, startService } from './service.ts'

const anchors = productionAnchors()

test.skipIf(!hasEvidence(1))(
  'for a vTPM on an SNP machine, what its hardware report needs is fetched once its quote holds',
  async () => {
    const genoa = readSample('snp/oak-genoa-v5-real-crl')
    const { evidence, now, file } = readSample('tpm/azure-snp-vtpm-genoa', genoa.now)
    if (evidence.tee !== 'tpm2') throw new Error('Not a TPM')
    const above = readSample('snp/azure-genoa-v3-hcl').file('cert_chain.pem')
    const list = genoa.file('crl.der')
    const { url, asked } = await startService((request, response) => {
      if (request.url?.endsWith('/cert_chain') === true) response.end(above)
      else if (request.url?.endsWith('/crl') === true) response.end(list)
      else response.end(file('vcek.der'))
    })
    const client = new DocumentClient({ clock: manualClock() })
    const fetcher = new CollateralFetcher({ amd: { url } }, client)
    const quote = evidence.quote.slice()
    quote[20]! ^= 1
    const forged = await fetcher.fetch({ ...evidence, quote }, { anchors, now })
    expect(forged).toMatchObject({ kind: 'refused' })
    expect(asked).toEqual([])

    const answer = await fetcher.fetch(evidence, { anchors, now })
    if (answer.kind !== 'fetched') throw new Error(answer.appraisal.where)
    expect(asked.map((each) => each.replace(/[0-9a-f]{128}.*/, 'CHIP'))).toEqual([
      'GET /vcek/v1/Genoa/CHIP',
      'GET /vcek/v1/Genoa/cert_chain',
      'GET /vcek/v1/Genoa/crl',
    ])
    const { collateral } = answer
    expect(await appraise(evidence, { collateral, anchors, policy: anything, now })).toMatchObject({
      authentic: true,
    })
  },
)
