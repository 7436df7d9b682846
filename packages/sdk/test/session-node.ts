// Plays the node and the enclave of a session: real keys, real evidence, the real seal; the app answers with what it got.
import { concatBytes, encodeHex, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import {
  answerDigest,
  attemptNonce,
  costOf,
  emptyTranscript,
  encodeAnswerEnd,
  encodeAnswerHead,
  grantsRoot,
  messageDigest,
  nextAnswerDigest,
  nextTranscript,
  parseSessionRequest,
  reportData,
  sessionContext,
  sessionOfferContext,
  sessionStatusField,
  type AttemptBinding,
  type SessionAnswerEnd,
  type SessionStatus,
  type Usage,
} from '@cloister/protocol'
import {
  createSessionReceiver,
  generateEnvelopeKeyPair,
  sealEnvelope,
  type AnswerFrame,
  type OpenedRequest,
} from '@cloister/seal'
import { sha256 } from 'viem'

import type { PreparedOrder } from '../src/index.ts'
import { checkpointOf } from './attempt.ts'
import type { TestNode } from './keeper-node.ts'
import type { World } from './world.ts'

/** What the node, or a broken enclave, does to a session instead of the right thing. */
export type SessionTamper = {
  /** Changes what is bound before it is quoted. */
  binding?: (binding: AttemptBinding) => AttemptBinding
  /** Changes what the node shows. */
  status?: (status: SessionStatus) => SessionStatus
  /** Changes the sealed frames of an answer, given those of the one before. */
  frames?: (own: readonly Bytes[], before: readonly Bytes[]) => readonly Bytes[]
  /** Changes the usage before it is signed. */
  usage?: (usage: Usage) => Usage
  /** Changes the end before it is sealed. */
  end?: (end: SessionAnswerEnd) => SessionAnswerEnd
}

/** A session that runs, and what arrived at its node. */
export type PlayedSession = {
  readonly tamper: SessionTamper
  readonly arrived: Bytes[]
  /** Everything that the node sent back. */
  readonly sent: Bytes[]
}

const attempt = 1

/** Starts a session on the node that was drawn. `tamper` may change while it runs; its binding counts at once. */
export async function playSession(
  world: World,
  prepared: PreparedOrder,
  node: TestNode,
  tamper: SessionTamper = {},
): Promise<PlayedSession> {
  const { task } = prepared
  const { domain } = world
  const fresh = await generateEnvelopeKeyPair()
  const psk = crypto.getRandomValues(new Uint8Array(32))
  const status = await statusOf(world, prepared, node, { tamper, psk, key: fresh.publicKey })
  const receiver = createSessionReceiver({
    key: fresh.privateKey,
    psk,
    context: sessionContext(task, attempt),
  })
  const played: PlayedSession = { tamper, arrived: [], sent: [] }
  const { unitWei, feeWei } = prepared.order
  let used = { sequence: 0n, units: 0n, spentWei: 0n, transcript: emptyTranscript }
  let before: readonly Bytes[] = []

  const endOf = async (opened: OpenedRequest, answer: readonly Bytes[], units: number) => {
    const previous = used.transcript
    const { content, salt } = opened
    const digest = answer.reduce(nextAnswerDigest, answerDigest(salt))
    const sequence = used.sequence + 1n
    const total = used.units + BigInt(units)
    const exchange = { salt, request: content, answer: digest, sequence, units: BigInt(units) }
    used = {
      sequence,
      units: total,
      spentWei: costOf(total, unitWei, feeWei),
      transcript: nextTranscript(previous, exchange),
    }
    const honest = { task, attempt, ...used, time: 1n }
    const usage = tamper.usage?.(honest) ?? honest
    const signature = await node.receiptAccount.sign({
      hash: messageDigest(domain, 'Usage', usage),
    })
    const end: SessionAnswerEnd = {
      usage,
      signature,
      units,
      previous,
      whole: 'whole',
      ending: undefined,
    }
    return tamper.end?.(end) ?? end
  }

  node.sessions.set(`${task}/${attempt}`, {
    status: () => sessionStatusField.encode(tamper.status?.(status) ?? status),
    answer: async (sealed) => {
      played.arrived.push(sealed)
      const opened = await receiver.open(sealed)
      const { head, body } = parseSessionRequest(opened.content)
      const text = encodeUtf8(`${head.method} ${head.path} `)
      const pieces = [encodeAnswerHead({ status: 200, contentType: 'text/plain' }), text, body]
      const end = await endOf(opened, pieces, body.length)
      const frames: AnswerFrame[] = pieces.map((content, index) => ({
        kind: index === 0 ? 'head' : 'data',
        content,
      }))
      const sealedFrames: Bytes[] = []
      for (const frame of [...frames, { kind: 'end', content: encodeAnswerEnd(end) } as const])
        sealedFrames.push(await opened.answer.seal(frame))
      const answer = tamper.frames?.(sealedFrames, before) ?? sealedFrames
      before = sealedFrames
      const bytes = concatBytes(...answer)
      played.sent.push(bytes)
      return bytes
    },
  })
  return played
}

async function statusOf(
  world: World,
  { order, orderDigest, task, grants, recipientPublicKey }: PreparedOrder,
  node: TestNode,
  given: { readonly tamper: SessionTamper; readonly psk: Bytes; readonly key: Bytes },
): Promise<SessionStatus> {
  const checkpoint = await checkpointOf(world)
  const freshKeyHash = sha256(given.key)
  const honest: AttemptBinding = {
    task,
    attempt,
    orderDigest,
    app: order.app,
    grantsRoot: grantsRoot(order.grants),
    machineId: node.machineId,
    receiptKey: node.receiptAccount.address,
    freshKeyHash,
    nonce: attemptNonce(messageDigest(world.domain, 'Checkpoint', checkpoint), task, attempt),
    notAfter: checkpoint.blockTime + 600n,
  }
  const binding = given.tamper.binding?.(honest) ?? honest
  const quote = node.quote(reportData(world.domain, 'AttemptBinding', binding))
  const info = encodeUtf8('cloister/session-offer/1')
  const aad = sessionOfferContext(task, attempt, freshKeyHash)
  const offer = await sealEnvelope(recipientPublicKey, info, aad, given.psk)
  return {
    version: '1',
    state: 'open',
    evidence: {
      format: 'cloister-bundle/2',
      deployment: await world.deploymentId(),
      order,
      grants: grants.map(({ grant }) => grant),
      grantSignatures: grants.map(({ signature }) => signature),
      binding,
      freshPublicKey: `0x${encodeHex(given.key)}`,
      evidence: { tee: 'tdx', quote: parseHex(quote) },
      collateral: { intel: node.collateral },
      checkpoint,
      checkpointSignatures: [],
      proofs: { headers: ['0x00'], accounts: [] },
      releases: [],
    },
    offer: `0x${encodeHex(offer)}`,
    meter: 'token',
    requestBytesMax: 10_000,
    responseBytesMax: 100_000,
    idleSeconds: 60,
  }
}
