/** What a policy can let through about a CCA or PSA device. */
export type ArmPolicy = Readonly<Record<never, never>>

/** Lets nothing through. */
export const strictArmPolicy: ArmPolicy = {}
