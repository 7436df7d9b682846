import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import { sha256 } from '#crypto'
import type { Appraisal, Given } from './appraisal.ts'
import { isAccepted } from './appraisal.ts'
import { createAppraiser, type Appraiser } from './appraise.ts'
import type { Evidence, NvidiaEvidence, TpmEvidence } from './evidence.ts'
import type { NvidiaClaims } from './nvidia/claims.ts'
import type { DeviceCounts } from './nvidia/device-set.ts'
import type { Policy } from './policy.ts'
import { judgeSession, type SessionReason } from './session-reasons.ts'
import type { TpmClaims } from './tpm/claims.ts'

/** Evidence of a CPU's TEE, of the devices that are given to it, and of its VM's TPM. */
export type Session = {
  readonly cpu: Exclude<Evidence, NvidiaEvidence>
  readonly devices: readonly NvidiaEvidence[]
  readonly vtpm?: TpmEvidence
  /** What the verifier sent, 32 bytes of its own, fresh. */
  readonly challenge: Bytes
}

/** What a session is judged by: the CPU and the others have a policy each. */
export type SessionGiven = Omit<Given, 'policy'> & {
  readonly cpuPolicy: Policy
  /** Of devices and vTPM. Its report data is not looked at: it has to be the session's nonce. */
  readonly devicePolicy: Policy
  readonly expected: DeviceCounts
}

/** What a session concluded. */
export type SessionAppraisal = {
  /** Whether all parts are accepted, and nothing speaks against them together. */
  readonly accepted: boolean
  readonly cpu: Appraisal
  /** In the order in which they were given. */
  readonly devices: readonly Appraisal<NvidiaClaims>[]
  readonly vtpm?: Appraisal<TpmClaims>
  readonly reasons: readonly SessionReason[]
}

const challengeBytes = 32
const nonceDomain = encodeUtf8('cloister/gpu-nonce/1\0')

/**
 * The nonce that the devices and the vTPM of one session sign: SHA-256 of a domain, SHA-256 of the CPU's evidence, and the
 * verifier's challenge (32 bytes).
 *
 * A device's report carries nothing else of the asker's, and PCIe does not say whose device it is. So a GPU is bound to
 * a CPU by what it signs: evidence that another CPU's TEE had made, or that was made before, has another nonce.
 *
 * @throws {RangeError} where the challenge has another size.
 */
export async function gpuNonce(cpuEvidence: Bytes, challenge: Bytes): Promise<Bytes> {
  if (challenge.length !== challengeBytes)
    throw new RangeError(
      `Cannot use a challenge of ${challenge.length} bytes, expected ${challengeBytes}`,
    )
  return await sha256(nonceDomain, await sha256(cpuEvidence), challenge)
}

/** The bytes of CPU evidence that {@link gpuNonce} is made from: what its TEE signed, as it was given out. */
export function cpuEvidenceBytes(cpu: Session['cpu']): Bytes {
  if ('quote' in cpu) return cpu.quote
  if ('report' in cpu) return cpu.report
  return 'document' in cpu ? cpu.document : cpu.token
}

/**
 * Appraises a CPU's TEE together with its devices and its VM's TPM.
 *
 * That the CPU's evidence is fresh, its own policy has to say: its report data has to hold the challenge. A CPU alone that
 * does not is `NOT_FRESH`, whatever the policy says. What remains
 * open is where the devices are: they answered this CPU's TEE, and could stand elsewhere with their owner's help, until
 * PCIe itself is attested (TDISP).
 */
export async function appraiseSession(
  session: Session,
  given: SessionGiven,
  { appraise }: Appraiser = createAppraiser(),
): Promise<SessionAppraisal> {
  const { collateral, anchors, now, cpuPolicy, devicePolicy, expected } = given
  const shared = { collateral, anchors, now }
  const nonce = encodeHex(await gpuNonce(cpuEvidenceBytes(session.cpu), session.challenge))
  const cpu: Appraisal = await appraise(session.cpu, { ...shared, policy: cpuPolicy })
  const policy: Policy = { ...devicePolicy, reportData: nonce }
  const devices: Appraisal<NvidiaClaims>[] = []
  for (const device of session.devices) devices.push(await appraise(device, { ...shared, policy }))
  const vtpm = session.vtpm && (await appraise(session.vtpm, { ...shared, policy }))
  const parts = { cpu, devices, ...(vtpm && { vtpm }) }
  const reasons = judgeSession(parts, {
    nonce,
    challenge: encodeHex(session.challenge),
    expected,
  })
  const isEachAccepted = [cpu, ...devices, ...(vtpm ? [vtpm] : [])].every((part) =>
    isAccepted(part),
  )
  return { accepted: isEachAccepted && reasons.length === 0, ...parts, reasons }
}
