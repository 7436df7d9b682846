import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError, parseUtf8 } from '@cloister/codec'
import { sameHex, type NodeTee } from '@cloister/protocol'

import { parseEther } from 'viem'

import { grantOnce } from '../actors/own-asset.ts'
import type { TaskFollower } from '../demo/follow-task.ts'
import { accuracyOf } from '../demo/plain-engine.ts'
import { digitsNetwork, digitsScale, planBytes, readDigits } from './digits-data.ts'
import { accepted } from './party.ts'
import type { Played, Story, StoryStage } from './story.ts'

const appName = 'federated-train'
const attemptSeconds = 110
const priceWei = parseEther('10')
const rounds = 5
const accuracyMin = 0.9

const federation = {
  id: `0x${randomBytes(32).toString('hex')}`,
  ...{ rounds, membersMin: 2, membersMax: 3 },
  ...{ joinSeconds: 40, roundSeconds: 8, idleSeconds: 80 },
  ...{ clipNorm: 8, rowsMax: 500 },
}

const plan = {
  model: {
    ...digitsNetwork,
    blocks: digitsNetwork.blocks.filter(({ kind }) => kind !== 'dropout'),
  },
  settings: {
    ...{ epochs: 3, batchSize: 32, learningRate: 0.002, optimizer: 'adam', l2: 0, seed: 4 },
    ...{ standardize: false, normalisation: digitsScale },
  },
  federation,
}

/** Whose TEE each member's data may go to: one vendor each. */
const members = [
  { role: 'clinic-1', tee: 'tdx' },
  { role: 'clinic-2', tee: 'sev-snp' },
  { role: 'clinic-3', tee: 'aws-nitro' },
] as const
const lost = 'aws-nitro'

/** Three owners in enclaves of three vendors, one of whom is lost on the way. */
export const federatedStory: Story = {
  name: 'federated',
  title:
    'three owners train one network in the enclaves of three vendors, without pooling their images; one machine is lost on the way',
  prepare: async () => ({ devnet: { nodes: ['tdx', 'sev-snp', 'aws-nitro', 'tdx'] }, play }),
}

async function play(stage: StoryStage): Promise<Played> {
  const { narrator } = stage
  const digits = readDigits(members.length)
  narrator.phase('three owners and a company seal and grant')
  const company = await stage.party('company')
  const shared = await company.share('plan', planBytes(plan))
  const app = company.app(appName)
  const planGrant = await grantOnce(company.client, shared.asset, {
    ...{ app, requester: company.address, purpose: 'our own plan', priceWei: 0n },
    usesMax: members.length + 1,
  })
  const grants = await Promise.all(
    members.map(async ({ role }, index) => {
      const owner = await stage.party(role)
      const images = await owner.share('images', digits.owners[index] ?? new Uint8Array(0))
      return grantOnce(owner.client, images.asset, {
        ...{ app, requester: company.address, priceWei, usesMax: 1 },
        purpose: 'one federated network that reads digits',
      })
    }),
  )
  narrator.phase('a coordinator and three members start, each in an enclave of its own')
  const order = (tee: NodeTee, index?: number): Promise<TaskFollower> => {
    const own = index === undefined ? [] : [grants[index] ?? planGrant]
    const given = { app, grants: [...own, planGrant], tees: [tee], attemptSeconds, attemptsMax: 1 }
    return company.order(given)
  }
  const lead = await order('tdx')
  const followers: TaskFollower[] = []
  for (const [index, { tee }] of members.entries()) followers.push(await order(tee, index))
  await killOneDuringRounds(stage, lead)
  narrator.phase('the others go on')
  await accepted(lead)
  const { outputs } = await company.open(lead.id)
  const accuracy = await accuracyOf(
    outputs[0]?.bytes ?? new Uint8Array(0),
    parseUtf8(digits.test, 'test images'),
  )
  narrator.phase('settlement, and the refund of the lost one')
  const tasks = await Promise.all([lead, ...followers].map((one) => company.conclude(one, appName)))
  const updates = updatesIn(coordinatorLog(stage, tasks[0]?.node ?? ''))
  narrator.end()
  return {
    tasks,
    figures: { accuracy, testImages: digits.testImages, rounds, updates, lost },
    problems: problemsOf(tasks, updates, accuracy),
  }
}

function problemsOf(
  tasks: Played['tasks'],
  updates: readonly number[],
  accuracy: number,
): readonly string[] {
  const [lead, ...rest] = tasks
  const outcomes = rest.map(({ outcome }) => outcome)
  return [
    ...(lead?.outcome === 'settled' ? [] : ['the coordinator was not settled']),
    ...(outcomes.filter((outcome) => outcome === 'settled').length === 2
      ? []
      : [`members ended ${outcomes.join(', ')}, expected two settled and one refunded`]),
    ...(updates.length === rounds && updates[0] === 3 && updates.at(-1) === 2
      ? []
      : [`rounds had ${updates.join(', ')} updates, expected three at first and two at the end`]),
    ...(accuracy >= accuracyMin
      ? []
      : [`the model reads ${accuracy} of the held-out images right, expected ${accuracyMin}`]),
  ]
}

// Both processes at once, as a power cut would, while the second round runs.
async function killOneDuringRounds(stage: StoryStage, lead: TaskFollower): Promise<void> {
  const { devnet, narrator, signal } = stage
  const drawn = await lead.until(({ kind }) => kind === 'drawn')
  const key = drawn?.kind === 'drawn' ? drawn.node : ''
  const until = performance.now() + attemptSeconds * 1000
  while (updatesIn(coordinatorLog(stage, key)).length < 1) {
    signal.throwIfAborted()
    if (performance.now() > until)
      throw new OperationError('no-round', 'Cannot go on: the federation did not end a round')
    await sleep(50)
  }
  const victim = devnet.nodes.find(({ image }) => image.tee === lost)
  if (victim === undefined) throw new RangeError('There is a node of the third vendor')
  narrator.phase('the machine of one vendor loses its power')
  await victim.kill()
}

/** How many updates each round's sum had, as the coordinator's enclave told its host. */
function updatesIn(log: string): readonly number[] {
  return [...log.matchAll(/round \d+ of \d+: (\d+) updates/g)].map(([, count]) => Number(count))
}

function coordinatorLog({ devnet }: StoryStage, receiptKey: string): string {
  const node = devnet.nodes.find((each) => sameHex(each.receiptKey, receiptKey))
  if (node === undefined) return ''
  return readFileSync(join(devnet.folders.logs, `node-${node.index}.log`), 'utf8')
}
