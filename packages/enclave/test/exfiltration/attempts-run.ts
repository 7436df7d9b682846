import { output, type Attempt } from './attempt.ts'

const js = { by: 'js' as const }
const later = `import os, json
found = []
for place in ('/tmp', '/dev/shm', '/out'):
    for name in os.listdir(place):
        found.append(place + '/' + name)
secret = open('/in/00-table', 'rb').read().hex()
for place in ('/tmp', '/dev/shm'):
    open(place + '/' + secret, 'w').write(secret)
os.environ['LEAK'] = secret
for path in ('/proc/self/comm', '/proc/self/oom_score_adj', '/proc/sys/kernel/hostname'):
    try: open(path, 'w').write(secret[:8])
    except OSError: pass
open('/out/answer.json', 'w').write(json.dumps(found))
`
const fine = `put('answer.json', '1')`

/** Attempts through metrics, and through how an app runs and ends. */
export const runAttempts: readonly Attempt[] = [
  {
    ...js,
    name: 'metric',
    channel: 'a declared metric',
    verdict: 'metrics',
    ends: 'result',
    metrics: ['m'],
    script: `${fine}; put('metrics.json', JSON.stringify({ m: (secret.readUInt32LE(0) % 2e10) / 1e4 - 1e6 }))`,
  },
  {
    ...js,
    name: 'metric digits',
    channel: 'digits past the fourth',
    verdict: 'blocked',
    ends: 'result',
    metrics: ['m'],
    script: `${fine}; put('metrics.json', JSON.stringify({ m: 0.5 + secret.readUInt16LE(0) * 1e-10 }))`,
  },
  {
    ...js,
    name: 'metric zeros',
    channel: 'zeros of two signs',
    verdict: 'blocked',
    ends: 'result',
    metrics: ['m', 'n'],
    script: `${fine}; put('metrics.json', bits[0] ? '{"m":-0,"n":0.0}' : '{"n":-0.00001,"m":0}')`,
  },
  {
    ...js,
    name: 'metric NaN',
    channel: 'metrics past all numbers',
    verdict: 'blocked',
    ends: 'failure',
    because: /metric/,
    metrics: ['m'],
    script: `${fine}; put('metrics.json', '{"m":' + ['NaN', '1e999', '1e7', '"' + hex + '"'][secret[0] % 4] + '}')`,
  },
  {
    ...js,
    name: 'metric undeclared',
    channel: 'a metric that is not declared',
    verdict: 'blocked',
    ends: 'failure',
    because: /metrics/,
    metrics: ['m'],
    script: `${fine}; put('metrics.json', JSON.stringify({ m: 1, n: secret[0] }))`,
  },
  {
    ...js,
    name: 'exit code',
    channel: 'the exit code',
    verdict: 'blocked',
    ends: 'failure',
    because: /exit code/,
    script: `${fine}; process.exit(1 + secret[0] % 100)`,
  },
  {
    by: 'c',
    name: 'signal',
    channel: 'the signal that ends it',
    verdict: 'blocked',
    ends: 'failure',
    because: /killed by|exit code/,
    script: 'signal',
  },
  {
    by: 'c',
    name: 'core dump',
    channel: 'a core dump with the data in memory',
    verdict: 'blocked',
    ends: 'failure',
    because: /killed by/,
    script: 'core',
  },
  {
    by: 'c',
    name: 'process title',
    channel: 'title and command line of a process',
    verdict: 'blocked',
    ends: 'result',
    script: 'title',
  },
  {
    ...js,
    name: 'prints',
    channel: 'standard output and error',
    verdict: 'blocked',
    ends: 'result',
    script: `console.log(hex); console.error(hex); process.stdout.write(secret); ${fine}`,
  },
  {
    ...js,
    name: 'own channel',
    channel: 'messages and progress on descriptor 3: how many, how large, when',
    verdict: 'blocked',
    ends: 'result',
    script: `for (let at = 0; at < secret[0]; at++) attempt(() => fs.writeSync(3, hex)); ${fine}`,
  },
  {
    ...js,
    name: 'order of reads',
    channel: 'which inputs are read, in what order and pieces',
    verdict: 'blocked',
    ends: 'result',
    script: `const file = fs.openSync('/in/00-table'); for (const byte of secret) fs.readSync(file, Buffer.alloc(1 + byte % 8), 0, 1 + byte % 8, byte % 24); ${fine}`,
  },
  {
    ...js,
    name: 'sockets and names',
    channel: 'connections and DNS queries',
    verdict: 'blocked',
    ends: 'result',
    script: `attempt(() => require('net').connect(9, '127.0.0.1').on('error', () => {})); attempt(() => require('dns').lookup(hex.slice(0, 32) + '.example', () => {})); ${fine}`,
  },
  {
    by: 'python',
    name: 'left for later',
    channel: 'files in /tmp and /dev/shm, /proc and the environment, for a later run',
    verdict: 'blocked',
    ends: 'result',
    script: later,
  },
  {
    ...js,
    name: 'crash',
    channel: 'whether there is a result',
    verdict: 'end',
    ends: 'result',
    script: `if (secret[0] & 1) process.exit(1); ${fine}`,
  },
  {
    ...js,
    name: 'memory',
    channel: 'whether it is killed for memory',
    verdict: 'end',
    ends: 'result',
    limits: { memoryMiB: 128 },
    script: `if (secret[0] & 1) for (const held = []; ;) held.push(Buffer.alloc(1 << 24, 1)); ${fine}`,
  },
  {
    ...js,
    name: 'run time',
    channel: 'when it ends',
    verdict: 'time',
    ends: 'result',
    script: `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (secret[0] & 1) * 120); ${fine}`,
  },
  {
    ...js,
    name: 'output size',
    channel: 'the size of the sealed output',
    verdict: 'size',
    ends: 'result',
    outputs: output('bytes', 255),
    script: `put('out.bytes', Buffer.alloc(secret[0] & 127))`,
  },
]
