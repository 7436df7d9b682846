import { judgeCommonClaims } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import { listed, unless, type Reason } from '../reasons.ts'
import type { NvidiaClaims } from './claims.ts'
import type { GpuMode } from './opaque.ts'
import { bestRim, conflicts, countedMismatches, type JudgedRim, type RimKind } from './tcb.ts'

/** What a policy can let through about a GPU or an NVSwitch. */
export type NvidiaPolicy = {
  /** A GPU has to have a genuine manifest for its driver. */
  readonly requireDriverRim: boolean
  /** A device has to have a genuine manifest for its VBIOS. */
  readonly requireVbiosRim: boolean
  /** Manifests whose signer's certificate is not valid now. */
  readonly allowExpiredRims: boolean
  /** Modes that a GPU may be in. `unreported` is what drivers too old to say it are in. */
  readonly modes: readonly (GpuMode | 'unreported')[]
  /** A GPU whose report leaves out the digest of its firmware. The leaf certificate has it all the same. */
  readonly allowMissingFirmwareId: boolean
}

/**
 * Wants both manifests, matching and in their time, and a mode in which NVLink is encrypted or not used: `PPCIE` is for
 * those who judge a whole set of devices.
 */
export const strictNvidiaPolicy: NvidiaPolicy = {
  requireDriverRim: true,
  requireVbiosRim: true,
  allowExpiredRims: false,
  modes: ['SPT', 'MPT'],
  allowMissingFirmwareId: false,
}

/** Everything that `policy` has against a GPU or an NVSwitch. */
export function judgeNvidiaClaims(
  claims: NvidiaClaims,
  rims: readonly JudgedRim[],
  videoDecoder: boolean | undefined,
  policy: Policy,
  collateral: 'given' | 'none',
): readonly Reason[] {
  const chainOnly = unless(
    collateral === 'given',
    'CHAIN_ONLY',
    'no collateral was looked at',
    'none',
    'collateral',
  )
  return [
    ...chainOnly,
    ...judgeCommonClaims(claims, policy, 'lists exist'),
    ...judgeRims(claims, rims, videoDecoder, policy.nvidia),
    ...(claims.tee === 'nvidia-gpu' ? judgeGpu(claims, policy.nvidia) : []),
  ]
}

function judgeRims(
  claims: NvidiaClaims,
  rims: readonly JudgedRim[],
  videoDecoder: boolean | undefined,
  policy: NvidiaPolicy,
): readonly Reason[] {
  const driver = bestRim(rims, 'driver', videoDecoder)
  const vbios = bestRim(rims, 'vbios', videoDecoder)
  const both = conflicts(driver, vbios)
  const judge = (kind: RimKind, required: boolean): readonly Reason[] =>
    judgeRim(claims, rims, kind, required, videoDecoder, policy)
  return [
    ...(claims.tee === 'nvidia-gpu' ? judge('driver', policy.requireDriverRim) : []),
    ...judge('vbios', policy.requireVbiosRim),
    ...unless(
      both.length === 0,
      'RIM_MISMATCH',
      'measurements that the manifests of driver and VBIOS both name',
      both.join(', '),
      'none',
    ),
  ]
}

/** Judges by the best manifest of one kind. A genuine one that does not match counts though it is not required. */
function judgeRim(
  claims: NvidiaClaims,
  rims: readonly JudgedRim[],
  kind: RimKind,
  required: boolean,
  videoDecoder: boolean | undefined,
  policy: NvidiaPolicy,
): readonly Reason[] {
  const best = bestRim(rims, kind, videoDecoder)
  const id = claims.rimIds[kind] ?? 'a version that is reported'
  if (best === undefined) {
    const forged = rims.some((rim) => 'malformed' in rim || rim.kind === kind)
    return forged
      ? unless(!required, 'RIM_INVALID', `manifest of the ${kind}`, 'not a genuine one', id)
      : unless(!required, 'RIM_MISSING', `manifest of the ${kind}`, 'none', id)
  }
  const wrong = countedMismatches(best, videoDecoder)
  return [
    ...unless(
      best.chain === 'good' || policy.allowExpiredRims,
      'RIM_EXPIRED',
      `manifest of the ${kind}: validity of its certificates`,
      `from ${best.notBefore} to ${best.notAfter}`,
      'now',
    ),
    ...unless(
      wrong.length === 0,
      'RIM_MISMATCH',
      `manifest of the ${kind}: measurements with other values`,
      wrong.join(', '),
      'none',
    ),
  ]
}

function judgeGpu(claims: NvidiaClaims, policy: NvidiaPolicy): readonly Reason[] {
  const { mode, protectedPcie, firmwareId } = claims
  return [
    ...unless(
      policy.modes.includes(mode),
      'GPU_MODE',
      'the mode of confidential computing',
      mode,
      listed(policy.modes),
    ),
    ...unless(
      mode === 'unreported' || protectedPcie === undefined || protectedPcie === (mode === 'PPCIE'),
      'GPU_MODE',
      'protected PCIe, beside the mode',
      protectedPcie === true ? 'on' : 'off',
      mode === 'PPCIE' ? 'on' : 'off',
    ),
    ...unless(
      firmwareId.report !== undefined || policy.allowMissingFirmwareId,
      'FIRMWARE_ID',
      'the digest of its firmware in the report',
      'none',
      firmwareId.certificate ?? 'one',
    ),
  ]
}
