// Prints how fast objects seal and open, and the ratio to bare node:crypto AES-256-GCM on the same bytes in the same run.
// Run: node --conditions=@cloister/source packages/seal/test/seal-bench.ts [MiB]
import { createCipheriv, randomBytes } from 'node:crypto'
import { cpus } from 'node:os'

import { createSealer, digestSealed, open, openRange, openStream, seal } from '../src/index.ts'

const mebibyte = 1 << 20
const size = Number(process.argv[2] ?? 64)
if (!Number.isInteger(size) || size < 1 || size > 1024)
  throw new RangeError(`Cannot measure ${process.argv[2]} MiB, expected 1 to 1024`)

const plain = Uint8Array.from(randomBytes(size * mebibyte))
const key = Uint8Array.from(randomBytes(32))
const context = new Uint8Array(32)
const sealed = await seal(key, context, plain)
let consumed = 0

/** The baseline: one message, updated a mebibyte at a time. */
function bare(): void {
  const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12))
  for (let at = 0; at < plain.length; at += mebibyte)
    consumed += cipher.update(plain.subarray(at, at + mebibyte)).length
  cipher.final()
}

async function* pieces(object: Uint8Array) {
  await Promise.resolve()
  for (let at = 0; at < object.length; at += mebibyte) yield object.subarray(at, at + mebibyte)
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of stream) consumed += piece.length
}

const works: Readonly<Record<string, () => unknown>> = {
  'bare AES-256-GCM': bare,
  seal: async () => (consumed += (await seal(key, context, plain)).length),
  open: async () => (consumed += (await open(key, context, sealed)).length),
  sealStream: () => drain(createSealer(key, context).sealStream(pieces(plain))),
  openStream: () => drain(openStream(key, context, pieces(sealed))),
  digestSealed: async () => (consumed += (await digestSealed(sealed)).length),
}

// Rounds are interleaved, so that a neighbour's load hits all of them alike; the best round counts.
const best = new Map<string, number>()
for (let round = 0; round < 5; round++)
  for (const [name, work] of Object.entries(works)) {
    const start = performance.now()
    await work()
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, performance.now() - start))
  }

console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}, ${size} MiB`,
)
const baseline = best.get('bare AES-256-GCM') ?? Number.NaN
for (const [name, milliseconds] of best)
  console.log(
    `${name.padEnd(20)} ${(size / (milliseconds / 1000)).toFixed(0).padStart(6)} MiB/s  ${(baseline / milliseconds).toFixed(2)}x bare`,
  )

const ranges = 500
const start = performance.now()
for (let index = 0; index < ranges; index++) {
  const at = (index * 7919 * 4099) % (plain.length - 4096)
  consumed += (await openRange(key, context, read, sealed.length, at, at + 4096)).length
}
console.log(
  `openRange of 4 KiB   ${(((performance.now() - start) / ranges) * 1000).toFixed(0).padStart(6)} us`,
)
if (consumed === 0) throw new Error('Nothing was measured')

function read(offset: number, length: number) {
  return Promise.resolve(sealed.slice(offset, offset + length))
}
