import { createHash } from 'node:crypto'

import { canonicalJson, OperationError, type Json } from '@cloister/codec'
import type { Journal, Log, ObjectStore } from '@cloister/io'
import {
  addressField,
  AnswerError,
  booleanField,
  bytes32Field,
  decimalField,
  deviceEvidenceField,
  integerField,
  jsonField,
  limits,
  listField,
  messageToJson,
  nodeEvidenceField,
  objectField,
  orNull,
  sameHex,
  textField,
  zeroHash,
  type Handler,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { ChainIndex } from './chain-index.ts'
import { getCheckpoint } from './checkpoints.ts'
import type { CollateralClient } from './collateral.ts'
import type { ShareDemands } from './demand-shares.ts'
import type { DeploymentFile } from './deployment-file.ts'
import type { EnclaveLink } from './enclave-link.ts'
import type { Faults } from './faults.ts'
import type { FederationMail } from './federation-mail.ts'
import type { KeptShares } from './kept-shares.ts'
import type { NodeChain } from './node-chain.ts'
import { keeperRoutes, type Peers } from './peers.ts'
import type { SealedStates } from './sealed-states.ts'
import type { Uploads } from './uploads.ts'

/** What answering an enclave needs. `enclave` is for calls that an enclave makes of its own node. */
export type AnswerContext = {
  readonly chain: NodeChain
  readonly index: ChainIndex
  readonly deployment: DeploymentFile
  readonly store: ObjectStore
  readonly uploads: Uploads
  readonly journal: Journal
  readonly collateral: CollateralClient
  readonly peers: Peers
  readonly sealed: SealedStates
  readonly demands: ShareDemands
  readonly shares: () => KeptShares
  readonly mail: () => FederationMail
  readonly enclave: () => EnclaveLink
  readonly faults: Faults
  readonly log: Log
}

const partBytesMax = 2 ** 20
const digestField = textField(64, 64)
const noBytes = new Uint8Array(0)

const fields = {
  'store.get': objectField({
    digest: digestField,
    offset: integerField(0, 2 ** 40),
    length: integerField(0, partBytesMax),
  }),
  'store.put': objectField({
    upload: textField(64, 1),
    offset: integerField(0, 2 ** 40),
    last: booleanField,
    digest: orNull(digestField),
  }),
  'chain.checkpoint': objectField({ nonce: bytes32Field }),
  'chain.proof': objectField({
    height: decimalField(64),
    account: addressField,
    slots: listField(bytes32Field, limits.proofSlotsMax),
  }),
  'chain.order': objectField({ task: bytes32Field }),
  'chain.keepers': objectField({ asset: bytes32Field }),
  'keeper.call': objectField({ operator: addressField, method: textField(64, 1), body: jsonField }),
  collateral: objectField({ evidence: nodeEvidenceField }),
  'collateral.devices': objectField({ evidence: deviceEvidenceField }),
  'journal.append': objectField({ entry: jsonField }),
  'journal.holds': objectField({ entry: jsonField }),
  'sealed.put': objectField({ counter: decimalField(64) }),
  'sealed.get': objectField({}),
  progress: objectField({ task: bytes32Field, phase: textField(200) }),
  'federation.send': objectField({ note: jsonField }),
  'federation.take': objectField({
    task: bytes32Field,
    attempt: integerField(1, 0xffff_ffff),
    waitMilliseconds: integerField(0, 10_000),
  }),
  'federation.coordinator': objectField({ app: bytes32Field, plan: bytes32Field }),
} as const

/** What the host answers to its enclave's requests. Spec: docs/protocol.md section 10. */
export function answerEnclave(context: AnswerContext): Readonly<Record<string, Handler>> {
  return {
    ...answerStore(context),
    ...answerChain(context),
    ...answerOthers(context),
    ...answerFederation(context),
  }
}

function answerStore({ store, uploads, peers }: AnswerContext): Record<string, Handler> {
  return {
    'store.get': async (params) => {
      const { digest, offset, length } = fields['store.get'].parse(params, 'store.get')
      if (!(await peers.obtain(digest)))
        throw new OperationError(
          'object-absent',
          `Cannot find object ${digest} here or at any peer`,
          {
            retryable: true,
          },
        )
      const size = (await store.size(digest)) ?? 0
      const bytes = length === 0 ? noBytes : await store.get(digest, { offset, length })
      return { result: { size }, bytes }
    },
    'store.put': async (params, bytes) => {
      const { upload, offset, last, digest } = fields['store.put'].parse(params, 'store.put')
      if (last !== (digest !== undefined))
        throw new OperationError(
          'upload-order',
          'Cannot take a part: its digest comes with the last, and only then',
        )
      await uploads.take(upload, offset, bytes, digest)
      return { result: {} }
    },
  }
}

function answerChain({
  chain,
  index,
  deployment,
  faults,
  shares,
  peers,
}: AnswerContext): Record<string, Handler> {
  return {
    'chain.checkpoint': async (params) => {
      const { nonce } = fields['chain.checkpoint'].parse(params, 'chain.checkpoint')
      const answer = await getCheckpoint(chain, index, nonce, deployment.value.depth)
      const another = () => getCheckpoint(chain, index, zeroHash, deployment.value.depth)
      return { result: (await faults.staleCheckpoint?.(answer, another)) ?? answer }
    },
    'chain.proof': async (params) => {
      const { height, account, slots } = fields['chain.proof'].parse(params, 'chain.proof')
      const proof = await chain.chain.proof(account, slots, height)
      const storageProofs = slots.map((slot) => {
        const found = proof.storageProof.find(({ key }) => BigInt(key) === BigInt(slot))
        return { slot, proof: found?.proof ?? [] }
      })
      const answer = { accountProof: proof.accountProof, storageProofs }
      return { result: faults.forgeProof?.(answer) ?? answer }
    },
    'chain.order': async (params) => {
      const { task } = fields['chain.order'].parse(params, 'chain.order')
      const open = index.tasks.get(task)
      if (open === undefined)
        throw new OperationError(
          'task-unknown',
          `Cannot find task ${task}: no order placed it, or it is over`,
          {
            retryable: true,
          },
        )
      const { order, grants, grantSignatures } = open
      return {
        result: {
          order: messageToJson('Order', order),
          grants: grants.map((grant) => messageToJson('Grant', grant)),
          grantSignatures,
          manifest: deployment.manifest(order.app),
        },
      }
    },
    'chain.keepers': async (params) => {
      const { asset } = fields['chain.keepers'].parse(params, 'chain.keepers')
      return { result: await keepersOf(asset, index, shares(), peers) }
    },
  }
}

function answerOthers(context: AnswerContext): Record<string, Handler> {
  const { chain, collateral, journal, log, sealed } = context
  return {
    'keeper.call': async (params) => {
      const { operator, method, body } = fields['keeper.call'].parse(params, 'keeper.call')
      if (!Object.hasOwn(keeperRoutes, method))
        throw new OperationError('unknown-method', `Cannot call ${method} of a keeper: unknown`)
      const sent = await relayed(context, body)
      // A node may keep a share for the very attempt it runs.
      if (sameHex(operator, chain.account.address))
        return { result: await context.enclave().ask(method, sent) }
      return { result: await callKeeper(context, operator, method, sent) }
    },
    collateral: async (params) => {
      const { evidence } = fields.collateral.parse(params, 'collateral')
      return { result: await collateral.get(evidence) }
    },
    'collateral.devices': async (params) => {
      const { evidence } = fields['collateral.devices'].parse(params, 'collateral.devices')
      return { result: await collateral.getOfDevices(evidence) }
    },
    'journal.append': async (params) => {
      const body = canonicalJson(fields['journal.append'].parse(params, 'journal.append').entry)
      // Named by its content: the same entry sent twice is one entry.
      journal.recordOnce('enclave', createHash('sha256').update(body).digest('hex'), body)
      return { result: {} }
    },
    'journal.holds': async (params) => {
      const body = canonicalJson(fields['journal.holds'].parse(params, 'journal.holds').entry)
      const digest = createHash('sha256').update(body).digest('hex')
      return { result: { held: journal.find('enclave', digest) !== undefined } }
    },
    'sealed.put': async (params, bytes) => {
      fields['sealed.put'].parse(params, 'sealed.put')
      await sealed.put(context.enclave().hello.receiptKey, bytes)
      return { result: {} }
    },
    'sealed.get': async (params) => {
      fields['sealed.get'].parse(params, 'sealed.get')
      const bytes = await sealed.before(context.enclave().hello.receiptKey)
      return { result: {}, bytes: bytes ?? noBytes }
    },
    progress: async (params) => {
      const { task, phase } = fields.progress.parse(params, 'progress')
      log.info('An attempt goes on', { task, phase })
      return { result: {} }
    },
  }
}

function answerFederation({ mail }: AnswerContext): Record<string, Handler> {
  return {
    'federation.send': async (params) => {
      await mail().send(fields['federation.send'].parse(params, 'federation.send').note)
      return { result: {} }
    },
    'federation.take': async (params) => {
      const asked = fields['federation.take'].parse(params, 'federation.take')
      const notes = await mail().take(asked.task, asked.attempt, asked.waitMilliseconds)
      return { result: { notes } }
    },
    'federation.coordinator': async (params) => {
      const { app, plan } = fields['federation.coordinator'].parse(params, 'federation.coordinator')
      return { result: { coordinator: (await mail().coordinator(app, plan)) ?? null } }
    },
  }
}

async function keepersOf(
  asset: Hex,
  index: ChainIndex,
  shares: KeptShares,
  peers: Peers,
): Promise<Json> {
  const known = index.assets.get(asset)
  if (known === undefined)
    throw new OperationError('asset-unknown', `Cannot find asset ${asset}: it is not registered`, {
      retryable: true,
    })
  const nodes = await Promise.all(
    known.operators.map(async (operator) => {
      const node = await peers.currentNode(operator)
      const sharePublicKey = node && (await peers.sharePublicKey(node))
      if (node === undefined || sharePublicKey === undefined) return []
      return [
        {
          operator: operator.toLowerCase(),
          receiptKey: node.receiptKey.toLowerCase(),
          sharePublicKey,
        },
      ]
    }),
  )
  const signed = shares.policyOf(asset)
  return {
    salt: known.salt,
    commitments: [...known.commitments],
    operators: known.operators.map((operator) => operator.toLowerCase()),
    threshold: known.threshold,
    policy: signed === undefined ? null : messageToJson('KeeperPolicy', signed.policy),
    policySignature: signed?.policySignature ?? null,
    nodes: nodes.flat(),
  }
}

/** The asker's own fault: asking on chain would change nothing. */
const askersFaults: readonly string[] = ['request-refused', 'attempt-not-current', 'malformed']

// What a keeper has answered on chain counts like an answer by HTTP. One that gives no signed answer is remembered.
async function callKeeper(
  { peers, demands }: AnswerContext,
  operator: Address,
  method: string,
  body: Json,
): Promise<Json> {
  if (method !== 'release') return peers.callKeeper(operator, method, body)
  const answered = demands.answerTo(body)
  if (answered !== undefined) return answered
  try {
    return await peers.callKeeper(operator, method, body)
  } catch (error) {
    const isAskersFault = error instanceof AnswerError && askersFaults.includes(error.code)
    if (!isAskersFault) demands.noteSilence(operator, body)
    throw error
  }
}

// Honest unless a fault is injected: then another machine's evidence stands in the request.
async function relayed({ faults, peers }: AnswerContext, body: Json): Promise<Json> {
  if (faults.relayEvidence === undefined || !isObject(body)) return body
  const bundle = body['bundle'] ?? null
  if (!isObject(bundle)) return body
  const own = { evidence: bundle['evidence'] ?? null, collateral: bundle['collateral'] ?? null }
  const shown = await faults.relayEvidence(own, () => peers.otherEvidence())
  return { ...body, bundle: { ...bundle, ...shown } }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
