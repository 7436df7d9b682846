import { encodeHex, OperationError, type Json } from '@cloister/codec'
import {
  addressField,
  booleanField,
  bytes32Field,
  decimalField,
  objectField,
  sameHex,
  signatureField,
  signerOf,
  witnessDigest,
  zeroHash,
  type Field,
  type FieldValue,
  type Witness,
} from '@cloister/protocol'
import { zeroAddress, type Address, type Hex } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { whyOlder } from './earlier-lives.ts'
import type { Keepers } from './keepers.ts'
import { requireKeeper } from './newcomer.ts'
import { heldShare } from './sealed-state.ts'
import type { HeldShare } from './share-store.ts'

const witnessRequest = objectField({
  asset: bytes32Field,
  operator: addressField,
  nonce: bytes32Field,
})

/** The body of `recovery.witness`: what has this keeper seen of an operator's? */
export type WitnessRequest = FieldValue<typeof witnessRequest>

/** How a {@link WitnessRequest} stands in JSON. */
export const witnessRequestField: Field<WitnessRequest> = witnessRequest

const witnessAnswer = objectField({
  keeper: addressField,
  seen: booleanField,
  sequence: decimalField(64),
  record: bytes32Field,
  erased: booleanField,
  witness: addressField,
  signature: signatureField,
})

/**
 * Opens the sealed state that the host shows, if this TEE seals and there is one. What it remembers is taken at once; its
 * shares wait until other keepers were asked how old it is.
 */
export async function openState(context: EnclaveContext): Promise<Json> {
  const { lives, sealed, seen, state, unsealed } = context
  if (unsealed.isOpened) return { sealing: sealed.isPossible, shares: 0, problem: null }
  try {
    const snapshot = await sealed.read()
    if (snapshot === undefined) {
      unsealed.open([])
      return { sealing: sealed.isPossible, shares: 0, problem: null }
    }
    for (const life of snapshot.lives) lives.add(life)
    seen.adopt(snapshot.seen)
    state.adopt(snapshot)
    unsealed.open(snapshot.shares.map(heldShare))
    return { sealing: true, shares: snapshot.shares.length, problem: null }
  } catch (error) {
    // Another measurement or machine: the others re-share. A host that fails may be asked again.
    if (!(error instanceof OperationError) || error.code !== 'sealed-unreadable') throw error
    unsealed.open([])
    return { sealing: true, shares: 0, problem: error.message }
  }
}

/** Says what this enclave has seen of an operator's keepers, signed over the asker's nonce. It is no secret. */
export async function bearWitness(
  { config, identity, seen, state, unsealed }: EnclaveContext,
  { asset, operator, nonce }: WitnessRequest,
): Promise<Json> {
  if (!unsealed.isOpened)
    throw new OperationError(
      'keeper-starting',
      'This keeper is starting and has not looked at its own state yet; ask again',
      {
        retryable: true,
      },
    )
  const newest = seen.newestOf(operator)
  const said = {
    keeper: newest?.keeper ?? zeroAddress,
    seen: newest !== undefined,
    sequence: newest?.sequence ?? 0n,
    record: newest?.digest ?? zeroHash,
    erased: state.isErased(asset),
    witness: identity.receiptKey,
  }
  const digest = witnessDigest(config.domain, { ...said, asset, nonce })
  return witnessAnswer.encode({ ...said, signature: await identity.signDigest(digest) })
}

/**
 * The share of an asset out of the sealed state, once both other keepers have said that they know of nothing newer. Undefined
 * where there is none.
 *
 * @throws {OperationError} `keeper-silent` where the state is an older one: then this keeper says nothing any more.
 */
export async function restoredShare(
  context: EnclaveContext,
  view: ChainView,
  keepers: Keepers,
  place: Pick<HeldShare, 'asset' | 'shareIndex' | 'commitment' | 'policyDigest'>,
): Promise<HeldShare | undefined> {
  const { lives, sealed, state, unsealed } = context
  const held = unsealed.find(place)
  if (held === undefined) return undefined
  const others = [0, 1, 2].filter((index) => index !== place.shareIndex)
  const witnesses = await Promise.all(
    others.map((index) => askWitness(context, view, keepers, place, index)),
  )
  for (const witness of witnesses) {
    const older = whyOlder(lives.all, witness)
    if (older === undefined) continue
    state.silenceFor(
      `its host started it with a sealed state that is not the newest: ${older}. Give it the newest, or remove it and start again, and the others re-share`,
    )
    unsealed.drop()
  }
  state.requireVoice()
  if (witnesses.some(({ erased }) => erased)) {
    unsealed.drop(place.asset)
    state.erase(place.asset)
    await sealed.save()
    return undefined
  }
  unsealed.forget(place.asset)
  return held
}

async function askWitness(
  context: EnclaveContext,
  view: ChainView,
  keepers: Keepers,
  { asset, shareIndex }: Pick<HeldShare, 'asset' | 'shareIndex'>,
  index: number,
): Promise<Witness> {
  const { config, host } = context
  const own = keepers.operators[shareIndex] ?? zeroAddress
  const operator: Address = keepers.operators[index] ?? zeroAddress
  const nonce: Hex = `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`
  const body = { asset, operator: own.toLowerCase(), nonce }
  const answer = await host.keeper(operator, 'recovery.witness', body)
  const { signature, ...said } = witnessAnswer.parse(answer, 'witness')
  const signed = { ...said, asset, nonce }
  if (!sameHex(said.witness, await signerOf(witnessDigest(config.domain, signed), signature)))
    throw new OperationError(
      'recovery-refused',
      `Cannot use what the keeper of ${operator} says: it is not signed by it`,
    )
  await requireKeeper(context, view, keepers, said.witness, index)
  return signed
}
