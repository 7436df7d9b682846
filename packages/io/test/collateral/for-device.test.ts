import { createHash } from 'node:crypto'
import { appraise, deviceCertificates, productionAnchors } from '@cloister/attest'
import { encodeHex } from '@cloister/codec'
import { expect, test } from 'vitest'
import { encodeOcspRequest } from '../../src/collateral/ocsp-request.ts'
import { CollateralFetcher, DocumentClient } from '../../src/index.ts'
import { anything, hasEvidence, readSample } from './evidence.ts'
import { manualClock, startService } from './service.ts'

const anchors = productionAnchors()
const sample = 'nvidia/h100-535.86.09-vbios-rim-match'
const vbiosId = 'NV_GPU_VBIOS_1010_0200_882_96005E0001'
const driverId = 'NV_GPU_DRIVER_GH100_535.86.09'

function readDevice() {
  const { evidence, now, file } = readSample(sample)
  if (evidence.tee !== 'nvidia-gpu') throw new Error('Not a GPU')
  return { evidence, now, rim: file('rim-1010_0200_882_96005E0001_PROD.swidtag') }
}

/** OCSPResponseStatus unauthorized. */
const unauthorized = Buffer.from('30030a0106', 'hex')

async function serve(rim: Buffer, digest = createHash('sha256').update(rim).digest('hex')) {
  const posted: string[] = []
  const service = await startService((request, response) => {
    if (request.method === 'POST') {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        posted.push(Buffer.concat(parts).toString('hex'))
        response.end(unauthorized)
      })
    } else if (request.url === `/v1/rim/${vbiosId}`)
      response.end(JSON.stringify({ id: vbiosId, rim: rim.toString('base64'), sha256: digest }))
    else response.writeHead(404).end()
  })
  const nvidia = { rimUrl: service.url, ocspUrl: `${service.url}/ocsp` }
  const client = new DocumentClient({ clock: manualClock() })
  return { ...service, posted, fetcher: new CollateralFetcher({ nvidia }, client) }
}

test.skipIf(!hasEvidence(5))(
  "a device's manifests are asked for by its versions, and one that is not there is left out",
  async () => {
    const { evidence, now, rim } = readDevice()
    const { asked, fetcher } = await serve(rim)
    const answer = await fetcher.fetch(evidence, { anchors, now })
    expect(asked.slice(0, 2)).toEqual([`GET /v1/rim/${driverId}`, `GET /v1/rim/${vbiosId}`])
    const collateral = { nvidia: { rims: [rim.toString()], ocspResponses: [] } }
    expect(answer).toMatchObject({ kind: 'fetched', collateral })
    const appraisal = await appraise(evidence, { collateral, anchors, policy: anything, now })
    expect(appraisal).toMatchObject({ authentic: true, claims: { rims: [{ kind: 'vbios' }] } })
  },
)

test.skipIf(!hasEvidence(0))(
  'status is asked for each authority of device and manifest, and a responder that refuses is a warning',
  async () => {
    const { evidence, now, rim } = readDevice()
    const { asked, fetcher, posted } = await serve(rim)
    const known = { nvidia: { rims: [], ocspResponses: ['3003'] } }
    expect(await fetcher.fetch(evidence, { anchors, now, known })).toMatchObject({
      kind: 'fetched',
      collateral: { nvidia: { ocspResponses: [] } },
      warnings: [expect.stringMatching(/revoked 6 of 6 .* unknown.*unauthorized/)],
    })
    expect(asked.slice(2)).toEqual(posted.map(() => 'POST /ocsp'))
    const [, ...authorities] = deviceCertificates(evidence)
    expect(posted.slice(0, 3)).toEqual(
      [0, 1, 2].map((at) => encodeHex(encodeOcspRequest(authorities[at]!, authorities[at + 1]!))),
    )
  },
)

test.skipIf(!hasEvidence(0))('a manifest that is not what its digest says is refused', async () => {
  const { evidence, now, rim } = readDevice()
  const { fetcher } = await serve(rim, '00'.repeat(32))
  await expect(fetcher.fetch(evidence, { anchors, now })).rejects.toThrow('manifest sha256')
})

test.skipIf(!hasEvidence(0))('nothing is asked for a device whose report is forged', async () => {
  const { evidence, now, rim } = readDevice()
  const { asked, fetcher } = await serve(rim)
  const measurements = evidence.measurements.slice()
  measurements[10]! ^= 1 // The nonce.
  const answer = await fetcher.fetch({ ...evidence, measurements }, { anchors, now })
  expect(answer).toMatchObject({ kind: 'refused', appraisal: { reject: 'REPORT_SIGNATURE' } })
  expect(asked).toEqual([])
})

test.skipIf(!hasEvidence(0))('a request is byte for byte what OpenSSL makes', () => {
  // openssl ocsp -sha384 -issuer 3.pem -cert 2.pem -no_nonce -reqout request.der, on the chain of this sample.
  const { evidence } = readSample('nvidia/h100-570.124.03')
  if (evidence.tee !== 'nvidia-gpu') throw new Error('Not a GPU')
  const [, certificate, issuer] = deviceCertificates(evidence)
  expect(encodeHex(encodeOcspRequest(certificate!, issuer!))).toBe(
    '308189308186308183308180307e300d060960864801650304020205000430de9e7fc5a7794eb338f829cbb0d72901a429eac5' +
      '4d7a8f8280d616b4f24a77c7746f9678c7914dd26e1c85df428cf16d04309666bcf53cd46c03999203afecd7fcd315ce8369aa' +
      '5de92bf6f7f143497a6ebfa904365a55d336a96f7a923f0c28e763020941e23d711e1c4fbfac',
  )
})
