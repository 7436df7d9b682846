import {
  canonicalJson,
  encodeUtf8,
  MalformedError,
  OperationError,
  parseHex,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'
import {
  addressField,
  bytes32Field,
  decimalField,
  hexBetween,
  hexField,
  integerField,
  limits,
  listField,
  objectField,
  oneOf,
  parseField,
  type FieldValue,
} from '@cloister/protocol'
import { open, seal, shareBytes } from '@cloister/seal'
import { bytesToHex, type Address, type Hex } from 'viem'

import type { EnclaveConfig } from '../config.ts'
import type { HostCalls } from '../host-calls.ts'
import { sealingKey, type SealingDriver } from '../sealing-driver.ts'
import type { EarlierLives } from './earlier-lives.ts'
import type { KeeperState } from './keeper-state.ts'
import type { ReleaseLog } from './release-log.ts'
import type { SeenRecords } from './seen-records.ts'
import type { HeldShare, ShareStore } from './share-store.ts'
import type { UnsealedShares } from './unsealed.ts'

const sharesMax = 1_500
const rememberedMax = 500
const sealedBytesMax = 1 << 20

const snapshotField = objectField({
  format: oneOf('cloister-sealed-state/1'),
  deployment: bytes32Field,
  measurement: bytes32Field,
  counter: decimalField(64),
  /** This start of the keeper, and those before it that it knows of. */
  lives: listField(
    objectField({
      keeper: addressField,
      sequence: decimalField(64),
      records: listField(bytes32Field, 256),
    }),
    32,
  ),
  seen: listField(
    objectField({
      operator: addressField,
      keeper: addressField,
      sequence: decimalField(64),
      digest: bytes32Field,
      time: decimalField(64),
    }),
    rememberedMax,
  ),
  shares: listField(
    objectField({
      asset: bytes32Field,
      shareIndex: integerField(0, 2),
      commitment: bytes32Field,
      policyDigest: bytes32Field,
      share: hexField(shareBytes),
      xs: hexBetween(0, 3),
    }),
    sharesMax,
  ),
  pins: listField(
    objectField({
      task: bytes32Field,
      attempt: integerField(1, 0xffff_ffff),
      quoteDigest: bytes32Field,
      assets: listField(bytes32Field, 64),
      released: listField(bytes32Field, 64),
    }),
    rememberedMax,
  ),
  uses: listField(
    objectField({
      asset: bytes32Field,
      grant: bytes32Field,
      tasks: listField(bytes32Field, 10_000),
    }),
    rememberedMax,
  ),
  erased: listField(bytes32Field, rememberedMax),
})

/** What a keeper had in memory when it was sealed. */
export type Snapshot = FieldValue<typeof snapshotField>

type Parts = {
  readonly config: Pick<EnclaveConfig, 'deployment'>
  readonly identity: { readonly receiptKey: Address; readonly measurement: Hex }
  readonly host: HostCalls
  readonly shares: ShareStore
  readonly state: KeeperState
  readonly seen: SeenRecords
  readonly log: ReleaseLog
  readonly lives: EarlierLives
  readonly unsealed: UnsealedShares
}

/**
 * What a keeper knows, sealed to its machine and measurement and kept by its host: where the TEE can seal, shares outlive the
 * process. Sealing says nothing about age, so nothing that is opened counts before other keepers were asked what they have
 * seen (see restore-state.ts).
 */
export class SealedState {
  readonly #parts: Parts
  readonly #driver: SealingDriver | undefined
  #counter = 0n
  /** Written, one after the other: an older state must never come to lie over a newer. */
  #last: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  constructor(driver: SealingDriver | undefined, parts: Parts) {
    this.#driver = driver
    this.#parts = parts
  }

  /** Whether this TEE seals at all. */
  get isPossible(): boolean {
    return this.#driver !== undefined
  }

  /**
   * Returns once all that is known now is sealed and on the host's disk. Calls that come while one is written share the next.
   *
   * @throws {OperationError} where the host or the TEE fails: then nothing may be released.
   */
  save(): Promise<void> {
    if (this.#driver === undefined) return Promise.resolve()
    if (this.#next !== undefined) return this.#next
    const written = this.#last.then(() => {
      this.#next = undefined // What changes from now on is in the one after.
      return this.#write()
    })
    this.#next = written
    this.#last = written.catch(() => undefined)
    return written
  }

  async #write(): Promise<void> {
    const { config, host } = this.#parts
    if (this.#driver === undefined) return
    this.#counter += 1n
    const counter = this.#counter
    const plain = encodeUtf8(canonicalJson(snapshotField.encode(this.#snapshot(counter))))
    const key = await sealingKey(this.#driver, parseHex(config.deployment, 'deployment'))
    try {
      await host.keepSealed(counter, await seal(key, contextOf(config.deployment), plain))
    } finally {
      key.fill(0)
      plain.fill(0)
    }
  }

  /**
   * Opens what the host shows. Undefined where there is nothing.
   *
   * @throws {OperationError} `sealed-unreadable` where it was sealed by another machine or measurement, or changed.
   */
  async read(): Promise<Snapshot | undefined> {
    const { config, host } = this.#parts
    if (this.#driver === undefined) return undefined
    const sealed = await host.sealed()
    if (sealed === undefined) return undefined
    if (sealed.length > sealedBytesMax) throw unreadable(`it has ${sealed.length} bytes`)
    const key = await sealingKey(this.#driver, parseHex(config.deployment, 'deployment'))
    let plain: Bytes | undefined
    try {
      plain = await open(key, contextOf(config.deployment), sealed)
      const limit = { charactersMax: 2 * sealedBytesMax, depthMax: limits.jsonDepthMax }
      return parseField(snapshotField, parseUtf8(plain, 'state'), 'state', limit)
    } catch (cause) {
      if (cause instanceof OperationError || cause instanceof MalformedError)
        throw unreadable('it was sealed elsewhere, by another measurement, or changed', cause)
      throw cause
    } finally {
      key.fill(0)
      plain?.fill(0)
    }
  }

  #snapshot(counter: bigint): Snapshot {
    const { config, identity, shares, state, seen, log, lives, unsealed } = this.#parts
    const held = [...unsealed.waiting, ...shares.proven(sharesMax)]
      .filter(({ asset }) => !state.isErased(asset))
      .slice(-sharesMax)
    const memory = state.memory(rememberedMax)
    const tooMany = memory.uses.flatMap(({ tasks }) => tasks).length > 5_000
    return {
      format: 'cloister-sealed-state/1',
      deployment: config.deployment,
      measurement: identity.measurement,
      counter,
      lives: [
        ...lives.all,
        { keeper: identity.receiptKey, sequence: log.sequence, records: log.newest },
      ],
      seen: seen.heads(rememberedMax),
      shares: held.map(shareToJson),
      pins: memory.pins,
      // The chain counts uses too: a state that would not fit leaves them to it.
      uses: tooMany ? [] : memory.uses,
      erased: memory.erased,
    }
  }
}

/** A share out of a sealed state. */
export function heldShare(sealed: Snapshot['shares'][number]): HeldShare {
  const { share, xs, ...place } = sealed
  return { ...place, share: parseHex(share, 'share'), xs: parseHex(xs, 'xs') }
}

function shareToJson({ share, xs, ...place }: HeldShare): Snapshot['shares'][number] {
  return { ...place, share: bytesToHex(share), xs: bytesToHex(xs) }
}

function contextOf(deployment: Hex): Bytes {
  return encodeUtf8(`cloister/sealed-state/1\0${deployment}`)
}

function unreadable(detail: string, cause?: unknown): OperationError {
  return new OperationError(
    'sealed-unreadable',
    `Cannot open this keeper's sealed state: ${detail}; its shares come back from the other keepers`,
    { cause },
  )
}
