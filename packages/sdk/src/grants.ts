import { canonicalJson, encodeHex } from '@cloister/codec'
import {
  addressField,
  assetRegistryAbi,
  checkGrant,
  grantVersion,
  hexBetween,
  limits,
  messageDigest,
  messageField,
  objectField,
  oneOf,
  outputFormatSet,
  parseField,
  sameHex,
  teeSet,
  zeroHash,
  type Grant,
  type NodeTee,
  type OutputFormat,
} from '@cloister/protocol'
import { zeroAddress, type Address, type Hex } from 'viem'

import { askChain, chainTime, sendCall } from './chain.ts'
import { accountOf, type Client } from './client.ts'
import { sdkError } from './sdk-error.ts'
import { signMessage } from './sign.ts'

/** A grant as its owner hands it to a requester. */
export type SignedGrant = { readonly grant: Grant; readonly signature: Hex; readonly digest: Hex }

/** How much privacy the tasks of a grant may spend together. */
export type PrivacyBudget = { readonly epsilonMicros: bigint; readonly deltaPicos: bigint }

/** What an owner permits. What is not said gets the strictest reading, or is asked for by the compiler. */
export type GrantTerms = {
  readonly assets: readonly Hex[]
  readonly apps: readonly Hex[]
  /**
   * Accepted enclaves: a list, or whatever a release key approves at the time. What the deployment lists, where nothing else is
   * said.
   */
  readonly runtimes?: readonly Hex[] | { readonly releaseKey: Address }
  /** Worst TCB rank accepted; 0 (UpToDate) where nothing else is said. */
  readonly tcbFloor?: number
  readonly tierMin?: number
  /** The kinds of TEE that are trusted with it: at least one. */
  readonly tees: readonly NodeTee[]
  /** Whose nodes may run it: a list, or `any`, spelled out. */
  readonly operators: readonly Address[] | 'any'
  /** Who may ask: a list, or `any`, spelled out. */
  readonly requesters: readonly Address[] | 'any'
  readonly purpose: string
  readonly priceWei: bigint
  /** Tasks in all; 1 where nothing else is said. */
  readonly usesMax?: number
  /** Tasks on one UTC day; as many as in all, where nothing else is said. */
  readonly usesPerDay?: number
  /** Unix seconds of the chain; from now on, where nothing else is said. */
  readonly notBefore?: bigint
  /** A week of chain time from `notBefore`, where nothing else is said. */
  readonly expiry?: bigint
  /** Distinct owners, besides the requester, that must come together in an order; 1 where nothing else is said. */
  readonly ownersMin?: number
  /** Least number of rows in the pooled data; 0 where nothing else is said. */
  readonly recordsMin?: number
  readonly outputBytesMax: number
  readonly outputFormats: readonly OutputFormat[]
  /** The budget for private apps, or `none`, spelled out: then outputs may tell about single rows. */
  readonly privacy: PrivacyBudget | 'none'
  /** SHA-256 of the key that the owner looks at outputs with first; nobody looks, where nothing is said. */
  readonly reviewKeyHash?: Hex
  /** {@link revokeAll} revokes by it; made from the chain's time, where nothing else is said. */
  readonly nonce?: bigint
}

const weekSeconds = 604_800n

/**
 * Writes a grant down, without signing it: `describeGrant` says in words what it will permit.
 *
 * @throws {OperationError} `grant-refused` where it is malformed, `no-account`, `chain-down`.
 */
export async function draftGrant(client: Client, terms: GrantTerms): Promise<Grant> {
  const owner = accountOf(client, 'sign a grant').address
  const now = await chainTime(client.chain)
  const usesMax = terms.usesMax ?? 1
  const notBefore = terms.notBefore ?? now
  const grant: Grant = {
    version: grantVersion,
    owner,
    assets: terms.assets,
    apps: terms.apps,
    ...runtimesOf(client, terms.runtimes),
    tcbFloor: terms.tcbFloor ?? 0,
    tierMin: terms.tierMin ?? 0,
    tees: teeSet(terms.tees),
    ...nodesAndRequesters(terms),
    purpose: terms.purpose,
    priceWei: terms.priceWei,
    usesMax,
    usesPerDay: terms.usesPerDay ?? usesMax,
    notBefore,
    expiry: terms.expiry ?? notBefore + weekSeconds,
    ownersMin: terms.ownersMin ?? 1,
    recordsMin: terms.recordsMin ?? 0,
    outputBytesMax: terms.outputBytesMax,
    outputFormats: outputFormatSet(terms.outputFormats),
    privacyRequired: terms.privacy !== 'none',
    epsilonMicros: terms.privacy === 'none' ? 0n : terms.privacy.epsilonMicros,
    deltaPicos: terms.privacy === 'none' ? 0n : terms.privacy.deltaPicos,
    reviewKeyHash: terms.reviewKeyHash ?? zeroHash,
    nonce: terms.nonce ?? (await nonceFor(client, owner, now)),
  }
  requireForm(grant)
  return grant
}

/**
 * Writes and signs a grant. It costs nothing and is not on chain until an order uses it.
 *
 * @throws {OperationError} `grant-refused` where it is malformed, `no-account`, `chain-down`.
 */
export async function signGrant(client: Client, terms: GrantTerms): Promise<SignedGrant> {
  return signDraft(client, await draftGrant(client, terms))
}

