import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError, type Json } from '@cloister/codec'
import { fetchJson } from '@cloister/io'
import {
  handoverField,
  messageField,
  messageToJson,
  objectField,
  sameHex,
  signatureField,
} from '@cloister/protocol'
import { keccak256, type Hex } from 'viem'

import type { ChainIndex } from './chain-index.ts'
import type { NodeChain } from './node-chain.ts'
import { collectQuorum, type Agreed } from './quorum.ts'

const answerField = objectField({
  checkpoint: messageField('Checkpoint'),
  signature: signatureField,
})

const deadlineMs = 6_000
const attemptsMax = 4
const lagMs = 150

/**
 * A checkpoint of the chain's head that the committee signed for an enclave's nonce, with the headers beneath it and the
 * handovers that lead to that committee. Spec: docs/protocol.md section 10, `chain.checkpoint`.
 *
 * @throws {OperationError} `no-quorum`, `chain-down`, `chain-moved`.
 */
export async function getCheckpoint(
  chain: NodeChain,
  index: ChainIndex,
  nonce: Hex,
  depth: number,
): Promise<Json> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryCheckpoint(chain, index, nonce, depth)
    } catch (error) {
      // A verifier may lag a block behind, and the chain may move while it is read.
      if (attempt === attemptsMax || !(error instanceof OperationError) || !error.retryable)
        throw error
    }
    await sleep(lagMs)
  }
}

async function tryCheckpoint(
  chain: NodeChain,
  index: ChainIndex,
  nonce: Hex,
  depth: number,
): Promise<Json> {
  const [head, committee] = await Promise.all([chain.head(), chain.committee()])
  const body = { chainId: chain.chain.chainId.toString(), height: head.number.toString(), nonce }
  const [agreed, headers, handovers]: [Agreed<'Checkpoint'>, readonly Hex[], readonly Json[]] =
    await Promise.all([
      collectQuorum({
        domain: chain.domain,
        name: 'Checkpoint',
        members: committee.members,
        deadlineMs,
        ask: async ({ url }, signal) => {
          const json = await fetchJson(`${url}/v1/checkpoints`, {
            json: body,
            signal,
            timeoutMs: deadlineMs,
          })
          const { checkpoint: message, signature } = answerField.parse(json, 'answer')
          return { message, signature }
        },
      }),
      chain.chain.headers(head.number, depth + 1),
      chain.handovers(index).then((list) => list.map((handover) => handoverField.encode(handover))),
    ])
  const [newest] = headers
  if (newest === undefined || !sameHex(keccak256(newest), agreed.message.blockHash))
    throw new OperationError(
      'chain-moved',
      `Cannot use the checkpoint of block ${head.number}: the chain reorganised`,
      {
        retryable: true,
      },
    )
  return {
    checkpoint: messageToJson('Checkpoint', agreed.message),
    signatures: agreed.signatures,
    headers,
    handovers,
  }
}
