import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { createAppraiser } from '@cloister/attest'
import { OperationError } from '@cloister/codec'
import {
  accountOf,
  Chain,
  describeError,
  Journal,
  ObjectStore,
  readKeyFile,
  serveHttp,
  silentLog,
  type HttpServer,
  type Log,
} from '@cloister/io'
import {
  committeeAbi,
  deploymentDomain,
  deploymentOf,
  errorsAbi,
  ledgerAbi,
  sameHex,
  type Deployment,
} from '@cloister/protocol'
import type { Address } from 'viem'

import { Admissions } from './admissions.ts'
import { Apps } from './apps.ts'
import { Challenger } from './challenge.ts'
import { Checkpoints, signDigest } from './checkpoints.ts'
import { readDeployment, type VerifierConfig } from './config.ts'
import type { VerifierContext } from './context.ts'
import { faultsOf } from './faults.ts'
import { HomeChain } from './home-chain.ts'
import { Payouts } from './payouts.ts'
import { Peers } from './peers.ts'
import { KeptReceipts } from './receipts-kept.ts'
import { createRoutes } from './routes.ts'
import { Standing } from './standing.ts'
import { VoteJournal } from './vote-journal.ts'
import { VotePool } from './vote-pool.ts'
import { Watcher } from './watch.ts'

/** Besides the configuration: where to log, and whose clock. */
export type VerifierOptions = { readonly log?: Log; readonly now?: () => number }

/** A verifier that runs. */
export type Verifier = {
  readonly url: string
  readonly address: Address
  /** What its loops ended with: undefined when `stop` ended them. */
  readonly ended: Promise<Error | undefined>
  readonly stop: () => Promise<void>
}

const collectEveryMs = 600_000
const keptSeconds = 7 * 86_400

/**
 * Starts a verifier. It serves at once, and signs once it knows that its journal is the one it signed with.
 *
 * @throws {OperationError} as docs/verifier.md lists them: nothing is left running then.
 */
export async function startVerifier(
  config: VerifierConfig,
  options: VerifierOptions = {},
): Promise<Verifier> {
  const opened: (() => Promise<void> | void)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).toReversed()) await close()
  }
  try {
    const context = await openContext(config, options, opened)
    return await startParts(context, opened, closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function openContext(
  config: VerifierConfig,
  { log = silentLog, now = Date.now }: VerifierOptions,
  opened: (() => Promise<void> | void)[],
): Promise<VerifierContext> {
  const faults = faultsOf(config.insecureFaults, config.production)
  const manifest = readDeployment(config)
  const account = accountOf(readKeyFile(config.keyFile))
  const chain = await Chain.connect({
    url: config.chain.url ?? manifest.home.rpcUrl,
    chainId: manifest.home.chainId,
    pollMs: config.chain.pollMs,
    errors: errorsAbi,
  })
  await requireDeployment(chain, manifest)
  const limits = { objectBytesMax: 256 * 2 ** 20, totalBytesMax: config.storeBytesMax }
  const store = await ObjectStore.open(join(config.dataFolder, 'store'), limits)
  const journal = Journal.open(join(config.dataFolder, 'journal.sqlite'))
  opened.push(() => journal.close())
  const { contracts } = manifest.home
  const home = new HomeChain(chain, contracts, BigInt(config.chain.fromBlock))
  const domain = deploymentDomain(manifest)
  return {
    ...{
      config,
      manifest,
      domain,
      deployment: deploymentOf(domain),
      home,
      account,
      journal,
      store,
    },
    peers: new Peers(home, account.address, manifest.verifiers),
    anchors: manifest.anchors,
    apps: new Apps(() => readDeployment(config).apps),
    appraise: createAppraiser().appraise,
    ...{ faults, log, now },
  }
}

async function startParts(
  context: VerifierContext,
  opened: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<Verifier> {
  const { config, journal, domain, account, log } = context
  const votes = new VoteJournal(journal, domain, (digest) => signDigest(context, digest))
  const standing = new Standing(context, votes)
  const checkpoints = new Checkpoints(context, standing)
  const receipts = new KeptReceipts(journal)
  const pool = new VotePool(journal, domain, (posted) => watcher.onSecondVote(posted))
  const challenger = new Challenger(context)
  const keepers = new Map()
  const watcher = new Watcher(
    { context, votes, pool, standing, receipts, challenger, keepers },
    checkpoints,
  )
  const app = createRoutes({
    ...{ context, standing, checkpoints, pool, receipts },
    admissions: new Admissions(context, standing),
    payouts: new Payouts(context, standing),
  })
  const server: HttpServer = await serveHttp({
    app,
    port: config.listen.port,
    host: config.listen.host,
    recordTraffic: config.insecureRecordTraffic,
  })
  opened.push(() => server.close())
  const url = config.publicUrl ?? server.url
  const stopping = new AbortController()
  const { signal } = stopping
  if (config.announce) await announce(context, url)
  const ended = Promise.all([
    watcher.run(signal),
    standing.settle(signal),
    collectLoop(context, signal),
  ])
    .then(
      () => undefined,
      (error: unknown) => {
        log.error('The verifier fails', { detail: describeError(error) })
        return error instanceof Error ? error : new OperationError('failed', 'It failed')
      },
    )
    .then(async (error) => {
      stopping.abort()
      await closeAll()
      return error
    })
  return {
    url,
    address: account.address,
    ended,
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

async function requireDeployment(chain: Chain, manifest: Deployment): Promise<void> {
  const expected = deploymentOf(deploymentDomain(manifest))
  const found = await chain.read({
    address: manifest.home.contracts.ledger,
    abi: ledgerAbi,
    functionName: 'deployment',
  })
  if (!sameHex(found, expected))
    throw new OperationError(
      'wrong-deployment',
      `Cannot serve deployment ${expected}: the Ledger at ${manifest.home.contracts.ledger} is of ${found}; correct the manifest`,
    )
}

/** Writes where this verifier answers into the Committee. Without it the verifier works, but nobody finds it. */
async function announce({ home, account, log }: VerifierContext, url: string): Promise<void> {
  try {
    if ((await home.memberUrl(account.address)) === url) return
    await home.chain.sender(account).sendAndWait({
      address: home.contracts.committee,
      abi: committeeAbi,
      functionName: 'announce',
      args: [url],
    })
  } catch (error) {
    log.warn('Cannot announce where this verifier answers; others know it only from the manifest', {
      url,
      detail: describeError(error),
    })
  }
}

/** Removes what was kept for longer than judging and challenging take, and 7 days. */
async function collectLoop(context: VerifierContext, signal: AbortSignal): Promise<void> {
  const { store, home, now, log } = context
  while (!signal.aborted) {
    try {
      const { judgeSeconds, challengeSeconds } = await home.settlementConfig()
      const seconds = Number(judgeSeconds + challengeSeconds) + keptSeconds
      await store.collect(now() - seconds * 1_000)
    } catch (error) {
      log.warn('Old objects cannot be removed now', { detail: describeError(error) })
    }
    await sleep(collectEveryMs, undefined, { signal }).catch(() => undefined)
  }
}
