import { afterAll, describe, expect, test } from 'vitest'

import { runApp } from '../../src/attempt/run-app.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { codeManifest, folderOf, inputOf, ObjectFolder, runtimeOver } from './app-runner.ts'

const kind = probeSandbox(process.execPath)
const objects = new ObjectFolder()
const runtime = runtimeOver(objects, kind)
afterAll(() => runtime.bundles.close())

const budget = { epsilonMicros: 0n, deltaPicos: 0n }

async function run(script: string, given: Partial<Parameters<typeof codeManifest>[0]> = {}) {
  const bundle = objects.publish(folderOf({ 'main.js': script }), ['main.js', 'a word'])
  const manifest = codeManifest({ driver: 'js', bundle, ...given })
  const inputs = [inputOf('table', 'a,b\n1,2\n3,4\n'), inputOf('table', 'a,b\n5,6\n')]
  return runApp(runtime, { manifest, inputs, recordsMin: 0, budget })
}

const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)

describe.skipIf(kind === 'none')('an app in JavaScript', () => {
  test('reads its inputs as files and writes its outputs as files', async () => {
    const { outputs, metrics } = await run(
      `const fs = require('fs')
       const listed = JSON.parse(fs.readFileSync('/in/inputs.json', 'utf8'))
       const rows = listed.flatMap(({ path }) => fs.readFileSync(path, 'utf8').trim().split('\\n').slice(1))
       const sum = rows.flatMap((row) => row.split(',')).reduce((total, cell) => total + Number(cell), 0)
       fs.writeFileSync('/out/answer.json', JSON.stringify({ listed, sum, words: process.argv.slice(2) }))
       fs.writeFileSync('/out/metrics.json', JSON.stringify({ rows: rows.length, share: 1 / 3 }))
       console.log('this goes nowhere')`,
      { metrics: ['rows', 'share'] },
    )
    expect(outputs.map(({ name }) => name)).toEqual(['answer.json'])
    expect(JSON.parse(textOf(outputs[0]?.bytes))).toEqual({
      listed: [
        { role: 'table', path: '/in/00-table', bytes: 12 },
        { role: 'table', path: '/in/01-table', bytes: 8 },
      ],
      sum: 21,
      words: ['a word'],
    })
    expect(metrics).toEqual({ rows: 3, share: 0.3333 })
  })

  test.for([
    ['ends badly', `process.exit(3)`],
    ['writes nothing', `0`],
    ['writes more than declared', `require('fs').writeFileSync('/out/answer.json', '"' + 'x'.repeat(5000) + '"')`],
    ['writes what is no JSON', `require('fs').writeFileSync('/out/answer.json', 'hello')`],
    ['puts a link in place of its output', `require('fs').symlinkSync('/in/00-table', '/out/answer.json')`],
    ['puts a folder in place of its output', `require('fs').mkdirSync('/out/answer.json')`],
    ['fills its memory', `const held = []; for (;;) held.push(Buffer.alloc(1 << 24, 1))`],
    ['never ends', `for (;;);`],
  ] as const)('that %s gives nothing, and nobody is told why', async ([, script]) => {
    const failed = run(script, { limits: { wallSeconds: 2 } }) 
    await expect(failed).rejects.toMatchObject({ code: 'app-failed', message: 'The app gave no result' })
  }) // prettier-ignore

  test('that says its metrics wrong gives nothing', async () => {
    const write = (metrics: string) =>
      `require('fs').writeFileSync('/out/answer.json', '1'); require('fs').writeFileSync('/out/metrics.json', '${metrics}')`
    const given = { metrics: ['rows'] }
    expect((await run(write('{"rows":1}'), given)).metrics).toEqual({ rows: 1 })
    for (const wrong of ['{"rows":1,"more":2}', '{}', '{"rows":"1"}', '{"rows":1e7}', '[1]'])
      await expect(run(write(wrong), given)).rejects.toThrow('no result')
  })
})
