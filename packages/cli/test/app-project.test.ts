import { cpSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { probeSandbox } from '@cloister/enclave'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { cli, lastJson } from './cli.ts'

const sandboxed = probeSandbox(process.execPath) === 'bubblewrap'
if (!sandboxed) console.warn('SKIPPED: bubblewrap does not run here, no app was tried')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-app-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function init(template: string, name = 'my-app'): Promise<string> {
  const path = join(folder, name)
  const ended = await cli(['app', 'init', path, '--template', template, '--json'])
  expect(ended.code).toBe(0)
  expect(lastJson(ended)).toMatchObject({ schema: 'cloister.app.init/1', name, template })
  return path
}

test.skipIf(!sandboxed).for([
  ['onnx-train', 'model.onnx', ['loss', 'accuracy']],
  ['onnx-infer', 'inference.json', []],
  ['js', 'summary.json', ['rows']],
] as const)('a fresh %s project runs over its samples', async ([template, output, metrics]) => {
  const project = await init(template)
  const ended = await cli(['app', 'test', project, '--out', join(folder, 'out'), '--json'])
  expect([ended.code, ended.stderr]).toEqual([0, ''])
  const report = lastJson(ended)
  expect(report).toMatchObject({ schema: 'cloister.app.test/1', outputs: [{ name: output }] })
  expect(Object.keys(Object(report['metrics']))).toEqual(metrics)
  expect(readFileSync(join(folder, 'out', output)).length).toBeGreaterThan(0)
})

test('a project in another place, copied later, is the same app; another word of it is another', async () => {
  const first = await init('js')
  const copy = join(folder, 'copy')
  cpSync(first, copy, { recursive: true })
  utimesSync(join(copy, 'code/main.ts'), 1, 1)
  const idOf = async (path: string) => lastJson(await cli(['app', 'build', path, '--json']))['id']
  const id = await idOf(first)
  expect(id).toMatch(/^0x[0-9a-f]{64}$/)
  expect(await idOf(copy)).toBe(id)
  writeFileSync(join(copy, 'code/main.ts'), '// another\n')
  expect(await idOf(copy)).not.toBe(id)
})

test.skipIf(!sandboxed)('an app that fails says to its author why', async () => {
  const project = await init('js')
  writeFileSync(join(project, 'code/main.ts'), `throw new Error('a mistake of mine')\n`)
  const ended = await cli(['app', 'test', project])
  expect(ended.code).toBe(1)
  expect(ended.stderr).toContain('a mistake of mine')
  expect(ended.stderr).toContain('exit code 1')
})

test('a project that can’t be used exits 2 and says what to do', async () => {
  const project = await init('python-rootfs')
  const ended = await cli(['app', 'build', project])
  expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('./build-root.sh')])
  expect((await cli(['app', 'init', project, '--template', 'js'])).code).toBe(2)
  expect((await cli(['app', 'init', join(folder, 'Not Kebab'), '--template', 'js'])).code).toBe(2)
  expect((await cli(['app', 'build', join(folder, 'nowhere')])).code).toBe(2)
})
