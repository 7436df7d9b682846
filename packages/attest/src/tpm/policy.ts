import type { ProductionAnchorName } from '../anchors.ts'
import { judgeCommonClaims } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import { lowerHex, unless, type Reason } from '../reasons.ts'
import type { TpmClaims } from './claims.ts'

/** What a policy wants of a TPM, and what it can let through. */
export type TpmPolicy = {
  /** SHA-1 in the signature or in a bank: others can be found that hash alike. */
  readonly allowSha1: boolean
  /** A key that says itself that it also signs what others made. */
  readonly allowUnrestrictedKey: boolean
  /** A quote of PCRs whose values did not all come along: its measurement alone says what it quotes. */
  readonly allowMissingPcrs: boolean
  /** Values that PCRs must have, by bank (`sha256`) and index, in hexadecimal: for each PCR those that are accepted. */
  readonly requiredPcrs: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  /** Whether there has to be an event log that leads to the quoted values. One that does not is always refused. */
  readonly requireEventLog: boolean
  /**
   * Where an authentic hardware report has to lie below: under every TPM, under those that Azure certifies, or nowhere.
   * A list in {@link TpmPolicy.hardwareMeasurements} that is not empty wants one everywhere, whatever stands here.
   */
  readonly requireHardware: 'always' | 'azure' | 'never'
  /** Accepted measurements of the machine below a vTPM, as its own kind of evidence has them. */
  readonly hardwareMeasurements: readonly string[] | 'any'
}

/** Lets nothing through. */
export const strictTpmPolicy: TpmPolicy = {
  allowSha1: false,
  allowUnrestrictedKey: false,
  allowMissingPcrs: false,
  requiredPcrs: {},
  requireEventLog: false,
  requireHardware: 'azure',
  hardwareMeasurements: [],
}

/** What came with a quote besides claims. */
export type TpmCircumstances = {
  /** Selected PCRs whose values were not given. */
  readonly missingPcrs: readonly string[]
  readonly hasEventLog: boolean
  /** What is known about the machine below: undefined where the quote does not say that there is one. */
  readonly hardware: 'authentic' | 'chain-only' | 'not judged' | undefined
  /** Whether who vouches for the key publishes lists of what it took back. */
  readonly listsExist: boolean
  readonly chainOnly: boolean
  /** What the policy has against the machine below. */
  readonly hardwareReasons: readonly Reason[]
}

/** Everything that `policy` has against a TPM's quote, and the machine below it. */
export function judgeTpmClaims(
  claims: TpmClaims,
  circumstances: TpmCircumstances,
  policy: Policy,
): readonly Reason[] {
  const { chainOnly, listsExist, hardwareReasons } = circumstances
  return [
    ...unless(!chainOnly, 'CHAIN_ONLY', 'judged without collateral', 'none', 'collateral'),
    ...judgeCommonClaims(claims, policy, listsExist ? 'lists exist' : 'no lists exist'),
    ...judgeHashes(claims, policy.tpm),
    ...judgeKey(claims, policy.tpm),
    ...judgePcrs(claims, circumstances, policy.tpm),
    ...judgeEventLog(claims, circumstances, policy.tpm),
    ...judgeHardwareKnown(claims, circumstances, policy.tpm),
    ...hardwareReasons.filter(({ code }) => code !== 'CHAIN_ONLY' || !chainOnly),
  ]
}

function judgeHashes({ signature, selection }: TpmClaims, policy: TpmPolicy): readonly Reason[] {
  const weak = [
    ...(signature.hash === 'sha1' ? ['signature'] : []),
    ...(selection.some(({ bank }) => bank === 'sha1') ? ['PCR bank'] : []),
  ]
  return weak.flatMap((what) =>
    unless(policy.allowSha1, 'WEAK_HASH', `hash of the ${what}`, 'sha1', 'sha256 or longer'),
  )
}

