import { parseUtf8 } from '@cloister/codec'
import { parseEther } from 'viem'

import { grantOnce } from '../actors/own-asset.ts'
import { accuracyOf } from '../demo/plain-engine.ts'
import { digitsNetwork, digitsScale, planBytes, readDigits } from './digits-data.ts'
import { accepted, type Party } from './party.ts'
import type { Played, Story, StoryStage } from './story.ts'

const appName = 'image-train'
const attemptSeconds = 120
const accuracyMin = 0.97
const priceWei = parseEther('10')

const plan = {
  name: 'digits',
  model: digitsNetwork,
  settings: {
    ...{ epochs: 30, batchSize: 32, learningRate: 0.002, optimizer: 'adamw', weightDecay: 0.01 },
    ...{ l2: 0, seed: 2, standardize: false, normalisation: digitsScale },
    schedule: { kind: 'cosine', floor: 0.02, warmupSteps: 20 },
  },
}

/** Two owners of images, one buyer of a convolutional network. */
export const digitsStory: Story = {
  name: 'digits',
  title:
    'two owners of handwritten digits let a company train a convolutional network on them, inside an enclave',
  prepare: async () => ({ devnet: {}, play }),
}

async function play(stage: StoryStage): Promise<Played> {
  const { narrator } = stage
  const digits = readDigits(2)
  narrator.phase('owners seal their images and grant one use')
  const company = await stage.party('company')
  const roles = ['clinic-1', 'clinic-2'] as const
  const owners = await Promise.all(roles.map((role) => stage.party(role)))
  const grants = await Promise.all(
    owners.map((owner, index) => shareImages(owner, company, digits.owners[index])),
  )
  const app = company.app(appName)
  const parameters = await company.share('parameters', planBytes(plan))
  const own = await grantOnce(company.client, parameters.asset, {
    ...{ app, requester: parameters.owner, purpose: 'our own plan', priceWei: 0n, usesMax: 1 },
  })
  narrator.phase('one node trains inside its enclave, verifiers judge')
  const follower = await company.order({ app, grants: [...grants, own], attemptSeconds })
  await accepted(follower)
  const { outputs, metrics } = await company.open(follower.id)
  const [model] = outputs
  const accuracy =
    model === undefined ? 0 : await accuracyOf(model.bytes, parseUtf8(digits.test, 'test images'))
  narrator.phase('settlement')
  const task = await company.conclude(follower, appName)
  narrator.end()
  return {
    tasks: [task],
    figures: {
      accuracy,
      trainingAccuracy: metrics['accuracy'] ?? null,
      testImages: digits.testImages,
      modelBytes: model?.bytes.length ?? 0,
    },
    problems: [
      ...(task.outcome === 'settled' ? [] : ['the task was not settled']),
      ...(accuracy >= accuracyMin
        ? []
        : [`the model reads ${accuracy} of the held-out images right, expected ${accuracyMin}`]),
    ],
  }
}

async function shareImages(owner: Party, company: Party, images?: Uint8Array<ArrayBuffer>) {
  if (images === undefined) throw new RangeError('Every owner has images')
  const shared = await owner.share('images', images)
  return grantOnce(owner.client, shared.asset, {
    app: owner.app(appName),
    requester: company.address,
    purpose: 'one network that reads digits',
    priceWei,
    usesMax: 1,
  })
}
