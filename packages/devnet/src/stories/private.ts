import { parseUtf8 } from '@cloister/codec'
import { parseEther } from 'viem'

import { grantOnce } from '../actors/own-asset.ts'
import { accuracyOf, linesOf } from '../demo/plain-engine.ts'
import { digitClasses, digitsScale, planBytes, readDigits } from './digits-data.ts'
import { accepted, type Party } from './party.ts'
import type { Played, Story, StoryStage, StoryTask } from './story.ts'

const attemptSeconds = 120
const priceWei = parseEther('10')
/** What owners allow in all, and what the order declares as the most that it may spend: one such order, and no second. */
const budget = { epsilonMicros: 8_000_000n, deltaPicos: 10_000_000n }

const model = { kind: 'logistic', features: 64, classes: digitClasses }
const settings = {
  ...{ epochs: 20, batchSize: 128, learningRate: 0.5, optimizer: 'sgd', momentum: 0.5 },
  ...{ l2: 0, seed: 5, standardize: false, normalisation: digitsScale },
}

/** The same training twice: with noise that a budget pays for, and without. */
export const privateStory: Story = {
  name: 'private',
  title:
    'owners sell a privacy budget: a model is trained on their rows with noise, and the same one without, to compare',
  prepare: async () => ({ devnet: {}, play }),
}

async function play(stage: StoryStage): Promise<Played> {
  const { narrator } = stage
  const digits = readDigits(2)
  narrator.phase('owners seal their rows; one grant has a privacy budget, one has none')
  const company = await stage.party('company')
  const roles = ['clinic-1', 'clinic-2'] as const
  const owners = await Promise.all(
    roles.map(async (role, index) => {
      const owner = await stage.party(role)
      const rows = digits.owners[index] ?? new Uint8Array(0)
      return { owner, shared: await owner.share('rows', rows) }
    }),
  )
  const test = parseUtf8(digits.test, 'test rows')
  narrator.phase('the company trains with differential privacy')
  const noisy = await train({ company, owners, appName: 'private-train', test, isPrivate: true })
  narrator.phase('the company trains without')
  const plain = await train({ company, owners, appName: 'image-train', test, isPrivate: false })
  narrator.end()
  const epsilon = Number(noisy.epsilonMicros) / 1e6
  return {
    tasks: [noisy.task, plain.task],
    figures: {
      epsilon,
      delta: Number(noisy.deltaPicos) / 1e12,
      accuracy: noisy.accuracy,
      accuracyWithoutPrivacy: plain.accuracy,
      rows: digits.owners.reduce((sum, csv) => sum + linesOf(parseUtf8(csv, 'rows')).length, 0),
      testRows: digits.testImages,
    },
    problems: [
      ...[noisy, plain].flatMap(({ task }) =>
        task.outcome === 'settled' ? [] : [`${task.app}: the task was not settled`],
      ),
      ...(epsilon > 0 && noisy.epsilonMicros <= budget.epsilonMicros
        ? []
        : ['the receipt does not say how much of the budget was spent']),
      ...(plain.epsilonMicros === 0n ? [] : ['a run without privacy claims to have spent some']),
      ...(noisy.accuracy >= 0.6 ? [] : [`with privacy only ${noisy.accuracy} are right`]),
      ...(plain.accuracy >= noisy.accuracy ? [] : ['noise made the model better, which it cannot']),
    ],
  }
}

type Run = {
  readonly company: Party
  readonly owners: readonly {
    readonly owner: Party
    readonly shared: Awaited<ReturnType<Party['share']>>
  }[]
  readonly appName: string
  readonly test: string
  readonly isPrivate: boolean
}

type Ran = {
  readonly task: StoryTask
  readonly accuracy: number
  readonly epsilonMicros: bigint
  readonly deltaPicos: bigint
}

async function train({ company, owners, appName, test, isPrivate }: Run): Promise<Ran> {
  const app = company.app(appName)
  const privacy = { clipNorm: 1, deltaPicos: Number(budget.deltaPicos), epsilonMicros: 6_000_000 }
  const plan = isPrivate ? { model, settings, privacy } : { model, settings }
  const grants = await Promise.all(
    owners.map(({ owner, shared }) =>
      grantOnce(owner.client, shared.asset, {
        ...{ app, requester: company.address, priceWei, usesMax: 1 },
        purpose: isPrivate ? 'one private classifier' : 'one classifier, to compare with',
        ...(isPrivate ? { privacy: budget } : {}),
      }),
    ),
  )
  const parameters = await company.share(`plan of ${appName}`, planBytes(plan))
  const own = await grantOnce(company.client, parameters.asset, {
    ...{ app, requester: company.address, purpose: 'our own plan', priceWei: 0n, usesMax: 1 },
    ...(isPrivate ? { privacy: budget } : {}),
  })
  const follower = await company.order({
    ...{ app, grants: [...grants, own], attemptSeconds },
    ...(isPrivate ? { privacy: budget } : {}),
  })
  await accepted(follower)
  const { outputs, receipt } = await company.open(follower.id)
  const bytes = outputs[0]?.bytes ?? new Uint8Array(0)
  return {
    accuracy: await accuracyOf(bytes, test),
    task: await company.conclude(follower, appName),
    epsilonMicros: receipt.epsilonMicros,
    deltaPicos: receipt.deltaPicos,
  }
}
