/** What a policy can let through about an SNP guest. */
export type SnpPolicy = Readonly<Record<never, never>>

/** Lets nothing through. */
export const strictSnpPolicy: SnpPolicy = {}
