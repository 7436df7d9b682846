import { concatBytes, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'

import { sealingError } from './sealing-error.ts'
import { padToStep, unpad } from './session-steps.ts'

/** One piece of an answer: its head, some of its body, or its end, after which nothing comes. */
export type AnswerFrame = {
  readonly kind: 'head' | 'data' | 'end'
  readonly content: Bytes
}

/** Seals an answer's frames, in order. What it returns is sent as it is, one after the other. */
export type AnswerSealer = {
  /** Sealed bytes of one frame, its length word first; before the first frame stands the answer's nonce. */
  readonly seal: (frame: AnswerFrame) => Promise<Bytes>
}

/** Opens an answer from the pieces that a network delivers. */
export type AnswerOpener = {
  /**
   * The frames that `piece` completed.
   *
   * @throws {MalformedError} on a length past the limit. @throws {OperationError} `tampered`: a frame was changed, moved, left out,
   * comes from another answer, or follows the end.
   */
  readonly push: (piece: Uint8Array) => Promise<readonly AnswerFrame[]>
  /** Says that nothing more comes. @throws {OperationError} `truncated`, where the end was not seen. */
  readonly finish: () => void
}

/** The most content of one frame. */
export const frameContentBytesMax = 65_000

/** The most bytes of one sealed frame, its length word included. */
export const sealedFrameBytesMax: number = 4 + 65_536 + 16

const nonceBytes = 32
const lengthBytes = 4
const tagBytes = 16
const frameStepBytes = 512
const kinds = ['head', 'data', 'end'] as const

type Secret = Awaited<ReturnType<typeof crypto.subtle.importKey>>
type AnswerKey = { readonly key: Secret; readonly baseNonce: Bytes }

/** Seals the answer to one request, under a key of its own. Spec: docs/inference.md, "Answers". */
export function createAnswerSealer(secret: Bytes, encapsulated: Bytes): AnswerSealer {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes))
  const deriving = deriveKey(secret, encapsulated, nonce)
  let number = 0
  let ended = false
  return {
    seal: async ({ kind, content }) => {
      if (ended) throw new RangeError('Cannot seal a frame after the end')
      if (content.length > frameContentBytesMax)
        throw sealingError(
          'too-large',
          `Cannot seal ${content.length} bytes as one frame: at most ${frameContentBytesMax}`,
        )
      ended = kind === 'end'
      const own = number++
      const { key, baseNonce } = await deriving
      const plain = padToStep(
        concatBytes(Uint8Array.of(kinds.indexOf(kind)), content),
        frameStepBytes,
      )
      const cipher = { name: 'AES-GCM', iv: frameNonce(baseNonce, own) }
      const sealed = new Uint8Array(await crypto.subtle.encrypt(cipher, key, plain))
      const length = new Uint8Array(lengthBytes)
      new DataView(length.buffer).setUint32(0, sealed.length)
      return own === 0 ? concatBytes(nonce, length, sealed) : concatBytes(length, sealed)
    },
  }
}

/** Opens the answer to one request. */
export function createAnswerOpener(secret: Bytes, encapsulated: Bytes): AnswerOpener {
  let held: Bytes = new Uint8Array(0)
  let answerKey: AnswerKey | undefined
  let number = 0
  let ended = false
  const openNext = async (): Promise<AnswerFrame | undefined> => {
    if (answerKey === undefined) {
      if (held.length < nonceBytes) return undefined
      answerKey = await deriveKey(secret, encapsulated, held.slice(0, nonceBytes))
      held = held.slice(nonceBytes)
    }
    const length = frameLength(held)
    if (length === undefined || held.length < lengthBytes + length) return undefined
    if (ended) throw sealingError('tampered', 'Cannot open the answer: bytes follow its end')
    const frame = await openFrame(answerKey, number, held.slice(lengthBytes, lengthBytes + length))
    held = held.slice(lengthBytes + length)
    number += 1
    ended = frame.kind === 'end'
    return frame
  }
  return {
    push: async (piece) => {
      held = concatBytes(held, piece)
      const frames: AnswerFrame[] = []
      for (let frame = await openNext(); frame !== undefined; frame = await openNext())
        frames.push(frame)
      if (ended && held.length > 0)
        throw sealingError('tampered', 'Cannot open the answer: bytes follow its end')
      return frames
    },
    finish: () => {
      if (!ended)
        throw sealingError(
          'truncated',
          `Cannot use the answer: it breaks off after ${number} frames, before its end`,
        )
    },
  }
}

function frameLength(held: Bytes): number | undefined {
  if (held.length < lengthBytes) return undefined
  const length = new DataView(held.buffer, held.byteOffset).getUint32(0)
  if (length < frameStepBytes + tagBytes || length > sealedFrameBytesMax - lengthBytes)
    throw new MalformedError(
      'frame length',
      0,
      `got ${length}, expected ${frameStepBytes + tagBytes} to ${sealedFrameBytesMax - lengthBytes}`,
    )
  return length
}

async function openFrame(
  { key, baseNonce }: AnswerKey,
  number: number,
  sealed: Bytes,
): Promise<AnswerFrame> {
  const cipher = { name: 'AES-GCM', iv: frameNonce(baseNonce, number) }
  let plain: Bytes
  try {
    plain = new Uint8Array(await crypto.subtle.decrypt(cipher, key, sealed))
  } catch (cause) {
    throw sealingError(
      'tampered',
      `Cannot open frame ${number} of the answer: it was changed, moved, left out, or answers another request`,
      { cause },
    )
  }
  const content = unpad(plain, 'frame')
  const kind = kinds[content[0] ?? -1]
  if (kind === undefined) throw new MalformedError('frame kind', 0, `got ${content[0]}`)
  return { kind, content: content.slice(1) }
}

// As in RFC 9458, section 4.4: the answer's nonce makes each answer's key its own even if a request were ever answered twice.
async function deriveKey(secret: Bytes, encapsulated: Bytes, nonce: Bytes): Promise<AnswerKey> {
  const material = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  const expand = async (info: string, bytes: number): Promise<Bytes> =>
    new Uint8Array(
      await crypto.subtle.deriveBits(
        {
          name: 'HKDF',
          hash: 'SHA-256',
          salt: concatBytes(encapsulated, nonce),
          info: encodeUtf8(info),
        },
        material,
        bytes * 8,
      ),
    )
  const [bytes, baseNonce] = await Promise.all([expand('key', 32), expand('nonce', 12)])
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  return { key, baseNonce }
}

function frameNonce(baseNonce: Bytes, number: number): Bytes {
  if (number >= 2 ** 32)
    throw sealingError('too-large', 'Cannot count more than 2^32 frames in one answer')
  const nonce = baseNonce.slice()
  const view = new DataView(nonce.buffer)
  view.setUint32(8, (view.getUint32(8) ^ number) >>> 0)
  return nonce
}
