import { join } from 'node:path'

import { OperationError } from '@cloister/codec'
import {
  accountOf,
  Journal,
  ObjectStore,
  readKeyFile,
  serveHttp,
  silentLog,
  type Log,
  openReadableStore,
  parseStoreAddress,
} from '@cloister/io'

import { sameHex, type ReadableStore } from '@cloister/protocol'
import type { Address } from 'viem'

import { NodeAdmission } from './admission.ts'
import { DemandAnswers } from './answer-demands.ts'
import { Attempts } from './attempts.ts'
import { ChainIndex } from './chain-index.ts'
import { CollateralClient } from './collateral.ts'
import type { HostConfig } from './config.ts'
import { ShareDemands } from './demand-shares.ts'
import { DeploymentFile } from './deployment-file.ts'
import { answerEnclave } from './enclave-answers.ts'
import { EnclaveLink, type EnclaveHello } from './enclave-link.ts'
import { noFaults, type Faults } from './faults.ts'
import { FederationMail } from './federation-mail.ts'
import { KeptShares } from './kept-shares.ts'
import { NodeChain } from './node-chain.ts'
import { Peers } from './peers.ts'
import { createRoutes } from './routes.ts'
import { SealedStates } from './sealed-states.ts'
import { runLoops, type HostEnd } from './loops.ts'
import { TaskWatcher } from './task-watcher.ts'
import { Uploads } from './uploads.ts'

/** Besides the configuration: where to log, and where to lie. */
export type HostOptions = { readonly log?: Log; readonly faults?: Faults }

/** A host that runs. */
export type Host = {
  readonly url: string
  readonly hello: EnclaveHello
  readonly operator: string
  /** Settles when it has ended, by `stop` or on its own. */
  readonly ended: Promise<HostEnd>
  readonly stop: () => Promise<void>
}

/** Part of the store that strangers may fill. */
const strangersPart = 0.8

/**
 * Starts the untrusted side of a node.
 *
 * @throws {OperationError} as docs/host.md lists them: nothing is left running then.
 */
