import { OperationError } from '@cloister/codec'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { FuseSession } from './fuse-session.ts'
import type { PseudoFiles } from './pseudo-files.ts'

/** Files that are mounted. */
export type FuseMount = {
  /** Unmounts. Nobody may hold a file of it open. */
  readonly close: () => Promise<void>
}

const requestBytesMax = 256 * 1024

/**
 * Mounts `files` at `folder`, so that a program meets them through the system calls it would use on hardware.
 *
 * Speaks the kernel's FUSE protocol itself and needs only `/dev/fuse`, the right to mount, and `mount` of util-linux.
 * It answers in this process: nobody may use a synchronous call on the mount here, it would wait for itself.
 *
 * @throws {OperationError} `fuse-mount`, where this machine or user cannot mount.
 */
export async function mountFuse(files: PseudoFiles, folder: string): Promise<FuseMount> {
  const device = openDevice()
  const ids = `user_id=${process.getuid?.() ?? 0},group_id=${process.getgid?.() ?? 0}`
  const options = `fd=3,rootmode=040000,${ids}`
  const args = ['-i', '-t', 'fuse', '-o', options, 'cloister-kernel', folder]
  try {
    await run('mount', args, device)
  } catch (error) {
    closeSync(device)
    throw error
  }
  const served = serve(new FuseSession(device, files), device) // Nothing can be read before the mount stands.
  return {
    close: async () => {
      await run('umount', ['-i', '-l', folder], device) // The next read says ENODEV, and serving ends.
      await served
      closeSync(device)
    },
  }
}

/** Not awaited by blocking: both programs look at the folder, and it is this process that answers them. */
async function run(program: 'mount' | 'umount', args: readonly string[], device: number) {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', device] })
  const [status]: unknown[] = await once(child, 'close')
  if (status !== 0)
    throw new OperationError('fuse-mount', `Cannot ${program} ${args.at(-1)}; run as root`)
}

function openDevice(): number {
  try {
    return openSync('/dev/fuse', 'r+')
  } catch (cause) {
    throw new OperationError('fuse-mount', 'Cannot open /dev/fuse; run as root', { cause })
  }
}

async function serve(session: FuseSession, device: number): Promise<void> {
  const buffer = Buffer.alloc(requestBytesMax)
  for (;;) {
    try {
      const { bytesRead } = await readOnce(device, buffer, 0, buffer.length, null)
      session.answer(new Uint8Array(buffer.subarray(0, bytesRead)))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'ENODEV') return
      // ENOENT: the request was called back before it was read.
      if (code !== 'ENOENT' && code !== 'EINTR') throw error
    }
  }
}

const readOnce = promisify(read)
