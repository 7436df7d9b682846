import { assert, encodeUtf8, OperationError } from '@cloister/codec'
import {
  encodeSessionSummary,
  keyHash,
  publicKeyBytes,
  sameHex,
  sessionContext,
  sessionOfferContext,
} from '@cloister/protocol'
import { createSessionReceiver, sealEnvelope, sessionPskBytes } from '@cloister/seal'
import { bytesToHex, type Hex } from 'viem'

import type { SealedInput } from '../attempt/open-inputs.ts'
import { appFailed } from '../attempt/run-app.ts'
import type { Shown } from '../attempt/shown-evidence.ts'
import type { AppResult, AppRuntime } from '../drivers/driver.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { readBytes } from '../object-store.ts'
import { runSandboxed } from '../sandbox/run-sandboxed.ts'
import { AppPipes } from './app-pipes.ts'
import type { SessionBook } from './session-book.ts'
import { sessionLimitsOf, sessionOutput, withSessionProgram } from './session-program.ts'
import { Session, type SessionEnd } from './session.ts'

/** What a session came to: its summary as the app's output, and what it cost. */
export type SessionResult = { readonly result: AppResult; readonly spentWei: bigint }

/** Sealing the output, posting the receipt and a slow chain come after a session's end, and before the attempt's deadline. */
const closingSeconds = 45
const timerSecondsMax = 2 ** 21 // A longer timer than 2^31 ms would end at once.

const offerInfo = encodeUtf8('cloister/session-offer/1')

/**
 * Runs an attempt's app for as long as its session lasts. It runs once: what came to an end is not begun again, however often the host asks.
 *
 * @throws {OperationError} `attempt-refused`, where order or app are no session's; `app-failed`, where the app was never ready.
 */
export async function runSession(
  context: EnclaveContext,
  runtime: AppRuntime,
  book: SessionBook,
  shown: Shown,
  inputs: readonly SealedInput[],
): Promise<SessionResult> {
  const { task, attempt } = shown.prepared
  const end =
    book.endOf(task, attempt) ??
    (await withSessionProgram(runtime, shown.prepared.manifest, async (program) => {
      const limits = sessionLimitsOf(shown.prepared.manifest, secondsLeft(shown))
      const run = await runSandboxed(program, limits, runtime.sandbox)
      try {
        const pipes = new AppPipes({ stdin: run.input, stdout: run.output })
        await pipes.start(inputs).catch(notReady)
        const session = await openSession(context, book, shown, pipes)
        context.host.progress(task, 'session')
        return await session.ended
      } finally {
        run.kill()
        await run.ended
      }
    }))
  return { result: { outputs: [summaryOf(end)], metrics: {} }, spentWei: end.used.spentWei }
}

async function openSession(
  context: EnclaveContext,
  book: SessionBook,
  shown: Shown,
  pipes: AppPipes,
): Promise<Session> {
  const { prepared, evidence, freshKey } = shown
  const { task, attempt, order, manifest } = prepared
  const { identity } = context
  const terms = manifest.session
  assert(terms !== undefined, 'other apps were refused before')
  const psk = crypto.getRandomValues(new Uint8Array(sessionPskBytes))
  const offer = await sealOffer(context, order.recipientKeyHash, { task, attempt, psk, evidence })
  const now = clockOf(prepared.view.now)
  const session = new Session({
    task,
    attempt,
    terms,
    price: order,
    receiver: createSessionReceiver({
      key: freshKey,
      psk,
      context: sessionContext(task, attempt),
    }),
    pipes,
    sign: (usage) => identity.sign('Usage', usage),
    now,
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds)
      return () => clearTimeout(timer)
    },
    lifeMilliseconds: secondsLeft(shown) * 1000,
  })
  const { meter, requestBytesMax, responseBytesMax, idleSeconds } = terms
  book.open({
    session,
    status: {
      version: '1',
      evidence: { ...evidence, releases: [] },
      offer,
      ...{ meter, requestBytesMax, responseBytesMax, idleSeconds },
    },
  })
  return session
}

/** The session's secret, sealed to the order's recipient: whoever opens it may speak. */
async function sealOffer(
  { host }: EnclaveContext,
  recipientKeyHash: Hex,
  {
    task,
    attempt,
    psk,
    evidence,
  }: {
    readonly task: Hex
    readonly attempt: number
    readonly psk: Uint8Array<ArrayBuffer>
    readonly evidence: Shown['evidence']
  },
): Promise<Hex> {
  const recipient = await readBytes(host, recipientKeyHash, publicKeyBytes)
  if (!sameHex(keyHash(recipient), recipientKeyHash))
    throw new OperationError('wrong-recipient', 'Cannot seal to a key that the order does not name')
  const aad = sessionOfferContext(task, attempt, evidence.binding.freshKeyHash)
  return bytesToHex(await sealEnvelope(recipient, offerInfo, aad, psk))
}

function summaryOf({ ending, used }: SessionEnd) {
  const { sequence, units, spentWei, transcript } = used
  const bytes = encodeSessionSummary({
    format: 'cloister-session/1',
    requests: Number(sequence),
    units,
    spentWei,
    transcript,
    ending,
  })
  return { name: sessionOutput, bytes }
}

function secondsLeft({ prepared, since }: Shown): number {
  const passed = (performance.now() - since) / 1000
  const left = Math.floor(prepared.secondsLeft - passed - closingSeconds)
  if (left > 0) return Math.min(left, timerSecondsMax)
  throw new OperationError(
    'attempt-refused',
    `Cannot run a session: it needs more than ${closingSeconds} s before the attempt's deadline; order more attemptSeconds`,
  )
}

// Whether an app could not start, and why, may hang on its inputs.
function notReady(cause: unknown): never {
  const isApp = cause instanceof OperationError && cause.code === 'app-ended'
  throw isApp ? appFailed(cause) : cause
}

// The chain's time of the checkpoint, and how long ago this enclave saw it.
function clockOf(now: bigint): () => bigint {
  const seen = performance.now()
  return () => now + BigInt(Math.floor((performance.now() - seen) / 1000))
}