/** Signs a grant as it stands. @throws {OperationError} `grant-refused`, where it is malformed or another owner's. `no-account`. */
export async function signDraft(client: Client, grant: Grant): Promise<SignedGrant> {
  requireForm(grant)
  const { address } = accountOf(client, 'sign a grant')
  if (!sameHex(grant.owner, address))
    throw sdkError(
      'grant-refused',
      `Cannot sign the grant: it is ${grant.owner}'s, the account is ${address}; use the owner's account`,
    )
  const signature = await signMessage(client, 'Grant', grant)
  return { grant, signature, digest: messageDigest(client.domain, 'Grant', grant) }
}

function requireForm(grant: Grant): void {
  const problems = checkGrant(grant)
  if (problems.length > 0)
    throw sdkError(
      'grant-refused',
      `Cannot sign the grant: ${problems.map(({ field, detail }) => `${field}: ${detail}`).join('; ')}`,
    )
}

/** The two fields of a grant or policy that say which enclaves are accepted. */
export function runtimesOf(
  client: Client,
  runtimes: GrantTerms['runtimes'],
): Pick<Grant, 'measurements' | 'releaseKey'> {
  if (runtimes === undefined || !('releaseKey' in runtimes))
    return { measurements: runtimes ?? client.deployment.measurements, releaseKey: zeroAddress }
  return { measurements: [], releaseKey: runtimes.releaseKey }
}

function nodesAndRequesters({ operators, requesters }: GrantTerms) {
  return {
    anyNode: operators === 'any',
    operators: operators === 'any' ? [] : operators,
    anyRequester: requesters === 'any',
    requesters: requesters === 'any' ? [] : requesters,
  }
}

/** Revokes one grant, for ever: no share is released for it after the transaction. @throws {OperationError}. */
export async function revokeGrant(client: Client, digest: Hex): Promise<Hex> {
  return revoke(client, `revoke grant ${digest}`, 'revokeGrant', digest)
}

/**
 * Revokes every grant of the account's whose nonce is below `nonceMin`: all that {@link signGrant} made up to now, where
 * nothing is said. Grants that are signed in later blocks hold.
 */
export async function revokeAll(client: Client, nonceMin?: bigint): Promise<Hex> {
  const { address } = accountOf(client, 'revoke grants')
  const bound = nonceMin ?? (await nonceAbove(client, address))
  return revoke(client, `revoke the grants of ${address} below nonce ${bound}`, 'revokeAll', bound)
}

const signedGrantField = objectField({
  format: oneOf('cloister-grant/2'),
  grant: messageField('Grant'),
  signature: hexBetween(65, 4096),
  ledger: addressField,
})

/** A signed grant as a text to hand over. */
export function encodeSignedGrant(client: Client, { grant, signature }: SignedGrant): string {
  const ledger = client.deployment.home.contracts.ledger
  return canonicalJson(
    signedGrantField.encode({ format: 'cloister-grant/2', grant, signature, ledger }),
  )
}

/**
 * Reads a signed grant that somebody handed over. Whether it holds is {@link preflightOrder}'s question.
 *
 * @throws {MalformedError} naming the field. @throws {OperationError} `grant-refused`, for another deployment.
 */
export function parseSignedGrant(client: Client, text: string): SignedGrant {
  const caps = { charactersMax: limits.bodyBytesMax, depthMax: limits.jsonDepthMax }
  const { grant, signature, ledger } = parseField(signedGrantField, text, 'grant', caps)
  const expected = client.deployment.home.contracts.ledger
  if (ledger !== expected)
    throw sdkError(
      'grant-refused',
      `Cannot use the grant: it was signed for the deployment of Ledger ${ledger}, this is ${expected}; ask its owner for another`,
    )
  return { grant, signature, digest: messageDigest(client.domain, 'Grant', grant) }
}

// Nonces rise with the chain's time, so that one number revokes all that were signed until then; and they stay above
// what was revoked already, on chains where two blocks have one time.
const nonceStep = 1n << 24n

async function nonceFor(client: Client, owner: Address, now: bigint): Promise<bigint> {
  const revokedBelow = await nonceMinOf(client, owner)
  const start = now * nonceStep
  const random = BigInt(`0x${encodeHex(crypto.getRandomValues(new Uint8Array(3)))}`)
  return (start > revokedBelow ? start : revokedBelow) + random
}

async function nonceAbove(client: Client, owner: Address): Promise<bigint> {
  const above = (await nonceMinOf(client, owner)) + nonceStep
  const later = ((await chainTime(client.chain)) + 1n) * nonceStep
  return later > above ? later : above
}

function nonceMinOf(client: Client, owner: Address): Promise<bigint> {
  return askChain(client.chain, 'read what is revoked', (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.assetRegistry,
      abi: assetRegistryAbi,
      functionName: 'nonceMinOf',
      args: [owner],
    }),
  )
}

async function revoke(
  client: Client,
  action: string,
  functionName: 'revokeGrant' | 'revokeAll',
  argument: Hex | bigint,
): Promise<Hex> {
  const receipt = await sendCall(client.chain, action, {
    address: client.deployment.home.contracts.assetRegistry,
    abi: assetRegistryAbi,
    functionName,
    args: [argument],
  })
  return receipt.transactionHash
}
