import type { CommonClaims } from '../claims.ts'

/** To be written: what this kind of evidence says. */
export type NvidiaClaims = CommonClaims & { readonly tee: 'nvidia-gpu' | 'nvidia-nvswitch' }
