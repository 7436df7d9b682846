import { canonicalJson, encodeUtf8, type Json } from '@cloister/codec'
import { messageDigest, parseMessage, recoverSigner } from '@cloister/protocol'
import type { Hex } from 'viem'
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { expect } from 'vitest'

import { sha256, type Network, type TestNode } from './network.ts'
import { placeTask, type SealedAsset } from './tasks.ts'
import { textOf, type TestHost } from './test-host.ts'

/** A genuine request for a share, taken from the wire before any keeper saw it. The attempt itself comes to nothing. */
export type Capture = {
  readonly node: TestNode
  readonly keeper: TestHost
  readonly request: Record<string, Json>
  readonly task: Hex
  readonly grant: Hex
}

export async function captureRequest(
  network: Network,
  assets: readonly SealedAsset[],
  changes: Parameters<typeof placeTask>[2] = {},
  of?: Parameters<typeof placeTask>[3],
): Promise<Capture> {
  const { task, node, digests } = await placeTask(network, assets, changes, of)
  const taken: Json[] = []
  node.host.lies['keeper.call'] = async ({ body, method, operator }) => {
    if (method === 'release') taken.push({ body: body ?? null, operator: operator ?? null })
    throw new Error('cut')
  }
  await node.host.ask('attempt.run', { task, attempt: 1 }).catch(() => undefined)
  delete node.host.lies['keeper.call']
  const wanted = taken.map(object).find(({ body }) => object(body!)['asset'] === assets[0]!.asset)
  const keeper = network.world.nodeOf(textOf(wanted?.['operator']))!
  return { node, keeper, request: object(wanted!['body']!), task, grant: digests[0]! }
}

/** What a keeper answers: the reason that it signed, `released`, or the code of an error that it did not sign. */
export async function outcomeOf(
  network: Network,
  keeper: TestHost,
  request: Json,
): Promise<number | string> {
  let answer: Record<string, Json>
  try {
    answer = await keeper.ask('release', request)
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code)
    throw error
  }
  if (answer['refusal'] === undefined) return 'released'
  const refusal = parseMessage('Refusal', answer['refusal'], 'refusal')
  const signature: Hex = `0x${textOf(answer['signature']).slice(2)}`
  const signer = await recoverSigner(network.chain.domain, 'Refusal', refusal, signature)
  expect(signer.toLowerCase()).toBe(keeper.hello['receiptKey'])
  return refusal.reason
}

/** A copy of a request with another bundle, under the signature of the first. */
export function changed(
  request: Record<string, Json>,
  edit: (bundle: Record<string, Json>) => void,
): Record<string, Json> {
  const copy = object(JSON.parse(JSON.stringify(request)))
  edit(object(copy['bundle']!))
  return copy
}

/** The same request signed by another key. */
export async function signedBy(
  network: Network,
  account: PrivateKeyAccount,
  request: Record<string, Json>,
): Promise<Record<string, Json>> {
  const { task, attempt } = object(object(request['bundle']!)['binding']!)
  const hash = messageDigest(network.chain.domain, 'ReleaseRequest', {
    task: `0x${textOf(task).slice(2)}`,
    attempt: Number(attempt),
    asset: `0x${textOf(request['asset']).slice(2)}`,
    shareIndex: Number(request['shareIndex']),
    bundleDigest: sha256(encodeUtf8(canonicalJson(request['bundle']!))),
  })
  return { ...request, signature: await account.sign({ hash }) }
}

/** The account of a node whose enclave's keys have leaked. */
export function leakedAccount(
  keys: readonly Hex[],
  node: Pick<TestNode, 'host'>,
): PrivateKeyAccount {
  return keys
    .map((key) => privateKeyToAccount(key))
    .find(({ address }) => address.toLowerCase() === node.host.hello['receiptKey'])!
}

/** @throws where JSON is no object. */
export function object(value: Json): Record<string, Json> {
  if (!isObject(value)) throw new Error('not an object')
  return value
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
