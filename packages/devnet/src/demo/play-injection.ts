import { readMoneyMoved } from '../inject/money-moved.ts'
import type { Injection } from '../inject/injection.ts'
import type { InjectionReport, TaskReport } from './report.ts'
import { reportTask, type Scene } from './story.ts'

/** Has something go wrong, and reports whether the network dealt with it as it should. */
export async function playInjection(
  scene: Scene,
  injection: Injection,
): Promise<{ readonly report: InjectionReport; readonly tasks: readonly TaskReport[] }> {
  const { name, expected, run } = injection
  scene.narrator.say(`\nInjected fault: ${name}. What must happen: ${expected}.`)
  const { findings, txs, tasks } = await run(scene)
  const { slashedWei, refundedWei } = await readMoneyMoved(scene.devnet)
  return {
    report: {
      name,
      defended: findings.length > 0 && findings.every(({ holds }) => holds),
      expected,
      observed: findings.map(({ holds, says }) => (holds ? says : `NOT: ${says}`)).join('; '),
      txs,
      slashedWei: slashedWei.toString(),
      refundedWei: refundedWei.toString(),
    },
    tasks: await Promise.all(
      tasks.map((task) => reportTask(scene, 'train', task, undefined, new Map())),
    ),
  }
}
