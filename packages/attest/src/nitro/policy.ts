/** What a policy can let through about a Nitro enclave. */
export type NitroPolicy = Readonly<Record<never, never>>

/** Lets nothing through. */
export const strictNitroPolicy: NitroPolicy = {}
