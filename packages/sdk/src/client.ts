import { canonicalJson, unixSeconds, type Json, type UnixSeconds } from '@cloister/codec'
import {
  deploymentDomain,
  deploymentOf,
  errorsAbi,
  ledgerAbi,
  parseDeployment,
  sameHex,
  type Deployment,
  type Domain,
} from '@cloister/protocol'
import {
  createPublicClient,
  createWalletClient,
  custom,
  defineChain,
  http,
  type Account,
  type Address,
  type EIP1193Provider,
  type Hex,
  type Transport,
} from 'viem'

import { askChain, type Chain } from './chain.ts'
import type { Fetch } from './peer.ts'
import { sdkError } from './sdk-error.ts'

/** One step of something long, as it happens. `detail` is for people; nothing secret is in it. */
export type Progress = { readonly step: string; readonly detail: string }

/** A deployment that was checked, and who acts in it. Every function of this package takes one. */
export type Client = {
  readonly deployment: Deployment
  /** The EIP-712 domain that every home message is signed under. */
  readonly domain: Domain
  /** The deployment's identifier: the domain's separator. */
  readonly id: Hex
  readonly chain: Chain
  /** Spokes by chain id; reached only when something is claimed there. */
  readonly spokes: ReadonlyMap<number, Chain>
  readonly account: Account | undefined
  readonly fetch: Fetch
  /** The caller's own time, which evidence and collateral are judged by. */
  readonly clock: () => UnixSeconds
  readonly onProgress: (progress: Progress) => void
}

/** What {@link connect} takes. Either an account that signs here, or a wallet that signs elsewhere. */
export type ConnectOptions = {
  /** `deployment.json`, as text or read already. */
  readonly deployment: string | Json
  /** Signs orders, grants and transactions: a local account of viem. */
  readonly account?: Account
  /** Signs instead of `account`: a wallet of the browser (EIP-1193), with the address to use. */
  readonly wallet?: { readonly provider: EIP1193Provider; readonly address: Address }
  /** How the home chain is reached, in place of the manifest's URL. */
  readonly transport?: Transport
  readonly rpcUrl?: string
  /** Transports or URLs of spokes, by chain id, in place of the manifest's. */
  readonly spokeTransports?: Readonly<Record<number, Transport>>
  readonly fetch?: Fetch
  readonly clock?: () => UnixSeconds
  readonly onProgress?: (progress: Progress) => void
}

/**
 * Opens a deployment: reads its manifest strictly, and checks that the chain is the one it names and that its
 * contracts are there and agree on the deployment's identifier.
 *
 * What the chain's endpoint says is believed from then on; nodes, stores and verifiers are not.
 *
 * @throws {MalformedError} naming the manifest's field. @throws {OperationError} `wrong-chain`, `chain-down`, `deployment-refused`.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const given = options.deployment
  const deployment = parseDeployment(typeof given === 'string' ? given : canonicalJson(given))
  const { home } = deployment
  const domain = deploymentDomain(deployment)
  const url = options.rpcUrl ?? home.rpcUrl
  const chain = openChain(home.chainId, url, options.transport ?? http(url), options)
  const client: Client = {
    deployment,
    domain,
    id: deploymentOf(domain),
    chain,
    spokes: new Map(
      deployment.spokes.map((spoke) => [
        spoke.chainId,
        openChain(
          spoke.chainId,
          spoke.rpcUrl,
          options.spokeTransports?.[spoke.chainId] ?? http(spoke.rpcUrl),
          options,
        ),
      ]),
    ),
    account: chain.wallet?.account,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    clock: options.clock ?? (() => unixSeconds(Math.floor(Date.now() / 1000))),
    onProgress: options.onProgress ?? (() => undefined),
  }
  await checkChain(chain)
  await checkContracts(client)
  return client
}

/** Who acts. @throws {OperationError} `no-account`. */
export function accountOf(client: Client, action: string): Account {
  if (client.account !== undefined) return client.account
  throw sdkError(
    'no-account',
    `Cannot ${action}: nobody is there to sign; give connect() an account`,
  )
}

/** A spoke that was checked. @throws {OperationError} `wrong-chain`, `chain-down`. */
export async function spokeOf(client: Client, chainId: number): Promise<Chain> {
  const spoke = client.spokes.get(chainId)
  if (spoke === undefined)
    throw sdkError(
      'wrong-chain',
      `Cannot use chain ${chainId} as a spoke: the deployment names ${[...client.spokes.keys()].join(', ') || 'none'}`,
    )
  await checkChain(spoke)
  return spoke
}

function openChain(
  id: number,
  url: string,
  transport: Transport,
  { account, wallet }: ConnectOptions,
): Chain {
  const chain = defineChain({
    id,
    name: `Cloister chain ${id}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const signer = wallet?.address ?? account
  return {
    id,
    url,
    errors: errorsAbi,
    reader: createPublicClient({ chain, transport, cacheTime: 0, pollingInterval: 250 }),
    wallet:
      signer === undefined
        ? undefined
        : createWalletClient({
            chain,
            transport: wallet === undefined ? transport : custom(wallet.provider),
            account: signer,
          }),
  }
}

async function checkChain(chain: Chain): Promise<void> {
  const id = await askChain(chain, 'read the chain id', (reader) => reader.getChainId())
  if (id !== chain.id)
    throw sdkError(
      'wrong-chain',
      `Cannot use the chain at ${chain.url}: its id is ${id}, the deployment names ${chain.id}; correct the URL or the deployment file`,
    )
}

async function checkContracts(client: Client): Promise<void> {
  const { chain, deployment } = client
  const { contracts } = deployment.home
  for (const [name, address] of Object.entries(contracts)) {
    const code = await askChain(chain, `look for contract ${name}`, (reader) =>
      reader.getCode({ address }),
    )
    if (code === undefined || code === '0x')
      throw sdkError(
        'deployment-refused',
        `Cannot use the deployment: there is no contract ${name} at ${address} on chain ${chain.id}; take the deployment file that belongs to this chain`,
      )
  }
  const id = await askChain(chain, 'read the deployment’s identifier', (reader) =>
    reader.readContract({ address: contracts.ledger, abi: ledgerAbi, functionName: 'deployment' }),
  )
  if (!sameHex(id, client.id))
    throw sdkError(
      'deployment-refused',
      `Cannot use the deployment: its Ledger says ${id}, computed was ${client.id}; take another deployment file`,
    )
}
