import {
  canonicalJson,
  concatBytes,
  encodeUtf8,
  MalformedError,
  parseHex,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'
import type { Hex } from 'viem'

import { bundleField } from './bundle.ts'
import {
  decimalField,
  hexBetween,
  integerField,
  objectField,
  oneOf,
  orNull,
  parseField,
  signatureField,
  textField,
  type Field,
  type FieldValue,
} from './fields.ts'
import { bytes32Field } from './fields.ts'
import { messageField } from './message-json.ts'

/** Bytes of the envelope that tells a requester its session's secret: 32 bytes, and an envelope's overhead. */
export const sessionOfferBytes: number = 1120 + 16 + 32

/** What a request to a session may hold. Spec: docs/inference.md. */
export const sessionLimits = {
  /** Bytes of one request's body, whatever an app allows. */
  requestBytesMax: 4 * 1024 * 1024,
  pathCharactersMax: 1024,
  headerCharactersMax: 1024,
} as const

/** Why a session ended. */
export type SessionEnding = 'closed' | 'money' | 'deadline' | 'idle' | 'app-ended'

/** The headers of a request, and of an answer, that go along: nothing else leaves the requester. */
export const sessionHeaders = ['content-type', 'accept'] as const

const methods = oneOf('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD')
const headerField: Field<string> = {
  parse(value, path) {
    const text = textField(sessionLimits.headerCharactersMax).parse(value, path)
    if (!/^[\x20-\x7e]*$/.test(text)) throw new MalformedError(path, 0, 'not printable')
    return text
  },
  encode: (value) => value,
}
const headers = objectField({ 'content-type': orNull(headerField), accept: orNull(headerField) })
const pathField: Field<string> = {
  parse(value, path) {
    const text = textField(sessionLimits.pathCharactersMax, 1).parse(value, path)
    if (!/^\/[\x21-\x7e]*$/.test(text)) throw new MalformedError(path, 0, 'expected /...')
    return text
  },
  encode: (value) => value,
}
const requestHead = objectField({
  sequence: integerField(1, Number.MAX_SAFE_INTEGER),
  kind: oneOf('request', 'close'),
  method: methods,
  path: pathField,
  headers,
})
const answerHead = objectField({
  status: integerField(200, 599),
  contentType: orNull(headerField),
})
const endings = oneOf('closed', 'money', 'deadline', 'idle', 'app-ended')
const answerEnd = objectField({
  usage: messageField('Usage'),
  signature: signatureField,
  units: integerField(0, 2 ** 48),
  previous: bytes32Field,
  whole: oneOf('whole', 'broken-off'),
  ending: orNull(endings),
})
const status = objectField({
  version: oneOf('1'),
  state: oneOf('open', 'ended'),
  evidence: bundleField,
  offer: hexBetween(sessionOfferBytes, sessionOfferBytes),
  meter: oneOf('request', 'token'),
  requestBytesMax: integerField(1, sessionLimits.requestBytesMax),
  responseBytesMax: integerField(1, 2 ** 30),
  idleSeconds: integerField(1, 604_800),
})

/** What the head of a request says. The sequence goes up with each request of a requester, and is never used twice. */
export type SessionRequestHead = FieldValue<typeof requestHead>
/** What the head of an answer says. */
export type SessionAnswerHead = FieldValue<typeof answerHead>
/** What the end of an answer says: what the session has used so far, signed. */
export type SessionAnswerEnd = FieldValue<typeof answerEnd>
/** What a node shows of a session to anybody: evidence, and the sealed secret that only the requester opens. */
export type SessionStatus = FieldValue<typeof status>

/** How a {@link SessionStatus} stands in JSON. */
export const sessionStatusField: Field<SessionStatus> = status

/** What an order's recipient finds in the output of a session. */
export const sessionSummaryField = objectField({
  format: oneOf('cloister-session/1'),
  requests: integerField(0, Number.MAX_SAFE_INTEGER),
  units: decimalField(64),
  spentWei: decimalField(128),
  transcript: bytes32Field,
  ending: endings,
})

const headCaps = { charactersMax: 16_384, depthMax: 6 }
const separator = new Uint8Array(1)

/** Which session sealed requests are for: HPKE's `info`. */
export function sessionContext(task: Hex, attempt: number): Bytes {
  return bound('cloister/session/1', task, attempt)
}

/** What the envelope of a session's secret is bound to: session, and the key that evidence binds. */
export function sessionOfferContext(task: Hex, attempt: number, freshKeyHash: Hex): Bytes {
  return concatBytes(
    bound('cloister/session-offer/1', task, attempt),
    parseHex(freshKeyHash, 'fresh key'),
  )
}

function bound(label: string, task: Hex, attempt: number): Bytes {
  const number = new Uint8Array(4)
  new DataView(number.buffer).setUint32(0, attempt)
  return concatBytes(encodeUtf8(label), separator, parseHex(task, 'task'), number)
}

/** A request's content before it is sealed: head and body, both covered by the seal. */
export function encodeSessionRequest(head: SessionRequestHead, body: Uint8Array): Bytes {
  const text = encodeUtf8(canonicalJson(requestHead.encode(head)))
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, text.length)
  return concatBytes(length, text, body)
}

/** Reads a request's content. @throws {MalformedError} */
export function parseSessionRequest(content: Bytes): {
  readonly head: SessionRequestHead
  readonly body: Bytes
} {
  if (content.length < 4) throw new MalformedError('request', 0, 'shorter than 4 bytes')
  const size = new DataView(content.buffer, content.byteOffset).getUint32(0)
  if (size > content.length - 4)
    throw new MalformedError('request', 0, `a head of ${size} bytes in ${content.length}`)
  return {
    head: parseField(
      requestHead,
      parseUtf8(content.subarray(4, 4 + size), 'head'),
      'head',
      headCaps,
    ),
    body: content.subarray(4 + size),
  }
}

/** An answer's head or end, as a frame's content. */
export function encodeAnswerHead(head: SessionAnswerHead): Bytes {
  return encodeUtf8(canonicalJson(answerHead.encode(head)))
}

/** Reads an answer's head. @throws {MalformedError} */
export function parseAnswerHead(content: Bytes): SessionAnswerHead {
  return parseField(answerHead, parseUtf8(content, 'head'), 'head', headCaps)
}

/** An answer's end, as a frame's content. */
export function encodeAnswerEnd(end: SessionAnswerEnd): Bytes {
  return encodeUtf8(canonicalJson(answerEnd.encode(end)))
}

/** Reads an answer's end. @throws {MalformedError} */
export function parseAnswerEnd(content: Bytes): SessionAnswerEnd {
  return parseField(answerEnd, parseUtf8(content, 'end'), 'end', headCaps)
}

/** JSON of a summary, as the app's output `session.json`. */
export function encodeSessionSummary(value: FieldValue<typeof sessionSummaryField>): Bytes {
  const json: Json = sessionSummaryField.encode(value)
  return encodeUtf8(canonicalJson(json))
}
