import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createHttpApp, serveHttp } from '@cloister/io'
import { expect, onTestFinished, test } from 'vitest'

test('bodies of both directions are recorded as they were, and answers are not changed by it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'traffic-'))
  const path = join(folder, 'bodies')
  const app = createHttpApp()
  app.put('/echo', async (c) =>
    c.body(
      Uint8Array.from(await c.req.arrayBuffer().then((body) => new Uint8Array(body).toReversed())),
    ),
  )
  app.get('/nothing', (c) => c.body(null, 204))
  const server = await serveHttp({ app, port: 0, recordTraffic: path })
  onTestFinished(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })
  const asked = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251)
  const answer = await fetch(`${server.url}/echo`, { method: 'PUT', body: asked })
  expect(new Uint8Array(await answer.arrayBuffer())).toEqual(asked.toReversed())
  expect((await fetch(`${server.url}/nothing`)).status).toBe(204)
  const recorded = readFileSync(path)
  expect(recorded.includes(Buffer.from(asked))).toBe(true)
  expect(recorded.includes(Buffer.from(asked.toReversed()))).toBe(true)
  expect(recorded.length).toBe(200_000)
  expect(statSync(path).mode & 0o077).toBe(0)
})
