import { existsSync } from 'node:fs'
import { join } from 'node:path'

const loader = '/lib64/ld-linux-x86-64.so.2'

// What Node and ONNX Runtime link against; the kernel's vDSO needs no file.
const libraries = [
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'librt.so.1',
  'libstdc++.so.6',
]

const folders = ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64']

/** Where the shared libraries that Node and ONNX Runtime need lie on this system: loader first. */
export function systemLibraries(): string[] {
  const found = libraries.flatMap((name) => {
    const path = folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
    return path === undefined ? [] : [path]
  })
  return [loader, ...found]
}
