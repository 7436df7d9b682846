import { concatBytes, parseUtf8, Reader, type Bytes } from '@cloister/codec'
import { writeSync } from 'node:fs'
import { littleEndian } from '../layout.ts'
import { errnos, KernelError, type PseudoFile, type PseudoFiles } from './pseudo-files.ts'

/** Requests that are answered, by the kernel's numbers. Spec: Linux include/uapi/linux/fuse.h, `enum fuse_opcode`. */
const opcodes = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  mkdir: 9,
  rmdir: 11,
  open: 14,
  read: 15,
  write: 16,
  release: 18,
  flush: 25,
  init: 26,
  interrupt: 36,
  forgetMany: 42,
} as const

const unanswered: readonly number[] = [opcodes.forget, opcodes.interrupt, opcodes.forgetMany]
const directIo = 1 // FOPEN_DIRECT_IO: every read and write comes here, whatever size `stat` said.
const accessMode = 3
const folderMode = 0o040_755
const fileMode = 0o100_000
const rootNode = 1n

/** One mount's conversation with the kernel: nodes and open files have numbers here, paths there. */
export class FuseSession {
  readonly #device: number
  readonly #files: PseudoFiles
  readonly #paths = new Map<bigint, string>([[rootNode, '/']])
  readonly #opened = new Map<bigint, PseudoFile>()
  #lastNode = rootNode
  #lastHandle = 0n

  constructor(device: number, files: PseudoFiles) {
    this.#device = device
    this.#files = files
  }

  /** Answers one request of the kernel. */
  answer(request: Bytes): void {
    const r = new Reader(request)
    r.u32('length')
    const opcode = r.u32('opcode')
    const unique = r.u64('unique')
    const node = r.u64('node')
    r.bytes('uid, gid, pid, extensions', 16)
    if (unanswered.includes(opcode)) return
    const rest = request.slice(40)
    try {
      this.#reply(unique, 0, this.#body(opcode, node, rest))
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      this.#reply(unique, -errnos[error.code], new Uint8Array(0))
    }
  }

  #reply(unique: bigint, error: number, body: Bytes): void {
    const answer = concatBytes(
      littleEndian(16 + body.length, 4),
      littleEndian(BigInt.asUintN(32, BigInt(error)), 4),
      littleEndian(unique, 8),
      body,
    )
    writeSync(this.#device, answer)
  }

  #body(opcode: number, node: bigint, rest: Bytes): Bytes {
    const r = new Reader(rest)
    switch (opcode) {
      case opcodes.init:
        return initAnswer(r)
      case opcodes.lookup:
        return this.#entry(this.#child(node, rest))
      case opcodes.getattr:
      case opcodes.setattr:
        return concatBytes(new Uint8Array(16), this.#attributes(this.#path(node), node))
      case opcodes.mkdir: {
        const path = this.#child(node, rest.slice(8))
        this.#files.mkdir(path)
        return this.#entry(path)
      }
      case opcodes.rmdir:
        this.#files.rmdir(this.#child(node, rest))
        return new Uint8Array(0)
      case opcodes.open:
        return this.#open(this.#path(node), r.u32('flags'))
      case opcodes.read: {
        const file = this.#file(r.u64('handle'))
        const offset = Number(r.u64('offset'))
        return file.read(offset, r.u32('size'))
      }
      case opcodes.write: {
        const file = this.#file(r.u64('handle'))
        const offset = Number(r.u64('offset'))
        const size = r.u32('size')
        r.bytes('flags and lock owner', 20)
        return littleEndian(file.write(offset, r.bytes('data', size)), 8)
      }
      case opcodes.flush:
        // The kernel's own files hand over at close(2). FUSE says RELEASE later, when close(2) is long over: too late.
        this.#file(r.u64('handle')).close()
        return new Uint8Array(0)
      case opcodes.release:
        this.#opened.delete(r.u64('handle'))
        return new Uint8Array(0)
      default:
        throw new KernelError('ENOSYS')
    }
  }

  #open(path: string, flags: number): Bytes {
    const access = (flags & accessMode) === 0 ? 'read' : 'write'
    this.#opened.set(++this.#lastHandle, this.#files.open(path, access))
    return concatBytes(littleEndian(this.#lastHandle, 8), littleEndian(directIo, 8))
  }

  #file(handle: bigint): PseudoFile {
    const file = this.#opened.get(handle)
    if (file === undefined) throw new KernelError('EIO')
    return file
  }

  #path(node: bigint): string {
    const path = this.#paths.get(node)
    if (path === undefined) throw new KernelError('ENOENT')
    return path
  }

  #child(node: bigint, name: Bytes): string {
    const parent = this.#path(node)
    const text = parseUtf8(name.slice(0, name.indexOf(0)), 'name')
    return parent === '/' ? `/${text}` : `${parent}/${text}`
  }

  /** `fuse_entry_out`: a node, remembered for no time, so that what the kernel's files are now is asked each time. */
  #entry(path: string): Bytes {
    const node = ++this.#lastNode
    const attributes = this.#attributes(path, node)
    this.#paths.set(node, path)
    return concatBytes(littleEndian(node, 8), new Uint8Array(32), attributes)
  }

  /** `fuse_attr`: inode, size, no times, mode, one link, root's. */
  #attributes(path: string, node: bigint): Bytes {
    const found = this.#files.look(path)
    const mode = found === 'folder' ? folderMode : fileMode | found.mode
    return concatBytes(
      littleEndian(node, 8),
      littleEndian(found === 'folder' ? 0 : found.size, 8),
      new Uint8Array(44),
      littleEndian(mode, 4),
      littleEndian(1, 4),
      new Uint8Array(20),
    )
  }
}

/** `fuse_init_out` of protocol 7.31. */
function initAnswer(r: Reader): Bytes {
  r.bytes('the kernel’s version', 8)
  return concatBytes(
    littleEndian(7, 4),
    littleEndian(31, 4),
    littleEndian(r.u32('read-ahead'), 4),
    new Uint8Array(8),
    littleEndian(128 * 1024, 4),
    new Uint8Array(40),
  )
}
