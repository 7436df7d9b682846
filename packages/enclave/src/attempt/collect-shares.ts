import { OperationError, parseHex, type Bytes, type Json } from '@cloister/codec'
import {
  addressField,
  AnswerError,
  checkReleaseSignatures,
  evidenceDigest,
  hexBetween,
  messageDigest,
  messageField,
  messageToJson,
  objectField,
  sameHex,
  signatureField,
  signerOf,
  type SignedRelease,
} from '@cloister/protocol'
import {
  envelopeOverheadBytes,
  openEnvelope,
  shareBytes,
  verifyShare,
  type EnvelopePrivateKey,
} from '@cloister/seal'
import type { Address } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import {
  releaseRequestField,
  signRequest,
  type AttemptEvidence,
  type ReleaseRequest,
} from '../keeper/attempt-request.ts'
import { threshold } from '../keeper/keepers.ts'
import { releaseInfo, releaseShare } from '../keeper/release.ts'
import type { AttemptAsset, PreparedAttempt } from './prepare-attempt.ts'

/** A share that a keeper released, and its record. */
export type CollectedShare = { readonly share: Bytes; readonly signed: SignedRelease }

const envelopeBytes = envelopeOverheadBytes + shareBytes
const released = objectField({
  release: messageField('Release'),
  signature: signatureField,
  countersignature: signatureField,
  countersigner: addressField,
  envelope: hexBetween(envelopeBytes, envelopeBytes),
})
const refused = objectField({ refusal: messageField('Refusal'), signature: signatureField })

/**
 * Asks an asset's keepers for shares until there are enough: two at first, the third where one fails or refuses.
 *
 * @throws {AnswerError} `release-refused` with the signed refusals as data, where too few are left.
 */
export async function collectShares(
  context: EnclaveContext,
  prepared: PreparedAttempt,
  evidence: AttemptEvidence,
  asset: AttemptAsset,
  freshKey: EnvelopePrivateKey,
): Promise<readonly CollectedShare[]> {
  const refusals: Json[] = []
  const failures: { readonly says: string; readonly cause: unknown }[] = []
  const ask = async (shareIndex: number): Promise<CollectedShare | undefined> => {
    try {
      const asked = { bundle: evidence, asset: asset.asset, shareIndex }
      const request = await signRequest(context.identity, asked)
      const answer = await askKeeper(
        context,
        prepared.view,
        request,
        asset.keepers.operators[shareIndex],
      )
      if (isRefusal(answer)) {
        refusals.push(await readRefusal(context, prepared, request, asset, answer))
        return undefined
      }
      return await readRelease(context, prepared, request, asset, freshKey, answer)
    } catch (error) {
      const operator = asset.keepers.operators[shareIndex] ?? 'nobody'
      failures.push({ says: `keeper ${operator}: ${textOf(error)}`, cause: error })
      return undefined
    }
  }
  const first = await Promise.all([ask(0), ask(1)])
  const collected = first.filter((share) => share !== undefined)
  if (collected.length < threshold) {
    const third = await ask(2)
    if (third !== undefined) collected.push(third)
  }
  if (collected.length >= threshold) return collected
  throw new AnswerError(
    'release-refused',
    `Cannot get ${threshold} shares of asset ${asset.asset}: ${refusals.length} keepers refused, ${failures.length} failed${failures.map(({ says }) => `; ${says}`).join('')}`,
    {
      retryable: refusals.length === 0,
      data: { refusals },
      cause: failures.map(({ cause }) => cause),
    },
  )
}

// The own keeper takes the same path as any other, without the detour through the hosts.
async function askKeeper(
  context: EnclaveContext,
  view: ChainView,
  request: ReleaseRequest,
  operator: Address | undefined,
): Promise<Json> {
  const { facts, host, identity } = context
  if (operator === undefined) throw new OperationError('no-keeper', 'Cannot ask: no such keeper')
  const own = await facts.node(view, identity.receiptKey)
  if (sameHex(operator, own?.operator)) return releaseShare(context, request)
  return host.keeper(operator, 'release', releaseRequestField.encode(request))
}

