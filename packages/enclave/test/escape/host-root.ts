import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const python = '/usr/bin/python3.11'

/** A root file system with this machine's own Python and its standard library; undefined where there is none. */
export function pythonRoot(): string | undefined {
  if (!existsSync(python) || !existsSync('/usr/lib/python3.11/os.py')) return undefined
  const root = mkdtempSync(join(tmpdir(), 'cloister-python-'))
  put(root, python)
  const modules = '/usr/lib/python3.11'
  cpSync(modules, join(root, modules), {
    recursive: true,
    dereference: true,
    filter: (path) => !/__pycache__|\/test$|config-3|\/lib2to3|\/idlelib|\/tkinter/.test(path),
  })
  const loaded = ['_ctypes', '_ssl', '_hashlib', '_bz2', '_lzma', '_json'].map(
    (name) => `${modules}/lib-dynload/${name}.cpython-311-x86_64-linux-gnu.so`,
  )
  for (const program of [python, ...loaded.filter((path) => existsSync(path))])
    for (const library of librariesOf(program)) put(root, library)
  return root
}

/** A root with `probe.c` as its one program; undefined where nothing compiles it. */
export function nativeRoot(source: string): string | undefined {
  const root = mkdtempSync(join(tmpdir(), 'cloister-native-'))
  mkdirSync(join(root, 'bin'))
  try {
    const path = fileURLToPath(new URL(source, import.meta.url))
    execFileSync('gcc', ['-static', '-O1', '-w', '-o', join(root, 'bin/probe'), path])
    return root
  } catch {
    rmSync(root, { recursive: true })
    return undefined
  }
}

function librariesOf(program: string): readonly string[] {
  return execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+\.so\S*/g) ?? []
}

function put(root: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  copyFileSync(realpathSync(path), join(root, path))
}
