import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, test } from 'vitest'

import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import type { SandboxLimits } from '../../src/sandbox/limits.ts'
import { nodeProgram } from '../../src/sandbox/program.ts'
import { runSandboxed } from '../../src/sandbox/run-sandboxed.ts'

const node = process.execPath
const kind = probeSandbox(node)
const required = process.env['CLOISTER_REQUIRE']?.split(',').includes('bwrap') ?? false
const folder = mkdtempSync(join(tmpdir(), 'cloister-sandbox-'))
afterAll(() => rmSync(folder, { recursive: true }))

const roomy: SandboxLimits = {
  memoryBytes: 256 << 20,
  cpus: 1,
  processesMax: 64,
  wallSeconds: 20,
  cpuSeconds: 20,
  tmpBytes: 4 << 20,
}

/** Runs a script inside and gives back how it ended and what it wrote. */
async function inside(script: string, limits: Partial<SandboxLimits> = {}, watched = false) {
  const from = join(folder, `${Math.random()}.mjs`)
  writeFileSync(from, script)
  const files = [{ from, to: '/app/probe.mjs' }]
  const program = nodeProgram({ node, files, entry: '/app/probe.mjs' })
  const run = await runSandboxed(program, { ...roomy, ...limits }, 'bubblewrap', watched)
  if (watched) expect(run.limitedBy).toBe('watchdog')
  let output = ''
  run.output.on('data', (part) => (output += String(part)))
  run.input.end()
  return { end: await run.ended, output }
}

/** Each attempt is an expression that yields something where the escape worked. */
async function attempt(expression: string): Promise<string> {
  const script = `
    import fs from 'node:fs'; import net from 'node:net'; import cp from 'node:child_process'; import dgram from 'node:dgram'
    const tried = (async () => ${expression})()
    const said = await Promise.race([
      tried.then((value) => 'OPEN ' + value, (error) => 'blocked ' + (error.code ?? error.message)),
      new Promise((resolve) => setTimeout(() => resolve('blocked by silence'), 2000)),
    ])
    process.stdout.write(said, () => process.exit(0))`
  return (await inside(script)).output
}

test('bubblewrap is there wherever it is required', () => {
  if (kind === 'none')
    console.warn('SKIPPED: bubblewrap does not run here, no sandbox probe was made')
  expect(required && kind === 'none').toBe(false)
})

