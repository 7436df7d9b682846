#!/bin/sh
':' //; exec sh "$(dirname "$(readlink -f "$0")")/../bin/cloister" "$@"
import { exitCodes } from './exit-codes.ts'
import { removePartialFiles } from './files.ts'
import { runCli } from './program.ts'

// ML-KEM is still marked experimental in Node's WebCrypto; nobody who runs a command can do anything about that.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.message}\n`)
})

process.on('exit', removePartialFiles)
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => process.exit(exitCodes.interrupted))
process.stdout.on('error', () => process.exit()) // Whoever read it has read enough.

const exit = await runCli(process.argv.slice(2), {
  data: (line) => process.stdout.write(`${line}\n`),
  talk: (line) => process.stderr.write(`${line}\n`),
  ...(process.stderr.isTTY ? { draw: (line) => process.stderr.write(`\r\u001B[K${line}`) } : {}),
})
// Sockets that are kept for a next request would hold the process; what was written is written.
process.exit(exit)
