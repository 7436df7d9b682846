import type { CommonClaims } from '../claims.ts'

/** To be written: what this kind of evidence says. */
export type NitroClaims = CommonClaims & { readonly tee: 'aws-nitro' }
