// Tries to get out of the sandbox from Node; writes "OPEN name" or "closed name why" lines to /out/report.txt.
import child from 'node:child_process'
import dgram from 'node:dgram'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'

const [secret, port, socketPath, abstract] = process.argv.slice(2)
const lines = []
async function tell(name, attempt) {
  const late = new Promise((_, no) => setTimeout(() => no(new Error('silence')), 1000).unref())
  try {
    lines.push(
      `OPEN ${name} ${JSON.stringify(String(await Promise.race([attempt(), late])).slice(0, 60))}`,
    )
  } catch (error) {
    lines.push(`closed ${name} ${error.code ?? error.name}`)
  }
}
const connect = (...to) =>
  new Promise((ok, no) =>
    net
      .connect(...to)
      .on('error', no)
      .on('connect', () => ok('connected')),
  )
const sqlite = async () => {
  const { DatabaseSync } = await import('node:sqlite')
  new DatabaseSync('/in/x.db').exec('create table t(a)')
}

await tell("the machine's password file", () => fs.readFileSync('/etc/passwd'))
await tell('a file of the machine', () => fs.readFileSync(secret))
await tell('a write to the root', () => fs.writeFileSync('/x', 'x'))
await tell('a write to the inputs', () => fs.writeFileSync('/in/x', 'x'))
await tell('a write over the bundle', () => fs.writeFileSync('/bundle/main.js', 'x'))
await tell('a write over Node', () => fs.writeFileSync('/app/node', 'x'))
await tell('a write by SQLite', sqlite)
await tell('TCP', () => connect(Number(port), '127.0.0.1'))
await tell('a unix socket', () => connect(socketPath))
await tell('an abstract unix socket', () => connect('\0' + abstract))
await tell(
  'a listening socket',
  () => new Promise((ok, no) => net.createServer().on('error', no).listen(0, ok)),
)
await tell(
  'a datagram',
  () =>
    new Promise((ok, no) =>
      dgram
        .createSocket('udp4')
        .on('error', no)
        .send('x', 53, '127.0.0.1', (e) => (e ? no(e) : ok())),
    ),
)
await tell('fetch', () => fetch(`http://127.0.0.1:${port}/`))
await tell('a shell', () => child.execSync('id'))
await tell('another Node', () => child.execFileSync(process.execPath, ['-v']))
await tell('an addon', () => process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libm.so.6'))
await tell('the memory of process 1', () =>
  fs.readSync(fs.openSync('/proc/1/mem'), Buffer.alloc(1)),
)
await tell(
  'the environment of process 1',
  () => fs.readFileSync('/proc/1/environ').length || Promise.reject(new Error('empty')),
)
await tell('process 1 ended', () => {
  process.kill(1, 9)
  throw new Error('still there')
})
await tell('the inspector', async () => (await import('node:inspector')).open(0, '127.0.0.1', true))
await tell(
  'network interfaces',
  () =>
    Object.keys(os.networkInterfaces())
      .filter((name) => name !== 'lo')
      .join() || Promise.reject(new Error('none')),
)
await tell(
  'a symbolic link out',
  () => (fs.symlinkSync(secret, '/tmp/l'), fs.readFileSync('/tmp/l')),
)
await tell('a kernel setting', () => fs.writeFileSync('/proc/sys/kernel/core_pattern', '|/x'))
await tell('root', () => process.setuid(0))
await tell('a core dump', () => fs.readFileSync('/proc/self/mem'))
let descriptors = []
try {
  descriptors = fs.readdirSync('/proc/self/fd')
} catch {
  // The permission model hides it too.
}
for (const name of descriptors)
  try {
    lines.push(`descriptor ${name} ${fs.readlinkSync('/proc/self/fd/' + name)}`)
  } catch {
    // The one that the folder was read through.
  }
for (const [name, value] of Object.entries(process.env)) lines.push(`environment ${name}=${value}`)
fs.writeFileSync('/out/report.txt', [...lines, 'end', ''].join('\n'))
process.exit(0)
