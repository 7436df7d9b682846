import type { Bytes } from '@cloister/codec'

/** One chunk to seal or open: `from` is read, `to` is filled and has exactly the other side's size. */
export type ChunkJob = { readonly nonce: Bytes; readonly from: Bytes; readonly to: Bytes }

/** AES-256-GCM under one key, a batch of chunks at a time. */
export type ChunkCipher = {
  /** Seals every job: ciphertext, then tag. */
  readonly sealAll: (jobs: readonly ChunkJob[]) => Promise<void>
  /** Opens every job. The first one whose tag does not match, or -1; then nothing in `to` may be used. */
  readonly openAll: (jobs: readonly ChunkJob[]) => Promise<number>
}

/** SHA-256 over bytes that come in pieces. */
export type Sha256 = {
  readonly update: (bytes: Uint8Array) => void
  readonly digest: () => Bytes
}

/**
 * SHA-256 of one part. Its bytes are given twice, as they come and all together: one runtime hashes pieces fast, the other only
 * what is in memory as a whole.
 */
export type PartHash = {
  readonly update: (piece: Uint8Array) => void
  readonly digest: (part: Bytes) => Promise<Bytes>
}
