import { cpus } from 'node:os'

/** Something done over and over. It hands what it found to {@link count}, so that no engine can drop it. */
export type Work = () => unknown

/** How often and how long each work is measured. */
export type Rounds = {
  /** Rounds that count. */
  readonly rounds: number
  /** Rounds before them, in which the engine compiles what is measured. */
  readonly warmUpRounds: number
  readonly roundMilliseconds: number
}

let counted = 0

/** The number of rounds that the command line asks for. @throws {RangeError} unless it is from 1 to 1000. */
export function roundsAsked(otherwise: number): number {
  const rounds = Number(process.argv[2] ?? otherwise)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
    throw new RangeError(`Cannot measure ${process.argv[2]} rounds, expected 1 to 1000`)
  return rounds
}

/** Takes what a work found. @throws {Error} where it does not hold: what is refused is no measure of anything. */
export function count(holds: boolean): void {
  if (!holds) throw new Error('What is measured was refused')
  counted++
}

/**
 * How often each work is done in a second of processor time: medians of rounds that take turns, so that other load on
 * the machine falls on all alike. A work that leaves much to be collected slows what comes next: measure it apart.
 */
export async function measureRounds<Name extends string>(
  works: Readonly<Record<Name, Work>>,
  { rounds, warmUpRounds, roundMilliseconds }: Rounds,
): Promise<Readonly<Record<Name, number>>> {
  const measured: { readonly name: string; readonly work: Work; readonly rates: number[] }[] =
    Object.entries<Work>(works).map(([name, work]) => ({ name, work, rates: [] }))
  for (let round = -warmUpRounds; round < rounds; round++)
    for (const { work, rates } of measured) {
      const rate = await rateOf(work, roundMilliseconds)
      if (round >= 0) rates.push(rate)
    }
  const medians = measured.map(({ name, rates }) => [name, median(rates)])
  return Object.fromEntries(medians)
}

/** Names what is measured on, as every measurement has to. */
export function printMachine(rounds: number, samples?: string): void {
  const machine = `${cpus()[0]?.model ?? 'unknown'} x${cpus().length}, Node ${process.version}`
  console.log([machine, `${rounds} rounds`, ...(samples ? [samples] : [])].join(', '))
}

/** Prints one rate, what part it is of another, and what was done. */
export function printRate(what: string, perSecond: number, base: number): void {
  const ratio = (perSecond / base).toFixed(2).padStart(6)
  console.log(`${perSecond.toFixed(0).padStart(7)}/s ${ratio}x  ${what}`)
}

async function rateOf(work: Work, milliseconds: number): Promise<number> {
  const before = counted
  const end = performance.now() + milliseconds
  const { user, system } = process.cpuUsage()
  let done = 0
  while (performance.now() < end) {
    await work()
    done++
  }
  const spent = process.cpuUsage({ user, system })
  if (counted === before) throw new Error('Nothing was measured')
  return (done * 1_000_000) / (spent.user + spent.system)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
