// The enclave's program: `node enclave.js PATH`, where PATH is the unix socket for the host. See docs/enclave.md.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { MalformedError, OperationError } from '@cloister/codec'

import { productionBuild } from './build-kind.ts'
import { parseEnclaveConfig } from './config.ts'
import { openEvidenceSource } from './evidence-source.ts'
import { probeSandbox, systemPath } from './sandbox/bubblewrap.ts'
import { nodeProgram } from './sandbox/program.ts'
import { detectSealing } from './sealing-driver.ts'
import { startEnclave } from './start-enclave.ts'

const folder = dirname(fileURLToPath(import.meta.url))
const engineFiles = ['engine.js', 'onnxruntime_binding.node', 'libonnxruntime.so.1']

try {
  await run()
} catch (error) {
  // Nothing has been entrusted to this process yet: configuration and platform are all that a message can name.
  const known = error instanceof OperationError || error instanceof MalformedError
  process.stderr.write(`${known ? error.message : 'The enclave could not start'}\n`)
  process.exit(1)
}

async function run(): Promise<void> {
  const socketPath = process.argv[2]
  if (socketPath === undefined || process.argv.length !== 3)
    throw new OperationError('usage', 'Usage: node enclave.js SOCKET_PATH')
  forbidCoreDumps()
  // Beside this file, and measured with it: a path from outside could name another file.
  const config = parseEnclaveConfig(
    new Uint8Array(readFileSync(join(folder, 'config.json'))),
    productionBuild,
  )
  const node = process.execPath
  const sandbox = probeSandbox(node)
  if (sandbox === 'none' && config.requireSandbox)
    throw new OperationError(
      'no-sandbox',
      'Cannot start: bubblewrap does not run here and the configuration requires a sandbox; install bubblewrap and allow user namespaces',
    )
  if (sandbox === 'none')
    process.stderr.write(
      'INSECURE: bubblewrap does not run here. Apps run under Node’s permission model alone, which does not confine hostile code.\n',
    )
  const files = engineFiles.map((name) => ({
    from: join(folder, 'engine', name),
    to: `/app/engine/${name}`,
  }))
  const program = nodeProgram({ node, files, entry: '/app/engine/engine.js' })
  const running = await startEnclave({
    config,
    source: openEvidenceSource(config.evidence, folder),
    sealing: await detectSealing(config.evidence, folder),
    runtime: { program, node, sandbox },
    socketPath,
  })
  process.stdout.write('{"ready":true}\n')
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void running.close().finally(() => process.exit(0)))
}

// Keys live in this process's memory: it must not be written to a disk when the process ends badly.
function forbidCoreDumps(): void {
  execFileSync('prlimit', ['--pid', `${process.pid}`, '--core=0'], { env: { PATH: systemPath } })
}
