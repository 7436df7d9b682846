// Gives mutants of evidence, collateral and every other input from outside to the verifier: docs/fuzzing.md.
// npm run fuzz -- [--format NAME,...] [--count N] [--seed S] [--workers N] [--minutes M] [--out FOLDER] [--json]
//   --list prints the formats; --replay FILE judges the input of one finding again.
// Exits 1 on any finding. The last line of standard output is JSON.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { OperationError } from '@cloister/codec'

import { readBases } from '../packages/attest/test/fuzz/bases.ts'
import { encodeFinding, parseFinding, type Finding } from '../packages/attest/test/fuzz/finding.ts'
import { formatNamed, formats } from '../packages/attest/test/fuzz/formats.ts'
import { Random } from '../packages/attest/test/fuzz/random.ts'
import { runCampaign, type Tally } from '../packages/attest/test/fuzz/runner.ts'

const usage = `npm run fuzz -- [--format NAME,...] [--count N] [--seed S] [--workers N] [--minutes M] [--out FOLDER] [--json]
npm run fuzz -- --list             every format, in one line each
npm run fuzz -- --replay FILE      judges the input of one finding again
Exits 0, 1 on any finding, 2 on wrong usage. docs/fuzzing.md says more.`

const options = readOptions()

function readOptions() {
  try {
    return parseArgs({
      options: {
        format: { type: 'string' },
        count: { type: 'string', default: '10000' },
        seed: { type: 'string', default: '1' },
        workers: { type: 'string', default: '2' },
        minutes: { type: 'string' },
        out: { type: 'string', default: 'fuzz-findings' },
        replay: { type: 'string' },
        list: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    return process.exit(2)
  }
}

/** Files written at most: what goes wrong once may go wrong a million times. */
const filesMax = 200

process.exitCode = await main().catch((error: unknown) => {
  if (!(error instanceof OperationError)) throw error
  console.error(`${error.message}\n${usage}`)
  return 2
})

async function main(): Promise<number> {
  if (options.help) console.log(usage)
  else if (options.list)
    for (const { name, what } of formats) console.log(`${name.padEnd(24)} ${what}`)
  else return options.replay === undefined ? await run() : await replay(options.replay)
  return 0
}

async function run(): Promise<number> {
  const names = options.format?.split(',') ?? formats.map(({ name }) => name)
  const unknown = names.find((name) => formatNamed(name) === undefined)
  if (unknown !== undefined)
    throw new OperationError('USAGE', `Cannot fuzz ${unknown}: --list prints the formats`)
  const began = Date.now()
  const findings: Finding[] = []
  const minutes = options.minutes === undefined ? undefined : number('minutes', options.minutes)
  const tallies = await runCampaign({
    bases: await readBases(),
    formats: names,
    count: number('count', options.count),
    seed: options.seed,
    workers: number('workers', options.workers),
    ...(minutes !== undefined && { deadlineMilliseconds: began + minutes * 60_000 }),
    onFinding: (finding) => {
      findings.push(finding)
      if (findings.length <= filesMax) report(finding)
    },
    onProgress: (all) => console.error(progress(all, Date.now() - began)),
  })
  if (!options.json) for (const tally of tallies) console.log(row(tally))
  const late = tallies.filter(({ cases, isEmpty }) => cases === 0 && !isEmpty)
  if (late.length > 0)
    console.error(`NOT RUN: ${late.length} formats, for want of time (--minutes)`)
  console.log(JSON.stringify({ seed: options.seed, seconds: seconds(began), ...summary(tallies) }))
  return findings.length > 0 ? 1 : 0
}

async function replay(path: string): Promise<number> {
  const { format, seed, index, input } = parseFinding(readFileSync(path, 'utf8'))
  const open = await formatNamed(format)?.open(await readBases())
  if (open === undefined)
    throw new OperationError('USAGE', `Cannot replay ${path}: nothing of ${format} to start from`)
  // Who was lost over a case could not hand it out: it is made again.
  const made = input === undefined && open.make(index, new Random(`${seed}/${format}/${index}`))
  const judged = await (made ? made.judge() : open.again(input ?? ''))
  console.log(JSON.stringify(judged))
  return judged.problem ? 1 : 0
}

function report(finding: Finding): void {
  const { format, seed, index, problem } = finding
  mkdirSync(options.out, { recursive: true })
  const path = join(options.out, `${problem.kind}-${format}-${seed}-${index}.json`)
  const again = `npm run fuzz -- --replay ${path}`
  writeFileSync(path, encodeFinding({ ...finding, again }))
  console.error(`${problem.kind} in ${format}: ${problem.detail.split('\n')[0]}\n  ${again}`)
}

function progress(tallies: readonly Tally[], milliseconds: number): string {
  const sum = (pick: (tally: Tally) => number): number =>
    tallies.reduce((total, tally) => total + (tally.isEmpty ? 0 : pick(tally)), 0)
  const [cases, planned, found] = [
    sum((t) => t.cases),
    sum((t) => t.planned),
    sum((t) => t.findings),
  ]
  const rate = (cases * 1000) / milliseconds
  const left = rate > 0 ? ((planned - cases) / rate / 60).toFixed(1) : '?'
  return `${cases} of ${planned} cases, ${rate.toFixed(0)}/s, ${left} minutes left, ${found} findings`
}

function row(tally: Tally): string {
  const { format, cases, milliseconds, findings, outcomes, isEmpty } = tally
  if (isEmpty) return `${format.padEnd(24)} SKIPPED: nothing genuine to start from`
  if (cases === 0) return `${format.padEnd(24)} NOT RUN: the time was over before`
  const rate = milliseconds > 0 ? ((cases * 1000) / milliseconds).toFixed(0) : '-'
  const most = [...outcomes].toSorted(([, a], [, b]) => b - a).slice(0, 8)
  return [
    format.padEnd(24),
    String(cases).padStart(9),
    `${rate}/s`.padStart(9),
    `${findings} findings`,
    most.map(([name, count]) => `${name} ${count}`).join(', '),
  ].join('  ')
}

function summary(tallies: readonly Tally[]): object {
  return {
    findings: tallies.reduce((sum, tally) => sum + tally.findings, 0),
    formats: tallies.map(({ outcomes, ...tally }) => ({
      ...tally,
      outcomes: Object.fromEntries(outcomes),
    })),
  }
}

function number(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new OperationError('USAGE', `Cannot use --${name} ${text}: not above 0`)
  return value
}

function seconds(began: number): number {
  return Math.round((Date.now() - began) / 1000)
}
