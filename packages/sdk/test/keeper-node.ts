import { createHash } from 'node:crypto'

import { intelMachineId, type IntelCollateral } from '@cloister/attest'
import { encodeHex, encodeUtf8, concatBytes, parseHex, type Bytes } from '@cloister/codec'
import type { Manufacturer, Platform, QuoteRequest } from '@cloister/emulator'
import { createHttpApp, serveHttp, type HttpServer } from '@cloister/io'
import {
  deploymentOf,
  messageDigest,
  reportData,
  tdxMeasurement,
  type Domain,
} from '@cloister/protocol'
import {
  generateEnvelopeKeyPair,
  openEnvelope,
  verifyShare,
  type EnvelopeKeyPair,
} from '@cloister/seal'
import type { Hono } from 'hono'
import { sha256, type Hex, type LocalAccount } from 'viem'
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'

/** Registers of the enclave that the tests approve. */
export const approvedRegisters = registers(1)

/** What a node shows instead of the truth. */
export type Tamper = {
  /** Changes what is quoted. */
  readonly quote?: (request: QuoteRequest) => QuoteRequest
  /** Changes the signed quote. */
  readonly bytes?: (quote: Bytes) => Bytes
  readonly answer?: (answer: Record<string, unknown>) => Record<string, unknown>
  readonly ack?: (ack: { ack: Record<string, unknown>; signature: Hex }) => unknown
  readonly object?: (bytes: Bytes) => Bytes
}

/** A session of a node: what it shows, and how it answers sealed bytes. */
export type TestSession = {
  readonly status: () => unknown
  readonly answer: (sealed: Bytes) => Promise<Bytes>
}

/** A node: real keys, an emulated machine, and the routes of a host over HTTP. */
export type TestNode = {
  readonly url: string
  readonly operator: LocalAccount
  readonly receiptAccount: PrivateKeyAccount
  readonly shareKeys: EnvelopeKeyPair
  readonly platform: Platform
  readonly machineId: Hex
  readonly collateral: IntelCollateral
  /** Every body that arrived, by route. */
  readonly received: { readonly route: string; readonly body: string }[]
  /** The plaintexts of shares that were deposited: share, then all x. */
  readonly shares: Map<string, Bytes>
  readonly objects: Map<string, Bytes>
  readonly posted: Map<string, unknown>
  /** Sessions that run here, by task and attempt. */
  readonly sessions: Map<string, TestSession>
  tamper: Tamper
  readonly quote: (reportData: Bytes) => Hex
  readonly close: () => Promise<void>
}

/** Registers that follow from a number, 48 bytes each. */
export function registers(seed: number): Pick<QuoteRequest, 'mrtd' | 'rtmrs'> {
  const register = (index: number) => new Uint8Array(48).fill(seed * 16 + index)
  return { mrtd: register(0), rtmrs: [register(1), register(2), register(3), register(4)] }
}

/** The measurement of registers, as contracts and grants name it. */
export function measurementOf({ mrtd, rtmrs }: Pick<QuoteRequest, 'mrtd' | 'rtmrs'>): Hex {
  const [a, b, c, d] = rtmrs
  return tdxMeasurement({ mrtd: hex(mrtd), rtmrs: [hex(a), hex(b), hex(c), hex(d)] })
}

/** Starts a node. `domain` may be set later: it depends on the deployment. */
export async function startNode(
  index: number,
  manufacturer: Manufacturer,
  operator: LocalAccount,
  domain: () => Domain,
): Promise<TestNode> {
  const platform = manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(index + 1) })
  const secret = createHash('sha256').update(`receipt key ${index}`).digest('hex')
  const receiptAccount = privateKeyToAccount(`0x${secret}`)
  const shareKeys = await generateEnvelopeKeyPair()
  const app = createHttpApp()
  const state: { server?: HttpServer } = {}
  const node: TestNode = {
    get url() {
      return state.server?.url ?? ''
    },
    operator,
    receiptAccount,
    shareKeys,
    platform,
    machineId: `0x${await intelMachineId(platform.ppid)}`,
    collateral: manufacturer.collateral(),
    received: [],
    shares: new Map(),
    objects: new Map(),
    posted: new Map(),
    sessions: new Map(),
    tamper: {},
    quote: (data) => {
      const request = { ...approvedRegisters, reportData: data }
      const signed = platform.quote(node.tamper.quote?.(request) ?? request)
      return `0x${encodeHex(node.tamper.bytes?.(signed) ?? signed)}`
    },
    close: async () => state.server?.close(0),
  }
  addObjectRoutes(app, node)
  addKeeperRoutes(app, node, domain)
  addSessionRoutes(app, node)
  app.get('/v1/tasks/:task/:attempt', (c) => {
    const found = node.posted.get(`${c.req.param('task')}/${c.req.param('attempt')}`)
    return found === undefined ? c.notFound() : c.json(JSON.parse(JSON.stringify(found)))
  })
  state.server = await serveHttp({ app, port: 0 })
  return node
}

