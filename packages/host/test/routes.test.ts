import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { openFolderStore } from '@cloister/io'
import { zeroHash } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { sha256Of } from './objects.ts'
import { startNode, startWorld, type World } from './world.ts'

let world: World
let node: Awaited<ReturnType<typeof startNode>>

beforeAll(async () => {
  world = await startWorld()
  node = await startNode(world)
}, 60_000)
afterAll(async () => {
  await node.host.stop()
  node.enclave.close()
  await world.stop()
})

const json = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) })
const good = { asset: zeroHash, ownerNonce: zeroHash }
const digest = sha256Of([1, 2, 3])
const bytes = Uint8Array.of(1, 2, 3)

test.for([
  ['GET', '/', undefined, 404, 'not-found'],
  ['GET', '/v1/objects/zz', undefined, 400, 'malformed'],
  ['GET', '/v1/objects/..%2f..%2fetc%2fpasswd', undefined, 400, 'malformed'],
  ['GET', `/v1/objects/${sha256Of([9])}`, undefined, 404, 'object-absent'],
  ['PUT', `/v1/objects/${sha256Of([9])}`, { body: bytes }, 400, 'digest-mismatch'],
  ['PUT', '/v1/objects/ABC', { body: bytes }, 400, 'malformed'],
  ['PUT', `/v1/objects/${sha256Of([9])}`, { body: new Uint8Array(900_000) }, 507, 'store-full'],
  ['GET', `/v1/tasks/${zeroHash}/1`, undefined, 404, 'not-found'],
  ['GET', `/v1/tasks/${zeroHash}/0`, undefined, 400, 'malformed'],
  ['GET', `/v1/tasks/${zeroHash}/1e99`, undefined, 400, 'malformed'],
  ['GET', '/v1/tasks/0x12/1', undefined, 400, 'malformed'],
  ['POST', '/v1/keep-evidence', json({ ...good, more: 1 }), 400, 'malformed'],
  ['POST', '/v1/keep-evidence', json({ asset: '0x12', ownerNonce: zeroHash }), 400, 'malformed'],
  ['POST', '/v1/keep-evidence', { method: 'POST', body: '{' }, 400, 'malformed'],
  [
    'POST',
    '/v1/keep-evidence',
    { method: 'POST', body: 'x'.repeat(2 ** 20 + 1) },
    413,
    'too-large',
  ],
  ['POST', '/v1/shares', { method: 'POST', body: '['.repeat(50) }, 400, 'malformed'],
  ['POST', '/v1/releases', json({}), 422, 'unknown-method'],
  ['POST', '/v1/recovery/start', json({}), 404, 'not-found'],
] as const)('%s %s is answered by an error', async ([method, path, init, status, code]) => {
  const response = await fetch(`${node.host.url}${path}`, { ...init, method })
  expect(await response.json()).toEqual({ error: { code, message: expect.any(String) } })
  expect(response.status).toBe(status)
})

test('what no node has is fetched from the stores of owners, under its own digest alone', async () => {
  const folder = node.config.partStores[0] ?? ''
  const owners = await openFolderStore(folder)
  const part = Uint8Array.of(4, 5, 6)
  await owners.put(sha256Of([4, 5, 6]), part)
  const found = await fetch(`${node.host.url}/v1/objects/${sha256Of([4, 5, 6])}`)
  expect([...new Uint8Array(await found.arrayBuffer())]).toEqual([4, 5, 6])
  const lied = sha256Of([7, 7])
  mkdirSync(join(folder, 'objects', lied.slice(0, 2)), { recursive: true })
  writeFileSync(join(folder, 'objects', lied.slice(0, 2), lied), part)
  expect((await fetch(`${node.host.url}/v1/objects/${lied}`)).status).toBe(404)
})

test('an object is put once, and had whole, in a range and as a head', async () => {
  const url = `${node.host.url}/v1/objects/${digest}`
  expect((await fetch(url, { method: 'PUT', body: bytes })).status).toBe(201)
  expect((await fetch(url, { method: 'PUT', body: bytes })).status).toBe(200)
  const whole = await fetch(url)
  expect([...new Uint8Array(await whole.arrayBuffer())]).toEqual([1, 2, 3])
  expect(whole.headers.get('access-control-allow-origin')).toBe('*')
  const part = await fetch(url, { headers: { range: 'bytes=1-' } })
  expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 1-2/3'])
  expect([...new Uint8Array(await part.arrayBuffer())]).toEqual([2, 3])
  const outside = await fetch(url, { headers: { range: 'bytes=3-' } })
  expect([outside.status, await outside.json()]).toMatchObject([
    416,
    { error: { code: 'bad-range' } },
  ])
  const head = await fetch(url, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '3'])
})

test.for([
  ['store.get', { digest: 'zz', offset: 0, length: 1 }, 'malformed'],
  ['store.get', { digest, offset: 0, length: 2 ** 21 }, 'malformed'],
  ['store.get', { digest, offset: -1, length: 1 }, 'malformed'],
  ['store.put', { upload: 'a', offset: 0, last: true, digest: null }, 'upload-order'],
  ['store.put', { upload: 'a', offset: 5, last: false, digest: null }, 'upload-order'],
  ['chain.checkpoint', { nonce: 'none' }, 'malformed'],
  [
    'chain.proof',
    { height: '999999999', account: `0x${'11'.repeat(20)}`, slots: [] },
    'chain-refused',
  ],
  ['chain.order', { task: zeroHash }, 'task-unknown'],
  ['chain.keepers', { asset: zeroHash }, 'asset-unknown'],
  ['collateral', { evidence: { tee: 'nobody', quote: '0x00' } }, 'malformed'],
  ['collateral', { evidence: { tee: 'sev-snp', quote: '0x00' } }, 'malformed'],
  ['collateral', { evidence: { tee: 'tdx', quote: '0x00' } }, 'evidence-refused'],
  ['journal.append', {}, 'malformed'],
  ['nothing', {}, 'unknown-method'],
] as const)('the enclave is told what is wrong with %s %j', async ([method, params, code]) => {
  await expect(node.enclave.host().request(method, params)).rejects.toMatchObject({ code })
})
