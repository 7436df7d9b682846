import type { Attempt } from './attempt.ts'
import { outputAttempts } from './attempts-output.ts'
import { runAttempts } from './attempts-run.ts'

/** Every app with code that tries to leak. */
export const attempts: readonly Attempt[] = [...outputAttempts, ...runAttempts]

/** What the grants of the suite let out, in bytes. */
export const grantBytesMax = 4096

/** What is tried through the measured engine and through sessions; each is a test of its own. */
export const engineAttempts = [
  { name: 'memorised record', channel: 'weights of a model trained on one row', verdict: 'capped: 32769 bits' },
  { name: 'one row', channel: 'the same, under a grant with `recordsMin`', verdict: 'blocked' },
  { name: 'probabilities', channel: 'what a model says of a record', verdict: 'capped: 8193 bits' },
  { name: 'ranges', channel: 'which ranges of the data are fetched', verdict: 'blocked' },
  { name: 'session', channel: 'requests that an app with code answers', verdict: 'blocked' },
] as const // prettier-ignore
