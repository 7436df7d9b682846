import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'

import { encodeAppraisal } from '@cloister/attest'
import { encodeHex, parseHex, parseUtf8 } from '@cloister/codec'
import { chromium, type Browser, type Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { CaseText, page as pageCode } from './corpus-page.ts'
import { hasEvidence } from './evidence.ts'
import { appraiseCase, readCorpus, readMutatedCorpus, type Case } from './whole-corpus.ts'

declare const window: { cloisterPage: typeof pageCode }

const executablePath = '/usr/bin/chromium'
const present = existsSync(executablePath)
if (!present) {
  if (process.env['CLOISTER_REQUIRE']?.split(',').includes('chromium'))
    throw new Error(`CLOISTER_REQUIRE names chromium, but there is no ${executablePath}`)
  console.warn(`SKIPPED: there is no ${executablePath} (apt-get install chromium)`)
}

describe.skipIf(!present || !hasEvidence(2))('in Chromium', () => {
  let server: Server
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    server = await servePage(await bundlePage())
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
    await page.goto(urlOf(server))
    await page.waitForFunction(() => 'cloisterPage' in globalThis)
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    server?.closeAllConnections()
    server?.close()
  })

  test('all 103 samples give the same bytes as in Node', async () => {
    const cases = await readCorpus()
    expect(cases).toHaveLength(103)
    await expectSameBytes(cases)
  })

  test('all 23 mutations give the same bytes as in Node', async () => {
    await expectSameBytes(readMutatedCorpus())
  })

  async function expectSameBytes(cases: readonly Case[]): Promise<void> {
    for (const sample of cases) {
      const inPage = await page.evaluate((it) => window.cloisterPage.appraise(it), textOf(sample))
      const inNode = encodeHex(encodeAppraisal(await appraiseCase(sample)))
      expect(parseUtf8(parseHex(inPage)), sample.name).toBe(parseUtf8(parseHex(inNode)))
    }
  }
})

function textOf({ evidence, given }: Case): CaseText {
  const { collateral, anchors, now } = given
  return { evidence: write(evidence), collateral: write(collateral), anchors, now }
}

function write(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each instanceof Uint8Array ? { hex: encodeHex(each) } : each,
  )
}

async function bundlePage(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('corpus-page.ts', import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
  })
  const { output } = await bundle.generate({ format: 'iife', name: 'cloister' })
  await bundle.close()
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
