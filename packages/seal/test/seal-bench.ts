// Prints how fast objects seal and open, and the ratio to bare node:crypto calls on the same chunks in the same run. The last line
// is JSON. Run: node packages/seal/test/seal-bench.ts [MiB]
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  randomBytes,
} from 'node:crypto'
import { cpus } from 'node:os'

import type { Bytes } from '@cloister/codec'

import {
  createSealer,
  drawObjectSalt,
  openRange,
  openStream,
  PartsReader,
  seal,
  sealInParts,
  sealParts,
} from '../src/index.ts'

const mebibyte = 1 << 20
const chunk = 16_384
const size = Number(process.argv[2] ?? 64)
if (!Number.isInteger(size) || size < 1 || size > 1024)
  throw new RangeError(`Cannot measure ${process.argv[2]} MiB, expected 1 to 1024`)

const plain = Uint8Array.from(randomBytes(size * mebibyte))
const [key, context] = [Uint8Array.from(randomBytes(32)), new Uint8Array(32)]
const sealed = await seal(key, context, plain)
const sealing = { key, context, salt: drawObjectSalt() }
const { list, parts } = await sealInParts(sealing, plain)
const secret = createSecretKey(key)
const nonce = randomBytes(12)
const bareSealed = Array.from({ length: plain.length / chunk }, (_, index) => sealBare(index))
let consumed = 0

function sealBare(index: number) {
  const cipher = createCipheriv('aes-256-gcm', secret, nonce, { authTagLength: 16 })
  const text = cipher.update(plain.subarray(index * chunk, (index + 1) * chunk))
  cipher.final()
  return { text, tag: cipher.getAuthTag() }
}

/** The baselines: a loop of 16 KiB AES-256-GCM calls that only keeps nothing, and one that opens. */
function bareSeal(): void {
  for (let index = 0; index < plain.length / chunk; index++) consumed += sealBare(index).tag.length
}

function bareOpen(): void {
  for (const { text, tag } of bareSealed) {
    const decipher = createDecipheriv('aes-256-gcm', secret, nonce, { authTagLength: 16 })
    decipher.setAuthTag(tag)
    consumed += decipher.update(text).length
    decipher.final()
  }
}

/** SHA-256 of the same bytes: what parts cost besides. */
function bareHash(): void {
  const hash = createHash('sha256')
  for (let at = 0; at < plain.length; at += mebibyte) hash.update(plain.subarray(at, at + mebibyte))
  consumed += hash.digest().length
}

async function* pieces(object: Bytes) {
  await Promise.resolve()
  for (let at = 0; at < object.length; at += mebibyte) yield object.subarray(at, at + mebibyte)
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const piece of stream) if (piece !== undefined) consumed++
}

function readParts(): AsyncIterable<unknown> {
  const none = new Uint8Array(0)
  const fetched = ({ index }: { readonly index: number }) => Promise.resolve(parts[index] ?? none)
  return new PartsReader(key, context, list, fetched).stream()
}

const works = {
  'bare seal': bareSeal,
  'bare open': bareOpen,
  'bare SHA-256': bareHash,
  sealStream: () => drain(createSealer(key, context).sealStream(pieces(plain))),
  openStream: () => drain(openStream(key, context, pieces(sealed))),
  sealParts: () => drain(sealParts(sealing, pieces(plain))),
  openParts: () => drain(readParts()),
}

// Processor time, all threads together. Rounds are interleaved, so that a neighbour's load hits all of them alike; the best round counts.
const best = new Map<string, number>()
for (let round = 0; round < 7; round++)
  for (const [name, work] of Object.entries(works)) {
    const start = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(start)
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, (user + system) / 1000))
  }

const time = (name: keyof typeof works): number => best.get(name) ?? Number.NaN
console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}, ${size} MiB`,
)
for (const [name, milliseconds] of best)
  console.log(`${name.padEnd(14)} ${(size / (milliseconds / 1000)).toFixed(0).padStart(6)} MiB/s`)

const ranges = 500
const start = performance.now()
for (let index = 0; index < ranges; index++) {
  const at = (index * 7919 * 4099) % (plain.length - 4096)
  consumed += (await openRange(key, context, read, sealed.length, at, at + 4096)).length
}
console.log(`a range of 4 KiB ${(((performance.now() - start) / ranges) * 1000).toFixed(0)} us`)
if (consumed === 0) throw new Error('Nothing was measured')
console.log(
  JSON.stringify({
    sealOfBare: time('bare seal') / time('sealStream'),
    openOfBare: time('bare open') / time('openStream'),
    sealPartsOfBare: (time('bare seal') + time('bare SHA-256')) / time('sealParts'),
    openPartsOfBare: (time('bare open') + time('bare SHA-256')) / time('openParts'),
  }),
)

function read(offset: number, length: number) {
  return Promise.resolve(sealed.slice(offset, offset + length))
}
