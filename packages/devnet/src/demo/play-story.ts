import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { DemoReport, TaskReport } from './report.ts'
import {
  awaitAccepted,
  claimAll,
  compareLater,
  orderInference,
  orderTraining,
  paidIn,
  readAnswer,
  reportTask,
  type Scene,
} from './story.ts'

/** What the whole story led to. */
export type StoryResult = {
  readonly tasks: readonly TaskReport[]
  readonly model: NonNullable<DemoReport['model']>
  /** The trained model, for the search: its weights must be found nowhere. */
  readonly modelBytes: Buffer<ArrayBuffer>
  /** What the story promises and did not keep. */
  readonly problems: readonly string[]
}

/** Clinics, company, patient: from sealed records to a diagnosis, and everybody paid. */
export async function playStory(scene: Scene): Promise<StoryResult> {
  const { narrator, belongings, devnet } = scene
  const training = await orderTraining(scene)
  narrator.phase(
    'one node trains inside its enclave, verifiers judge',
    'Everybody who owns something is offline. The chain draws a node; keepers check its evidence, the grants and the chain for themselves, and release their shares to\nthat one enclave, for this one task. The program runs without network. Verifiers judge what is left: receipt, evidence, sealed output.',
  )
  const baselines = compareLater(belongings)
  await awaitAccepted(training)
  const { model, follower: inference } = await orderInference(scene, training.id)
  narrator.phase('one node answers inside its enclave, verifiers judge')
  const [trained, compared] = await Promise.all([training.ended, baselines])
  const [claims] = await Promise.all([
    claimAll(scene, paidIn(trained.events)),
    awaitAccepted(inference),
  ])
  const answered = await readAnswer(scene, inference.id)
  narrator.detail(
    `the patient reads: ${answered.label} (the record's label: ${belongings.recordLabel})`,
  )
  narrator.phase(
    'settlement',
    'Each fee ends in exactly one place: owners, node, keepers, verifiers, treasury. One clinic is paid on another chain.',
  )
  const ended = await inference.ended
  const tasks = await Promise.all([
    reportTask(scene, 'train', trained, model.receipt, claims),
    reportTask(scene, 'infer', ended, answered.receipt, new Map()),
  ])
  narrator.end()
  return {
    tasks,
    model: { accuracy: model.accuracy, ...compared },
    modelBytes: readFileSync(join(devnet.folders.owner('company'), 'model.onnx')),
    problems: [
      ...brokenPromises(tasks, { accuracy: model.accuracy, ...compared }),
      ...(answered.label === belongings.recordLabel ? [] : ['the patient got a wrong answer']),
    ],
  }
}

/** What is missing of what the story says. */
function brokenPromises(
  tasks: readonly TaskReport[],
  model: NonNullable<DemoReport['model']>,
): readonly string[] {
  const best = Math.max(...model.ownAccuracies)
  return [
    ...tasks.flatMap(({ kind, judgement, receipt, paid }) => [
      ...(judgement === 'accepted' ? [] : [`${kind}: the verifiers did not accept it`]),
      ...(receipt === null ? [`${kind}: there is no receipt`] : []),
      ...paid
        .filter(({ tx }) => tx === '')
        .map(({ account, chain }) => `${kind}: ${account} has not claimed on chain ${chain}`),
    ]),
    ...(model.accuracy < 0.95
      ? [`the model is right in ${model.accuracy} of the test rows only`]
      : []),
    ...(model.accuracy < best ? ['a clinic alone does better than all together'] : []),
    ...(Math.abs(model.accuracy - model.pooledAccuracy) > 0.01
      ? ['training on sealed records gives another model than training in the open']
      : []),
  ]
}
