import { X509Certificate } from 'node:crypto'
import { appraise, insecureDevnetAnchor, isAccepted, strictPolicy } from '@cloister/attest'
import { encodeHex, parsePem, unixSeconds, type Bytes } from '@cloister/codec'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createNvidiaManufacturer, serveNvidia, type NvidiaServices } from '../src/index.ts'
import { certIdOf } from '../src/nvidia/ocsp.ts'
import { explicit, integer, sequence } from '../src/der.ts'
import { sha256 } from '../src/signing-key.ts'

const now = unixSeconds(Date.UTC(2026, 5, 30) / 1000)
const open = () => createNvidiaManufacturer({ seed: new Uint8Array(32).fill(1), now })
const manufacturer = open()
const deviceSeed = new Uint8Array(16).fill(2)
const gpu = manufacturer.createDevice({ chip: 'GB100', deviceSeed })
const nonce = new Uint8Array(32).fill(3)
let services: NvidiaServices

beforeAll(async () => {
  services = await serveNvidia(manufacturer, {
    devices: [gpu],
    rims: { NV_GPU_DRIVER_GB100_666: { chip: 'GB100', kind: 'driver', forged: 'content' } },
  })
})
afterAll(() => services.close())

/** Fetches what an appraisal needs as NVIDIA's verifiers do. */
async function fetchCollateral(rimIds: readonly string[]) {
  const rims = rimIds.map(async (id) => {
    const response = await fetch(`${services.url}/v1/rim/${id}`)
    const { rim, sha256: digest } = await readRim(response)
    const bytes = new Uint8Array(Buffer.from(rim, 'base64'))
    expect(encodeHex(sha256(bytes))).toBe(digest)
    return Buffer.from(bytes).toString('utf8')
  })
  const responses = [gpu.identityChain, manufacturer.rimChain()].flatMap((chain) =>
    chain.slice(0, -1).map(async ({ serial }, index) => {
      const response = await ask(requestFor(serial, chain[index + 1]!))
      expect(response.headers.get('content-type')).toBe('application/ocsp-response')
      return encodeHex(new Uint8Array(await response.arrayBuffer()))
    }),
  )
  return { rims: await Promise.all(rims), ocspResponses: await Promise.all(responses) }
}

async function readRim(response: Response): Promise<{ rim: string; sha256: string }> {
  return JSON.parse(await response.text())
}

function requestFor(serial: Bytes, issuer: Parameters<typeof certIdOf>[1]): Bytes {
  return sequence(sequence(explicit(0, integer(0)), sequence(sequence(certIdOf(serial, issuer)))))
}

function ask(body: Bytes): Promise<Response> {
  const headers = { 'content-type': 'application/ocsp-request' }
  return fetch(services.url, { method: 'POST', headers, body })
}

test('a GPU is accepted with what the services give for it', async () => {
  const evidence = gpu.evidence({ nonce, mode: 'MPT' })
  const policy = strictPolicy({
    measurements: 'any',
    reportData: encodeHex(nonce),
    machineIds: 'any',
  })
  const anchors = [manufacturer.anchorSpkiSha256, manufacturer.rimAnchorSpkiSha256].map((digest) =>
    insecureDevnetAnchor(digest),
  )
  const first = await appraise(evidence, { collateral: {}, anchors, policy, now })
  if (first.authentic === false) throw new Error(first.where)
  const nvidia = await fetchCollateral(Object.values(first.claims.rimIds))
  const appraisal = await appraise(evidence, { collateral: { nvidia }, anchors, policy, now })
  expect(isAccepted(appraisal)).toBe(true)
})

test('OCSP answers a request in the path as it answers one in the body', async () => {
  const [identity, issuer] = gpu.identityChain
  const request = requestFor(identity!.serial, issuer!)
  const path = encodeURIComponent(Buffer.from(request).toString('base64'))
  const response = await fetch(`${services.url}/${path}`)
  expect(response.status).toBe(200)
  const bytes = new Uint8Array(await response.arrayBuffer())
  expect(Buffer.from(bytes).includes(Buffer.from(certIdOf(identity!.serial, issuer!)))).toBe(true)
})

test('OCSP says which requests it can not answer', async () => {
  const malformed = await ask(Uint8Array.of(0x30, 0))
  expect(encodeHex(new Uint8Array(await malformed.arrayBuffer()))).toBe('30030a0101')
  const [identity, issuer] = gpu.identityChain
  const unknown = await ask(requestFor(identity!.serial.toReversed(), issuer!))
  expect(encodeHex(new Uint8Array(await unknown.arrayBuffer()))).toBe('30030a0106')
})

test.for([
  ['/v1/rim/NV_GPU_VBIOS_1010_0200_882_X', {}, 404],
  ['/v1/rim/', {}, 404],
  ['/', {}, 404],
  ['/%', {}, 404],
  ['/', { method: 'PUT' }, 405],
  ['/', { method: 'POST', body: 'x' }, 415],
] as const)('%s with %o is refused with %i and a reason', async ([path, options, status]) => {
  const response = await fetch(`${services.url}${path}`, options)
  expect(response.status).toBe(status)
  expect(await response.json()).toHaveProperty('error')
})

test('a manifest that is asked for under its own id is served as it was ordered', async () => {
  const response = await fetch(`${services.url}/v1/rim/NV_GPU_DRIVER_GB100_666`)
  const { rim } = await readRim(response)
  expect(Buffer.from(rim, 'base64').toString('utf8')).toContain('revision="r2"')
})

test('a port that is taken is named', async () => {
  const port = Number(new URL(services.url).port)
  await expect(serveNvidia(manufacturer, { devices: [], port })).rejects.toThrow(
    `127.0.0.1:${port}`,
  )
})

test('keys, names and measurements follow from the seeds; devices differ', () => {
  const again = open().createDevice({ chip: 'GB100', deviceSeed })
  const other = open().createDevice({ chip: 'GB100', deviceSeed: new Uint8Array(16).fill(9) })
  const keys = (pem: string): readonly string[] =>
    parsePem(pem, 'CERTIFICATE', 'chain', { blocksMax: 5, charactersMax: 65_536 }).map((der) =>
      String(new X509Certificate(der).publicKey.export({ type: 'spki', format: 'pem' })),
    )
  expect(open().anchorSpkiSha256).toBe(manufacturer.anchorSpkiSha256)
  expect(keys(again.certificateChain())).toEqual(keys(gpu.certificateChain()))
  expect(again.pdi).toBe(gpu.pdi)
  const signed = (device: typeof gpu): string =>
    encodeHex(device.evidence({ nonce }).measurements.slice(0, -96))
  expect(signed(again)).toBe(signed(gpu))
  expect(other.pdi).not.toBe(gpu.pdi)
  // Provisioner and those above are the same.
  expect(keys(other.certificateChain()).slice(2)).toEqual(keys(gpu.certificateChain()).slice(2))
  expect(keys(other.certificateChain())[1]).not.toBe(keys(gpu.certificateChain())[1])
})

test("every certificate says that it is the emulator's, and OpenSSL verifies each", () => {
  const limits = { blocksMax: 5, charactersMax: 65_536 }
  const chain = parsePem(gpu.certificateChain(), 'CERTIFICATE', 'chain', limits).map(
    (der) => new X509Certificate(der),
  )
  for (const [index, certificate] of chain.entries()) {
    expect(certificate.subject).toContain('O=Cloister Emulator (insecure development root)')
    expect(certificate.verify((chain[index + 1] ?? certificate).publicKey)).toBe(true)
  }
})
