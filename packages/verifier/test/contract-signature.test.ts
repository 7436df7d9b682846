import { Chain, type Child } from '@cloister/io'
import type { Address, Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { HomeChain } from '../src/home-chain.ts'
import { key, named } from './attempt.ts'
import { addressOf, callAnvil, chainId, startAnvil } from './world.ts'

let anvil: Child
let home: HomeChain
const owner = key('owner').address
const none = key('nobody').address
const contracts = {
  ...{ token: none, ledger: none, staking: none, committee: none, appRegistry: none },
  ...{ assetRegistry: none, nodeRegistry: none, grantBook: none, market: none, settlement: none },
  releaseKeys: none,
  keeperDuty: none,
}

beforeAll(async () => {
  anvil = await startAnvil(chainId)
  const chain = await Chain.connect({ url: addressOf(anvil), chainId, pollMs: 50 })
  home = new HomeChain(chain, contracts, 0n)
}, 30_000)

afterAll(() => anvil?.stop())

async function asked(account: Address, code: Hex): Promise<boolean | undefined> {
  const url = addressOf(anvil)
  await callAnvil(url, 'anvil_setCode', [account, code])
  await callAnvil(url, 'anvil_mine', ['0x1'])
  const { number } = await home.chain.block()
  return home.signedByContract(account, named('digest'), `0x${'ab'.repeat(80)}`, number)
}

test('an account without code is not asked', async () => {
  expect(await asked(owner, '0x')).toBeUndefined()
})

// Each is a whole contract: it returns the magic value of ERC-1271, or does not.
test.for<[string, Hex, boolean]>([
  ['says yes', '0x631626ba7e60e01b60005260206000f3', true],
  ['answers something else', '0x631626ba7f60e01b60005260206000f3', false],
  ['answers with the magic value in the wrong place', '0x631626ba7e60005260206000f3', false],
  ['answers nothing', '0x00', false],
  ['answers too little', '0x631626ba7e60e01b60005260046000f3', false],
  ['reverts', '0x60006000fd', false],
  ['does what is no instruction', '0xfe', false],
  ['never ends', '0x5b600056', false],
])('a contract that %s is taken at its word', async ([, code, says]) => {
  expect(await asked(owner, code)).toBe(says)
})

test('what a contract says now does not change what it said at a block', async () => {
  expect(await asked(owner, '0x631626ba7e60e01b60005260206000f3')).toBe(true)
  const { number } = await home.chain.block()
  await callAnvil(addressOf(anvil), 'anvil_mine', ['0x1'])
  expect(await asked(owner, '0x00')).toBe(false)
  expect(await home.signedByContract(owner, named('digest'), '0x12', number)).toBe(true)
})
