import {
  appRegistryAbi,
  assetRegistryAbi,
  cloisterDomain,
  committeeAbi,
  deploymentOf,
  grantBookAbi,
  ledgerAbi,
  marketAbi,
  nodeRegistryAbi,
  keeperDutyAbi,
  releaseKeysAbi,
  settlementAbi,
  sortAddresses,
  stakingAbi,
  tokenAbi,
  type Domain,
} from '@cloister/protocol'
import {
  createTestClient,
  http,
  parseEther,
  publicActions,
  walletActions,
  type Abi,
  type Address,
  type Hex,
} from 'viem'
import { mnemonicToAccount, type HDAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'

import * as bytecode from '../../../devnet/src/generated/bytecode.ts'
import { startAnvil } from './anvil.ts'

const phrase = 'test test test test test test test test test test test junk'

/** Account `index` of a development chain. */
export function account(index: number): HDAccount {
  return mnemonicToAccount(phrase, { addressIndex: index })
}

export const people = {
  governance: account(0),
  operators: [account(1), account(2), account(3)],
  verifiers: [account(4), account(5), account(6), account(7)],
  owners: [account(8), account(9)],
  requester: account(10),
  stranger: account(11),
} as const

export type HomeChain = Awaited<ReturnType<typeof startHomeChain>>

/** The project's own contracts on a real chain, with money where it is needed. */
export async function startHomeChain() {
  const anvil = await startAnvil()
  const client = createTestClient({
    mode: 'anvil',
    chain: foundry,
    transport: http(anvil.url),
    account: people.governance,
    pollingInterval: 20,
  })
    .extend(publicActions)
    .extend(walletActions)

  const create = async (abi: Abi, code: Hex, args: readonly unknown[]): Promise<Address> => {
    const hash = await client.deployContract({ abi, bytecode: code, args: [...args] })
    const { contractAddress } = await client.waitForTransactionReceipt({ hash })
    return contractAddress!
  }
  const governance = people.governance.address
  const token = await create(tokenAbi, bytecode.tokenBytecode, [governance, parseEther('1000000')])
  const ledger = await create(ledgerAbi, bytecode.ledgerBytecode, [token, governance])
  const staking = await create(stakingAbi, bytecode.stakingBytecode, [ledger, 1_000_000n])
  const genesis = sortAddresses(people.verifiers.map(({ address }) => address))
  const committee = await create(committeeAbi, bytecode.committeeBytecode, [
    ledger,
    staking,
    genesis,
    parseEther('100'),
  ])
  const appRegistry = await create(appRegistryAbi, bytecode.appRegistryBytecode, [governance])
  const assetRegistry = await create(assetRegistryAbi, bytecode.assetRegistryBytecode, [ledger])
  const nodeRegistry = await create(nodeRegistryAbi, bytecode.nodeRegistryBytecode, [
    ...[ledger, staking, committee, appRegistry],
    parseEther('50'),
  ])
  const releaseKeys = await create(releaseKeysAbi, bytecode.releaseKeysBytecode, [ledger])
  const grantBook = await create(grantBookAbi, bytecode.grantBookBytecode, [
    ...[ledger, assetRegistry, releaseKeys],
  ])
  const market = await create(marketAbi, bytecode.marketBytecode, [
    ...[ledger, staking, committee, appRegistry, assetRegistry, grantBook, nodeRegistry],
    {
      feeMinWei: 1000n,
      missWei: parseEther('1'),
      attemptSecondsMin: 5,
      attemptSecondsMax: 3600,
      orderSecondsMax: 86_400,
    },
  ])
  const settlement = await create(settlementAbi, bytecode.settlementBytecode, [
    ...[ledger, staking, committee, nodeRegistry, market],
    {
      judgeSeconds: 60n,
      challengeSeconds: 3n,
      forgedReceiptWei: parseEther('25'),
      equivocationWei: parseEther('25'),
      falseVoteWei: parseEther('25'),
    },
  ])
  const keeperDuty = await create(keeperDutyAbi, bytecode.keeperDutyBytecode, [
    ...[ledger, staking, assetRegistry, nodeRegistry, market],
    {
      answerSeconds: 20n,
      lapseSeconds: 20n,
      depositWei: parseEther('0.01'),
      lapseWei: parseEther('5'),
    },
  ])
  const contracts = {
    ...{ token, ledger, staking, committee, appRegistry, assetRegistry },
    ...{ nodeRegistry, releaseKeys, grantBook, market, settlement, keeperDuty },
  }
  const domain: Domain = cloisterDomain(foundry.id, ledger)

  /** Sends a call and waits for it. */
  const send = async (
    from: HDAccount,
    address: Address,
    abi: Abi,
    functionName: string,
    args: readonly unknown[],
  ) => {
    const hash = await client.writeContract({ account: from, address, abi, functionName, args })
    const receipt = await client.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`${functionName} reverted`)
    return receipt
  }
  await send(people.governance, ledger, ledgerAbi, 'sealModules', [
    { staking, nodeRegistry, market, settlement, keeperDuty },
  ])
  await send(people.governance, token, tokenAbi, 'approve', [ledger, parseEther('1000000')])
  for (const each of [...people.operators, ...people.verifiers, people.requester])
    await send(people.governance, ledger, ledgerAbi, 'depositFor', [
      each.address,
      parseEther('1000'),
    ])
  for (const each of [...people.operators, ...people.verifiers])
    await send(each, staking, stakingAbi, 'bond', [parseEther('500')])
  return {
    url: anvil.url,
    client,
    contracts,
    domain,
    deployment: deploymentOf(domain),
    genesis,
    send,
    stop: anvil.stop,
  }
}
