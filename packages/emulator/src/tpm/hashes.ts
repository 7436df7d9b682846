import { sha1, sha256, sha384, sha512 } from '../signing-key.ts'

/** Banks of an emulated TPM, and the hashes that it signs with. */
export const tpmHashes = {
  sha1: { id: 0x0004, size: 20, digest: sha1 },
  sha256: { id: 0x000b, size: 32, digest: sha256 },
  sha384: { id: 0x000c, size: 48, digest: sha384 },
  sha512: { id: 0x000d, size: 64, digest: sha512 },
} as const

/** Name of a bank or hash. */
export type TpmHashName = keyof typeof tpmHashes
