import type { CommonClaims } from '../claims.ts'
import { judgeCommonClaims } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import { unless, unlessListed, type Reason } from '../reasons.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { SoftwareComponent } from './software-component.ts'

/** What a policy can ask of a CCA platform or a PSA device, and let through about it. */
export type ArmPolicy = {
  /** A device that can be opened, is not provisioned yet, or is out of service: any state but secured. */
  readonly allowUnsecuredLifecycle: boolean
  /** Whether the instance id has to be 01 and SHA-256 of the device's key, as PSA derives it. */
  readonly requireInstanceIdOfKey: boolean
  /** Accepted implementations of the root of trust, by implementation id. */
  readonly implementationIds: readonly string[] | 'any'
  /** Accepted signers of firmware: every component has to be signed by one of them. */
  readonly softwareSigners: readonly string[] | 'any'
  /** Accepted measurements of firmware: every component has to have one of them. */
  readonly softwareMeasurements: readonly string[] | 'any'
}

/**
 * Lets nothing through. Which platforms and firmware are good, nobody but their makers knows; a pinned key says whose
 * device it is.
 */
export const strictArmPolicy: ArmPolicy = {
  allowUnsecuredLifecycle: false,
  requireInstanceIdOfKey: true,
  implementationIds: 'any',
  softwareSigners: 'any',
  softwareMeasurements: 'any',
}

/** What is judged of a platform or device below what runs on it. */
type Device = {
  readonly lifecycle: Lifecycle
  readonly instanceId: string
  readonly instanceIdOfKey: boolean
  readonly implementationId: string
  readonly softwareComponents: readonly SoftwareComponent[]
}

/** Everything that `policy` has against a CCA platform and its realm, or against a PSA device. */
export function judgeArmClaims(
  claims: CommonClaims,
  device: Device,
  policy: Policy,
): readonly Reason[] {
  const { arm } = policy
  const { lifecycle } = device
  return [
    ...judgeCommonClaims(claims, policy, 'no lists exist'),
    ...unless(
      lifecycle.state === 'secured' || arm.allowUnsecuredLifecycle,
      'LIFECYCLE',
      "state of the device's life",
      `${lifecycle.state} (${lifecycle.value})`,
      'secured',
    ),
    ...unless(
      device.instanceIdOfKey || !arm.requireInstanceIdOfKey,
      'INSTANCE_ID',
      'which device this is, by its own word',
      device.instanceId,
      '01 and SHA-256 of its key',
    ),
    ...unlessListed(
      'PRODUCT_LINE',
      'implementation of the root of trust',
      device.implementationId,
      arm.implementationIds,
    ),
    ...unless(
      device.softwareComponents.length > 0 ||
        (arm.softwareSigners === 'any' && arm.softwareMeasurements === 'any'),
      'MEASUREMENT',
      'software components',
      'none',
      'measured ones',
    ),
    ...device.softwareComponents.flatMap((component, index) => {
      const name = `software component ${component.type ?? index + 1}`
      const { signerId, measurement } = component
      return [
        ...unlessListed('MEASUREMENT', `signer of ${name}`, signerId, arm.softwareSigners),
        ...unlessListed('MEASUREMENT', name, measurement, arm.softwareMeasurements),
      ]
    }),
  ]
}
