import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { OperationError } from '@cloister/codec'
import { prepareGuest, removeGuest, type Machine, type RunningGuest } from '@cloister/emulator'
import type { Child } from '@cloister/io'

import { accountOf, type Role } from './accounts.ts'
import { startProgram, writeKeyFile } from './child-program.ts'
import type { Folders } from './folders.ts'
import type { RuntimeImage } from './runtime-image.ts'
import { machineOf, type MachineTcb, type Vendors } from './vendors.ts'

/** What one node of a devnet is made of. */
export type NodeOptions = {
  /** From 1: its folder and its operator's account. */
  readonly index: number
  /** What it runs, and on which kind of machine. */
  readonly image: RuntimeImage
  readonly port: number
  readonly tcb: MachineTcb
  readonly hostFaults: readonly string[]
  /** The machine that signs its evidence, given its own: another one only to show what happens then. */
  readonly evidenceFrom?: (own: Machine, vendors: Vendors) => Machine
}

/** What all nodes of a devnet share. */
export type NodeNetwork = {
  readonly vendors: Vendors
  readonly collateralUrls: { readonly intel: string; readonly amd: string }
  readonly homeUrl: string
  readonly fromBlock: number
  readonly deploymentFile: string
  readonly folders: Folders
}

/** A node: the host's process and the virtual guest's. */
export type DevnetNode = {
  readonly index: number
  readonly role: Role
  readonly operator: string
  readonly url: string
  readonly host: Child
  readonly guest: RunningGuest
  readonly image: RuntimeImage
  readonly receiptKey: string
  readonly sandbox: string
  stop(): Promise<void>
  /** Ends both processes at once, as a power cut would. */
  kill(): Promise<void>
}

/**
 * Launches a guest on a machine of the node's own, then its host, and waits until the host has greeted the enclave. It is not
 * admitted yet: its host sees to that.
 */
export async function startNode(network: NodeNetwork, options: NodeOptions): Promise<DevnetNode> {
  const { folders, vendors } = network
  const { index, image, tcb, evidenceFrom } = options
  const role = operatorRole(index)
  const folder = folders.node(index)
  await removeGuest(folder.guest)
  const machine = machineOf(vendors, image.tee, String(index), tcb)
  const prepared = await prepareGuest({
    ...image,
    machine,
    directory: folder.guest,
    cacheDirectory: folders.cache,
    ...(evidenceFrom === undefined
      ? {}
      : { insecureEvidenceFrom: () => evidenceFrom(machine, vendors) }),
  })
  const enclaveSocket = join(folder.guest, 'enclave.sock')
  const guest = await prepared.start({ args: [enclaveSocket], stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    await enclaveReady(guest, index)
    const host = await startProgram({
      name: `node ${index}`,
      package: 'host',
      folder: folder.host,
      config: hostConfig(network, options, enclaveSocket),
    })
    const { receiptKey, sandbox } = readyFields(host)
    return {
      index,
      role,
      operator: accountOf(role).address,
      url: `http://127.0.0.1:${options.port}`,
      ...{ host, guest, image, receiptKey, sandbox },
      stop: async () => {
        await host.stop()
        await guest.stop()
      },
      kill: async () => {
        guest.process.kill('SIGKILL')
        await host.kill()
        await guest.stop()
      },
    }
  } catch (error) {
    await guest.stop()
    throw error
  }
}

/** The account that operates a node. */
export function operatorRole(index: number): Role {
  const roles = ['operator-1', 'operator-2', 'operator-3', 'operator-4'] as const
  const role = roles[index - 1]
  if (role !== undefined) return role
  throw new OperationError('too-many-nodes', `Cannot start node ${index}: a devnet has at most 4`)
}

function hostConfig(network: NodeNetwork, options: NodeOptions, enclaveSocket: string) {
  const { folders, collateralUrls, deploymentFile, homeUrl, fromBlock } = network
  const { index, port, hostFaults } = options
  const { host } = folders.node(index)
  return {
    production: false,
    insecureFaults: [...hostFaults],
    insecureRecordTraffic: join(folders.traffic, `node-${index}`),
    deploymentFile,
    chain: { url: homeUrl, fromBlock, pollMs: 200 },
    operatorKeyFile: writeKeyFile(host, operatorRole(index)),
    enclaveSocket,
    dataFolder: host,
    listen: { host: '127.0.0.1', port },
    collateralUrls,
    dutyJitterMs: 300,
    log: { level: 'info', format: 'json', path: join(folders.logs, `node-${index}.log`) },
  }
}

/** Waits for the enclave's own word that it listens. */
async function enclaveReady(guest: RunningGuest, index: number): Promise<void> {
  const { stdout, stderr } = guest.process
  const said: string[] = []
  if (stderr !== null)
    createInterface({ input: stderr }).on('line', (line) => {
      if (said.length < 5) said.push(line)
    })
  if (stdout === null) return
  let timer: NodeJS.Timeout | undefined
  const fail = (detail: string) =>
    new OperationError(
      'enclave-failed',
      `Cannot start the enclave of node ${index}: ${[detail, ...said].join('; ')}`,
    )
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(fail('it is silent')), 30_000)
      createInterface({ input: stdout }).once('line', () => resolve())
      guest.process.once('exit', (code) => reject(fail(`it ended with ${code}`)))
    })
  } finally {
    clearTimeout(timer)
  }
}

function readyFields(host: Child): { readonly receiptKey: string; readonly sandbox: string } {
  const { ready } = host
  if (ready !== null && typeof ready === 'object' && 'receiptKey' in ready && 'sandbox' in ready) {
    const { receiptKey, sandbox } = ready
    if (typeof receiptKey === 'string')
      return { receiptKey, sandbox: typeof sandbox === 'string' ? sandbox : 'none' }
  }
  throw new OperationError('host-failed', `Cannot use ${host.name}: it did not say its receipt key`)
}
