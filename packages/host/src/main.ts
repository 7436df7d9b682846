import { parseArgs } from 'node:util'

import { OperationError } from '@cloister/codec'
import { createLog, describeError, openLogFile, writeToStderr, type Log } from '@cloister/io'

import { readHostConfig, type HostConfig } from './config.ts'
import { faultsOf } from './faults.ts'
import { startHost } from './host.ts'

// Exit codes. Spec: docs/host.md.
const failed = 1
const wrongUsage = 2
const unreachable = 8
const stopMsMax = 8_000
const exitCodes = { asked: 0, failed, 'enclave-gone': failed, 'admission-expiring': 75 } as const

/** Runs a host until it is asked to end. One JSON line on standard output says that it is ready. */
async function main(): Promise<number> {
  const file = configPath()
  if (file === undefined) {
    writeToStderr('Usage: main.ts --config FILE')
    return wrongUsage
  }
  try {
    const config = readHostConfig(file)
    const faults = faultsOf(config.insecureFaults, config.production)
    const log = openLog(config)
    const host = await startHost(config, { log, faults })
    const stop = (): void => {
      void host.stop()
      // A chain that hangs must not keep the program from ending: its journal loses nothing.
      setTimeout(() => process.exit(exitCodes.asked), stopMsMax).unref()
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
    const { receiptKey, machineId, measurement, sandbox } = host.hello
    const { url, operator } = host
    const ready = {
      ready: true,
      url,
      operator,
      receiptKey,
      machineId,
      measurement,
      sandbox: sandbox ?? null,
    }
    process.stdout.write(`${JSON.stringify(ready)}\n`)
    const end = await host.ended
    if ('error' in end) log.error('The host ends', { error: end.error })
    return exitCodes[end.kind]
  } catch (error) {
    writeToStderr(describeError(error))
    return exitCodeOf(error)
  }
}

function configPath(): string | undefined {
  try {
    return parseArgs({ options: { config: { type: 'string' } } }).values.config
  } catch {
    return undefined
  }
}

function openLog(config: HostConfig): Log {
  const { level, format, path } = config.log
  return createLog({
    level,
    format,
    write: path === undefined ? writeToStderr : openLogFile(path).write,
  })
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof OperationError)) return failed
  if (error.code.startsWith('config-') || error.code === 'faults-in-production') return wrongUsage
  return ['chain-down', 'enclave-unreachable'].includes(error.code) ? unreachable : failed
}

// A transaction or attempt that is still waited for must not keep the program alive.
process.exit(await main())
