import { X509Certificate } from 'node:crypto'
import { encodeBase64, encodeHex, encodePem } from '@cloister/codec'
import { expect, test } from 'vitest'
import { serveSnpKeys } from '../src/snp/key-service.ts'
import { machine, manufacturer, outcome } from './snp-machine.ts'

test('what the service gives out makes a report of its machine acceptable', async () => {
  const service = await serveSnpKeys(manufacturer)
  try {
    for (const line of ['Genoa', 'Turin'] as const) {
      const platform = machine({ line })
      const { bootLoader, tee, snp, microcode, fmc } = platform.reportedTcb
      const base = `${service.url}/vcek/v1/${line}`
      const spl = `blSPL=${bootLoader}&teeSPL=${tee}&snpSPL=${snp}&ucodeSPL=${microcode}`
      const more = fmc === undefined ? '' : `&fmcSPL=${fmc}`
      const bytes = async (path: string) => (await fetch(base + path)).bytes()
      const leaf = await bytes(`/${encodeHex(platform.hardwareId)}?${spl}${more}`)
      const chain = await (await fetch(`${base}/cert_chain`)).text()
      const certificateChain = encodePem(encodeBase64(leaf), 'CERTIFICATE') + chain
      const crl = encodeHex(await bytes('/crl'))
      expect(await outcome(platform, undefined, { amd: { certificateChain, crl } })).toEqual([])
    }
  } finally {
    await service.close()
  }
})

test('the certificates of VLEKs have a chain of their own', async () => {
  const service = await serveSnpKeys(manufacturer)
  try {
    const chain = await (await fetch(`${service.url}/vlek/v1/Genoa/cert_chain`)).text()
    expect(new X509Certificate(chain).subject).toContain('CN=SEV-VLEK-Genoa')
  } finally {
    await service.close()
  }
})

test('what does not exist is not found, and what is no request is refused', async () => {
  const service = await serveSnpKeys(manufacturer)
  const chip = encodeHex(machine().hardwareId)
  try {
    const status = async (path: string) => (await fetch(service.url + path)).status
    expect(await status(`/vcek/v1/Genoa/${chip}?blSPL=1`)).toBe(200)
    expect(await status(`/vcek/v1/Genoa/${'00'.repeat(64)}?blSPL=1`)).toBe(404)
    expect(await status(`/vcek/v1/Turin/${chip}?blSPL=1`)).toBe(400)
    expect(await status(`/vcek/v1/Genoa/${chip}?blSPL=256`)).toBe(400)
    expect(await status(`/vcek/v1/Genoa/${chip}?fmcSPL=1`)).toBe(400)
    expect(await status('/vcek/v1/Naples/crl')).toBe(404)
    expect(await status('/')).toBe(404)
  } finally {
    await service.close()
  }
})

test('who asks often is put off', async () => {
  let wait = 3
  const service = await serveSnpKeys(manufacturer, { retryAfterSeconds: () => wait })
  try {
    const url = `${service.url}/vcek/v1/Genoa/crl`
    const answer = await fetch(url)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '3'])
    wait = 0
    expect((await fetch(url)).status).toBe(200)
    expect(service.requests()).toBe(2)
  } finally {
    await service.close()
  }
})