/** Only what says something against itself is judged: a bare public key says nothing. */
function judgeKey({ attestationKey }: TpmClaims, policy: TpmPolicy): readonly Reason[] {
  const { attributes } = attestationKey
  if (attributes === undefined || policy.allowUnrestrictedKey) return []
  const { restricted, sign, fixedTpm, decrypt } = attributes
  return unless(
    restricted && sign && fixedTpm && !decrypt,
    'AK_ATTRIBUTES',
    'what the TPM lets the attestation key do',
    Object.entries({ restricted, sign, fixedTpm, decrypt })
      .flatMap(([name, set]) => (set ? [name] : []))
      .join(', ') || 'none',
    'restricted, sign, fixedTpm',
  )
}

function judgePcrs(
  { pcrs, selection }: TpmClaims,
  { missingPcrs }: TpmCircumstances,
  policy: TpmPolicy,
): readonly Reason[] {
  const required = Object.entries(policy.requiredPcrs).flatMap(([bank, values]) =>
    Object.entries(values).map(([index, accepted]) => ({ bank, index, accepted })),
  )
  return [
    ...unless(
      missingPcrs.length === 0 || policy.allowMissingPcrs,
      'PCR_MISSING',
      'values of quoted PCRs that were not given',
      missingPcrs.join(', '),
      'none',
    ),
    ...required.flatMap(({ bank, index, accepted }) => {
      const name = `${bank}:${index}`
      const isQuoted = selection.some(
        (each) => each.bank === bank && each.indices.includes(Number(index)),
      )
      const value = pcrs?.[bank]?.[index]
      if (!isQuoted || value === undefined)
        return unless(false, 'PCR_MISSING', `value of PCR ${name}`, 'none', accepted.join(', '))
      const holds = accepted.some((each) => lowerHex(each) === value)
      return unless(holds, 'MEASUREMENT', `PCR ${name}`, value, accepted.join(', ') || 'none')
    }),
  ]
}

/** PCRs that firmware alone extends, and logs every time. Spec: TCG PC Client Platform Firmware Profile, 3.3.4. */
const lastFirmwarePcr = 7

/**
 * A log that came along has to lead to the quoted values; what it does not speak of may be extended only past PCR 7:
 * operating systems keep logs of their own.
 */
function judgeEventLog(
  { boot }: TpmClaims,
  { hasEventLog }: TpmCircumstances,
  policy: TpmPolicy,
): readonly Reason[] {
  const detail = 'event log'
  if (boot === undefined)
    return unless(
      !policy.requireEventLog,
      'EVENT_LOG',
      detail,
      hasEventLog ? 'no PCR values to compare it with' : 'none',
      'one that leads to the quoted PCRs',
    )
  const hidden = boot.unexplained.filter(
    (name) => Number(name.slice(name.indexOf(':') + 1)) <= lastFirmwarePcr,
  )
  return [
    ...unless(
      boot.differing.length === 0,
      'EVENT_LOG',
      'PCRs that the event log does not lead to',
      boot.differing.join(', '),
      'none',
    ),
    ...unless(
      hidden.length === 0,
      'EVENT_LOG',
      'PCRs of the firmware that the event log does not speak of',
      hidden.join(', '),
      'none',
    ),
    ...unless(
      boot.matching.length > 0 || !policy.requireEventLog,
      'EVENT_LOG',
      detail,
      'speaks of no quoted PCR',
      'one that leads to the quoted PCRs',
    ),
  ]
}

/** Azure's root for vTPMs, of confidential VMs and others: only a hardware report says which of the two it is. */
const azureRoot: ProductionAnchorName = 'azure-virtual-tpm-root-ca-2023'

/** Whoever sends evidence can leave the report out, so what a policy wants of it has to want the report too. */
function judgeHardwareKnown(
  { anchor }: TpmClaims,
  { hardware }: TpmCircumstances,
  { requireHardware, hardwareMeasurements }: TpmPolicy,
): readonly Reason[] {
  const isNamed = hardwareMeasurements !== 'any' && hardwareMeasurements.length > 0
  const isOptional =
    !isNamed &&
    (requireHardware === 'never' || (requireHardware === 'azure' && anchor !== azureRoot))
  return unless(
    hardware === 'authentic' || (hardware === undefined && isOptional),
    'HARDWARE',
    'the hardware report below this TPM',
    hardware ?? 'none',
    'authentic',
  )
}
