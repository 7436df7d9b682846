// The stand-ins of the kernel's files as the drivers meet them: by calls of their own, and through a real mount.
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createManufacturer,
  mountFuse,
  type FuseMount,
  type Manufacturer,
  type PseudoFiles,
} from '@cloister/emulator'
import { OperationError, unixSeconds, type Bytes } from '@cloister/codec'
import { afterEach } from 'vitest'
import { systemFiles, type DeviceFiles } from '../../src/evidence-drivers/device-files.ts'

/** What a driver gets to see the stand-in. */
export type Seen = { readonly folder: string; readonly files: DeviceFiles }

/** One way to show a stand-in to a driver. */
export type Way = { readonly name: string; readonly show: (files: PseudoFiles) => Promise<Seen> }

const mounts: { readonly mount: FuseMount; readonly folder: string }[] = []

afterEach(async () => {
  for (const { mount, folder } of mounts.splice(0)) {
    await mount.close()
    rmdirSync(folder)
  }
})

const asCalls: Way = {
  name: 'by calls',
  show: async (files) => ({ folder: '', files: calls(files) }),
}

const asMount: Way = {
  name: 'through a mount',
  show: async (files) => {
    const folder = mkdtempSync(join(tmpdir(), 'kernel-'))
    mounts.push({ mount: await mountFuse(files, folder), folder })
    return { folder, files: systemFiles }
  },
}

/** Both ways, or the first alone where nothing can be mounted here. */
export const ways: readonly Way[] = (await canMount()) ? [asCalls, asMount] : [asCalls]

async function canMount(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'kernel-'))
  const nothing: PseudoFiles = {
    look: () => 'folder',
    mkdir: unreachable,
    rmdir: unreachable,
    open: unreachable,
  }
  try {
    await (await mountFuse(nothing, folder)).close()
    rmdirSync(folder)
    return true
  } catch (error) {
    rmdirSync(folder)
    if (!(error instanceof OperationError)) throw error
    console.warn(`SKIPPED the mounts of the kernel's stand-ins: ${error.message}`)
    return false
  }
}

function unreachable(): never {
  throw new Error('unreachable')
}

/** The stand-in's calls as the drivers' port, which hands on at most `readBytesMax` bytes at once. */
export function calls(files: PseudoFiles, readBytesMax = 700): DeviceFiles {
  return {
    mkdir: async (path) => files.mkdir(path),
    rmdir: async (path) => files.rmdir(path),
    open: async (path, access) => {
      const file = files.open(path, access)
      let offset = 0
      return {
        read: async (into) => {
          const part = file.read(offset, Math.min(into.length, readBytesMax))
          into.set(part)
          offset += part.length
          return part.length
        },
        write: async (bytes) => {
          const count = file.write(offset, new Uint8Array(bytes))
          offset += count
          return count
        },
        close: async () => file.close(),
      }
    },
  }
}

/** 64 bytes that differ from one another and between `first`s. */
export function bytesFrom(first: number, length = 64): Bytes {
  return Uint8Array.from({ length }, (_, index) => (first + index) & 0xff)
}

export const now = unixSeconds(1_790_000_000)

export const manufacturer: Manufacturer = createManufacturer({
  seed: new Uint8Array(32).fill(0x7c),
  now,
})

const platform = manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(1) })
const register = (value: number): Bytes => new Uint8Array(48).fill(value)

/** A genuine quote of an emulated machine. */
export function quoteOver(reportData: Bytes, version: 4 | 5 = 4): Bytes {
  return platform.quote({
    mrtd: register(0xa0),
    rtmrs: [register(0xb0), register(0xb1), register(0xb2), register(0xb3)],
    reportData,
    version,
  })
}
