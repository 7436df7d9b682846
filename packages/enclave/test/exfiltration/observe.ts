import { createHash } from 'node:crypto'

import { concatBytes, encodeUtf8, parseHex, type Bytes, type Json } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'
import type { Order } from '@cloister/protocol'
import { generateEnvelopeKeyPair, open, openEnvelope } from '@cloister/seal'
import type { Hex } from 'viem'

import { commitmentKey } from '../../src/attempt/output-commitment.ts'
import { runApp } from '../../src/attempt/run-app.ts'
import { sealOutput } from '../../src/attempt/seal-output.ts'
import type { AppInputSource, AppResult, AppRuntime } from '../../src/drivers/driver.ts'
import { HostCalls } from '../../src/host-calls.ts'
import { handOutBits } from '../../src/outputs/hand-out-time.ts'
import { metricBits, outputBits } from '../../src/outputs/output-policy.ts'
import type { Cap } from './attempt.ts'

const task: Hex = `0x${'7a'.repeat(32)}`
const zero: Hex = `0x${'00'.repeat(32)}`
const recipient = await generateEnvelopeKeyPair()
const recipientDigest = createHash('sha256').update(recipient.publicKey).digest('hex')

/** Everything that leaves one run, by who sees it. */
export type Seen = {
  /** The host: how it ended, what it was asked for, and the sealed bytes. */
  readonly host: {
    readonly ended: string
    readonly asked: readonly string[]
    readonly sealed: Bytes
    readonly milliseconds: number
  }
  /** The recipient: what it opens, as it was sealed; nothing where there is no result. */
  readonly recipient: Bytes
  /** Nobody: why there is no result. */
  readonly because: string
}

/** Runs an app over inputs as an attempt does, seals its result and opens it as its recipient. */
export async function observe(
  runtime: AppRuntime,
  manifest: AppManifest,
  inputs: readonly AppInputSource[],
  given: { readonly outputBytesMax?: number; readonly recordsMin?: number } = {},
): Promise<Seen> {
  const asked: string[] = []
  const watched = inputs.map((input, index) => ({
    ...input,
    read: (offset: number, length: number) => {
      asked.push(`read ${index} ${offset} ${length}`)
      return input.read(offset, length)
    },
  }))
  const host = hostOf(asked)
  const began = performance.now()
  const timed = () => performance.now() - began
  let result: AppResult
  try {
    const run = { manifest, inputs: watched, recordsMin: given.recordsMin ?? 0 }
    result = await runApp(runtime, run)
  } catch (error) {
    return nothing(error, asked, timed())
  }
  const milliseconds = timed()
  const outputBytesMax = given.outputBytesMax ?? 1 << 27
  try {
    const sealed = await sealFor(host, result, outputBytesMax)
    const opened = await openAs(sealed)
    return {
      host: { ended: 'result', asked, sealed, milliseconds },
      recipient: opened,
      because: '',
    }
  } catch (error) {
    return nothing(error, asked, milliseconds)
  }
}

/** The bits that a cap lets through, from the manifest and the grant's own limit. */
export function bitsOf(cap: Cap, manifest: AppManifest, outputBytesMax: number): number {
  const bytes = manifest.outputs.reduce((sum, each) => sum + each.bytesMax, 0)
  switch (cap) {
    case 'outputs':
      return outputBits(manifest, outputBytesMax)
    case 'metrics':
      return metricBits(manifest)
    case 'size':
      return Math.log2(Math.min(bytes, outputBytesMax) + 1)
    case 'time':
      return handOutBits(manifest.limits.wallSeconds)
    case 'end':
      return 1
    default:
      return cap satisfies never
  }
}

/** The outputs' own bytes and metrics, out of what a recipient opened. */
export function partsOf(opened: Bytes): { readonly body: Bytes; readonly index: Json } {
  if (opened.length === 0) return { body: opened, index: null }
  const length = new DataView(opened.buffer, opened.byteOffset).getUint32(0)
  return {
    body: opened.subarray(4 + length),
    index: JSON.parse(new TextDecoder().decode(opened.subarray(4, 4 + length))),
  }
}

/** Spellings of a secret in which it is looked for. */
export function holds(bytes: Bytes, secret: Bytes): boolean {
  const backwards = Uint8Array.from(secret).toReversed()
  const spelled = [secret, backwards].flatMap((each) => {
    const buffer = Buffer.from(each)
    const texts = [buffer.toString('hex'), buffer.toString('base64'), buffer.toString('base64url')]
    const flipped = buffer.map((byte) => byte ^ 0xff)
    // Eight bytes in a row are no chance.
    return [buffer.subarray(0, 8), buffer.subarray(12, 20), buffer.subarray(24), flipped.subarray(0, 8), ...texts.map((text) => Buffer.from(text.slice(0, 20))), Buffer.from(buffer.toString('hex').toUpperCase().slice(0, 20)), Buffer.from([...each].slice(0, 8).join(','))] // prettier-ignore
  })
  return spelled.some((spelling) => Buffer.from(bytes).includes(Buffer.from(spelling)))
}

function hostOf(asked: string[]): HostCalls {
  return new HostCalls({
    request: async (method) => {
      asked.push(method)
      const { publicKey } = recipient
      return { result: { size: publicKey.length }, bytes: publicKey.slice() }
    },
  })
}

async function sealFor(host: HostCalls, result: AppResult, outputBytesMax: number): Promise<Bytes> {
  const order: Order = {
    requester: `0x${'01'.repeat(20)}`, app: zero, assets: [], grants: [], recipientKeyHash: `0x${recipientDigest}`,
    tierMin: 0, tags: 0, replicas: 1, feeWei: 0n, attemptSeconds: 600, attemptsMax: 3, expiry: 0n, nonce: 0n, tees: 4,
    unitWei: 0n, epsilonMicros: 0n, deltaPicos: 0n,
  } // prettier-ignore
  const prepared = { task, attempt: 1, order, outputBytesMax, assets: [] }
  const committing = await commitmentKey(new Uint8Array(32), zero)
  const { sealed } = await sealOutput({ host }, prepared, result, committing)
  return sealed
}

async function openAs(sealed: Bytes): Promise<Bytes> {
  const length = new DataView(sealed.buffer, sealed.byteOffset).getUint32(0)
  const header: unknown = JSON.parse(new TextDecoder().decode(sealed.subarray(4, 4 + length)))
  if (typeof header !== 'object' || header === null || !('envelope' in header))
    throw new TypeError('There is no envelope')
  const place = concatBytes(parseHex(task, 'task'), Uint8Array.of(0, 0, 0, 1))
  const info = encodeUtf8('cloister/output/1')
  const envelope = parseHex(String(header.envelope), 'envelope')
  const key = await openEnvelope(recipient.privateKey, info, place, envelope)
  const context = concatBytes(info, Uint8Array.of(0), place)
  return open(key, context, sealed.subarray(4 + length))
}

// What a host is told of a failure: code and message. The cause stays in the enclave.
function nothing(error: unknown, asked: readonly string[], milliseconds: number): Seen {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no-code'
  const ended = error instanceof Error ? `${code}: ${error.message}` : 'no error'
  const none = new Uint8Array()
  const because = error instanceof Error ? String(error.cause) : ''
  return { host: { ended, asked, sealed: none, milliseconds }, recipient: none, because }
}
