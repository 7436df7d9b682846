import { replicaTask } from '@cloister/protocol'
import { readReplicas, readTask } from '@cloister/sdk'
import { parseEther } from 'viem'

import { grantOnce } from '../actors/own-asset.ts'
import { accepted } from './party.ts'
import { digitsNetwork, digitsScale, planBytes, readDigits } from './digits-data.ts'
import type { Played, Story, StoryStage } from './story.ts'

const appName = 'image-train'
const attemptSeconds = 120
const replicas = 2
const priceWei = parseEther('10')
/** Odd, so that the first replica has a wei more than the second. */
const feeWei = parseEther('60') + 1n

const plan = {
  name: 'digits',
  model: digitsNetwork,
  settings: {
    ...{ epochs: 2, batchSize: 32, learningRate: 0.002, optimizer: 'adamw', weightDecay: 0.01 },
    ...{ l2: 0, seed: 2, standardize: false, normalisation: digitsScale },
  },
}

/** One order that machines of two vendors compute, who are paid because they come to the same output. */
export const replicasStory: Story = {
  name: 'replicas',
  title:
    'a company that trusts no single vendor has the same network trained on Intel and on AMD, and compares',
  prepare: async () => ({ devnet: { nodes: ['tdx', 'sev-snp', 'tdx', 'sev-snp'] }, play }),
}

async function play(stage: StoryStage): Promise<Played> {
  const { narrator } = stage
  const digits = readDigits(1)
  narrator.phase('an owner seals images and grants one use')
  const company = await stage.party('company')
  const owner = await stage.party('clinic-1')
  const app = company.app(appName)
  const images = await owner.share('images', digits.owners[0] ?? new Uint8Array(0))
  const parameters = await company.share('parameters', planBytes(plan))
  const terms = { app, requester: company.address, usesMax: 1 }
  const grants = [
    await grantOnce(owner.client, images.asset, { ...terms, purpose: 'one network', priceWei }),
    await grantOnce(company.client, parameters.asset, {
      ...{ ...terms, purpose: 'our own plan', priceWei: 0n },
    }),
  ]
  narrator.phase('nodes of two vendors train, each in its own enclave')
  const first = await company.order({ app, grants, attemptSeconds, replicas, feeWei })
  const second = company.follow(replicaTask(first.id, 1), appName)
  await Promise.all([first, second].map(accepted))
  const outputs = await Promise.all(
    [first, second].map(async ({ id }) => (await company.open(id, first.id)).outputs),
  )
  const siblings = await readReplicas(company.client, second.id)
  narrator.phase('settlement of both at once')
  const tasks = await Promise.all([first, second].map((each) => company.conclude(each, appName)))
  narrator.end()
  const escrows = await Promise.all(
    [first, second].map(async ({ id }) => (await readTask(company.client, id)).feeWei),
  )
  const [larger = 0n, smaller = 0n] = escrows
  const [one, other] = outputs.map((files) =>
    files.map(({ bytes }) => Buffer.from(bytes).toString('hex')).join(' '),
  )
  const commitments = new Set(siblings.map(({ outputCommitment }) => outputCommitment))
  const paid = tasks.reduce((sum, { paidWei }) => sum + BigInt(paidWei), 0n)
  return {
    tasks,
    figures: {
      replicas: siblings.length,
      tees: siblings.map(({ tee }) => tee ?? 'none').toSorted(),
    },
    problems: [
      ...(tasks.every(({ outcome }) => outcome === 'settled') ? [] : ['not both were settled']),
      ...(tasks.every(({ receipt }) => receipt !== null) ? [] : ['a receipt is missing']),
      ...(one !== undefined && one === other ? [] : ['the outputs differ']),
      ...(commitments.size === 1 ? [] : ['the commitments differ']),
      ...(new Set(siblings.map(({ tee }) => tee)).size === replicas ? [] : ['one vendor ran both']),
      ...(larger === smaller + 1n ? [] : [`the parts are ${escrows.join(' and ')} wei`]),
      ...(paid === feeWei ? [] : [`${paid} of ${feeWei} wei were paid`]),
    ],
  }
}