async function readRelease(
  context: EnclaveContext,
  { view }: PreparedAttempt,
  { bundle, shareIndex }: ReleaseRequest,
  { asset, grantDigest, keepers }: AttemptAsset,
  freshKey: EnvelopePrivateKey,
  answer: Json,
): Promise<CollectedShare> {
  const { config, facts } = context
  const { envelope, ...signed } = released.parse(answer, 'release')
  const { release } = signed
  const [problem] = await checkReleaseSignatures(config.domain, signed)
  if (problem !== undefined) refuse(`${problem.field}: ${problem.detail}`)
  const { task, attempt } = bundle.binding
  const fits =
    sameHex(release.task, task) &&
    release.attempt === attempt &&
    sameHex(release.asset, asset) &&
    sameHex(release.grant, grantDigest) &&
    release.shareIndex === shareIndex &&
    sameHex(release.quoteDigest, evidenceDigest(bundle.evidence))
  if (!fits) refuse('the record is of another attempt or share')
  const keeper = await facts.node(view, release.keeper)
  if (!sameHex(keeper?.operator ?? '', keepers.operators[shareIndex]))
    refuse(`${release.keeper} does not keep share ${shareIndex}`)
  const second = await facts.node(view, signed.countersigner)
  const secondPlace = keepers.operators.findIndex((each) => sameHex(each, second?.operator))
  if (secondPlace < 0 || secondPlace === shareIndex)
    refuse(`${signed.countersigner} keeps no other share`)

  const digest = messageDigest(config.domain, 'Release', release)
  const aad = parseHex(digest, 'release')
  const share = await openEnvelope(freshKey, releaseInfo, aad, parseHex(envelope, 'envelope'))
  const placed = { asset: parseHex(asset, 'asset'), index: shareIndex, share }
  const commitment = parseHex(keepers.commitments[shareIndex] ?? '', 'commitment')
  if (!(await verifyShare(placed, commitment))) refuse('the share does not match its commitment')
  return { share, signed }
}

async function readRefusal(
  { config, facts }: EnclaveContext,
  { view }: PreparedAttempt,
  { bundle, shareIndex }: ReleaseRequest,
  { asset, grantDigest, keepers }: AttemptAsset,
  answer: Json,
): Promise<Json> {
  const { refusal, signature } = refused.parse(answer, 'refusal')
  const digest = messageDigest(config.domain, 'Refusal', refusal)
  if (!sameHex(refusal.keeper, await signerOf(digest, signature)))
    refuse('a refusal is not signed by its keeper')
  const { task, attempt } = bundle.binding
  const fits =
    sameHex(refusal.task, task) &&
    refusal.attempt === attempt &&
    sameHex(refusal.asset, asset) &&
    sameHex(refusal.grant, grantDigest) &&
    refusal.shareIndex === shareIndex
  if (!fits) refuse('a refusal is of another attempt or share')
  const keeper = await facts.node(view, refusal.keeper)
  if (!sameHex(keeper?.operator ?? '', keepers.operators[shareIndex]))
    refuse(`${refusal.keeper} does not keep share ${shareIndex}`)
  return { refusal: messageToJson('Refusal', refusal), signature }
}

function isRefusal(answer: Json): boolean {
  return typeof answer === 'object' && answer !== null && 'refusal' in answer
}

// Texts of our own errors only, cut to a line: which keeper did what is said, and nothing of what it sent.
function textOf(error: unknown): string {
  return error instanceof OperationError
    ? `${error.code}, ${error.message.slice(0, 200)}`
    : 'malformed, its answer cannot be read'
}

function refuse(detail: string): never {
  throw new OperationError('bad-release', `Cannot use a keeper's answer: ${detail}`)
}
