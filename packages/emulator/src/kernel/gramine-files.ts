import { encodeUtf8, type Bytes } from '@cloister/codec'
import { KernelError, type PseudoFile, type PseudoFiles, type PseudoNode } from './pseudo-files.ts'

/** What a test may ask of the stand-in. */
export type GramineOptions = {
  /** What the manifest's `sgx.remote_attestation` says. */
  readonly attestationType: 'none' | 'epid' | 'dcap'
  readonly quote: (reportData: Bytes) => Bytes
  /** Called as a file is opened: where another thread comes in between. */
  readonly beforeOpen?: (path: string, access: 'read' | 'write') => void
}

/**
 * A stand-in for Gramine's `/dev/attestation`: one set of report data for the whole process, padded with zeros or
 * cut to 64 bytes; a quote made as its file is opened; no quote at all where remote attestation is off; and
 * `EACCES` for whatever fails below.
 *
 * Spec: Gramine, libos/src/fs/dev/attestation.c.
 */
export class GramineFiles implements PseudoFiles {
  readonly #options: GramineOptions
  #reportData: Bytes = new Uint8Array(64)

  constructor(options: GramineOptions) {
    this.#options = options
  }

  look(path: string): PseudoNode {
    if (path === '/') return 'folder'
    if (path === '/user_report_data') return { mode: 0o600, size: 0 }
    const offered = ['/attestation_type', '/my_target_info', '/report']
    if (this.#options.attestationType !== 'none') offered.push('/quote')
    if (!offered.includes(path)) throw new KernelError('ENOENT')
    return { mode: 0o400, size: 0 }
  }

  mkdir(): void {
    throw new KernelError('EACCES')
  }

  rmdir(): void {
    throw new KernelError('EACCES')
  }

  open(path: string, access: 'read' | 'write'): PseudoFile {
    this.#options.beforeOpen?.(path, access)
    const node = this.look(path)
    if (node === 'folder') throw new KernelError('EISDIR')
    if (access === 'write' && node.mode === 0o400) throw new KernelError('EACCES')
    if (access === 'write') return this.#openReportData()
    const content = this.#content(path)
    return {
      read: (offset, size) => content.slice(offset, offset + size),
      write: () => {
        throw new KernelError('EACCES')
      },
      close: () => {},
    }
  }

  #openReportData(): PseudoFile {
    return {
      read: () => {
        throw new KernelError('EACCES')
      },
      write: (_, bytes) => {
        const padded = new Uint8Array(64)
        padded.set(bytes.slice(0, 64))
        this.#reportData = padded
        return bytes.length
      },
      close: () => {},
    }
  }

  #content(path: string): Bytes {
    switch (path) {
      case '/attestation_type':
        return encodeUtf8(this.#options.attestationType)
      case '/user_report_data':
        return this.#reportData
      case '/quote':
        return this.#options.quote(this.#reportData)
      default:
        return new Uint8Array(512) // Local attestation: nobody here asks for it.
    }
  }
}
