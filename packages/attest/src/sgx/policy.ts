/** What a policy can let through about an SGX enclave. */
export type SgxPolicy = Readonly<Record<never, never>>

/** Lets nothing through. */
export const strictSgxPolicy: SgxPolicy = {}
