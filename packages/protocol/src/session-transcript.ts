import { concatBytes, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import type { Hex } from 'viem'

import { digestOf } from './ids.ts'

/** The transcript of a session in which nothing was asked yet. */
export const emptyTranscript: Hex = `0x${'00'.repeat(32)}`

const label = encodeUtf8('cloister/session-transcript/1\0')

/** One exchange as a transcript has it. Both ends compute it from what they sent and saw. */
export type Exchange = {
  readonly salt: Bytes
  /** The request's content, head and body. */
  readonly request: Bytes
  /** From {@link answerDigest}. */
  readonly answer: Hex
  /** Its place among the session's exchanges, from 1. */
  readonly sequence: bigint
  readonly units: bigint
}

/** The digest of an answer before its first piece. The salt keeps short answers from being guessed from a published transcript. */
export function answerDigest(salt: Bytes): Hex {
  return digestOf(concatBytes(label, salt))
}

/** The digest of an answer with one more piece: its head first, then its data as it was framed. */
export function nextAnswerDigest(before: Hex, piece: Bytes): Hex {
  return digestOf(concatBytes(parseHex(before, 'answer'), piece))
}

/** The transcript with one more exchange. */
export function nextTranscript(previous: Hex, exchange: Exchange): Hex {
  const { salt, request, answer, sequence, units } = exchange
  const numbers = new Uint8Array(16)
  const view = new DataView(numbers.buffer)
  view.setBigUint64(0, sequence)
  view.setBigUint64(8, units)
  return digestOf(
    concatBytes(
      label,
      parseHex(previous, 'previous'),
      parseHex(digestOf(concatBytes(salt, request)), 'request'),
      parseHex(answer, 'answer'),
      numbers,
    ),
  )
}

/**
 * The most units that an exchange can have used: none without a byte. Enclave and requester both hold an app to it, so that the most that
 * a lying app can bill is plain.
 */
export function unitsPlausible(requestBytes: number, answerBytes: number): bigint {
  return BigInt(requestBytes) + BigInt(answerBytes)
}

/** What so many units cost: never more than what is locked. */
export function costOf(units: bigint, unitWei: bigint, feeWei: bigint): bigint {
  const wei = units * unitWei
  return wei < feeWei ? wei : feeWei
}
