import { expect, test } from 'vitest'

import { runApp } from '../../src/attempt/run-app.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import {
  codeManifest,
  folderOf,
  inputOf,
  ObjectFolder,
  runtimeOver,
} from '../drivers/app-runner.ts'

const kind = probeSandbox(process.execPath)
const objects = new ObjectFolder()
const runtime = runtimeOver(objects, kind)
const runsAtOnce = 6

test.skipIf(kind === 'none')(
  'what a program writes is found each time, also where bubblewrap is slow to mount',
  async () => {
    const script = `require('fs').writeFileSync('/out/answer.json', '"ok"')`
    const bundle = objects.publish(folderOf({ 'main.js': script }), ['main.js'])
    const manifest = codeManifest({ driver: 'js', bundle })
    const given = { manifest, inputs: [inputOf('table', 'a')], recordsMin: 0 }
    const budget = { epsilonMicros: 0n, deltaPicos: 0n }
    for (let round = 0; round < 6; round++) {
      const runs = Array.from({ length: runsAtOnce }, () => runApp(runtime, { ...given, budget }))
      const results = await Promise.all(runs)
      expect(results.map(({ outputs }) => outputs[0]?.bytes.length)).toEqual(
        Array.from({ length: runsAtOnce }, () => 4),
      )
    }
    runtime.bundles.close()
  },
  60_000,
)
