import { createServer, type Socket } from 'node:net'

import { parseHex, unixSeconds, type Json } from '@cloister/codec'
import type { NitroEnclave, Platform, TdMeasurement } from '@cloister/emulator'
import { createHttpApp, fetchJson, readJsonBody, serveHttp, type HttpServer } from '@cloister/io'
import {
  createPeer,
  keyHash,
  limits,
  messageDigest,
  messageToJson,
  reportData,
  unnamedMachineId,
  type Admission,
  type Domain,
  type Handler,
  type Peer,
} from '@cloister/protocol'
import { bytesToHex, sha256, zeroHash, type Address, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount, type HDAccount } from 'viem/accounts'

import type { HomeChain } from './home-chain.ts'

/**
 * The other end of the real wire, on a real socket: keys and genuine (emulated) quotes like an enclave's. What it does when
 * asked to run, keep or recover is the test's. The real enclave meets the real host in the devnet's tests.
 */
export async function startEnclaveStandIn(options: {
  readonly path: string
  readonly domain: Domain
  readonly nodeRegistry: Address
  readonly platform: Platform
  readonly measured: TdMeasurement
  readonly sandbox?: string
  /** Gives documents of a Nitro enclave, which name no machine, in place of quotes. */
  readonly nitro?: NitroEnclave
}) {
  const { domain, nodeRegistry: registry, platform, measured, nitro } = options
  const account = privateKeyToAccount(generatePrivateKey())
  const sharePublicKey = crypto.getRandomValues(new Uint8Array(1216))
  const asked: { readonly method: string; readonly params: Json }[] = []
  const methods = new Map<string, (params: Json, host: Peer) => Promise<Json>>()
  const machineId: Hex =
    nitro === undefined ? `0x${'11'.repeat(32)}` : unnamedMachineId(account.address)
  const measurement: Hex = `0x${measured.measurement.replace(/^0x/, '')}`
  const evidence = (userData: Uint8Array<ArrayBuffer>): Json => {
    if (nitro === undefined)
      return {
        tee: 'tdx',
        quote: bytesToHex(platform.quote({ ...measured, reportData: userData })),
      }
    const now = unixSeconds(Math.floor(Date.now() / 1000))
    return { tee: 'aws-nitro', document: bytesToHex(nitro.document({ now, userData })) }
  }
  methods.set('node.evidence', async (params) => {
    const { operator, beacon } = recordOf(params)
    const shareKeyHash = keyHash(sharePublicKey)
    const binding = {
      registry,
      operator: hexOf(operator),
      receiptKey: account.address,
      shareKeyHash,
      beacon: hexOf(beacon),
    }
    return { evidence: evidence(reportData(domain, 'NodeBinding', binding)) }
  })
  methods.set('keep.evidence', async () => ({ evidence: evidence(new Uint8Array(64)) }))

  methods.set('state.open', async () => ({ sealing: false, shares: 0, problem: null }))

  let current: Peer | undefined
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const handlers: Record<string, Handler> = {}
    const peer = createPeer({
      send: (frame) => void socket.write(frame),
      handlers: new Proxy(handlers, {
        getOwnPropertyDescriptor: (_, name) =>
          methods.has(String(name))
            ? { configurable: true, enumerable: true, value: 0 }
            : undefined,
        get: (_, name) => async (params: Json) => {
          asked.push({ method: String(name), params })
          return { result: await methods.get(String(name))!(params, peer) }
        },
      }),
      hello: async () => ({
        receiptKey: account.address.toLowerCase(),
        sharePublicKey: bytesToHex(sharePublicKey),
        machineId,
        measurement,
        sandbox: options.sandbox ?? 'bubblewrap',
      }),
      after: (milliseconds, callback) => {
        const timer = setTimeout(callback, milliseconds)
        return () => clearTimeout(timer)
      },
      timeoutMilliseconds: 20_000,
      frameBytesMax: limits.frameBytesMax,
      closed: () => socket.destroy(),
    })
    current = peer
    socket.on('data', (chunk: Buffer) => peer.receive(chunk))
    socket.on('error', () => socket.destroy())
    peer.greet().catch(() => undefined)
  })
  await new Promise<void>((resolve) => server.listen(options.path, resolve))
  return {
    ...{ account, sharePublicKey, machineId, measurement, asked, methods, evidence },
    path: options.path,
    host: () => current!,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** An enclave's stand-in. */
export type EnclaveStandIn = Awaited<ReturnType<typeof startEnclaveStandIn>>

/** Signs as a committee member would who believes everything. */
export async function startVerifierStandIn(
  home: HomeChain,
  domain: Domain,
  account: HDAccount,
  admissionOf: (bundle: Readonly<Record<string, unknown>>) => Admission,
): Promise<HttpServer> {
  const app = createHttpApp()
  app.post('/v1/checkpoints', async (c) => {
    const { height, nonce } = recordOf(await readJsonBody(c))
    const block = await home.chain.block(BigInt(String(height)))
    const checkpoint = {
      chainId: 31337n,
      height: block.number,
      blockHash: block.hash,
      blockTime: block.timestamp,
      committee: 0n,
      nonce: hexOf(nonce),
    }
    const signature = await account.sign({ hash: messageDigest(domain, 'Checkpoint', checkpoint) })
    return c.body(
      JSON.stringify({ checkpoint: messageToJson('Checkpoint', checkpoint), signature }),
    )
  })
  app.post('/v1/admissions', async (c) => {
    const { url } = recordOf(await readJsonBody(c))
    const admission = admissionOf(recordOf(await fetchJson(`${String(url)}/v1/admission`)))
    const signature = await account.sign({ hash: messageDigest(domain, 'Admission', admission) })
    return c.body(JSON.stringify({ admission: messageToJson('Admission', admission), signature }))
  })
  return serveHttp({ app, port: 0 })
}

/** The admission of whatever a bundle says, for a day from now on. */
export function believingAdmission(
  measurement: Hex,
  expiry: bigint,
): (bundle: Readonly<Record<string, unknown>>) => Admission {
  return (bundle) => ({
    operator: hexOf(bundle['operator']),
    receiptKey: hexOf(bundle['receiptKey']),
    shareKeyHash: keyHash(parseHex(String(bundle['sharePublicKey']))),
    // One machine per operator, where machines have names.
    machineId:
      recordOf(bundle['evidence'])['tee'] === 'aws-nitro'
        ? unnamedMachineId(hexOf(bundle['receiptKey']))
        : sha256(hexOf(bundle['operator'])),
    measurement,
    tcb: 0,
    tier: 0,
    tags: Number(bundle['tags']),
    expiry,
    bundleDigest: zeroHash,
    appraisalDigest: zeroHash,
    beacon: hexOf(bundle['beacon']),
    tee: 2,
  })
}

/** A JSON object's members. */
export function recordOf(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null) throw new Error('not an object')
  return Object.fromEntries(Object.entries(json))
}

/** Text that must be hexadecimal. */
export function hexOf(value: unknown): Hex {
  return `0x${String(value).slice(2)}`
}
