import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { driftWei } from '../demo/money.ts'
import { round, type Narrator } from '../demo/phases.ts'
import { startDevnet } from '../up.ts'
import { Party } from './party.ts'
import type { Story, StoryReport } from './story.ts'

/** How a story is told. */
export type PlayOptions = {
  readonly narrator: Narrator
  /** Receipts and the deployment's manifest go here, and stay. */
  readonly outputFolder: string
  /** Aborted when somebody interrupts. */
  readonly signal: AbortSignal
}

/** Plays a story on a devnet of its own and says whether it kept what it promises. Nothing is left running. */
export async function play(story: Story, options: PlayOptions): Promise<StoryReport> {
  const { narrator, outputFolder, signal } = options
  narrator.say(`Cloister demo, ${story.name}: ${story.title}`)
  const folder = mkdtempSync(join(tmpdir(), 'cloister-'))
  try {
    narrator.phase('what the story needs')
    const prepared = await story.prepare(join(folder, 'story'))
    const devnet = await startDevnet({
      ...prepared.devnet,
      folder: join(folder, 'network'),
      onPhase: (phase) => narrator.phase(phase),
    })
    narrator.end()
    try {
      signal.throwIfAborted()
      mkdirSync(outputFolder, { recursive: true })
      copyFileSync(devnet.folders.deploymentFile, join(outputFolder, 'deployment.json'))
      const setting = { devnet, narrator, outputFolder, signal }
      const played = await Promise.race([
        prepared.play({ ...setting, party: (role) => Party.arrive(role, setting) }),
        whenAborted(signal),
      ])
      narrator.phase('audit: every unit of money')
      const drift = await driftWei(devnet)
      narrator.end()
      return {
        ok: played.problems.length === 0 && drift === 0n,
        story: story.name,
        seconds: round(narrator.seconds),
        tasks: played.tasks,
        figures: played.figures,
        ledger: { driftWei: drift.toString() },
        skipped: devnet.nodes.every(({ sandbox }) => sandbox === 'bubblewrap')
          ? []
          : [
              'apps ran without a sandbox, because bubblewrap does not run here (apt-get install bubblewrap)',
            ],
        problems: played.problems,
      }
    } finally {
      await devnet.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

/** The end of a story in words and figures. */
export function renderStory(report: StoryReport): string {
  const figures = Object.entries(report.figures).map(([name, value]) =>
    row(name, typeof value === 'string' ? value : JSON.stringify(value)),
  )
  const tasks = report.tasks.map(
    ({ id, app, node, tee, outcome, receipt }) =>
      `  task ${id.slice(0, 10)} (${app}): node ${node.slice(0, 10) || 'none'} (${tee}), ${outcome}${receipt === null ? '' : `, receipt ${receipt}`}`,
  )
  return [
    '',
    ...tasks,
    ...figures,
    row('money that appeared or vanished', `${report.ledger.driftWei} wei`),
    ...report.skipped.map((line) => row('could not be shown here', line)),
    ...report.problems.map((line) => row('not as it should be', line)),
    row(report.ok ? 'all of it held' : 'NOT all of it held', `after ${report.seconds} s`),
  ].join('\n')
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(46)} ${value}`
}
