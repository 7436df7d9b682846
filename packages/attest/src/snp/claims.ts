import type { CommonClaims } from '../claims.ts'

/** To be written: what this kind of evidence says. */
export type SnpClaims = CommonClaims & { readonly tee: 'sev-snp' }
