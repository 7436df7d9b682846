#!/bin/sh
':' //; exec sh "$(dirname "$(readlink -f "$0")")/../bin/cloister" "$@"
import { runCli } from './program.ts'

// ML-KEM is still marked experimental in Node's WebCrypto; nobody who runs a command can do anything about that.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.message}\n`)
})

process.exitCode = await runCli(process.argv.slice(2))
