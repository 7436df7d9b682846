import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import { Chain, startChild } from '@cloister/io'
import {
  appId,
  appRegistryAbi,
  assetRegistryAbi,
  committeeAbi,
  errorsAbi,
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
} from '@cloister/protocol'
import {
  encodeDeployData,
  encodeFunctionData,
  parseEther,
  type Abi,
  type Address,
  type Hex,
} from 'viem'
import { mnemonicToAccount, type HDAccount } from 'viem/accounts'

import * as bytecode from '../../devnet/src/generated/bytecode.ts'

const phrase = 'test test test test test test test test test test test junk'
const account = (addressIndex: number): HDAccount => mnemonicToAccount(phrase, { addressIndex })

/** Anvil's funded accounts and what they are here. */
export const people = {
  governance: account(0),
  operators: [account(1), account(2), account(3)],
  verifiers: [account(4), account(5), account(6), account(7)],
  owner: account(8),
  requester: account(9),
} as const

/** The manifest of the one app that is listed. */
export const manifest = { format: 'test', name: 'an app' }
/** Its id. */
export const app = appId(manifest)

/** Times of the contracts, in seconds. */
export const terms = { judgeSeconds: 30n, challengeSeconds: 2n, attemptSecondsMin: 5 } as const

const binary = join(
  dirname(createRequire(import.meta.url).resolve('@foundry-rs/anvil-linux-amd64/package.json')),
  'bin/anvil',
)

/** The project's contracts on a chain of their own, with money and stake where they are needed. */
export async function startHomeChain() {
  const child = await startChild({
    name: 'anvil',
    command: binary,
    args: ['--port', '0', '--accounts', '12', '--gas-limit', '60000000'],
    env: { HOME: '/tmp' },
    readyMs: 20_000,
    readyLine: (line) => /Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1],
  })
  const url = `http://127.0.0.1:${Number(child.ready)}`
  const chain = await Chain.connect({ url, chainId: 31337, errors: errorsAbi, pollMs: 20 })
  const create = async (abi: Abi, code: Hex, args: readonly unknown[]): Promise<Address> => {
    const data = encodeDeployData({ abi, bytecode: code, args })
    return (await chain.sender(people.governance).transact({ data }, 'deploy')).contractAddress!
  }
  const send = (
    from: HDAccount,
    to: Address,
    abi: Abi,
    functionName: string,
    args: readonly unknown[],
  ) =>
    chain
      .sender(from)
      .transact({ to, data: encodeFunctionData({ abi, functionName, args }) }, functionName)

  const governance = people.governance.address
  const token = await create(tokenAbi, bytecode.tokenBytecode, [governance, parseEther('1000000')])
  const ledger = await create(ledgerAbi, bytecode.ledgerBytecode, [token, governance])
  const staking = await create(stakingAbi, bytecode.stakingBytecode, [ledger, 10_000n])
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
      attemptSecondsMin: terms.attemptSecondsMin,
      attemptSecondsMax: 3600,
      orderSecondsMax: 86_400,
    },
  ])
  const settlement = await create(settlementAbi, bytecode.settlementBytecode, [
    ...[ledger, staking, committee, nodeRegistry, market],
    {
      judgeSeconds: terms.judgeSeconds,
      challengeSeconds: terms.challengeSeconds,
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
  await send(people.governance, ledger, ledgerAbi, 'sealModules', [
    { staking, nodeRegistry, market, settlement, keeperDuty },
  ])
  await send(people.governance, token, tokenAbi, 'approve', [ledger, parseEther('1000000')])
  for (const { address } of [...people.operators, ...people.verifiers, people.requester])
    await send(people.governance, ledger, ledgerAbi, 'depositFor', [address, parseEther('1000')])
  for (const each of [...people.operators, ...people.verifiers])
    await send(each, staking, stakingAbi, 'bond', [parseEther('500')])
  await send(people.governance, appRegistry, appRegistryAbi, 'setApp', [app, 1])
  const core = { token, ledger, staking, committee, appRegistry, assetRegistry }
  const contracts = {
    ...core,
    nodeRegistry,
    releaseKeys,
    grantBook,
    market,
    settlement,
    keeperDuty,
  }
  return { url, chain, contracts, genesis, send, stop: () => child.kill() }
}

/** A chain with the contracts on it. */
export type HomeChain = Awaited<ReturnType<typeof startHomeChain>>
