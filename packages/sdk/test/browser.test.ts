import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'

import { concatBytes, encodeUtf8, parseHex, parseUtf8 } from '@cloister/codec'
import { combineShares, open, parsePartsList } from '@cloister/seal'
import { chromium, type Browser, type Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { assetOnChain } from '../src/index.ts'
import { page as pageCode } from './browser-page.ts'
import { registers, type Tamper } from './keeper-node.ts'
import { startWorld, type World } from './world.ts'

declare const window: { cloisterPage: typeof pageCode }

const executablePath = '/usr/bin/chromium'
const present = existsSync(executablePath)
if (!present) {
  if (process.env['CLOISTER_REQUIRE']?.split(',').includes('chromium'))
    throw new Error(`CLOISTER_REQUIRE names chromium, but there is no ${executablePath}`)
  console.warn(`SKIPPED: there is no ${executablePath}; the SDK was not tried in a browser`)
}

const record = '17.99,10.38,122.8,1001,0.1184\n'

describe.skipIf(!present)('in Chromium', () => {
  let world: World
  let server: Server
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    const [started, script] = await Promise.all([startWorld(), bundlePage()])
    world = started
    server = await servePage(script)
    browser = await chromium.launch({
      executablePath,
      args: [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
    page = await browser.newPage()
    await giveWallet(page, world)
    await page.goto(urlOf(server))
    await page.waitForFunction(() => 'cloisterPage' in globalThis)
  }, 180_000)

  afterAll(async () => {
    await browser?.close()
    server?.closeAllConnections()
    server?.close()
    await world?.close()
  })

  beforeEach(() => {
    for (const node of world.nodes) {
      node.tamper = {}
      node.received.length = 0
    }
  })

  const share = () =>
    page.evaluate((given) => window.cloisterPage.share(given), {
      manifest: world.manifest,
      address: world.owner.address,
      record,
    })

  test('a page appraises keepers and seals a record, and two shares open it in Node', async () => {
    const shared = await share()
    expect(shared.error).toBeUndefined()
    const client = await world.client(world.owner)
    const { asset, root, salt } = shared
    expect(await assetOnChain(client, `0x${asset.slice(2)}`)).toMatchObject({
      owner: world.owner.address,
      root,
    })
    const shares = world.nodes.map((node, index) =>
      node.shares.get(`${asset}/${index}`)!.slice(0, 33),
    )
    const key = await combineShares([shares[2]!, shares[0]!])
    const context = concatBytes(
      encodeUtf8('cloister/asset/1\0'),
      parseHex(world.owner.address),
      parseHex(salt),
    )
    const { objects } = world.nodes[0]!
    const [part] = parsePartsList(objects.get(root.slice(2))!).parts
    const sealed = objects.get(part!)!
    expect(parseUtf8(await open(key, context, sealed))).toBe(record)
    expect(Buffer.from(sealed).includes(record)).toBe(false)
  })

  const refusals: readonly (readonly [string, Tamper, RegExp])[] = [
    [
      'a wrong measurement',
      { quote: (request) => ({ ...request, ...registers(5) }) },
      /MEASUREMENT/,
    ],
    [
      'a forged quote',
      { bytes: (quote) => quote.map((byte, at) => (at === 300 ? byte ^ 4 : byte)) },
      /not authentic/,
    ],
  ]

  test.for(refusals)('a page refuses %s before anything leaves it', async ([, tamper, reason]) => {
    world.nodes[1]!.tamper = tamper
    const { error } = await share()
    expect(error?.code).toBe('keeper-refused')
    expect(error?.message).toMatch(reason)
    const routes = world.nodes.flatMap(({ received }) => received.map(({ route }) => route))
    expect(routes).toEqual(['keep-evidence', 'keep-evidence'])
    const bodies = world.nodes.flatMap(({ received }) =>
      received.map(({ body }) => JSON.parse(body)),
    )
    for (const body of bodies) expect(Object.keys(body).toSorted()).toEqual(['asset', 'ownerNonce'])
  })

  test('an appraisal in the page is byte-equal to one in Node, accepted and refused', async () => {
    const node = world.nodes[0]!
    const good = node.quote(new Uint8Array(64).fill(6))
    node.tamper = { quote: (request) => ({ ...request, debug: true }) }
    const debug = node.quote(new Uint8Array(64))
    const bad = `${good.slice(0, 500)}${good[500] === '0' ? '1' : '0'}${good.slice(501)}`
    const texts = new Set<string>()
    for (const quote of [good, debug, bad]) {
      const given = {
        quote,
        collateral: JSON.stringify(node.collateral),
        anchor: world.manufacturer.anchorSpkiSha256,
        now: Math.floor(Date.now() / 1000),
      }
      const inPage = await page.evaluate((it) => window.cloisterPage.appraise(it), given)
      expect(inPage).toBe(await pageCode.appraise(given))
      texts.add(parseUtf8(parseHex(inPage)))
    }
    expect([...texts].map((text) => JSON.parse(text).authentic)).toEqual([true, true, false])
  })
})

async function bundlePage(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('browser-page.ts', import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
  })
  const { output } = await bundle.generate({ format: 'iife', name: 'cloister' })
  await bundle.close()
  expect(output.length).toBe(1)
  return output[0].code
}

function servePage(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? script : '<!doctype html><script src="/page.js"></script>')
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function urlOf(server: Server): string {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The server does not listen')
  return `http://127.0.0.1:${address.port}/`
}

// A wallet in the shape that browsers give pages; the chain's own unlocked accounts sign behind it.
async function giveWallet(page: Page, world: World): Promise<void> {
  await page.addInitScript((url) => {
    const request = async ({ method, params }: { method: string; params?: unknown }) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: params ?? [] })
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(url, { method: 'POST', headers, body })
      const answer: { error?: { message: string }; result: unknown } = JSON.parse(
        await response.text(),
      )
      if (answer.error) throw new Error(answer.error.message)
      return answer.result
    }
    Object.assign(globalThis, { ethereum: { request } })
  }, world.home.url)
}
