import type { Json } from '@cloister/codec'
import type { Address, Hex } from 'viem'

import type { AssetUse } from './asset-uses.ts'

/**
 * The columns of an export, in their order: they are never renamed or moved, and new ones come at the end. Amounts are wei, times ISO 8601 in
 * UTC, epsilon and delta plain numbers.
 */
export const usesColumns = [
  ...(['task', 'asset', 'owner', 'grant', 'purpose', 'app', 'requester'] as const),
  ...(['placed_at', 'placed_in', 'state', 'attempts', 'refusals', 'node', 'operator'] as const),
  ...(['receipt_digest', 'output_digest', 'output_bytes', 'receipt_missing'] as const),
  ...(['epsilon', 'delta', 'earned_wei', 'payout_chain'] as const),
] as const

/** One cell of an export; undefined where nothing is known. */
export type UsesRow = Readonly<Record<(typeof usesColumns)[number], string | undefined>>

/** A use as the texts of its columns. */
export function usesRow(use: AssetUse): UsesRow {
  return {
    ...{ task: use.task, asset: use.asset, owner: use.owner, grant: use.grant },
    ...{ purpose: use.purpose, app: use.app, requester: use.requester },
    placed_at: new Date(Number(use.placedAt) * 1000).toISOString(),
    ...{ placed_in: use.placedIn, state: use.state, attempts: say(use.attempts) },
    ...{ refusals: say(use.refusals), node: use.node, operator: use.operator },
    ...{ receipt_digest: use.receiptDigest, output_digest: use.outputDigest },
    ...{ output_bytes: say(use.outputBytes), receipt_missing: use.receiptMissing },
    epsilon: fraction(use.epsilonMicros, 6),
    delta: fraction(use.deltaPicos, 12),
    ...{ earned_wei: say(use.earnedWei), payout_chain: say(use.payoutChain) },
  }
}

/** An export as JSON: what it covers, then a row for each use. Every column is there, null where nothing is known. */
export function usesJson(
  uses: readonly AssetUse[],
  about: { readonly owner: Address; readonly asset: Hex | undefined; readonly deployment: Hex },
): Json {
  const rows = uses.map((use) => {
    const row = usesRow(use)
    return Object.fromEntries(usesColumns.map((column) => [column, row[column] ?? null]))
  })
  return { format: 'cloister-uses/1', ...about, asset: about.asset ?? null, uses: rows }
}

/**
 * An export as CSV: always the same columns, every cell in quotes. A text that a spreadsheet would take for a formula (purposes are
 * the requester's and owner's own words) gets an apostrophe before it.
 *
 * Spec: RFC 4180; OWASP, "CSV Injection".
 */
export function usesCsv(uses: readonly AssetUse[]): string {
  const lines = uses.map((use) => {
    const row = usesRow(use)
    return usesColumns.map((column) => cell(row[column] ?? '')).join(',')
  })
  return `${[usesColumns.join(','), ...lines].join('\r\n')}\r\n`
}

function cell(text: string): string {
  const safe = /^[\s]*[=+\-@|%]|^[\t\r\n]/.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}

/** A whole number of millionths (or the like) as a plain decimal number. */
function fraction(value: bigint | undefined, digits: number): string | undefined {
  if (value === undefined) return undefined
  const text = value.toString().padStart(digits + 1, '0')
  const rest = text.slice(-digits).replace(/0+$/, '')
  return rest === '' ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${rest}`
}

function say(value: bigint | number | undefined): string | undefined {
  return value?.toString()
}
