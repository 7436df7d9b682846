/** What a policy can let through about a TPM. */
export type TpmPolicy = Readonly<Record<never, never>>

/** Lets nothing through. */
export const strictTpmPolicy: TpmPolicy = {}
