// npm run demo [-- --json] [-- --story NAME] [-- --inject NAME]. Spec: docs/devnet.md, "The demo".
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { describeError } from '@cloister/io'

import { Narrator } from './demo/phases.ts'
import { runDemo } from './demo/run-demo.ts'
import { renderReport } from './demo/table.ts'
import { injections } from './inject/injections.ts'
import { play, renderStory, type PlayOptions } from './stories/play.ts'
import { stories } from './stories/stories.ts'

const wrongUsage = 2
const interrupted = 130
const homeChainId = 31337

async function main(): Promise<number> {
  const given = readArguments()
  if (typeof given === 'string') {
    process.stderr.write(`${given}\n`)
    return wrongUsage
  }
  const narrator = new Narrator(given.json ? process.stderr : process.stdout)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      narrator.say('\nStopping ...')
      stopping.abort()
    })
  try {
    // A folder of its own: receipts are checked against the manifest of their own network.
    const outputFolder = resolve('demo-output', new Date().toISOString().replaceAll(/[:.]/g, '-'))
    const options = { narrator, outputFolder, signal: stopping.signal }
    const { ok, json, text } = await tell(given, options)
    process.stdout.write(`${given.json ? json : text}\n`)
    return ok ? 0 : 1
  } catch (error) {
    narrator.end()
    if (stopping.signal.aborted) return interrupted
    const message = `The demo failed: ${describeError(error)}`
    process.stderr.write(`${message}\n`)
    if (given.json) process.stdout.write(`${JSON.stringify({ ok: false, error: message })}\n`)
    return 1
  }
}

async function tell({ story, inject }: Given, options: PlayOptions) {
  if (story !== undefined) {
    const report = await play(story, options)
    return { ok: report.ok, json: JSON.stringify(report), text: renderStory(report) }
  }
  const report = await runDemo({ ...options, ...(inject === undefined ? {} : { inject }) })
  return { ok: report.ok, json: JSON.stringify(report), text: renderReport(report, homeChainId) }
}

type Given = Exclude<ReturnType<typeof readArguments>, string>

function readArguments() {
  const usage = `Usage: npm run demo [-- --json] [-- --story STORY] [-- --inject FAULT]; STORY is one of ${['hospitals', ...stories.keys()].join(', ')}; FAULT, for hospitals, is one of ${[...injections.keys()].join(', ')}`
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        inject: { type: 'string' },
        story: { type: 'string', default: 'hospitals' },
      },
    })
    const inject = values.inject === undefined ? undefined : injections.get(values.inject)
    if (values.inject !== undefined && inject === undefined)
      return `Cannot inject ${values.inject}: there is no such fault. ${usage}`
    const story = stories.get(values.story)
    if (story === undefined && values.story !== 'hospitals')
      return `Cannot tell ${values.story}: there is no such story. ${usage}`
    if (story !== undefined && inject !== undefined)
      return `Cannot inject a fault into ${values.story}: only into hospitals. ${usage}`
    return { json: values.json, inject, story }
  } catch (error) {
    return `${describeError(error)}. ${usage}`
  }
}

// Whatever a failure left half done ends with this process.
process.exit(await main())
