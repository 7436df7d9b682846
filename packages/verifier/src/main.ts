import { parseArgs } from 'node:util'

import { OperationError } from '@cloister/codec'
import { createLog, describeError, openLogFile, writeToStderr } from '@cloister/io'

import { readVerifierConfig } from './config.ts'
import { startVerifier } from './verifier.ts'

const exitCodes: Readonly<Record<string, number>> = {
  usage: 2,
  'config-malformed': 2,
  'config-unreadable': 2,
  'faults-in-production': 2,
  'chain-down': 8,
  'wrong-chain': 8,
}

try {
  await run()
} catch (error) {
  writeToStderr(describeError(error))
  process.exitCode = error instanceof OperationError ? (exitCodes[error.code] ?? 1) : 1
}

async function run(): Promise<void> {
  const config = readVerifierConfig(configPath())
  const file = config.log.path === undefined ? undefined : openLogFile(config.log.path)
  const log = createLog({ ...config.log, write: file?.write ?? writeToStderr })
  // Listened for before anything is started, so that a signal in between ends it cleanly too.
  let stop: (() => Promise<void>) | undefined
  let isStopping = false
  const onSignal = (): void => {
    isStopping = true
    void stop?.()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    const verifier = await startVerifier(config, { log })
    stop = verifier.stop
    if (isStopping) void verifier.stop()
    else
      process.stdout.write(
        `${JSON.stringify({ ready: true, role: 'verifier', url: verifier.url, address: verifier.address.toLowerCase(), pid: process.pid })}\n`,
      )
    const error = await verifier.ended
    if (error !== undefined) throw error
  } finally {
    // The handlers stay: a second signal, while it ends, must not cut it off.
    file?.close()
  }
}

function configPath(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' } } })
    if (values.config !== undefined) return values.config
  } catch (cause) {
    throw cause instanceof TypeError ? usage() : cause
  }
  throw usage()
}

function usage(): OperationError {
  return new OperationError('usage', 'Cannot start: usage is main.ts --config FILE')
}
