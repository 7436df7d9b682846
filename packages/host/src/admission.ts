import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError, type Json } from '@cloister/codec'
import { fetchJson, revertOf, type Log } from '@cloister/io'
import {
  messageField,
  nodeEvidenceField,
  nodeRegistryAbi,
  objectField,
  sameHex,
  signatureField,
  unnamedMachineId,
} from '@cloister/protocol'
import { zeroAddress } from 'viem'

import type { CollateralClient } from './collateral.ts'
import type { EnclaveLink } from './enclave-link.ts'
import type { NodeChain } from './node-chain.ts'
import { collectQuorum } from './quorum.ts'

/** What becoming and staying a node needs. */
export type AdmissionContext = {
  readonly chain: NodeChain
  readonly enclave: EnclaveLink
  readonly collateral: CollateralClient
  /** Where others reach this host. */
  readonly url: () => string
  readonly tags: number
  readonly log: Log
  readonly signal: AbortSignal
}

const answerField = objectField({ admission: messageField('Admission'), signature: signatureField })

const appraiseMs = 60_000
const againMs = 3_000
const againMsMax = 60_000

/** Gets this node's enclave admitted, and serves the evidence for it. */
export class NodeAdmission {
  readonly #context: AdmissionContext
  #bundle: Json | undefined

  constructor(context: AdmissionContext) {
    this.#context = context
  }

  /** What verifiers appraise. Spec: docs/protocol.md section 8. @throws {OperationError} `unready`. */
  async bundle(): Promise<Json> {
    this.#bundle ??= await this.#makeBundle()
    return this.#bundle
  }

