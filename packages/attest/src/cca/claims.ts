import type { CommonClaims } from '../claims.ts'

/** To be written: what this kind of evidence says. */
export type CcaClaims = CommonClaims & { readonly tee: 'arm-cca' }
