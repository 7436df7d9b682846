import { createServer, type Server, type Socket } from 'node:net'

import { createAppraiser } from '@cloister/attest'
import { OperationError } from '@cloister/codec'
import { createPeer, limits, wireVersion, type Peer } from '@cloister/protocol'
import { bytesToHex, type Hex } from 'viem'

import { BundleCache } from './bundle/bundle-cache.ts'
import { Chain } from './chain/chain-view.ts'
import { ChainFacts } from './chain/facts.ts'
import type { EnclaveConfig } from './config.ts'
import type { AppRuntime } from './drivers/driver.ts'
import type { EnclaveContext } from './enclave-context.ts'
import { openDeviceDriver, type EvidenceSource } from './evidence-source.ts'
import { HostCalls } from './host-calls.ts'
import { createIdentity } from './identity.ts'
import { EarlierLives } from './keeper/earlier-lives.ts'
import { KeeperState } from './keeper/keeper-state.ts'
import { ReleaseLog } from './keeper/release-log.ts'
import { SealedState } from './keeper/sealed-state.ts'
import { SeenRecords } from './keeper/seen-records.ts'
import { ShareStore } from './keeper/share-store.ts'
import { UnsealedShares } from './keeper/unsealed.ts'
import { Lane } from './lane.ts'
import { enclaveMethods } from './methods.ts'
import { readObject } from './object-store.ts'
import type { SealingDriver } from './sealing-driver.ts'

/** What an enclave is started with. */
export type EnclaveOptions = {
  readonly config: EnclaveConfig
  readonly source: EvidenceSource
  /** Absent where the TEE cannot seal. */
  readonly sealing?: SealingDriver | undefined
  readonly runtime: Omit<AppRuntime, 'bundles'>
  /** Unix socket for the host. */
  readonly socketPath: string
}

/** An enclave that listens for its host. */
export type RunningEnclave = { readonly close: () => Promise<void> }

const answerMilliseconds = 30_000
// Requests of all kinds to the host: what comes beyond the wire's own limit waits its turn instead of failing an attempt.
const waitingMax = 1024

const clock = (): number => Math.floor(Date.now() / 1000)

/**
 * Makes fresh keys and listens for the host, one connection at a time. When a connection ends the keys stay, so that a host
 * may restart without its enclave.
 */
export async function startEnclave(options: EnclaveOptions): Promise<RunningEnclave> {
  const { config, source, socketPath } = options
  const identity = await createIdentity(config.domain, source, config.anchors, clock)
  const current: { peer: Peer | undefined } = { peer: undefined }
  const wire = new Lane('request to the host', limits.requestsOpenMax - 1, waitingMax)
  const ask = async (...asked: Parameters<Peer['request']>) => {
    if (current.peer === undefined)
      throw new OperationError('no-host', 'Cannot ask the host: it is not connected', {
        retryable: true,
      })
    return current.peer.request(...asked)
  }
  const host = new HostCalls({ request: (...asked) => wire.run(() => ask(...asked)) })
  const state = new KeeperState()
  const keeper = {
    shares: new ShareStore(),
    state,
    log: new ReleaseLog(config.domain, identity, host, state),
    seen: new SeenRecords(),
    lives: new EarlierLives(),
    unsealed: new UnsealedShares(),
  }
  const context: EnclaveContext = {
    ...keeper,
    config,
    identity,
    source,
    devices: openDeviceDriver(config.accelerator),
    host,
    chain: new Chain(config, host, () => performance.now(), sleep),
    facts: new ChainFacts(config),
    appraiser: createAppraiser(),
    sealed: new SealedState(options.sealing, { ...keeper, config, identity, host }),
  }
  const bundles = new BundleCache((digest, bytesMax) => readObject(host, hexOf(digest), bytesMax))
  const runtime = {
    ...options.runtime,
    bundles,
    accelerator: config.accelerator?.kind ?? ('none' as const),
  }
  const handlers = enclaveMethods(context, runtime)
  const hello = async () => ({
    version: wireVersion,
    receiptKey: identity.receiptKey.toLowerCase(),
    sharePublicKey: bytesToHex(identity.sharePublicKey),
    machineId: identity.machineId,
    measurement: identity.measurement,
    sandbox: runtime.sandbox,
  })
  const server = createServer((socket) => {
    if (current.peer !== undefined) {
      socket.destroy()
      return
    }
    context.log.hostChanged()
    current.peer = connectPeer(socket, handlers, hello, () => {
      current.peer = undefined
    })
  })
  await listen(server, socketPath)
  return {
    close: () => {
      current.peer?.close(new OperationError('closed', 'The enclave is stopping'))
      bundles.close()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function hexOf(digest: string): Hex {
  return `0x${digest.slice(2)}`
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function connectPeer(
  socket: Socket,
  handlers: ReturnType<typeof enclaveMethods>,
  hello: Parameters<typeof createPeer>[0]['hello'],
  ended: () => void,
): Peer {
  const peer = createPeer({
    send: (frame) => {
      // A host that does not read what it asked for is not waited for with unbounded memory.
      if (socket.writableLength > limits.frameBytesMax * 4)
        throw new OperationError('host-too-slow', 'The host does not read its answers')
      socket.write(frame)
    },
    handlers,
    hello,
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds)
      return () => clearTimeout(timer)
    },
    timeoutMilliseconds: answerMilliseconds,
    frameBytesMax: limits.frameBytesMax,
    closed: () => {
      ended()
      socket.destroy()
    },
  })
  const gone = () => peer.close(new OperationError('host-gone', 'The host closed its connection'))
  socket.on('data', (chunk) => peer.receive(new Uint8Array(chunk)))
  socket.on('error', gone)
  socket.on('close', gone)
  // Both sides greet first; a host that does not is of no use, and its questions are refused anyway.
  peer.greet().catch(() => undefined)
  return peer
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new OperationError('listen-failed', `Cannot listen on ${path}: choose another path`, {
          cause,
        }),
      ),
    )
    server.listen({ path }, resolve)
  })
}
