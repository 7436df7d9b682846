import type { Bytes } from '@cloister/codec'

/** Errors that the stand-ins answer with, and Linux's numbers for them. */
export const errnos = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSYS: 38,
  ETIMEDOUT: 110,
} as const

/** A system call's failure, as the kernel answers it. */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  readonly code: keyof typeof errnos

  constructor(code: keyof typeof errnos) {
    super(`${code}: errno ${errnos[code]}`)
    this.code = code
  }
}

/** What a path is: a folder, or a file of a mode and the size that `stat` says, which need not be its content's. */
export type PseudoNode = 'folder' | { readonly mode: number; readonly size: number }

/** One opened file. */
export type PseudoFile = {
  readonly read: (offset: number, size: number) => Bytes
  readonly write: (offset: number, bytes: Bytes) => number
  readonly close: () => void
}

/** Files that a kernel makes up. Paths begin with a slash; the root is `/`. Every call may throw a {@link KernelError}. */
export type PseudoFiles = {
  readonly look: (path: string) => PseudoNode
  readonly mkdir: (path: string) => void
  readonly rmdir: (path: string) => void
  readonly open: (path: string, access: 'read' | 'write') => PseudoFile
}
