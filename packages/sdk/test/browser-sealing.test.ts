import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parsePartsList } from '@cloister/seal'
import { chromium, type Browser, type Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { page as pageCode } from './sealing-page.ts'

declare const window: { sealingPage: typeof pageCode }

const executablePath = '/usr/bin/chromium'
const present = existsSync(executablePath)
if (!present) {
  if (process.env['CLOISTER_REQUIRE']?.split(',').includes('chromium'))
    throw new Error(`CLOISTER_REQUIRE names chromium, but there is no ${executablePath}`)
  console.warn(`SKIPPED: there is no ${executablePath}; sealing was not tried in a browser`)
}

const mebibytes = 256
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe.skipIf(!present)('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sdk-sealing-'))
  const file = join(folder, 'picked.bin')
  const puts: string[] = []
  let server: Server
  let browser: Browser
  let page: Page
  let url: string

  beforeAll(async () => {
    writeFileSync(file, '')
    const piece = randomBytes(1 << 20)
    for (let index = 0; index < mebibytes; index++) {
      piece.writeUInt32LE(index)
      appendFileSync(file, piece)
    }
    const script = await bundlePage()
    server = createServer((request, response) => void answer(script, request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    browser = await chromium.launch({
      executablePath,
      args: [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ],
    })
    page = await browser.newPage()
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    server?.closeAllConnections()
    server?.close()
    rmSync(folder, { recursive: true })
  })

  // A store as a node is one: objects by their digest, and nothing under a wrong one.
  async function answer(script: string, request: IncomingMessage, response: ServerResponse) {
    const digest = /^\/v1\/objects\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1]
    if (digest === undefined) {
      const isScript = request.url === '/page.js'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
      response.end(
        isScript ? script : '<!doctype html><input type="file"><script src="/page.js"></script>',
      )
      return
    }
    const place = join(folder, digest)
    if (request.method !== 'PUT') {
      const found = existsSync(place) ? readFileSync(place) : undefined
      response.writeHead(found === undefined ? 404 : 200)
      response.end(request.method === 'HEAD' ? undefined : found)
      return
    }
    const body: Buffer[] = []
    try {
      for await (const part of request) body.push(part)
    } catch {
      return // The page went away in the middle of a part.
    }
    const bytes = Buffer.concat(body)
    puts.push(digest)
    if (sha256(bytes) === digest) writeFileSync(place, bytes)
    response.writeHead(sha256(bytes) === digest ? 201 : 422).end()
  }

  async function open(pick: string): Promise<void> {
    await page.goto(url)
    await page.waitForFunction(() => 'sealingPage' in globalThis)
    await page.setInputFiles('input', pick)
  }

  const seal = (id?: string) =>
    page.evaluate((given) => window.sealingPage.seal(given.url, given.id), { url, id })

  test('a file of 256 MiB is sealed and stored by a page that is reloaded in the middle, no part twice', async () => {
    await open(file)
    const broken = seal().catch(() => undefined) // The reload takes the page from under it.
    await expect.poll(() => puts.length, { timeout: 60_000, interval: 5 }).toBeGreaterThanOrEqual(5)
    await page.reload()
    await broken
    await open(file)
    const sealed = await seal()
    expect(sealed.error).toBe('')
    expect(sealed.resumedAt).toBeGreaterThanOrEqual(3)
    const list = parsePartsList(new Uint8Array(readFileSync(join(folder, sealed.root.slice(2)))))
    expect(list.parts).toEqual(sealed.parts)
    expect(list.parts.length).toBe(17)
    expect(sha256(readFileSync(join(folder, sealed.root.slice(2))))).toBe(sealed.root.slice(2))
    // What was on its way when the page went may come again, as the very same part; nothing else does.
    const again = puts.filter((digest, index) => puts.indexOf(digest) !== index)
    expect(again.length).toBeLessThanOrEqual(2)
    expect(new Set(puts)).toEqual(new Set([...list.parts, sealed.root.slice(2)]))
    const offsets = [0, (16 << 20) - 7, 100 << 20, (256 << 20) - 70_000]
    const opens = await page.evaluate(
      (given) => window.sealingPage.opens(given.url, given.offsets),
      { url, offsets },
    )
    expect(opens).toBe(true)
    const rest = (17 - sealed.resumedAt) * 16
    console.info(`Chromium sealed and stored ${rest} MiB in ${sealed.seconds.toFixed(1)} s`)
  }, 180_000)

  test('the browser keeps no key that can be taken out, and a file that has changed is not gone on with', async () => {
    const stored = await page.evaluate(() => window.sealingPage.stored())
    expect(stored).toEqual({ extractable: false, exported: 'refused', bare: false, parts: 17 })
    const before = puts.length
    const same = await seal()
    expect([same.error, same.resumedAt, puts.length]).toEqual(['', 17, before])
    const small = join(folder, 'small.bin')
    writeFileSync(small, 'first')
    await open(small)
    expect((await seal('mine')).error).toBe('')
    const smallStored = puts.length
    writeFileSync(small, 'other')
    await open(small)
    expect((await seal('mine')).error).toMatch(/another one, or has changed/)
    expect(puts.length).toBe(smallStored)
  }, 60_000)
})

async function bundlePage(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('sealing-page.ts', import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
  })
  const { output } = await bundle.generate({ format: 'iife', name: 'cloister' })
  await bundle.close()
  return output[0].code
}
