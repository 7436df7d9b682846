import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'

import { canonicalJson, encodeUtf8, MalformedError, parseUtf8, type Bytes } from '@cloister/codec'
import { encodePartsList, type ReadPart } from '@cloister/seal'
import { sha256, zeroAddress, type Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import {
  appIdOf,
  appraiseKeeper,
  checkManifest,
  connect,
  explainTask,
  fetchObject,
  generateEnvelopeKeyPair,
  isAppListed,
  openAssetStream,
  placeOrder,
  prepareOrder,
  sdkErrorCodes,
  sealAssetStream,
  shareAsset,
  signGrant,
  watchTask,
} from '../src/index.ts'
import { marketAbi } from '@cloister/protocol'
import { drawNode } from './attempt.ts'
import { trainManifest } from './manifest.ts'
import { startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
}, 120_000)
afterAll(async () => world?.close())

async function failure(action: Promise<unknown>): Promise<Error & { code?: string }> {
  return action.then(
    () => new Error('it succeeded'),
    (cause: unknown) => (cause instanceof Error ? cause : new Error(String(cause))),
  )
}

test('a deployment opens from text and from JSON, with and without an account', async () => {
  const client = await connect({ deployment: JSON.parse(world.manifest) })
  expect(client.account).toBeUndefined()
  expect(client.id).toBe(await world.deploymentId())
  expect((await failure(signGrant(client, grantTerms(`0x${'01'.repeat(32)}`)))).code).toBe(
    'no-account',
  )
})

test('another chain, a chain that is not there, and contracts that are not there are told apart', async () => {
  const other = connect({ deployment: world.manifest, rpcUrl: world.spoke.url })
  expect(await failure(other)).toMatchObject({ code: 'wrong-chain' })
  const down = connect({ deployment: world.manifest, rpcUrl: 'http://127.0.0.1:1' })
  expect(await failure(down)).toMatchObject({ code: 'chain-down', retryable: true })
  const empty = world.manifest.replaceAll(
    world.contracts.market.toLowerCase(),
    `0x${'42'.repeat(20)}`,
  )
  const missing = await failure(connect({ deployment: empty }))
  expect(missing).toMatchObject({ code: 'deployment-refused' })
  expect(missing.message).toMatch(/market/)
  // The spoke's Ledger is another contract: the identifier that it computes is not ours.
  const { ledger, market } = world.contracts
  const swapped = world.manifest
    .replaceAll(ledger.toLowerCase(), 'LEDGER')
    .replaceAll(market.toLowerCase(), ledger.toLowerCase())
    .replaceAll('LEDGER', market.toLowerCase())
  expect((await failure(connect({ deployment: swapped }))).message).toMatch(/Ledger|identifier/)
})

test('a manifest with a field missing, unknown or wrong is refused by the field’s name', async () => {
  const manifest = JSON.parse(world.manifest)
  const { anchors: _, ...without } = manifest
  expect((await failure(connect({ deployment: without }))).message).toMatch(/anchors/)
  expect((await failure(connect({ deployment: { ...manifest, extra: 1 } }))).message).toMatch(
    /extra/,
  )
  expect(await failure(connect({ deployment: '{' }))).toBeInstanceOf(MalformedError)
})

