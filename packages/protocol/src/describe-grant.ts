import { formatEther, type Hex } from 'viem'

import { grantVersion } from './grant-form.ts'
import { sameHex, zeroHash } from './ids.ts'
import type { Grant } from './messages.ts'
import { outputFormatsOf } from './output-formats.ts'
import { tcbStatusesUpTo } from './tcb.ts'
import { sayTees } from './tees.ts'

/** What a reader knows of apps besides their ids: the deployment's manifest has it. */
export type KnownApps = readonly { readonly id: Hex; readonly name: string }[]

/**
 * What a grant permits, in plain sentences: who reads them has read the whole grant. Every field stands in them, so that two grants
 * that differ anywhere differ here. They say what was signed, not whether it is well formed or still holds.
 */
export function describeGrant(grant: Grant, apps: KnownApps): readonly string[] {
  return [
    `Account ${grant.owner} signs this permission (form ${grant.version}${grant.version === grantVersion ? '' : ', which nobody accepts'}, number ${grant.nonce}).`,
    ...whatAndWho(grant, apps),
    ...whenAndHowOften(grant),
    ...whereItRuns(grant),
    ...whatComesOut(grant),
  ]
}

/** An amount in tokens and in wei. */
export function sayTokens(wei: bigint): string {
  return `${formatEther(wei)} CLST (${wei} wei)`
}

/** A number of millionths, such as a privacy budget's epsilon. */
export function sayEpsilon(micros: bigint): string {
  return decimal(micros, 6)
}

/** A number of 1e-12, such as a privacy budget's delta. */
export function sayDelta(picos: bigint): string {
  return decimal(picos, 12)
}

function whatAndWho(grant: Grant, apps: KnownApps): readonly string[] {
  const { assets, requesters, anyRequester, ownersMin } = grant
  return [
    `It covers ${count(assets.length, 'asset')}: ${assets.join(', ')}.`,
    `${count(grant.apps.length, 'app')} may use ${assets.length === 1 ? 'it' : 'them'}: ${grant.apps.map((id) => nameOf(id, apps)).join(', ')}.`,
    anyRequester
      ? `Anyone may ask for that${listed('also named', requesters)}.`
      : `Only these may ask for that: ${orNobody(requesters)}.`,
    `The purpose is ${quoted(grant.purpose)}; these are words for people, no machine checks them.`,
    `Each task pays ${sayTokens(grant.priceWei)} to the owner, at least, for each asset of it that is used; in a metered session, each unit does.`,
    ownersMin <= 1
      ? `At least ${ownersMin} owner besides the requester must have an asset in the same order.`
      : `At least ${ownersMin} different owners besides the requester must have an asset in the same order.`,
    grant.recordsMin === 0
      ? 'No least number of rows is asked for (0).'
      : `The pooled data must have at least ${grant.recordsMin} rows, or nothing is computed.`,
  ]
}

function whenAndHowOften(grant: Grant): readonly string[] {
  return [
    `It holds from ${sayInstant(grant.notBefore)} until ${sayInstant(grant.expiry)}, unless the owner revokes it.`,
    `It may be used for ${count(grant.usesMax, 'task')} in all, and ${count(grant.usesPerDay, 'task')} on any one day (UTC).`,
  ]
}

function whereItRuns(grant: Grant): readonly string[] {
  const { measurements, releaseKey, anyNode, operators } = grant
  const byKey = !sameHex(releaseKey, `0x${'0'.repeat(40)}`)
  const runtimes = byKey
    ? `The enclave's software is whatever release key ${releaseKey} approves at that time, also versions that do not exist yet${listed('besides', measurements)}.`
    : `The enclave's software is one of ${count(measurements.length, 'measured version')}: ${measurements.join(', ')}.`
  return [
    `It runs in ${sayTees(grant.tees)} only (set ${grant.tees}).`,
    runtimes,
    `The machine's TCB status must be one of ${tcbStatusesUpTo(grant.tcbFloor).join(', ')} (rank ${grant.tcbFloor} or better), and its tier ${sayTier(grant.tierMin)}.`,
    anyNode
      ? `Any operator's node may run it${listed('also named', operators)}.`
      : `Only nodes of these operators may run it: ${orNobody(operators)}.`,
  ]
}

function whatComesOut(grant: Grant): readonly string[] {
  const { privacyRequired, epsilonMicros, deltaPicos, reviewKeyHash } = grant
  const budget = `epsilon ${sayEpsilon(epsilonMicros)} and delta ${sayDelta(deltaPicos)}`
  const formats = outputFormatsOf(grant.outputFormats).join(', ') || 'none'
  return [
    `A task's outputs may have ${count(grant.outputBytesMax, 'byte')} together, in these formats: ${formats} (set ${grant.outputFormats}${(grant.outputFormats & 1) === 1 ? '; "bytes" is any format at all' : ''}).`,
    privacyRequired
      ? `The app must add noise (differential privacy). All tasks together may spend ${budget} of this permission; after that it is used up.`
      : `No differential privacy is asked for: outputs may tell about single rows (budget ${budget}).`,
    sameHex(reviewKeyHash, zeroHash)
      ? 'The requester can read outputs at once: the owner does not look at them first.'
      : `The requester can read an output only after the owner has looked at it and approved, with the key whose hash is ${reviewKeyHash}.`,
  ]
}

// What would move or hide text on a screen is spelled out.
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function nameOf(id: Hex, apps: KnownApps): string {
  const known = apps.find((app) => sameHex(app.id, id))
  return known === undefined ? `${id} (not listed by this deployment)` : `${known.name} (${id})`
}

function listed(words: string, entries: readonly string[]): string {
  return entries.length === 0 ? '' : `; ${words}: ${entries.join(', ')}`
}

function orNobody(entries: readonly string[]): string {
  return entries.length === 0 ? 'nobody' : entries.join(', ')
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function sayTier(tier: number): string {
  const known = ['0 (a devnet will do)', '1 or higher (genuine hardware)']
  return known[tier] ?? `${tier} or higher (a listed machine)`
}

// Years past 9999 are no dates that anybody reads.
const lastInstant = 253_402_300_799n

function sayInstant(seconds: bigint): string {
  return seconds > lastInstant
    ? `second ${seconds}, which is past the year 9999`
    : new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z')
}

function decimal(value: bigint, digits: number): string {
  const text = String(value).padStart(digits + 1, '0')
  const tail = text.slice(-digits).replace(/0+$/, '')
  return tail === '' ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${tail}`
}
