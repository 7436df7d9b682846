// Prints how many small inferences one session answers in a minute: sealed by a requester, opened, run by the engine in its sandbox, sealed, signed
// for, and opened again. One after the other, all on this machine, so that the requester's work is in it too.
// Run: node packages/enclave/test/session-bench.ts [requests]
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodeUtf8 } from '@cloister/codec'
import {
  cloisterDomain,
  encodeSessionRequest,
  messageDigest,
  sessionContext,
} from '@cloister/protocol'
import { createSessionReceiver, createSessionSender, generateEnvelopeKeyPair } from '@cloister/seal'
import { privateKeyToAccount } from 'viem/accounts'

import { nodeBinary } from '../../../scripts/build-enclave.ts'
import { buildEngine, engineFiles } from '../../../scripts/build-engine.ts'
import { probeSandbox } from '../src/sandbox/bubblewrap.ts'
import { nodeProgram } from '../src/sandbox/program.ts'
import { runSandboxed } from '../src/sandbox/run-sandboxed.ts'
import { AppPipes } from '../src/session/app-pipes.ts'
import { sessionLimitsOf, withSessionProgram } from '../src/session/session-program.ts'
import { Session } from '../src/session/session.ts'
import { manifestOf } from './engine-process.ts'
import { tabularModel } from './session/tabular-model.ts'

const requests = Number(process.argv[2] ?? 500)
if (!Number.isInteger(requests) || requests < 1 || requests > 100_000)
  throw new RangeError(`Cannot measure ${process.argv[2]} requests, expected 1 to 100000`)
if (probeSandbox(nodeBinary()) !== 'bubblewrap')
  throw new Error('Cannot measure a session: bubblewrap does not run here; install bubblewrap')

const folder = mkdtempSync(join(tmpdir(), 'cloister-session-bench-'))
const node = nodeBinary()
const manifest = manifestOf('tabular-serve')
const terms = manifest.session
if (terms === undefined) throw new Error('The app answers no requests')
try {
  await buildEngine(folder)
  const files = engineFiles.map((name) => ({ from: join(folder, name), to: `/app/${name}` }))
  const program = nodeProgram({ node, files, entry: '/app/engine.js' })
  const bundles = { with: () => Promise.reject(new Error('an onnx app has no bundle')) }
  await withSessionProgram({ node, bundles, program }, manifest, async (started) => {
    const run = await runSandboxed(started, sessionLimitsOf(manifest, 600), 'bubblewrap')
    try {
      const pipes = new AppPipes({ stdin: run.input, stdout: run.output })
      const model = tabularModel()
      const read = async (offset: number, length: number) => model.slice(offset, offset + length)
      await pipes.start([{ role: 'model', size: model.length, read }])
      await measure(pipes)
    } finally {
      run.kill()
      await run.ended
    }
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function measure(pipes: AppPipes): Promise<void> {
  const pair = await generateEnvelopeKeyPair()
  const psk = crypto.getRandomValues(new Uint8Array(32))
  const task = `0x${'ab'.repeat(32)}` as const
  const context = sessionContext(task, 1)
  const account = privateKeyToAccount(`0x${'01'.repeat(32)}`)
  const domain = cloisterDomain(1, account.address)
  const timers = new Set<NodeJS.Timeout>()
  const session = new Session({
    task,
    attempt: 1,
    terms: terms ?? { meter: 'request', requestBytesMax: 1, responseBytesMax: 1, idleSeconds: 1 },
    price: { unitWei: 1n, feeWei: 10n ** 9n },
    receiver: createSessionReceiver({ key: pair.privateKey, psk, context }),
    pipes,
    sign: (usage) => account.sign({ hash: messageDigest(domain, 'Usage', usage) }),
    now: () => 0n,
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds).unref()
      timers.add(timer)
      return () => clearTimeout(timer)
    },
    lifeMilliseconds: 600_000,
  })
  const sender = await createSessionSender({ key: pair.publicKey, psk, context })
  const body = encodeUtf8('1,2,3,4')
  const headers = { 'content-type': 'text/csv', accept: undefined }
  const never = new Promise<void>(() => undefined)
  const ask = async (sequence: number): Promise<void> => {
    const head = { sequence, kind: 'request', method: 'POST', path: '/v1/infer', headers } as const
    const asked = await sender.seal(encodeSessionRequest(head, body))
    const id = await session.request(asked.sealed)
    for (let done = false; !done;) {
      const read = await session.read(id, never)
      await asked.answer.push(read.bytes)
      done = read.done
    }
    asked.answer.finish()
  }
  for (let index = 1; index <= 50; index++) await ask(index) // Warms up.
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (let index = 0; index < requests; index++) await ask(51 + index)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  console.log(
    `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}, ${requests} requests one after the other`,
  )
  console.log(`${((seconds / requests) * 1000).toFixed(2)} ms each`)
  console.log(`${((user + system) / 1000 / requests).toFixed(2)} ms of them this process's`)
  console.log(JSON.stringify({ inferencesPerMinute: Math.round((requests / seconds) * 60) }))
}