export async function startHost(config: HostConfig, options: HostOptions = {}): Promise<Host> {
  const opened: (() => Promise<void> | void)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of opened.toReversed()) await close()
  }
  try {
    return await startParts(config, options, opened, closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function startParts(
  config: HostConfig,
  { log = silentLog, faults = noFaults }: HostOptions,
  opened: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<Host> {
  if (
    config.production &&
    (Object.keys(faults).length > 0 || config.insecureRecordTraffic !== undefined)
  )
    throw new OperationError(
      'faults-in-production',
      'Cannot start with faults or recorded traffic: a production host has none',
    )
  const base = await openBase(config, log, faults, opened)
  const { chain, enclave, journal, index, late } = base
  const operator = chain.account.address
  requireSandbox(config, enclave.hello)
  const { receiptKey } = enclave.hello
  const shares = new KeptShares(journal, index, chain.domain, { operator, receiptKey })
  late.enclave = enclave
  late.shares = shares
  const mail = mailOf(base, receiptKey)
  late.mail = mail

  const stopping = new AbortController()
  const { signal } = stopping
  const attempts = new Attempts(base)
  const url = (): string => ready(late.url)
  const admission = new NodeAdmission({ ...base, signal, url, tags: config.tags })
  const strangersBytesMax = Math.floor(config.storeBytesMax * strangersPart)
  const app = createRoutes({ ...base, admission, attempts, shares, mail, strangersBytesMax })
  const server = await serveHttp({
    app,
    ...config.listen,
    recordTraffic: config.insecureRecordTraffic,
  })
  opened.push(() => server.close())
  late.url = config.publicUrl ?? server.url
  const { depth } = base.deployment.value
  const jitterMs = config.dutyJitterMs
  const demandAnswers = new DemandAnswers(base)
  const watcher = new TaskWatcher({ ...base, attempts, receiptKey, depth, jitterMs })
  const loops = runLoops({ ...base, shares, watcher, demandAnswers, admission, stopping }, config)
  const ended = endOf({ loops, enclave, stopping, closeAll })
  return {
    url: late.url,
    hello: enclave.hello,
    operator,
    ended,
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

// What stands on its own, and the connection to the enclave, which asks for all of it.
async function openBase(
  config: HostConfig,
  log: Log,
  faults: Faults,
  opened: (() => Promise<void> | void)[],
) {
  const account = accountOf(readKeyFile(config.operatorKeyFile))
  const deployment = new DeploymentFile(config.deploymentFile)
  const limits = { objectBytesMax: 256 * 2 ** 20, totalBytesMax: config.storeBytesMax }
  const store = await ObjectStore.open(join(config.dataFolder, 'store'), limits)
  const journal = Journal.open(join(config.dataFolder, 'journal.sqlite'))
  opened.push(() => journal.close())
  const chain = await NodeChain.connect(deployment.value, config.chain, account)
  const index = new ChainIndex()
  const partStores = await openPartStores(config.partStores)
  const peers = new Peers(chain, index, store, log, partStores)
  const demands = new ShareDemands({ chain, index, store, log })
  const collateral = new CollateralClient(config.collateralUrls, deployment.value.anchors)
  const sealed = await SealedStates.open(join(config.dataFolder, 'sealed'))
  const uploads = new Uploads(store)
  opened.push(() => uploads.close())
  const parts = {
    chain,
    index,
    deployment,
    store,
    uploads,
    journal,
    collateral,
    sealed,
    demands,
    peers,
    faults,
    log,
  }
  // The enclave may ask before these are there, and the server needs them before its address is known.
  const late: Late = {}
  const handlers = answerEnclave({
    ...parts,
    shares: () => ready(late.shares),
    mail: () => ready(late.mail),
    enclave: () => ready(late.enclave),
  })
  const enclave = await EnclaveLink.connect(config.enclaveSocket, handlers)
  opened.push(() => enclave.close())
  return { ...parts, enclave, late }
}

function openPartStores(addresses: readonly string[]): Promise<readonly ReadableStore[]> {
  return Promise.all(
    addresses.map((text) => {
      const address = parseStoreAddress(text)
      if (address.kind !== 'node') return openReadableStore(address)
      throw new OperationError(
        'config-malformed',
        `Cannot use ${text} as one of partStores: nodes are asked anyway; name a folder, a bucket or a gateway`,
      )
    }),
  )
}

type Late = {
  enclave?: EnclaveLink
  shares?: KeptShares
  mail?: FederationMail
  url?: string
}

const running = 2

function mailOf(
  { chain, index }: { readonly chain: NodeChain; readonly index: ChainIndex },
  receiptKey: Address,
): FederationMail {
  return new FederationMail({
    deployment: chain.deployment,
    receiptKey,
    tasks: () => index.tasks,
    taskOf: async (task) => {
      const { attempt, node, state } = await chain.task(task)
      return { attempt, node, running: state === running }
    },
    urlOf: (key) => [...index.nodes.values()].find((node) => sameHex(node.receiptKey, key))?.url,
  })
}

function ready<T>(part: T | undefined): T {
  if (part !== undefined) return part
  throw new OperationError('unready', 'This host is still starting; ask again', { retryable: true })
}

function requireSandbox(config: HostConfig, hello: EnclaveHello): void {
  if (!config.production || hello.sandbox === 'bubblewrap') return
  throw new OperationError(
    'sandbox-missing',
    `Cannot start a production node: its enclave confines apps with ${hello.sandbox ?? 'nothing it names'}; install bubblewrap inside it`,
  )
}

type Ending = {
  readonly loops: Promise<HostEnd>
  readonly enclave: EnclaveLink
  readonly stopping: AbortController
  readonly closeAll: () => Promise<void>
}

async function endOf({ loops, enclave, stopping, closeAll }: Ending): Promise<HostEnd> {
  const gone = enclave.closed.then((error): HostEnd => ({ kind: 'enclave-gone', error }))
  const end = await Promise.race([loops, gone])
  stopping.abort()
  enclave.close() // What still waits for its answer would hold the loops up.
  await loops
  await closeAll()
  return end
}