  /**
   * Tries until this enclave's key is admitted.
   *
   * What stands in the way (no stake, an unknown measurement, too few verifiers) is logged and tried again, less and less
   * often: somebody may remove it.
   */
  async join(): Promise<void> {
    const { log, signal, enclave, chain } = this.#context
    for (let waitMs = againMs; !signal.aborted; waitMs = Math.min(againMsMax, waitMs * 1.5)) {
      try {
        if (!(await this.#isAdmitted())) await this.#admit()
        log.info('The node is admitted', {
          receiptKey: enclave.hello.receiptKey,
          operator: chain.account.address,
        })
        return
      } catch (error) {
        this.#bundle = undefined // The next try needs a younger beacon.
        const cause = error instanceof Error ? error : new Error('unknown failure')
        log.warn('The node is not admitted yet', { error: cause, againInMs: Math.round(waitMs) })
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /**
   * Whether less than a tenth of the admission's time is left. A record is never overwritten, so a node stays in only with a new key: a
   * restarted enclave.
   */
  async isExpiring(): Promise<boolean> {
    const { chain, enclave } = this.#context
    const [record, head] = await Promise.all([chain.node(enclave.hello.receiptKey), chain.head()])
    if (record.operator === zeroAddress) return false
    const lasts = record.expiry - record.admittedAt
    return record.expiry - head.timestamp < lasts / 10n
  }

  /** Takes the node out of the draw; what it runs goes on. */
  async pause(): Promise<void> {
    const { chain, enclave } = this.#context
    await chain.chain.sender(chain.account).sendAndWait({
      address: chain.contracts.nodeRegistry,
      abi: nodeRegistryAbi,
      functionName: 'setPaused',
      args: [enclave.hello.receiptKey, true],
    })
  }

  async #isAdmitted(): Promise<boolean> {
    const { chain, enclave } = this.#context
    const url = this.#context.url()
    const { operator } = await chain.node(enclave.hello.receiptKey)
    if (operator === zeroAddress) return false
    if (!sameHex(operator, chain.account.address))
      throw new OperationError(
        'operator-differs',
        `Cannot run this node: its key was admitted for operator ${operator}, the key file is of ${chain.account.address}`,
      )
    const contract = { address: chain.contracts.nodeRegistry, abi: nodeRegistryAbi } as const
    const args = [enclave.hello.receiptKey] as const
    const known = await chain.chain.read({ ...contract, functionName: 'urlOf', args })
    if (known !== url)
      await chain.chain
        .sender(chain.account)
        .sendAndWait({ ...contract, functionName: 'setUrl', args: [...args, url] })
    return true
  }

  async #admit(): Promise<void> {
    const { chain, enclave } = this.#context
    const url = this.#context.url()
    await this.#retireUnnamed(url)
    this.#bundle = await this.#makeBundle()
    const beaconBlock = beaconBlockOf(this.#bundle)
    const { members } = await chain.committee()
    const agreed = await collectQuorum({
      domain: chain.domain,
      name: 'Admission',
      members,
      deadlineMs: appraiseMs,
      ask: async (member, signal) => {
        const json = await fetchJson(`${member.url}/v1/admissions`, {
          json: { url },
          signal: AbortSignal.any([signal, this.#context.signal]),
          timeoutMs: appraiseMs,
        })
        const { admission: message, signature } = answerField.parse(json, 'answer')
        return { message, signature }
      },
    })
    try {
      await chain.chain.sender(chain.account).sendAndWait({
        address: chain.contracts.nodeRegistry,
        abi: nodeRegistryAbi,
        functionName: 'admit',
        args: [agreed.message, url, beaconBlock, agreed.signatures, '0x'],
      })
    } catch (error) {
      if (revertOf(error)?.errorName !== 'KeyKnown') throw error
      this.#context.log.debug('Somebody else submitted the admission', {
        receiptKey: enclave.hello.receiptKey,
      })
    }
  }

  /**
   * Takes out of the draw what this node was before its enclave was restarted, where its evidence names no machine: nothing else
   * tells the registry that both are one, and an operator's stake counts for each.
   */
  async #retireUnnamed(url: string): Promise<void> {
    const { chain, enclave, log } = this.#context
    if (!sameHex(enclave.hello.machineId, unnamedMachineId(enclave.hello.receiptKey))) return
    const nodeRegistry = { address: chain.contracts.nodeRegistry, abi: nodeRegistryAbi } as const
    const keys = await chain.chain.read({
      ...nodeRegistry,
      functionName: 'nodesOf',
      args: [chain.account.address],
    })
    for (const receiptKey of keys) {
      const args = [receiptKey] as const
      const [record, known] = await Promise.all([
        chain.node(receiptKey),
        chain.chain.read({ ...nodeRegistry, functionName: 'urlOf', args }),
      ])
      if (known !== url || !sameHex(record.machineId, unnamedMachineId(receiptKey))) continue
      await chain.chain
        .sender(chain.account)
        .sendAndWait({ ...nodeRegistry, functionName: 'retire', args })
      log.info('The key that this node had before is retired', { receiptKey })
    }
  }

  async #makeBundle(): Promise<Json> {
    const { chain, enclave, collateral, tags, url } = this.#context
    const { receiptKey, sharePublicKey } = enclave.hello
    // One block under the head: the newest one is the likeliest to be replaced.
    const head = await chain.head()
    const beacon = await chain.chain.block(head.number > 0n ? head.number - 1n : 0n)
    const operator = chain.account.address
    const evidence = await enclave.nodeEvidence(operator, beacon.hash)
    return {
      operator: operator.toLowerCase(),
      receiptKey: receiptKey.toLowerCase(),
      sharePublicKey,
      beaconBlock: beacon.number.toString(),
      beacon: beacon.hash,
      evidence: nodeEvidenceField.encode(evidence),
      collateral: await collateral.get(evidence),
      tags,
      url: url(),
    }
  }
}

function beaconBlockOf(bundle: Json): bigint {
  const block =
    typeof bundle === 'object' && bundle !== null && 'beaconBlock' in bundle
      ? bundle['beaconBlock']
      : undefined
  return BigInt(typeof block === 'string' ? block : 0)
}
