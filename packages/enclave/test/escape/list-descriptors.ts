// Prints which files are open in this process, and which in a program that it confines. Run by escape.test.ts.
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { nodeProgram } from '../../src/sandbox/program.ts'
import { runSandboxed } from '../../src/sandbox/run-sandboxed.ts'

const listing = `
  const found = []
  for (const name of fs.readdirSync('/proc/self/fd'))
    try { found.push(fs.readlinkSync('/proc/self/fd/' + name)) } catch {}
  process.stdout.write(JSON.stringify(found))`
const outside = readdirSync('/proc/self/fd').flatMap((name) => {
  try {
    return [readlinkSync(`/proc/self/fd/${name}`)]
  } catch {
    return [] // The one that the folder was read through.
  }
})
const from = join(process.argv[2] ?? '', 'list.mjs')
writeFileSync(from, `import fs from 'node:fs'${listing}`)
const files = [{ from, to: '/app/list.mjs' }]
const program = nodeProgram({ node: process.execPath, files, entry: '/app/list.mjs' })
const limits = {
  memoryBytes: 2 ** 28,
  cpus: 1,
  processesMax: 64,
  wallSeconds: 20,
  cpuSeconds: 20,
  tmpBytes: 2 ** 20,
}
const run = await runSandboxed(program, limits, 'bubblewrap')
let inside = ''
run.output.on('data', (part) => (inside += String(part)))
run.input.end()
await run.ended
process.stdout.write(`{"outside":${JSON.stringify(outside)},"inside":${inside}}`)
