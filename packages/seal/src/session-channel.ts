import { concatBytes, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'
import { DecapError, OpenError, type RecipientContext, type SenderContext } from 'hpke'

import { encapsulatedBytes, suite, supported, type EnvelopePrivateKey } from './envelope.ts'
import { sealingError } from './sealing-error.ts'
import {
  createAnswerOpener,
  createAnswerSealer,
  type AnswerOpener,
  type AnswerSealer,
} from './session-frames.ts'
import { padToStep, stepFor, unpad } from './session-steps.ts'

/** What both ends of a session know: the enclave's attested key, a secret that only the requester was told, and which session it is. */
export type SessionSecrets<K> = {
  readonly key: K
  /** 32 bytes that the enclave drew and sealed to the order's recipient key. */
  readonly psk: Bytes
  readonly context: Bytes
}

/** A request that was sealed, and what opens its answer. */
export type SealedRequest = {
  readonly sealed: Bytes
  readonly answer: AnswerOpener
  /** 32 bytes that only both ends know: they salt what is written of this request in the session's transcript. */
  readonly salt: Bytes
}

/** A request that was opened, and what seals its answer. */
export type OpenedRequest = {
  readonly content: Bytes
  readonly answer: AnswerSealer
  readonly salt: Bytes
}

/** The requester's end. */
export type SessionSender = { readonly seal: (content: Bytes) => Promise<SealedRequest> }

/** The enclave's end. */
export type SessionReceiver = {
  /**
   * Opens a request.
   *
   * @throws {OperationError} `request-refused`: it is not sealed to this key by who knows the session's secret, or was changed;
   * `too-large`. @throws {MalformedError}
   */
  readonly open: (sealed: Bytes) => Promise<OpenedRequest>
}

/** Bytes of a session's secret. */
export const sessionPskBytes = 32

const pskId = encodeUtf8('cloister/session-psk/1')
const answerLabel = encodeUtf8('cloister/session-answer/1')
const transcriptLabel = encodeUtf8('cloister/session-transcript/1')
const requestStepBytes = 1024
const tagBytes = 16
const contentBytesMax = 8 * 1024 * 1024

/** The most bytes of a sealed request whose content has so many. */
export function sealedRequestBytesMax(contentBytes: number): number {
  return encapsulatedBytes + stepFor(contentBytes + 4, requestStepBytes) + tagBytes
}

/**
 * Opens the requester's end of a session: HPKE in mode PSK for every request, to a key that evidence binds.
 *
 * @throws {MalformedError} on bytes that are no key. Spec: RFC 9180, section 5.1.2; docs/inference.md.
 */
export async function createSessionSender({
  key,
  psk,
  context,
}: SessionSecrets<Bytes>): Promise<SessionSender> {
  requirePsk(psk)
  const recipient = await supported(() => suite.DeserializePublicKey(key))
  return {
    seal: async (content) => {
      requireContent(content.length)
      const { encapsulatedSecret, ctx } = await supported(() =>
        suite.SetupSender(recipient, { info: context, psk, pskId }),
      )
      const encapsulated = new Uint8Array(encapsulatedSecret)
      const ciphertext = await ctx.Seal(padToStep(content, requestStepBytes))
      const { secret, salt } = await exported(ctx)
      return {
        sealed: concatBytes(encapsulated, ciphertext),
        answer: createAnswerOpener(secret, encapsulated),
        salt,
      }
    },
  }
}

/** Opens the enclave's end of a session. */
export function createSessionReceiver({
  key,
  psk,
  context,
}: SessionSecrets<EnvelopePrivateKey>): SessionReceiver {
  requirePsk(psk)
  return {
    open: async (sealed) => {
      const least = encapsulatedBytes + requestStepBytes + tagBytes
      if (sealed.length < least)
        throw new MalformedError(
          'sealed request',
          0,
          `got ${sealed.length} bytes, expected at least ${least}`,
        )
      requireContent(sealed.length - encapsulatedBytes - tagBytes)
      const encapsulated = sealed.slice(0, encapsulatedBytes)
      const { ctx, padded } = await openSealed(encapsulated, sealed.subarray(encapsulatedBytes))
      const { secret, salt } = await exported(ctx)
      return {
        content: unpad(padded, 'request'),
        answer: createAnswerSealer(secret, encapsulated),
        salt,
      }
    },
  }

  async function openSealed(encapsulated: Bytes, ciphertext: Bytes) {
    try {
      const ctx = await supported(() =>
        suite.SetupRecipient(key, encapsulated, { info: context, psk, pskId }),
      )
      return { ctx, padded: new Uint8Array(await ctx.Open(ciphertext)) }
    } catch (cause) {
      if (!(cause instanceof OpenError || cause instanceof DecapError)) throw cause
      throw sealingError(
        'request-refused',
        'Cannot open the request: it was not sealed for this session by its requester, or was changed on the way',
        { cause },
      )
    }
  }
}

async function exported(ctx: SenderContext | RecipientContext) {
  const [secret, salt] = await Promise.all([
    ctx.Export(answerLabel, 32),
    ctx.Export(transcriptLabel, 32),
  ])
  return { secret: new Uint8Array(secret), salt: new Uint8Array(salt) }
}

function requirePsk(psk: Bytes): void {
  if (psk.length !== sessionPskBytes)
    throw new MalformedError(
      'session secret',
      0,
      `got ${psk.length} bytes, expected ${sessionPskBytes}`,
    )
}

function requireContent(bytes: number): void {
  if (bytes > contentBytesMax)
    throw sealingError(
      'too-large',
      `Cannot seal or open a request of ${bytes} bytes: at most ${contentBytesMax} are accepted`,
    )
}
