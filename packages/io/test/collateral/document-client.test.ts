import { encodeUtf8, MalformedError, parseUtf8, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { DocumentClient, MemoryCache, type DocumentClientOptions } from '../../src/index.ts'
import type { DocumentRequest } from '../../src/collateral/document-client.ts'
import { manualClock, startService } from './service.ts'

const now = unixSeconds(1_000_000)
const later = (seconds: number) => unixSeconds(now + seconds)

function request(url: string, more: Partial<DocumentRequest> = {}): DocumentRequest {
  return {
    what: 'document',
    url,
    bytesMax: 1_000,
    lane: { name: 'test', intervalMs: 0 },
    until: () => later(100_000),
    ...more,
  }
}

function client(more: DocumentClientOptions = {}) {
  const clock = manualClock()
  return {
    clock,
    client: new DocumentClient({ clock, random: () => 0, timeoutMs: 2_000, ...more }),
  }
}

test('a document is fetched once, and again after it ended or its copy is to be refreshed', async () => {
  const service = await startService((_, response, count) => response.end(`version ${count}`))
  const { client: documents } = client({ refreshSeconds: 3_600 })
  const at = async (seconds: number) =>
    parseUtf8((await documents.get(request(service.url), later(seconds))).body)
  expect([await at(0), await at(3_599)]).toEqual(['version 1', 'version 1'])
  expect(await at(3_600)).toBe('version 2')
  const short = new DocumentClient({ refreshSeconds: 3_600 })
  const ending = request(`${service.url}/ending`, { until: () => later(10) })
  await short.get(ending, later(0))
  expect(service.asked.length).toBe(3)
  await short.get(ending, later(10))
  expect(service.asked.length).toBe(3)
  await short.get(ending, later(11))
  expect(service.asked.length).toBe(4)
})

test('requests for one document at one time are one request', async () => {
  const service = await startService((_, response) => void setTimeout(() => response.end('x'), 30))
  const { client: documents } = client()
  await Promise.all([1, 2, 3].map(() => documents.get(request(service.url), now)))
  expect(service.asked).toEqual(['GET /'])
})

test('429 is waited out for as long as Retry-After says', async () => {
  const service = await startService((_, response, count) => {
    if (count === 1) response.writeHead(429, { 'retry-after': '7' }).end()
    else response.end('x')
  })
  const { client: documents, clock } = client()
  await documents.get(request(service.url), now)
  expect(service.asked.length).toBe(2)
  expect(clock.waits).toEqual([7_000])
})

test('a Retry-After that is longer than anybody waits ends the request, and is kept to by the next', async () => {
  const service = await startService((_, response) =>
    response.writeHead(429, { 'retry-after': '86400' }).end(),
  )
  const { client: documents, clock } = client()
  const failing = () => documents.get(request(service.url), now)
  await expect(failing()).rejects.toMatchObject({ code: 'collateral-unavailable', retryable: true })
  expect([service.asked.length, clock.waits]).toEqual([1, []])
  await expect(failing()).rejects.toMatchObject({ code: 'collateral-unavailable' })
  expect(clock.waits).toEqual([60_000])
})

test('failures of the service are tried four times, further and further apart', async () => {
  const service = await startService((_, response) => response.writeHead(503).end())
  const { client: documents, clock } = client()
  await expect(documents.get(request(service.url), now)).rejects.toMatchObject({
    code: 'collateral-unavailable',
    message: expect.stringContaining('503'),
  })
  expect([service.asked.length, clock.waits]).toEqual([4, [500, 1_000, 2_000]])
})

test.for([
  ['a refusal', 404, {}],
  ['a redirect', 302, { location: 'http://127.0.0.1:1/' }],
] as const)('%s is not tried again', async ([, status, headers]) => {
  const service = await startService((_, response) => response.writeHead(status, headers).end())
  const { client: documents } = client()
  await expect(documents.get(request(service.url), now)).rejects.toMatchObject({
    code: 'collateral-unavailable',
    retryable: false,
  })
  expect(service.asked.length).toBe(1)
})

test('an answer past its limit is cut off', async () => {
  let sent = 0
  const service = await startService((_, response) => {
    const more = (): void => {
      if (response.destroyed || sent > 50_000_000) return
      sent += 100_000
      response.write(Buffer.alloc(100_000), () => setImmediate(more))
    }
    more()
  })
  const { client: documents } = client()
  await expect(documents.get(request(service.url), now)).rejects.toThrow('more than 1000 bytes')
  expect(sent).toBeLessThan(50_000_000)
})

test('a service that never answers is left after its time, each time', async () => {
  const service = await startService(() => {})
  const { client: documents } = client({
    timeoutMs: 40,
    retry: { attemptsMax: 2, firstDelayMs: 1, delayMsMax: 1 },
  })
  await expect(documents.get(request(service.url), now)).rejects.toThrow('in time')
  expect(service.asked.length).toBe(2)
})

test('what is no such document is an error and not kept', async () => {
  const service = await startService((_, response) => response.end('<html>'))
  const cache = new MemoryCache()
  const { client: documents } = client({ cache })
  const until = (): never => {
    throw new MalformedError('document', 0, 'no list')
  }
  await expect(documents.get(request(service.url, { until }), now)).rejects.toThrow('no list')
  expect(await cache.get(`GET ${service.url}`)).toBeUndefined()
})

test('what does not say when it ends, and what has ended, is given out but not kept', async () => {
  const service = await startService((_, response) => response.end('x'))
  const { client: documents } = client()
  for (const until of [() => undefined, () => unixSeconds(now - 1)]) {
    const asked = request(service.url, { until })
    expect(parseUtf8((await documents.get(asked, now)).body)).toBe('x')
    await documents.get(asked, now)
  }
  expect(service.asked.length).toBe(4)
})

test('a failing service is covered for by a copy that has not ended, and by no other', async () => {
  let works = true
  const service = await startService((_, response) =>
    works ? response.end('good') : response.writeHead(500).end(),
  )
  const { client: documents } = client({ refreshSeconds: 10 })
  const asked = request(service.url, { until: () => later(100) })
  await documents.get(asked, now)
  works = false
  expect(parseUtf8((await documents.get(asked, later(50))).body)).toBe('good')
  expect(service.asked.length).toBe(5)
  // It failed a moment ago: the copy is given out without asking.
  await documents.get(asked, later(51))
  expect(service.asked.length).toBe(5)
  await expect(documents.get(asked, later(101))).rejects.toMatchObject({
    code: 'collateral-unavailable',
  })
})

test('requests of one lane keep their distance, and a queue that is too long is refused', async () => {
  const service = await startService((_, response) => response.end('x'))
  const { client: documents, clock } = client()
  const lane = { name: 'slow', intervalMs: 50_000 }
  const ask = (path: string) => documents.get(request(`${service.url}/${path}`, { lane }), now)
  await ask('1')
  await ask('2')
  await ask('3')
  expect(clock.waits).toEqual([50_000, 50_000])
  const still = { nowMs: () => 0, sleep: () => new Promise<void>(() => {}) }
  const stuck = new DocumentClient({ clock: still })
  const askStuck = (path: string) => stuck.get(request(`${service.url}/${path}`, { lane }), now)
  await askStuck('1')
  for (const path of ['2', '3']) void askStuck(path)
  await new Promise((resolve) => setImmediate(resolve))
  await expect(askStuck('4')).rejects.toMatchObject({ code: 'collateral-busy', retryable: true })
})

test('no more requests run at once than allowed', async () => {
  let open = 0
  let most = 0
  const service = await startService((_, response) => {
    most = Math.max(most, ++open)
    setTimeout(() => {
      open--
      response.end('x')
    }, 10)
  })
  const { client: documents } = client({ concurrentMax: 2 })
  const paths = Array.from({ length: 8 }, (_, index) => `${service.url}/${index}`)
  await Promise.all(paths.map((url) => documents.get(request(url), now)))
  expect(most).toBe(2)
})

test('a body is posted, and each body has its own place in the cache', async () => {
  const service = await startService((incoming, response) => void incoming.pipe(response))
  const { client: documents } = client()
  const post = async (text: string) => {
    const body = { bytes: encodeUtf8(text), type: 'application/ocsp-request' }
    return parseUtf8((await documents.get(request(service.url, { body }), now)).body)
  }
  expect([await post('a'), await post('b'), await post('a')]).toEqual(['a', 'b', 'a'])
  expect(service.asked).toEqual(['POST /', 'POST /'])
})

test('a forgotten document is asked for again', async () => {
  const service = await startService((_, response) => response.end('x'))
  const { client: documents } = client()
  const document = await documents.get(request(service.url), now)
  await documents.forget([document])
  await documents.get(request(service.url), now)
  expect(service.asked.length).toBe(2)
})
