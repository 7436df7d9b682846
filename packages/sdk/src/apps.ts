import { canonicalJson, encodeUtf8, type Bytes, type Json } from '@cloister/codec'
import { manifestJson, parseManifest, readManifest, type AppManifest } from '@cloister/learn'
import { appFactsOf, appId, appRegistryAbi, digestOf, type AppFacts } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { askChain, sendCall } from './chain.ts'
import type { Client } from './client.ts'

/** An app as orders and grants name it. */
export type App = {
  readonly id: Hex
  readonly manifest: AppManifest
  /** The object that nodes read it from: its canonical JSON, and the digest of that. */
  readonly bytes: Bytes
  readonly digest: Hex
  /** Most bytes that all its outputs may have together. */
  readonly outputBytesMax: number
  /** What grants are decided by. */
  readonly facts: AppFacts
}

/**
 * Reads an app's manifest strictly and computes what names it.
 *
 * @throws {MalformedError} naming the field that is missing, unknown or wrong.
 */
export function checkManifest(manifest: string | Json): App {
  const read = typeof manifest === 'string' ? parseManifest(manifest) : readManifest(manifest)
  const text = canonicalJson(manifestJson(read))
  const bytes = encodeUtf8(text)
  const facts = appFactsOf(manifestJson(read))
  return {
    id: appId(manifestJson(read)),
    manifest: read,
    bytes,
    digest: digestOf(bytes),
    outputBytesMax: facts.outputBytesMax,
    facts,
  }
}

/** The identifier of an app. @throws {MalformedError} naming the manifest's field that is wrong. */
export function appIdOf(manifest: string | Json): Hex {
  return checkManifest(manifest).id
}

/** Whether orders may name the app in this deployment. @throws {OperationError} `chain-down`. */
export async function isAppListed(client: Client, app: Hex): Promise<boolean> {
  const listed = 1
  const status = await askChain(client.chain, `ask for app ${app}`, (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.appRegistry,
      abi: appRegistryAbi,
      functionName: 'statusOf',
      args: [app],
    }),
  )
  return status === listed
}

/**
 * Lists an app, so that orders may name it. Who owns the registry does this: on a devnet its governance account.
 *
 * @throws {OperationError} `no-account`, `chain-down` or `reverted`.
 */
export async function listApp(client: Client, app: Hex): Promise<Hex> {
  const listed = 1
  const receipt = await sendCall(client.chain, `list app ${app}`, {
    address: client.deployment.home.contracts.appRegistry,
    abi: appRegistryAbi,
    functionName: 'setApp',
    args: [app, listed],
  })
  return receipt.transactionHash
}

/** Who lists apps. @throws {OperationError} `chain-down`. */
export function appGovernance(client: Client): Promise<Address> {
  return askChain(client.chain, 'ask who lists apps', (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.appRegistry,
      abi: appRegistryAbi,
      functionName: 'owner',
    }),
  )
}
