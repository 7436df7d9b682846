import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { KernelError, type PseudoFile, type PseudoFiles, type PseudoNode } from './pseudo-files.ts'
import type { TsmBlobs, TsmProvider } from './tsm-provider.ts'

/** What a test may ask of the stand-in. */
export type TsmReportsOptions = {
  /** The driver that has registered itself; none, where no module is loaded. */
  readonly provider?: TsmProvider
  /** How often a fresh folder can be written until its counter would meet that of reads: the kernel then says EBUSY. */
  readonly writesUntilBusy?: number
  /** Most bytes of a report: 32 KiB in Linux 6.7. */
  readonly outblobBytesMax?: number
  /** Called as a file is opened: where another process comes in between. */
  readonly beforeOpen?: (path: string, access: 'read' | 'write') => void
}

type Folder = {
  inblob: Bytes
  privilegeLevel: number
  writeGeneration: bigint
  readGeneration: bigint
  blobs?: TsmBlobs
}

const inblobBytesMax = 64
const privilegeLevelMax = 3
const pageBytes = 4096
const writeOnly = [
  'inblob',
  'privlevel',
  'service_provider',
  'service_guid',
  'service_manifest_version',
]
const binary = ['inblob', 'outblob', 'auxblob', 'manifestblob']

/**
 * A stand-in for `/sys/kernel/config/tsm/report` that behaves as Linux does, errors included.
 *
 * `mkdir` fills a folder with files. A binary file's writes gather until it is closed, and what comes of handing
 * them over is dropped. A report is made by the first read after a write. Every write that is taken raises the
 * generation. Sizes in `stat` are 0 for binary files and a page for text.
 *
 * Spec: Linux 6.16 drivers/virt/coco/guest/report.c (before: drivers/virt/coco/tsm.c), fs/configfs/file.c.
 */
export class TsmReports implements PseudoFiles {
  readonly #options: TsmReportsOptions
  readonly #folders = new Map<string, Folder>()

  constructor(options: TsmReportsOptions) {
    this.#options = options
  }

  /** Folders that are there now. */
  get folders(): readonly string[] {
    return [...this.#folders.keys()]
  }

  look(path: string): PseudoNode {
    const [folder, file, ...deeper] = path.split('/').slice(1)
    if (folder === undefined || folder === '') return 'folder'
    if (!this.#folders.has(folder)) throw new KernelError('ENOENT')
    if (file === undefined) return 'folder'
    if (deeper.length > 0 || !this.#files().includes(file)) throw new KernelError('ENOENT')
    return {
      mode: writeOnly.includes(file) ? 0o200 : 0o400,
      size: binary.includes(file) ? 0 : pageBytes,
    }
  }

  mkdir(path: string): void {
    const [folder = '', ...deeper] = path.split('/').slice(1)
    if (deeper.length > 0) throw new KernelError('EPERM') // A folder of reports holds files only.
    if (this.#folders.has(folder)) throw new KernelError('EEXIST')
    if (this.#options.provider === undefined) throw new KernelError('ENXIO')
    const { writesUntilBusy } = this.#options
    this.#folders.set(folder, {
      inblob: new Uint8Array(0),
      privilegeLevel: 0,
      writeGeneration:
        writesUntilBusy === undefined ? 0n : 2n ** 64n - 1n - BigInt(writesUntilBusy),
      readGeneration: 0n,
    })
  }

  rmdir(path: string): void {
    if (!this.#folders.delete(path.slice(1))) throw new KernelError('ENOENT')
  }

  open(path: string, access: 'read' | 'write'): PseudoFile {
    this.#options.beforeOpen?.(path, access)
    const node = this.look(path)
    if (node === 'folder') throw new KernelError('EISDIR')
    const [, name = '', file = ''] = path.split('/')
    const folder = this.#folders.get(name)
    if (folder === undefined) throw new KernelError('ENOENT')
    // Even root: configfs looks at the mode itself.
    if ((access === 'write') !== (node.mode === 0o200)) throw new KernelError('EACCES')
    if (file === 'inblob') return this.#openInblob(folder)
    return access === 'write' ? this.#openSetting(folder, file) : this.#openForRead(folder, file)
  }

  #files(): readonly string[] {
    const extra = this.#options.provider?.extraFiles ?? []
    return ['generation', 'provider', 'inblob', 'outblob', ...extra]
  }

  #openInblob(folder: Folder): PseudoFile {
    let gathered: Bytes = new Uint8Array(0)
    return {
      read: refuse('ETXTBSY'),
      write: (offset, bytes) => {
        if (offset + bytes.length > inblobBytesMax) throw new KernelError('EFBIG')
        const padding = new Uint8Array(Math.max(0, offset - gathered.length))
        gathered = concatBytes(gathered.slice(0, offset), padding, bytes)
        return bytes.length
      },
      close: () => {
        if (gathered.length === 0) return
        if (advance(folder)) folder.inblob = gathered // Whether it was taken, nobody is told.
        gathered = new Uint8Array(0)
      },
    }
  }

  #openSetting(folder: Folder, file: string): PseudoFile {
    return {
      read: refuse('EINVAL'),
      write: (_, bytes) => {
        if (file === 'privlevel') {
          const level = Number(new TextDecoder().decode(bytes))
          const floor = this.#options.provider?.privilegeLevelFloor ?? 0
          if (!Number.isInteger(level) || level < floor || level > privilegeLevelMax)
            throw new KernelError('EINVAL')
          if (!advance(folder)) throw new KernelError('EBUSY')
          folder.privilegeLevel = level
        } else if (!advance(folder)) throw new KernelError('EBUSY')
        return bytes.length
      },
      close: () => {},
    }
  }

  #openForRead(folder: Folder, file: string): PseudoFile {
    let content: Bytes | undefined // Filled by the first read, as configfs does.
    return {
      read: (offset, size) => {
        content ??= this.#content(folder, file)
        return content.slice(offset, offset + size)
      },
      write: refuse('EINVAL'),
      close: () => {},
    }
  }

  #content(folder: Folder, file: string): Bytes {
    const { provider, outblobBytesMax = 32 * 1024 } = this.#options
    if (provider === undefined) throw new KernelError('ENOTTY')
    if (file === 'generation') return encodeUtf8(`${folder.writeGeneration}\n`)
    if (file === 'provider') return encodeUtf8(`${provider.name}\n`)
    if (file === 'privlevel_floor') return encodeUtf8(`${provider.privilegeLevelFloor}\n`)
    const { inblob, privilegeLevel } = folder
    if (inblob.length === 0) throw new KernelError('EINVAL')
    if (folder.blobs === undefined || folder.readGeneration !== folder.writeGeneration) {
      delete folder.blobs
      folder.blobs = provider.report({ inblob, privilegeLevel })
      folder.readGeneration = folder.writeGeneration
    }
    const blob =
      file === 'outblob'
        ? folder.blobs.outblob
        : file === 'auxblob'
          ? folder.blobs.auxblob
          : undefined
    if (blob !== undefined && blob.length > outblobBytesMax) throw new KernelError('EFBIG')
    return blob ?? new Uint8Array(0)
  }
}

/** Counts a write, unless the counter would come round to that of reads. */
function advance(folder: Folder): boolean {
  if (folder.writeGeneration === BigInt.asUintN(64, folder.readGeneration - 1n)) return false
  folder.writeGeneration = BigInt.asUintN(64, folder.writeGeneration + 1n)
  return true
}

function refuse(code: 'ETXTBSY' | 'EINVAL'): () => never {
  return () => {
    throw new KernelError(code)
  }
}
