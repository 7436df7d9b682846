import type { CommonClaims } from '../claims.ts'

/** To be written: what this kind of evidence says. */
export type TpmClaims = CommonClaims & { readonly tee: 'tpm2' }
