import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { OperationError } from '@cloister/codec'
import { encodeDeployment, encodeReceiptFile, sameHex } from '@cloister/protocol'
import {
  collectReceipt,
  connect,
  fetchOutput,
  openOutput,
  type App,
  type Client,
  type SharedAsset,
} from '@cloister/sdk'
import type { Address, Hex } from 'viem'

import { accountOf, type Role } from '../accounts.ts'
import type { Actor } from '../actors/actor.ts'
import { appNamed, shareOwn } from '../actors/own-asset.ts'
import { openPrivateKey, placeOwnOrder } from '../actors/own-order.ts'
import { sayEvent, TaskFollower, type FollowedTask } from '../demo/follow-task.ts'
import type { Narrator } from '../demo/phases.ts'
import { checkReceipt } from '../demo/receipts.ts'
import type { Devnet } from '../up.ts'
import type { StoryTask } from './story.ts'

type Setting = {
  readonly devnet: Devnet
  readonly narrator: Narrator
  readonly outputFolder: string
  readonly signal: AbortSignal
}

/** Somebody in a story: an account, a folder of their own, and what they do with the network. */
export class Party {
  readonly role: Role
  readonly client: Client
  readonly #actor: Actor<undefined>
  readonly #setting: Setting

  private constructor(role: Role, client: Client, setting: Setting) {
    this.role = role
    this.client = client
    this.#setting = setting
    const { folders } = setting.devnet
    const folder = folders.owner(role)
    const publicFolder = join(folders.root, 'public')
    for (const each of [folder, publicFolder])
      if (!existsSync(each)) mkdirSync(each, { recursive: true })
    this.#actor = {
      client,
      settings: undefined,
      read: (name) => readFileSync(join(folder, name)),
      write: (name, content) => writeFileSync(join(folder, name), content, { mode: 0o600 }),
      publicFolder,
    }
  }

  static async arrive(role: Role, setting: Setting): Promise<Party> {
    const deployment = encodeDeployment(setting.devnet.deployment)
    const client = await connect({ deployment, account: accountOf(role) })
    return new Party(role, client, setting)
  }

  get address(): Address {
    return accountOf(this.role).address
  }

  /** An app that the deployment lists. */
  app(name: string): App {
    return appNamed(this.client, name)
  }

  /** Seals bytes, hands their key's shares to three keepers and stores the ciphertext. */
  share(name: string, plaintext: Uint8Array<ArrayBuffer>): Promise<SharedAsset> {
    return shareOwn(this.#actor, { name, plaintext })
  }

  /** Orders, with a fresh key that only this party can open the output with, and follows the task. */
  async order(terms: Parameters<typeof placeOwnOrder>[1]): Promise<TaskFollower> {
    const { task } = await placeOwnOrder(this.#actor, terms)
    return this.follow(task, terms.app.manifest.name)
  }

  /** Follows a task that exists: one of an order's further replicas. */
  follow(task: Hex, name: string): TaskFollower {
    const { narrator, signal } = this.#setting
    const onEvent = (event: Parameters<typeof sayEvent>[0]): void =>
      narrator.detail(`${name}: ${sayEvent(event)}`)
    return new TaskFollower(this.client, task, { onEvent, signal })
  }

  /** Fetches and opens what a task gave this party; `ordered` is the order's task, where that is another replica. */
  async open(task: Hex, ordered: Hex = task) {
    const { sealed, receipt } = await fetchOutput(this.client, task)
    return { receipt, ...(await openOutput(openPrivateKey(this.#actor, ordered), sealed, task)) }
  }

  /** Waits until a task is over, collects its receipt and checks that offline. */
  async conclude(follower: TaskFollower, app: string): Promise<StoryTask> {
    const receipt = await this.#receipt(follower)
    const ended = await follower.ended
    const drawn = ended.events.findLast((event) => event.kind === 'drawn')
    const node = drawn?.kind === 'drawn' ? drawn.node : ''
    return {
      id: ended.id,
      app,
      node,
      tee: teeOf(this.#setting.devnet, node),
      outcome: ended.events.some(({ kind }) => kind === 'settled') ? 'settled' : 'refunded',
      receipt,
      paidWei: paidWei(ended).toString(),
    }
  }

  // While the judgement can still be collected from the chain's head.
  async #receipt(follower: TaskFollower): Promise<string | null> {
    const event = await follower.until(({ kind }) => kind === 'accepted')
    if (event === undefined) return null
    const { devnet, outputFolder } = this.#setting
    const file = await collectReceipt(this.client, follower.id, { pollMs: 200 })
    const path = join(devnet.folders.owner(this.role), `${follower.id}.json`)
    writeFileSync(path, encodeReceiptFile(file))
    return (await checkReceipt(path, devnet.deployment, outputFolder)).path
  }
}

/** Waits until a task is accepted. @throws {OperationError} `task-failed`. */
export async function accepted(follower: TaskFollower): Promise<void> {
  if ((await follower.until(({ kind }) => kind === 'accepted')) !== undefined) return
  const last = follower.events.at(-1)
  throw new OperationError(
    'task-failed',
    `Cannot go on: task ${follower.id} was not accepted (${last === undefined ? 'nothing happened' : sayEvent(last)})`,
  )
}

function teeOf({ nodes }: Devnet, receiptKey: string): string {
  const node = nodes.find((each) => sameHex(each.receiptKey, receiptKey))
  return node === undefined ? 'none' : `${node.image.tee}, emulated`
}

function paidWei({ events }: FollowedTask): bigint {
  return events.reduce((sum, event) => sum + (event.kind === 'paid' ? event.amountWei : 0n), 0n)
}
