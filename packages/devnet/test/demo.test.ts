import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { probeSandbox } from '@cloister/enclave'
import { descendantsOf } from '@cloister/io'
import { parseDeployment, parseReceiptFile, verifyReceiptFile } from '@cloister/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { DemoReport } from '../src/demo/report.ts'

const program = fileURLToPath(import.meta.resolve('../src/demo.ts'))
/** Every run has its own folder for temporary files, so that what is left behind can be seen. */
const folder = mkdtempSync(join(tmpdir(), 'demo-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Run = {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Processes that the demo started and that still ran when it had ended. */
  readonly left: readonly string[]
  readonly output: string
}

function runDemo(args: readonly string[], interruptAt?: RegExp): Promise<Run> {
  const work = mkdtempSync(join(folder, 'run-'))
  const child = spawn(process.execPath, [program, ...args], {
    cwd: work,
    env: { PATH: process.env['PATH'], TMPDIR: work },
  })
  const [out, err]: [string[], string[]] = [[], []]
  const seen = new Set<number>()
  let interrupted = false
  const watch = setInterval(() => {
    for (const pid of descendantsOf(child.pid ?? 0)) seen.add(pid)
  }, 200)
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err.push(text)
    if (!interrupted && interruptAt?.test(err.join('')) === true) interrupted = child.kill('SIGINT')
  })
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearInterval(watch)
      const left = [...seen].filter((pid) => commandOf(pid).includes(work)).map(commandOf)
      const leftFiles = readdirSync(work).filter((name) => name !== 'demo-output')
      resolve({
        code,
        stdout: out.join(''),
        stderr: err.join(''),
        left: [...left, ...leftFiles],
        output: join(work, 'demo-output'),
      })
    }),
  )
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
}

function reportIn({ stdout }: Run): DemoReport {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

function totalPaid(task: DemoReport['tasks'][number] | undefined): bigint {
  return task!.paid.reduce((sum, { amount }) => sum + BigInt(amount), 0n)
}

/** 700,000 of a million go to owners, who ask for 30 and 5 tokens: the least fee covers just that. */
function leastFee(pricesWei: bigint): bigint {
  return (pricesWei * 1_000_000n + 699_999n) / 700_000n
}

describe('the whole story', () => {
  let run: Run
  let report: DemoReport
  beforeAll(async () => {
    run = await runDemo(['--json'])
    report = reportIn(run)
  }, 300_000)

  test('it holds, and leaves no process and no file behind but its receipts', () => {
    expect(run.stderr).not.toMatch(/failed/i)
    expect(run.code).toBe(0)
    expect(report.ok).toBe(true)
    expect(report.seconds).toBeGreaterThan(1)
    expect(report.injected).toBeNull()
    expect(run.left).toEqual([])
  })

  test('the joint model is as good as pooling in the open, and better than any clinic alone', () => {
    const { accuracy, pooledAccuracy, ownAccuracies } = report.model!
    expect(accuracy).toBeGreaterThanOrEqual(0.95)
    expect(Math.abs(accuracy - pooledAccuracy)).toBeLessThanOrEqual(0.01)
    expect(ownAccuracies).toHaveLength(3)
    for (const own of ownAccuracies) expect(accuracy).toBeGreaterThan(own)
  })

  test('a training and an inference were judged, and every wei of their fees was paid', () => {
    expect(report.tasks.map(({ kind }) => kind)).toEqual(['train', 'infer'])
    for (const task of report.tasks) {
      expect(task.id).toMatch(/^0x[0-9a-f]{64}$/)
      expect(task.node).toMatch(/^0x[0-9a-fA-F]{40}$/)
      expect(task.tee).toContain('emulated')
      expect(task.judgement).toBe('accepted')
      expect(task.attempts).toBeGreaterThanOrEqual(1)
      expect(task.votes).toBeGreaterThanOrEqual(3)
      expect(task.phases.length).toBeGreaterThanOrEqual(4)
    }
    const [train, infer] = report.tasks
    expect(totalPaid(train)).toBe(leastFee(30n * 10n ** 18n))
    expect(totalPaid(infer)).toBe(leastFee(5n * 10n ** 18n))
  })

  test('two clinics are paid on the home chain, one on the spoke', () => {
    const owners = report.tasks[0]!.paid.filter(({ role }) => role === 'owner')
    expect(owners.map(({ chain }) => chain).toSorted((a, b) => a - b)).toEqual([
      31337, 31337, 31338,
    ])
    for (const { amount, tx } of owners) {
      expect(amount).toBe('10000000000000000000')
      expect(tx).toMatch(/^0x[0-9a-f]{64}$/)
    }
    const [here, , there] = owners.toSorted((a, b) => a.chain - b.chain)
    expect(there!.tx).not.toBe(here!.tx)
  })

  test('no money appeared or vanished, no secret was found, nothing was left out', () => {
    expect(report.ledger.driftWei).toBe('0')
    expect(report.leaks).toBe(0)
    expect(report.problems).toEqual([])
    expect(report.skipped).toEqual(
      probeSandbox(process.execPath) === 'bubblewrap'
        ? []
        : [expect.stringContaining('bubblewrap')],
    )
  })

  test('the receipts prove themselves afterwards, with the manifest beside them alone', async () => {
    const deployment = parseDeployment(
      readFileSync(join(run.output, readdirSync(run.output)[0]!, 'deployment.json')),
    )
    for (const { receipt } of report.tasks) {
      const facts = await verifyReceiptFile(parseReceiptFile(readFileSync(receipt!)), deployment)
      expect(facts.filter(({ proved }) => !proved)).toEqual([])
    }
  })
})

// The others take a minute each too: npm run injections.
test.for(['forged-result', 'revoked-grant', 'silent-keeper'])(
  'the network defends itself against %s',
  { timeout: 300_000 },
  async (name) => {
    const run = await runDemo(['--json', '--inject', name])
    const report = reportIn(run)
    expect(report.injected).toMatchObject({ name, defended: true })
    expect(report.injected!.observed).not.toContain('NOT')
    expect(report.ledger.driftWei).toBe('0')
    expect(report.leaks).toBe(0)
    expect(run.code).toBe(0)
    expect(run.left).toEqual([])
  },
)

test('a fault that nobody knows is wrong usage, and the message lists those that are', async () => {
  const run = await runDemo(['--inject', 'gremlins'])
  expect(run.code).toBe(2)
  expect(run.stderr).toMatch(/gremlins.*bad-measurement.*dead-keeper/s)
})

test('an interrupt ends everything', { timeout: 120_000 }, async () => {
  const run = await runDemo(['--json'], /encrypts its records/)
  expect(run.code).toBe(130)
  expect(run.left).toEqual([])
})
