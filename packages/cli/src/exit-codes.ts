import { MalformedError, OperationError } from '@cloister/codec'
import { systemErrorCode } from '@cloister/io'
import type { SdkErrorCode } from '@cloister/sdk'
import type { SealingErrorCode } from '@cloister/seal'

/** How a command can end. Spec: docs/cli.md. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  timeout: 5,
  refused: 6,
  funds: 7,
  unreachable: 8,
  interrupted: 130,
} as const

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const { failure, usage, notFound, timeout, refused, funds, unreachable, interrupted } = exitCodes

const ofSdk: Readonly<Record<SdkErrorCode, ExitCode>> = {
  'asset-incomplete': failure,
  'chain-down': unreachable,
  'deployment-refused': refused,
  expired: failure,
  'grant-refused': failure,
  'insufficient-funds': funds,
  'keeper-refused': refused,
  'keepers-too-few': failure,
  'no-account': usage,
  'no-eligible-node': failure,
  'not-approved': timeout,
  'nothing-to-claim': notFound,
  'order-refused': failure,
  'output-withheld': unreachable,
  'payout-unproven': refused,
  'peer-malformed': unreachable,
  'peer-refused': failure,
  'peer-unreachable': unreachable,
  'provenance-refused': refused,
  'receipt-incomplete': failure,
  'replicas-differ': refused,
  reverted: failure,
  'review-refused': refused,
  'session-broken': refused,
  'session-ended': failure,
  'session-refused': refused,
  'session-unready': timeout,
  'store-refused': unreachable,
  'task-refunded': notFound,
  'task-unknown': notFound,
  'task-unfinished': timeout,
  'wrong-chain': unreachable,
  'wrong-key': refused,
  'wrong-owner': refused,
}

const ofSealing: Readonly<Record<SealingErrorCode, ExitCode>> = {
  'wrong-key': refused,
  tampered: refused,
  truncated: refused,
  'too-large': usage,
  'out-of-range': usage,
  'envelope-refused': refused,
  'part-refused': refused,
  closed: failure,
  'request-refused': refused,
  'not-extractable': failure,
  unsupported: failure,
}

const ofOthers: Readonly<Record<string, ExitCode>> = {
  malformed: usage,
  usage,
  interrupted,
  'source-changed': usage,
  'asset-unknown': notFound,
  'object-absent': notFound,
  'store-unreachable': unreachable,
  'file-missing': usage,
  'file-unreadable': usage,
  'file-too-large': usage,
  'file-exists': usage,
  'file-open': usage,
  'config-malformed': usage,
  'config-unreadable': usage,
  'faults-in-production': usage,
  'folder-in-use': usage,
  'folder-unusable': failure,
  'key-file-exists': usage,
  'key-file-malformed': usage,
  'key-file-open': usage,
  'key-file-unusable': usage,
  'app-unknown': notFound,
  'bundle-unusable': usage,
  'not-built': usage,
  'account-unknown': notFound,
  'child-silent': timeout,
  'not-admitted': timeout,
  'not-proved': refused,
  'output-refused': refused,
  'no-quorum': unreachable,
  'collateral-unavailable': unreachable,
  'collateral-busy': unreachable,
  'collateral-timeout': timeout,
  'collateral-not-served': notFound,
  'evidence-unavailable': notFound,
  'evidence-timeout': timeout,
  'evidence-denied': refused,
  'chain-refused': unreachable,
}

/** The exit code of each error code that has another one than 1. Every other error code exits 1. */
export const exitCodeByError: Readonly<Record<string, ExitCode>> = {
  ...ofOthers,
  ...ofSealing,
  ...ofSdk,
}

/** An error as it is reported: its code, one line for people, and how the program ends. */
export type Failure = {
  readonly code: string
  readonly message: string
  readonly exit: ExitCode
}

/** What an error means to whoever ran the command. */
export function failureOf(error: unknown): Failure {
  if (error instanceof OperationError || error instanceof MalformedError) {
    const { code } = error
    return { code, message: oneLine(error.message), exit: exitCodeByError[code] ?? failure }
  }
  if (systemErrorCode(error) === 'ENOSPC' || /no space left/i.test(messageOf(error))) {
    const message =
      'Cannot go on: no space is left on the disk; free some, or choose another folder (for a devnet with --dir)'
    return { code: 'disk-full', message, exit: failure }
  }
  return { code: 'unexpected', message: `Unexpected failure: ${messageOf(error)}`, exit: failure }
}

function messageOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error))
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, '; ')
}