describe.skipIf(kind === 'none')('inside the sandbox', () => {
  test('a program reads its input and writes its output', async () => {
    const { end, output } = await inside(`process.stdout.write('I am ' + process.getuid())`)
    expect(output).toBe('I am 65534')
    expect(end).toEqual({ kind: 'exited', status: 0 })
  })

  test.for([
    ['the password file', `fs.readFileSync('/etc/passwd', 'utf8')`],
    ['the source tree', `fs.readdirSync(${JSON.stringify(process.cwd())})`],
    ['a write beside the program', `fs.writeFileSync('/app/x', 'x') ?? 'written'`],
    ['a write over the program', `fs.writeFileSync('/app/probe.mjs', 'x') ?? 'written'`],
    ['a write to the root', `fs.writeFileSync('/x', 'x') ?? 'written'`],
    ['a shell', `cp.execSync('id').toString()`],
    ['another Node', `cp.execFileSync('/app/node', ['-v']).toString()`],
    [
      'a datagram socket',
      `new Promise((ok, no) => dgram.createSocket('udp4').on('error', no).send('x', 53, '1.1.1.1', (e) => e ? no(e) : ok('sent')))`,
    ],
    [
      'a listening socket',
      `new Promise((ok, no) => net.createServer().on('error', no).listen(0, () => ok('listening')))`,
    ],
    ['the memory of process 1', `fs.readFileSync('/proc/1/mem').length`],
    ['a kernel setting', `fs.writeFileSync('/proc/sys/kernel/hostname', 'x') ?? 'written'`],
    ['sysrq', `fs.writeFileSync('/proc/sysrq-trigger', '') ?? 'written'`],
    ['control groups', `fs.readdirSync('/sys/fs/cgroup')`],
  ] as const)('%s is out of reach', async ([, expression]) => {
    expect(await attempt(expression)).toMatch(/^blocked /)
  })

  test('a server of this machine cannot be reached, by TCP or by unix socket', async () => {
    let connections = 0
    const tcp = createServer(() => connections++).listen(0, '127.0.0.1')
    const path = join(folder, 'host.sock')
    const unix = createServer(() => connections++).listen(path)
    await new Promise((resolve) => unix.once('listening', resolve))
    const address = tcp.address()
    const port = typeof address === 'object' ? address?.port : undefined
    expect(await connect(`${port}, '127.0.0.1'`)).toMatch(/^blocked /)
    expect(await connect(JSON.stringify(path))).toMatch(/^blocked /)
    tcp.close()
    unix.close()
    expect(connections).toBe(0)
  })

  test('no secret of the parent is visible in the environment', async () => {
    process.env['CLOISTER_CANARY'] = 'canary-7f3a'
    const { output } = await inside(
      `import fs from 'node:fs'; process.stdout.write(JSON.stringify(process.env) + fs.readdirSync('/proc').filter(p => p > 0).map(p => { try { return fs.readFileSync('/proc/' + p + '/environ', 'latin1') + fs.readFileSync('/proc/' + p + '/cmdline', 'latin1') } catch { return '' } }))`,
    )
    delete process.env['CLOISTER_CANARY']
    expect(output).toContain('"HOME":"/tmp"')
    expect(output).not.toContain('canary-7f3a')
    expect(output).not.toContain(process.cwd())
    expect(output).not.toContain(folder)
  })

  test('no file or socket of the parent is inherited', async () => {
    const { output } = await inside(
      `import fs from 'node:fs'; for (const d of fs.readdirSync('/proc/self/fd')) { try { process.stdout.write(fs.readlinkSync('/proc/self/fd/' + d) + '\\n') } catch {} }`,
    )
    // 0 and 1 are the channel, 2 is nothing; the rest Node opened itself.
    const sockets = output.split('\n').filter((line) => line.startsWith('socket:'))
    expect(sockets.length).toBeLessThanOrEqual(2)
    const others = output.split('\n').filter((line) => line.startsWith('/'))
    expect(others.filter((path) => !/^\/(dev\/null|proc\/|app\/)/.test(path))).toEqual([])
  })

  const holders = [
    ['control groups', false],
    ['the watchdog', true],
  ] as const

  test.for(holders)(
    'held by %s, a program that takes too much memory is killed, and said to be',
    async ([, watched]) => {
      const { end, output } = await inside(
        `const held = []; for (;;) { held.push(Buffer.alloc(16 << 20, 1)); if (held.length > 60) { process.stdout.write('survived'); break } }`,
        { memoryBytes: 128 << 20 },
        watched,
      )
      expect(end).toEqual({ kind: 'killed', by: 'memory' })
      expect(output).toBe('')
    },
  )

  test.for(holders)('held by %s, threads without end are stopped', async ([, watched]) => {
    const { end, output } = await inside(
      `import { Worker } from 'node:worker_threads'
       let started = 0
       const more = () => { const w = new Worker('setInterval(() => {}, 1e6)', { eval: true, resourceLimits: { maxOldGenerationSizeMb: 4 } })
         w.on('online', () => { started++; more() }); w.on('error', () => { process.stdout.write('stopped ' + started, () => process.exit(3)) }) }
       more()`,
      { processesMax: 24 },
      watched,
    )
    expect(end.kind === 'killed' || output.startsWith('stopped')).toBe(true)
    expect(Number(/\d+/.exec(output)?.[0] ?? 0)).toBeLessThan(24)
  })

  test.for(holders)(
    'held by %s, a program that does not end is killed at its time, with all its threads',
    async ([, watched]) => {
      const began = performance.now()
      const { end } = await inside(`for (;;);`, { wallSeconds: 1 }, watched)
      expect(end).toEqual({ kind: 'killed', by: 'time' })
      expect(performance.now() - began).toBeLessThan(4000)
      expect(processesRunning('/app/probe.mjs')).toBe(0)
    },
  )

  test.for(holders)(
    'held by %s, a program that spends its processor time is stopped',
    async ([, watched]) => {
      const began = performance.now()
      const { end } = await inside(`for (;;);`, { cpuSeconds: 1 }, watched)
      expect(end.kind).toBe('killed')
      expect(end).not.toMatchObject({ by: 'us' })
      expect(performance.now() - began).toBeLessThan(8000)
    },
  )

  test('the scratch folder is small', async () => {
    const { output } = await inside(
      `import fs from 'node:fs'; try { fs.writeFileSync('/tmp/x', Buffer.alloc(64 << 20)); process.stdout.write('OPEN') } catch (e) { process.stdout.write(e.code) }`,
    )
    expect(output).toBe('ENOSPC')
  })
})

function connect(to: string): Promise<string> {
  return attempt(
    `new Promise((ok, no) => net.connect(${to}).on('error', no).on('connect', () => ok('connected')))`,
  )
}

function processesRunning(script: string): number {
  const commands = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return commands.filter((id) => commandOf(id).includes(script)).length
}

function commandOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
