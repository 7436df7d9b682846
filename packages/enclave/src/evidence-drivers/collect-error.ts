import { MalformedError, OperationError } from '@cloister/codec'

/**
 * Why evidence could not be collected. The list is closed.
 *
 * - `evidence-unavailable`: this machine, or this kernel, does not give out such evidence.
 * - `evidence-denied`: it does, but not to this user.
 * - `evidence-refused`: it refuses this request: its report data, its privilege level.
 * - `evidence-busy`: it is at work on other requests.
 * - `evidence-raced`: somebody else changed the request while it was answered.
 * - `evidence-timeout`: no answer in time.
 * - `evidence-aborted`: the caller gave up.
 * - `evidence-failed`: the device or the program that signs has failed.
 * - `evidence-malformed`: what it answered is not what it should be.
 */
export const collectErrorCodes = [
  'evidence-unavailable',
  'evidence-denied',
  'evidence-refused',
  'evidence-busy',
  'evidence-raced',
  'evidence-timeout',
  'evidence-aborted',
  'evidence-failed',
  'evidence-malformed',
] as const

/** One of {@link collectErrorCodes}. */
export type CollectErrorCode = (typeof collectErrorCodes)[number]

const retryable: readonly CollectErrorCode[] = [
  'evidence-busy',
  'evidence-raced',
  'evidence-timeout',
]

/** The error of a collection that failed. `detail` says what happened, then what to do next. */
export function collectError(
  code: CollectErrorCode,
  detail: string,
  cause?: unknown,
): OperationError {
  return new OperationError(code, `Cannot collect evidence: ${detail}`, {
    cause,
    retryable: retryable.includes(code),
  })
}

type Meaning = { readonly code: CollectErrorCode; readonly next: string }

const gone: Meaning = {
  code: 'evidence-unavailable',
  next: 'this machine does not offer it; see docs/collecting.md for what each platform needs',
}
const denied: Meaning = {
  code: 'evidence-denied',
  next: 'run as root, or give this user the right to read and write there',
}
const failed: Meaning = {
  code: 'evidence-failed',
  next: 'look into the kernel log for what the platform said',
}

/**
 * What the kernel's refusals mean here.
 *
 * Spec: Linux Documentation/ABI/testing/configfs-tsm-report; drivers/virt/coco/guest/report.c and the drivers of
 * TDX, SNP and CCA beside it.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: gone,
  ENOTDIR: gone,
  ENODEV: gone,
  // No driver for a trusted module has registered itself.
  ENXIO: {
    code: 'evidence-unavailable',
    next: 'no driver of a trusted module is loaded; load tdx_guest, sev_guest or arm_cca_guest',
  },
  // The driver has gone since, or SNP's message key was disabled after an error.
  ENOTTY: {
    code: 'evidence-unavailable',
    next: 'the driver has no channel to the platform any more; restart the guest',
  },
  EACCES: denied,
  EPERM: denied,
  EROFS: denied,
  EINVAL: {
    code: 'evidence-refused',
    next: 'the kernel refuses this report data or privilege level; give 64 bytes, and no level below its floor',
  },
  EFBIG: {
    code: 'evidence-refused',
    next: 'it is larger than the kernel takes or gives; give at most 64 bytes of report data',
  },
  EBUSY: {
    code: 'evidence-busy',
    next: 'the platform is still at work on another request; try again in a minute',
  },
  EAGAIN: { code: 'evidence-busy', next: 'try again' },
  EINTR: { code: 'evidence-busy', next: 'a signal came in between; try again' },
  ETXTBSY: { code: 'evidence-busy', next: 'somebody else uses the same file; try again' },
  ETIMEDOUT: {
    code: 'evidence-timeout',
    next: 'the host did not let the platform sign in time; try again in a minute',
  },
  EIO: failed,
  ENOMEM: failed,
}

/** The error for a system call that failed: `action` names it and its object. Our own errors pass unchanged. */
export function fromSystemError(cause: unknown, action: string): OperationError {
  if (cause instanceof OperationError) return cause
  if (cause instanceof MalformedError)
    return collectError('evidence-malformed', `${action}: ${cause.message}`, cause)
  const name = systemCode(cause)
  const { code, next } = meanings[name ?? ''] ?? failed
  return collectError(code, `${action} failed with ${name ?? String(cause)}; ${next}`, cause)
}

/** The name of the system's error (`ENOENT`), where `error` is one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
