// npm run demo [-- --json] [-- --inject NAME]. Spec: docs/devnet.md, "The demo".
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { describeError } from '@cloister/io'

import { Narrator } from './demo/phases.ts'
import { runDemo } from './demo/run-demo.ts'
import { renderReport } from './demo/table.ts'
import { injections } from './inject/injections.ts'

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
    const report = await runDemo({
      narrator,
      // A folder of its own: receipts are checked against the manifest of their own network.
      outputFolder: resolve('demo-output', new Date().toISOString().replaceAll(/[:.]/g, '-')),
      signal: stopping.signal,
      ...(given.inject === undefined ? {} : { inject: given.inject }),
    })
    process.stdout.write(
      `${given.json ? JSON.stringify(report) : renderReport(report, homeChainId)}\n`,
    )
    return report.ok ? 0 : 1
  } catch (error) {
    narrator.end()
    if (stopping.signal.aborted) return interrupted
    const message = `The demo failed: ${describeError(error)}`
    process.stderr.write(`${message}\n`)
    if (given.json) process.stdout.write(`${JSON.stringify({ ok: false, error: message })}\n`)
    return 1
  }
}

function readArguments() {
  const usage = `Usage: npm run demo [-- --json] [-- --inject NAME]; NAME is one of ${[...injections.keys()].join(', ')}`
  try {
    const { values } = parseArgs({
      options: { json: { type: 'boolean', default: false }, inject: { type: 'string' } },
    })
    const inject = values.inject === undefined ? undefined : injections.get(values.inject)
    if (values.inject !== undefined && inject === undefined)
      return `Cannot inject ${values.inject}: there is no such fault. ${usage}`
    return { json: values.json, inject }
  } catch (error) {
    return `${describeError(error)}. ${usage}`
  }
}

// Whatever a failure left half done ends with this process.
process.exit(await main())