function addSessionRoutes(app: Hono, node: TestNode): void {
  const absent = { error: { code: 'session-absent', message: 'none here' } }
  app.get('/v1/sessions/:task/:attempt', (c) => {
    const found = node.sessions.get(`${c.req.param('task')}/${c.req.param('attempt')}`)
    if (found === undefined) return c.json(absent, 404)
    return c.body(JSON.stringify(found.status()), 200, { 'content-type': 'application/json' })
  })
  app.post('/v1/sessions/:task/:attempt/requests', async (c) => {
    const found = node.sessions.get(`${c.req.param('task')}/${c.req.param('attempt')}`)
    if (found === undefined) return c.json(absent, 404)
    return c.body(await found.answer(new Uint8Array(await c.req.arrayBuffer())))
  })
}

function addKeeperRoutes(app: Hono, node: TestNode, domain: () => Domain): void {
  const receiptKey = node.receiptAccount.address
  app.post('/v1/keep-evidence', async (c) => {
    const text = await c.req.text()
    node.received.push({ route: 'keep-evidence', body: text })
    const { asset, ownerNonce }: { asset: Hex; ownerNonce: Hex } = JSON.parse(text)
    const shareKeyHash = sha256(node.shareKeys.publicKey)
    const binding = { receiptKey, shareKeyHash, ownerNonce, asset }
    const answer = {
      receiptKey: receiptKey.toLowerCase(),
      sharePublicKey: `0x${encodeHex(node.shareKeys.publicKey)}`,
      operator: node.operator.address.toLowerCase(),
      evidence: { tee: 'tdx', quote: node.quote(reportData(domain(), 'KeepBinding', binding)) },
      collateral: { intel: node.collateral },
    }
    return c.json(node.tamper.answer?.(answer) ?? answer)
  })
  app.post('/v1/shares', async (c) => {
    const text = await c.req.text()
    node.received.push({ route: 'shares', body: text })
    const { asset, shareIndex, commitment, envelope }: Deposit = JSON.parse(text)
    const aad = concatBytes(
      parseHex(deploymentOf(domain())),
      parseHex(asset),
      Uint8Array.of(shareIndex),
      parseHex(receiptKey),
    )
    const info = encodeUtf8('cloister/share/1')
    const plain = await openEnvelope(node.shareKeys, info, aad, parseHex(envelope))
    const share = plain.slice(0, 33)
    const placed = { asset: parseHex(asset), index: shareIndex, share }
    if (!(await verifyShare(placed, parseHex(commitment))))
      return c.json({ error: { code: 'wrong-share', message: 'not the one committed to' } }, 422)
    node.shares.set(`${asset}/${shareIndex}`, plain)
    const ack = { asset, shareIndex, commitment, receiptKey }
    const signature = await node.receiptAccount.sign({
      hash: messageDigest(domain(), 'ShareAck', ack),
    })
    const answer = { ack: { ...ack, receiptKey: receiptKey.toLowerCase() }, signature }
    return c.json(JSON.parse(JSON.stringify(node.tamper.ack?.(answer) ?? answer)))
  })
}

type Deposit = {
  readonly asset: Hex
  readonly shareIndex: number
  readonly commitment: Hex
  readonly envelope: Hex
}

function addObjectRoutes(app: Hono, node: TestNode): void {
  app.put('/v1/objects/:digest', async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer())
    node.received.push({ route: 'objects', body: encodeHex(bytes) })
    const digest = createHash('sha256').update(bytes).digest('hex')
    if (digest !== c.req.param('digest'))
      return c.json({ error: { code: 'digest-mismatch', message: `these are ${digest}` } }, 422)
    node.objects.set(digest, bytes)
    return c.json({ digest }, 201)
  })
  app.get('/v1/objects/:digest', (c) => {
    const bytes = node.objects.get(c.req.param('digest'))
    if (bytes === undefined)
      return c.json({ error: { code: 'object-absent', message: 'not here' } }, 404)
    return c.body(node.tamper.object?.(bytes) ?? bytes)
  })
}

function hex(bytes: Bytes): Hex {
  return `0x${encodeHex(bytes)}`
}
