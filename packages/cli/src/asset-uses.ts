import { canonicalJson } from '@cloister/codec'
import { assetUses, usesCsv, usesJson, type AssetUse, type Client } from '@cloister/sdk'
import type { Address, Hex } from 'viem'

import type { CommandSpec, Given, OptionSpec } from './command.ts'
import { refuseExisting, writeOutput } from './files.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { deploymentOption, openSession, optionalKeyOption } from './session.ts'
import { usageError } from './usage-error.ts'
import { parseAddress, parseId, sayTime, wholeNumber } from './values.ts'

const whoseOptions: readonly OptionSpec[] = [
  deploymentOption,
  optionalKeyOption,
  { flags: '--owner <ADDRESS>', about: 'whose assets, where no key file says it' },
  { flags: '--asset <ID>', about: 'one asset; all of the owner unless said' },
  { flags: '--from-block <N>', about: 'block of the home chain to begin at; 0 unless said' },
]

/** `cloister asset earnings` and `export`. */
export const usesCommands: readonly CommandSpec[] = [
  {
    usage: 'earnings',
    about: 'what each asset and grant earned, by the events of the chain',
    options: whoseOptions,
    run: async (given, run) => {
      const client = await openSession(given, run)
      const uses = await assetUses(client, { ...whose(given, client), receipts: false })
      const lines = sumByGrant(uses)
      const totalWei = lines.reduce((sum, { earnedWei }) => sum + earnedWei, 0n)
      const text = lines.map(
        (line) =>
          `${line.asset}  ${line.grant}  ${line.tasks} tasks, ${line.settled} settled  ${line.earnedWei} wei`,
      )
      return {
        schema: 'cloister.asset.earnings/1',
        value: { grants: lines, totalWei },
        text: [...text, `total ${totalWei} wei`].join('\n'),
      }
    },
  },
  {
    usage: 'export',
    about:
      'an audit report for a data-protection officer: who used what, when, under which grant and receipt, what came out',
    options: [
      ...whoseOptions,
      { flags: '--format <FORMAT>', about: 'json, unless said', choices: ['json', 'csv'] },
      outOption('the report'),
      forceOption,
    ],
    run: async (given, run) => {
      const out = given.needed('out')
      const rule = writeRule(given, 'report')
      refuseExisting(out, rule)
      const client = await openSession(given, run)
      const meant = whose(given, client)
      const uses = await assetUses(client, { ...meant, receipts: true })
      const about = { owner: meant.owner, asset: meant.asset, deployment: client.id }
      const csv = given.text('format') === 'csv'
      writeOutput(out, csv ? usesCsv(uses) : `${canonicalJson(usesJson(uses, about))}\n`, rule)
      const missing = uses.filter(({ receiptMissing }) => receiptMissing !== undefined).length
      if (missing > 0)
        run.say(
          `${missing} receipts are handed out by nobody now; the report says so in receipt_missing`,
        )
      const value = { path: out, uses: uses.length, receiptsMissing: missing }
      return { schema: 'cloister.asset.export/1', value, text: `${uses.length} uses in ${out}` }
    },
  },
]

function whose(given: Given, client: Client): { owner: Address; asset?: Hex; fromBlock?: bigint } {
  const named = given.read('owner', parseAddress)
  const owner = named ?? client.account?.address
  if (owner === undefined)
    throw usageError('Cannot tell whose assets are meant: say --owner or --key-file')
  const asset = given.text('asset')
  const fromBlock = given.read('fromBlock', wholeNumber(0, Number.MAX_SAFE_INTEGER))
  return {
    owner,
    ...(asset === undefined ? {} : { asset: parseId('--asset', asset) }),
    ...(fromBlock === undefined ? {} : { fromBlock: BigInt(fromBlock) }),
  }
}

/** What one grant earned with one asset. */
export type GrantEarnings = {
  readonly asset: Hex
  readonly grant: Hex
  readonly purpose: string
  readonly tasks: number
  readonly settled: number
  readonly refunded: number
  readonly earnedWei: bigint
  readonly lastUsed: string
}

/** Sums uses by asset and grant, in the order of their first use. */
export function sumByGrant(uses: readonly AssetUse[]): readonly GrantEarnings[] {
  const sums = new Map<string, GrantEarnings>()
  for (const use of uses) {
    const key = `${use.asset} ${use.grant}`
    const before = sums.get(key)
    sums.set(key, {
      ...{ asset: use.asset, grant: use.grant, purpose: use.purpose },
      tasks: (before?.tasks ?? 0) + 1,
      settled: (before?.settled ?? 0) + (use.state === 'settled' ? 1 : 0),
      refunded: (before?.refunded ?? 0) + (use.state === 'refunded' ? 1 : 0),
      earnedWei: (before?.earnedWei ?? 0n) + use.earnedWei,
      lastUsed: sayTime(use.placedAt),
    })
  }
  return [...sums.values()]
}