const hostile: readonly (readonly [name: string, code: string, listener: RequestListener])[] = [
  ['an endless answer', 'peer-malformed', (_, response) => void endless(response)],
  [
    'a redirect',
    'peer-unreachable',
    (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  ],
  ['no JSON', 'peer-malformed', (_, response) => response.end('<html>')],
  ['another shape', 'peer-malformed', (_, response) => response.end('{"quote":"0x"}')],
  [
    'a refusal with its reason',
    'peer-refused',
    (_, response) => response.writeHead(503).end('{"error":{"code":"busy","message":"come back"}}'),
  ],
]

test.for(hostile)('a node that answers with %s is %s', async ([, code, listener]) => {
  const client = await world.client(world.owner)
  const server = await listen(listener)
  try {
    const url = urlOf(server)
    const asset: Hex = `0x${'5a'.repeat(32)}`
    const demand = {
      measurements: world.deployment.measurements,
      releaseKey: zeroAddress,
      tcbFloor: 0,
      tierMin: 0,
      tees: 0b100,
    }
    const error = await failure(appraiseKeeper(client, url, asset, demand))
    expect(error.code).toBe(code)
    expect(error.message).toContain(url)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('an object with other bytes is passed by for the next store', async () => {
  const client = await world.client(world.owner)
  const bytes = encodeUtf8('the object')
  const digest = sha256(bytes)
  const liar = await listen((_, response) => response.end('another object'))
  try {
    world.nodes[1]!.objects.set(digest.slice(2), bytes)
    const found = await fetchObject(client, digest, [urlOf(liar), world.nodes[1]!.url])
    expect(parseUtf8(found)).toBe('the object')
    const alone = await failure(fetchObject(client, digest, [urlOf(liar)]))
    expect(alone).toMatchObject({ code: 'output-withheld' })
    expect(alone.message).toMatch(/other bytes/)
  } finally {
    liar.closeAllConnections()
    liar.close()
  }
})

test('an asset sealed as a stream is the object that its root names, and opens again', async () => {
  const client = await world.client(world.owner)
  const parts: Bytes[] = []
  const keep = ({ bytes }: { readonly bytes: Bytes }) => void parts.push(bytes.slice())
  const asset = await sealAssetStream(client, plainPieces(), keep, { owner: world.owner.address })
  expect(sha256(encodePartsList(asset.list))).toBe(asset.root)
  expect(asset.list.parts).toEqual(parts.map((part) => sha256(part).slice(2)))
  const readPart: ReadPart = ({ index }) => Promise.resolve(parts[index]!)
  const opened: Uint8Array[] = []
  for await (const piece of openAssetStream(asset, { list: asset.list, readPart }))
    opened.push(piece.slice())
  const plain = Buffer.concat(opened)
  expect(plain.length).toBe(50 * 3001)
  expect(plain[49 * 3001]).toBe(49)
})

test('an app’s identifier is the tagged hash of its canonical manifest, and a wrong manifest is named', async () => {
  const bytes = canonicalJson(trainManifest)
  const expected = createHash('sha256').update('cloister/app/1\0').update(bytes).digest('hex')
  expect(appIdOf(trainManifest)).toBe(`0x${expected}`)
  expect(appIdOf(JSON.stringify(trainManifest, undefined, 2))).toBe(`0x${expected}`)
  expect(checkManifest(trainManifest).outputBytesMax).toBe(1_048_576)
  expect(() => checkManifest({ ...Object(trainManifest), egress: 'internet' })).toThrow(/egress/)
  const client = await world.client(world.owner)
  expect(await isAppListed(client, appIdOf(trainManifest))).toBe(true)
  expect(await isAppListed(client, `0x${'00'.repeat(32)}`)).toBe(false)
})

test('a silent node is explained: the attempt ends, the next draw passes it by, and a refund ends the watch', async () => {
  const requester = await world.client(world.requester)
  const app = checkManifest(trainManifest)
  const assets = await Promise.all(
    ['a', 'b'].map((text) =>
      shareAsset(requester, {
        plaintext: encodeUtf8(text),
        keepers: world.deployment.nodes,
        stores: world.nodes.map((node) => node.url),
        save: () => undefined,
      }),
    ),
  )
  const grants = await Promise.all(
    assets.map((asset) => signGrant(requester, grantTerms(asset.asset, app.id))),
  )
  const { publicKey } = await generateEnvelopeKeyPair()
  const order = await prepareOrder(requester, {
    app,
    grants,
    recipientPublicKey: publicKey,
    attemptsMax: 2,
    attemptSeconds: 5,
  })
  const { task } = await placeOrder(requester, order, { depositMissing: true })
  const first = await drawNode(world, task)
  await timeOut(task)
  const second = await drawNode(world, task)
  expect(second.url).not.toBe(first.url)
  await timeOut(task)
  const kinds: string[] = []
  for await (const { kind } of watchTask(requester, task, { timeoutMs: 10_000 })) kinds.push(kind)
  expect(kinds).toEqual(['placed', 'drawn', 'attempt-ended', 'drawn', 'attempt-ended', 'refunded'])
  const { draws, lines, state } = await explainTask(requester, task)
  expect(state).toBe('refunded')
  expect(draws.map(({ drawn, agrees }) => [drawn, agrees])).toEqual([
    [first.receiptAccount.address, true],
    [second.receiptAccount.address, true],
  ])
  expect(lines.join('\n')).toMatch(/came to nothing: silent/)
})

async function timeOut(task: Hex): Promise<void> {
  await world.home.client.increaseTime({ seconds: 10 })
  await world.send(world.stranger, {
    address: world.contracts.market,
    abi: marketAbi,
    functionName: 'timeout',
    args: [task],
  })
}

test('docs/sdk.md lists every error code, and no other', () => {
  const text = readFileSync(new URL('../../../docs/sdk.md', import.meta.url), 'utf8')
  const rows = text
    .slice(text.indexOf('## Errors'))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  const listed = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, code]) => code),
  )
  expect(new Set(listed)).toEqual(new Set(sdkErrorCodes))
  expect(listed.length).toBe(sdkErrorCodes.length)
})

function grantTerms(asset: Hex, app: Hex = `0x${'02'.repeat(32)}`) {
  return {
    assets: [asset],
    apps: [app],
    tees: ['tdx'],
    operators: 'any',
    requesters: 'any',
    purpose: 'test',
    priceWei: 0n,
    usesMax: 3,
    expiry: 4_000_000_000n,
    outputBytesMax: 2 ** 30,
    outputFormats: ['onnx'],
    privacy: 'none',
  } as const
}

async function* plainPieces() {
  for (let index = 0; index < 50; index++) yield new Uint8Array(3001).fill(index)
}

function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener)
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function urlOf(server: Server): string {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The server does not listen')
  return `http://127.0.0.1:${address.port}`
}

async function endless(response: import('node:http').ServerResponse): Promise<void> {
  const piece = Buffer.alloc(1 << 16, 32)
  while (!response.destroyed) {
    if (!response.write(piece))
      await new Promise((resolve) => {
        response.once('drain', resolve)
        response.once('close', resolve)
      })
  }
}
