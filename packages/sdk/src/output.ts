import {
  concatBytes,
  encodeUtf8,
  MalformedError,
  OperationError,
  parseHex,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'
import {
  bytes32Field,
  hexBetween,
  integerField,
  jsonField,
  listField,
  objectField,
  oneOf,
  limits,
  parseField,
  sameHex,
  textField,
  type FieldValue,
} from '@cloister/protocol'
import {
  envelopeOverheadBytes,
  keyBytes,
  open,
  openEnvelope,
  parseEnvelopePrivateKey,
  type EnvelopeKeyPair,
  type EnvelopePrivateKey,
} from '@cloister/seal'
import type { Hex } from 'viem'

import type { Client } from './client.ts'
import { unmask, type Approval } from './approvals.ts'
import { knownStores } from './nodes.ts'
import { getObject } from './peer.ts'
import { findReceipt, type FoundReceipt } from './posted-receipt.ts'
import { requireEqualReplicas } from './replicas.ts'
import { sdkError } from './sdk-error.ts'
import { readTask } from './task.ts'

/** A task's sealed output, as its receipt names it. */
export type FetchedOutput = FoundReceipt & { readonly sealed: Bytes }

/** What an app handed out. */
export type OpenedOutput = {
  readonly attempt: number
  readonly metrics: Readonly<Record<string, number>>
  readonly outputs: readonly { readonly name: string; readonly bytes: Bytes }[]
}

const headerBytesMax = 64 * 1024
const indexBytesMax = 64 * 1024

/**
 * The sealed output of an accepted task: by its digest from the node, another store, or any verifier.
 *
 * One of several replicas, only where all were accepted and commit to the same output.
 *
 * @throws {OperationError} `task-unknown`, `task-refunded`, `task-unfinished`, `output-withheld`, `replicas-differ`, `chain-down`.
 */
export async function fetchOutput(
  client: Client,
  task: Hex,
  stores: readonly string[] = knownStores(client),
): Promise<FetchedOutput> {
  const { state, replicas } = await readTask(client, task)
  if (state === 'refunded')
    throw sdkError(
      'task-refunded',
      `Cannot fetch the output of task ${task}: it has none, and its fee went back; explainTask says why`,
    )
  if (state !== 'accepted' && state !== 'settled')
    throw sdkError(
      'task-unfinished',
      `Cannot fetch the output of task ${task}: it is ${state} and not accepted yet; wait with watchTask`,
      { retryable: true },
    )
  if (replicas > 1) await requireEqualReplicas(client, task)
  const found = await findReceipt(client, task)
  const sources = [...new Set([...found.urls, ...stores])]
  const sealed = await getObject(client.fetch, sources, found.receipt.outputDigest)
  return { ...found, sealed }
}

const headerField = objectField({
  attempt: integerField(0, 0xffff_ffff),
  envelope: hexBetween(envelopeOverheadBytes + keyBytes, envelopeOverheadBytes + keyBytes),
  format: oneOf('cloister-output/2'),
  reviews: listField(
    objectField({
      envelope: hexBetween(
        envelopeOverheadBytes + 2 * keyBytes,
        envelopeOverheadBytes + 2 * keyBytes,
      ),
      position: integerField(0, limits.assetsMax - 1),
    }),
    limits.assetsMax,
  ),
  task: bytes32Field,
})

const indexField = objectField({
  metrics: jsonField,
  outputs: listField(objectField({ name: textField(64, 1), size: integerField(0, 2 ** 31) }), 64),
})

/**
 * Opens a task's output with the recipient's private key (or its 32 serialised bytes). Where owners review outputs, it also takes their
 * approvals, which {@link readApprovals} has from the chain. Spec: docs/protocol.md section 2a.
 *
 * @throws {MalformedError} naming the field. @throws {OperationError} `not-approved`, naming who has not approved yet; `wrong-key`,
 * `tampered`, `truncated`.
 */
export async function openOutput(
  key: EnvelopeKeyPair | EnvelopePrivateKey | Bytes,
  sealed: Bytes,
  task: Hex,
  approvals: readonly Approval[] = [],
): Promise<OpenedOutput> {
  const { header, body, place } = readSealedOutput(sealed, task)
  const privateKey = key instanceof Uint8Array ? await parseEnvelopePrivateKey(key) : key
  const masked = await unwrap(() =>
    openEnvelope(privateKey, outputPurpose, place, parseHex(header.envelope, 'envelope')),
  )
  const dataKey = await unmask(privateKey, masked, header, approvals)
  return { attempt: header.attempt, ...(await openBody(dataKey, place, body)) }
}

const outputPurpose = encodeUtf8('cloister/output/1')

/** What stands before a sealed output: for whom it is, and who looks at it first. */
export type OutputHeader = FieldValue<typeof headerField>

/** Reads what stands before a sealed output of `task`. Nothing of it is proven yet. @throws {MalformedError} naming the field. */
export function readSealedOutput(
  sealed: Bytes,
  task: Hex,
): { readonly header: OutputHeader; readonly body: Bytes; readonly place: Bytes } {
  const [headerText, body] = lengthPrefixed(sealed, 'output header', headerBytesMax)
  const caps = { charactersMax: headerBytesMax, depthMax: 5 }
  const header = parseField(headerField, headerText, 'output header', caps)
  if (!sameHex(header.task, task))
    throw new MalformedError('output header.task', 0, `got ${header.task}, expected ${task}`)
  return { header, body, place: concatBytes(parseHex(task, 'task'), u32be(header.attempt)) }
}

/** Opens what follows a sealed output's header with the output's own key. @throws {OperationError} `tampered`, `truncated`. */
export async function openBody(
  dataKey: Bytes,
  place: Bytes,
  body: Bytes,
): Promise<Omit<OpenedOutput, 'attempt'>> {
  const context = concatBytes(outputPurpose, Uint8Array.of(0), place)
  return readOutputs(await open(dataKey, context, body))
}

function readOutputs(plaintext: Bytes): Omit<OpenedOutput, 'attempt'> {
  const [text, rest] = lengthPrefixed(plaintext, 'output index', indexBytesMax)
  const caps = { charactersMax: indexBytesMax, depthMax: 4 }
  const index = parseField(indexField, text, 'output index', caps)
  const total = index.outputs.reduce((sum, output) => sum + output.size, 0)
  if (total !== rest.length)
    throw new MalformedError('output', 0, `${rest.length} bytes, its index names ${total}`)
  let at = 0
  const outputs = index.outputs.map(({ name, size }) => {
    const bytes = rest.slice(at, at + size)
    at += size
    return { name, bytes }
  })
  return { metrics: readMetrics(index.metrics), outputs }
}

function readMetrics(value: Json): Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null)
    throw new MalformedError('output index.metrics', 0, 'expected an object')
  return Object.fromEntries(
    Object.entries(value).map(([name, figure]: readonly [string, Json]) => {
      if (typeof figure !== 'number')
        throw new MalformedError(
          `output index.metrics.${name.slice(0, 64)}`,
          0,
          'expected a number',
        )
      return [name, figure]
    }),
  )
}

function lengthPrefixed(bytes: Bytes, field: string, max: number): readonly [string, Bytes] {
  if (bytes.length < 4)
    throw new MalformedError(`${field} length`, 0, `got ${bytes.length} bytes, expected 4`)
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
  if (length > max || 4 + length > bytes.length)
    throw new MalformedError(
      `${field} length`,
      0,
      `got ${length}, expected at most ${Math.min(max, bytes.length - 4)}`,
    )
  return [parseUtf8(bytes.subarray(4, 4 + length), field), bytes.subarray(4 + length)]
}

function u32be(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

async function unwrap(openIt: () => Promise<Bytes>): Promise<Bytes> {
  try {
    return await openIt()
  } catch (cause) {
    if (!(cause instanceof OperationError) || cause.code !== 'envelope-refused') throw cause
    throw sdkError(
      'wrong-key',
      'Cannot open the output: it is sealed to another recipient key, or for another task; use the private key that belongs to the order',
      { cause },
    )
  }
}
