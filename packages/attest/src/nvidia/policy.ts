/** What a policy can let through about a GPU or an NVSwitch. */
export type NvidiaPolicy = Readonly<Record<never, never>>

/** Lets nothing through. */
export const strictNvidiaPolicy: NvidiaPolicy = {}
