import type { AppManifest } from '@cloister/learn'

/** What an engine is asked to do for an app of kind `federated`: begin, train a while, make a model of the end. */
export const federatedStages = ['initial', 'update', 'assemble'] as const

/** One of {@link federatedStages}. */
export type FederatedStage = (typeof federatedStages)[number]

/** Bytes of the weights of the largest model, as float32. */
export const weightsBytesMax: number = 64 * 2 ** 20

/**
 * The app as the engine sees it in one stage: its own inputs and the weights so far, and what leaves that stage instead of the
 * app's output. Weights stay inside the enclave. The last stage gives what the app gives.
 *
 * Spec: docs/federated.md, "A round".
 */
export function manifestOfStage(app: AppManifest, stage: FederatedStage): AppManifest {
  const weights = { role: 'weights', countMin: 1, countMax: 1, bytesMax: weightsBytesMax }
  const inputs = app.inputs.filter(({ role }) => role === 'parameters')
  const left = [{ name: 'weights', bytesMax: weightsBytesMax, format: 'bytes' }] as const
  if (stage === 'initial') return { ...app, inputs, outputs: left, metrics: [] }
  if (stage === 'assemble') return { ...app, inputs: [...inputs, weights], metrics: [] }
  const data = app.inputs.filter(({ role }) => role === 'data')
  return {
    ...app,
    inputs: [...data.map((input) => ({ ...input, countMin: 1 })), ...inputs, weights],
    outputs: [...left, { name: 'rows', bytesMax: 16, format: 'text' }],
    metrics: [],
  }
}
