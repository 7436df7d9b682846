import { createHttpApp, serveHttp } from '@cloister/io'
import {
  ledgerAbi,
  messageDigest,
  messageToJson,
  payoutRoot,
  type Contracts,
  type Domain,
  type Payout,
} from '@cloister/protocol'
import type { Hex, LocalAccount } from 'viem'

import type { TestChain } from './contracts.ts'

/** A verifier: a real key, and the routes that clients ask. */
export type TestVerifier = {
  readonly account: LocalAccount
  readonly url: string
  readonly objects: Map<string, Uint8Array<ArrayBuffer>>
  tamper: {
    readonly payout?: (leaves: readonly Payout[]) => readonly Payout[]
    readonly silent?: boolean
    /** Counts up to so many blocks before the head, where no height is named. */
    readonly lagBlocks?: bigint
  }
  readonly close: () => Promise<void>
}

type Given = {
  readonly home: TestChain
  readonly domain: Domain
  readonly spokeDomain: Domain
  readonly contracts: Contracts
  readonly spokeChainId: number
}

/** Starts a verifier. It reads the chain itself, and signs what it read. */
export async function startVerifier(account: LocalAccount, given: Given): Promise<TestVerifier> {
  const { home, domain, spokeDomain, contracts, spokeChainId } = given
  const app = createHttpApp()
  const verifier: Pick<TestVerifier, 'tamper'> = { tamper: {} }
  const objects = new Map<string, Uint8Array<ArrayBuffer>>()
  const sign = (hash: Hex) => account.sign!({ hash })

  app.post('/v1/checkpoints', async (c) => {
    const { height, nonce }: { height: string; nonce: Hex } = await c.req.json()
    if (verifier.tamper.silent) return c.json({ error: { code: 'unready', message: 'no' } }, 503)
    const block = await home.client.getBlock({ blockNumber: BigInt(height) })
    const checkpoint = {
      chainId: BigInt(domain.chainId),
      height: block.number,
      blockHash: block.hash,
      blockTime: block.timestamp,
      committee: 0n,
      nonce,
    }
    const signature = await sign(messageDigest(domain, 'Checkpoint', checkpoint))
    return c.json({ checkpoint: jsonOf(messageToJson('Checkpoint', checkpoint)), signature })
  })
  app.post('/v1/payouts', async (c) => {
    if (verifier.tamper.silent) return c.json({ error: { code: 'unready', message: 'no' } }, 503)
    const { height }: { height?: string } = await c.req.json()
    const head = await home.client.getBlockNumber({ cacheTime: 0 })
    const at = height === undefined ? head - (verifier.tamper.lagBlocks ?? 0n) : BigInt(height)
    const logs = await home.client.getContractEvents({
      address: contracts.ledger,
      abi: ledgerAbi,
      eventName: 'Owed',
      args: { chainId: BigInt(spokeChainId) },
      fromBlock: 0n,
      toBlock: at,
      strict: true,
    })
    const owed = new Map<`0x${string}`, bigint>()
    for (const { args } of logs) owed.set(args.account, args.cumulativeWei)
    const honest = [...owed].map(([holder, cumulativeWei]) => ({ account: holder, cumulativeWei }))
    const leaves = verifier.tamper.payout?.(honest) ?? honest
    const totalWei = leaves.reduce((sum, leaf) => sum + leaf.cumulativeWei, 0n)
    const payout = { sequence: at, root: payoutRoot(leaves), totalWei, committee: 0n }
    const signature = await sign(messageDigest(spokeDomain, 'PayoutRoot', payout))
    return c.json({
      payout: jsonOf(messageToJson('PayoutRoot', payout)),
      leaves: leaves.map((leaf) => ({
        account: leaf.account.toLowerCase(),
        cumulativeWei: leaf.cumulativeWei.toString(),
      })),
      signature,
    })
  })
  app.get('/v1/objects/:digest', (c) => {
    const bytes = objects.get(c.req.param('digest'))
    if (bytes === undefined) return c.json({ error: { code: 'object-absent', message: 'no' } }, 404)
    return c.body(bytes)
  })
  const server = await serveHttp({ app, port: 0 })
  return Object.assign(verifier, {
    account,
    url: server.url,
    objects,
    close: () => server.close(0),
  })
}

function jsonOf(value: unknown) {
  return JSON.parse(JSON.stringify(value))
}
