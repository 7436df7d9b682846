import { balances, claimOnSpoke, deposit, setPayoutChain, withdraw } from '@cloister/sdk'

import { readAs, type CommandSpec } from './command.ts'
import { deploymentOption, keyOption, openSession, optionalKeyOption } from './session.ts'
import { parseAddress, parseChainId, parseWei } from './values.ts'

/** `cloister account`. */
export const accountCommands: readonly CommandSpec[] = [
  {
    usage: 'balance',
    about: 'what an account has: the one of --key-file, or of --address',
    options: [
      deploymentOption,
      optionalKeyOption,
      { flags: '--address <ADDRESS>', about: 'whose balance' },
    ],
    run: async (given, run) => {
      const address = given.read('address', parseAddress)
      const client = await openSession(given, run)
      const account = address ?? client.account?.address
      const found = await balances(client, account)
      const text = [
        `account       ${account}`,
        `in the Ledger ${found.ledgerWei} wei`,
        `token         ${found.tokenWei} wei`,
        `is paid on    chain ${found.payoutChain}`,
        ...found.owed.map(
          (owed) => `earned        ${owed.cumulativeWei} wei on chain ${owed.chainId}`,
        ),
      ].join('\n')
      return { schema: 'cloister.account.balance/1', value: { account, ...found }, text }
    },
  },
  {
    usage: 'deposit <WEI>',
    about: 'move tokens of the account into its Ledger balance',
    options: [deploymentOption, keyOption],
    run: async (given, run) => {
      const amountWei = readAs('amount', given.argument(0), parseWei)
      const transaction = await deposit(await openSession(given, run), amountWei)
      return {
        schema: 'cloister.account.deposit/1',
        value: { amountWei, transaction },
        text: transaction,
      }
    },
  },
  {
    usage: 'withdraw <WEI>',
    about: 'move Ledger balance back to the account',
    options: [deploymentOption, keyOption],
    run: async (given, run) => {
      const amountWei = readAs('amount', given.argument(0), parseWei)
      const transaction = await withdraw(await openSession(given, run), amountWei)
      return {
        schema: 'cloister.account.withdraw/1',
        value: { amountWei, transaction },
        text: transaction,
      }
    },
  },
  {
    usage: 'set-payout <CHAIN>',
    about: 'choose the chain, by its id, on which the account is paid from now on',
    options: [deploymentOption, keyOption],
    run: async (given, run) => {
      const chainId = parseChainId(given.argument(0))
      const transaction = await setPayoutChain(await openSession(given, run), chainId)
      return {
        schema: 'cloister.account.set-payout/1',
        value: { chainId, transaction },
        text: transaction,
      }
    },
  },
  {
    usage: 'claim <CHAIN>',
    about: 'claim on a spoke what the account earned there',
    options: [
      deploymentOption,
      keyOption,
      { flags: '--for <ADDRESS>', about: 'claim for another account; the money goes to it' },
    ],
    run: async (given, run) => {
      const chainId = parseChainId(given.argument(0))
      const account = given.read('for', parseAddress)
      const claim = await claimOnSpoke(await openSession(given, run), chainId, account)
      const text = `${claim.amountWei} wei to ${claim.account} on chain ${chainId}, ${claim.transaction}`
      return { schema: 'cloister.account.claim/1', value: claim, text }
    },
  },
]
