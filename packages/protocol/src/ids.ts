import { canonicalJson, concatBytes, encodeUtf8, parseHex, type Json } from '@cloister/codec'
import {
  concatHex,
  encodeAbiParameters,
  keccak256,
  padHex,
  sha256,
  stringToHex,
  type Address,
  type Hex,
} from 'viem'

const bytes32 = { type: 'bytes32' } as const
const zero = new Uint8Array(1)

/** The identifier of an owner's asset. `root` is the SHA-256 of the sealed object. Spec: docs/protocol.md section 2. */
export function assetId(asset: {
  readonly deployment: Hex
  readonly owner: Address
  readonly root: Hex
  readonly salt: Hex
}): Hex {
  return keccak256(
    encodeAbiParameters(
      [bytes32, bytes32, { type: 'address' }, bytes32, bytes32],
      [typeTag('cloister/asset/1'), asset.deployment, asset.owner, asset.root, asset.salt],
    ),
  )
}

/** The identifier of the task that an order makes. Spec: docs/protocol.md section 2. */
export function taskId(orderDigest: Hex): Hex {
  return keccak256(
    encodeAbiParameters([bytes32, bytes32], [typeTag('cloister/task/1'), orderDigest]),
  )
}

/**
 * The task of one replica of an order. `task` is the order's, which replica 0 has; the others count from 1.
 * Spec: docs/protocol.md section 2.
 */
export function replicaTask(task: Hex, replica: number): Hex {
  if (replica === 0) return task
  return keccak256(
    encodeAbiParameters(
      [bytes32, bytes32, { type: 'uint256' }],
      [typeTag('cloister/replica/1'), task, BigInt(replica)],
    ),
  )
}

/** The identifier of an app: SHA-256 over its manifest in canonical JSON. Spec: docs/protocol.md section 2. */
export function appId(manifest: Json): Hex {
  return sha256(
    concatBytes(encodeUtf8('cloister/app/1'), zero, encodeUtf8(canonicalJson(manifest))),
  )
}

/** The identifier of one chip, for ever. `vendor` is lower-case text such as `intel`. Spec: docs/protocol.md section 2. */
export function machineId(vendor: string, hardwareId: Uint8Array): Hex {
  return sha256(
    concatBytes(encodeUtf8('cloister/machine/1'), zero, encodeUtf8(vendor), zero, hardwareId),
  )
}

/** Registers of a TD, 48 bytes each in hex. */
export type TdxRegisters = {
  readonly mrtd: Hex
  readonly rtmrs: readonly [Hex, Hex, Hex, Hex]
}

/** The measurement of a TD: what grants and policies name. Spec: docs/protocol.md section 2. */
export function tdxMeasurement(registers: TdxRegisters): Hex {
  return sha256(
    concatBytes(
      encodeUtf8('cloister/measurement/tdx/1'),
      zero,
      ...[registers.mrtd, ...registers.rtmrs].map((register, index) => {
        const bytes = parseHex(register, index === 0 ? 'mrtd' : `rtmr${index - 1}`)
        if (bytes.length !== 48)
          throw new RangeError(`Cannot measure a register of ${bytes.length} bytes, expected 48`)
        return bytes
      }),
    ),
  )
}

/** The SHA-256 of an object's bytes, or of a public key's: how both are named. */
export function digestOf(bytes: Uint8Array): Hex {
  return sha256(bytes)
}

/** The hash of a 1,216-byte MLKEM768-X25519 public key. Spec: docs/protocol.md section 2. */
export function keyHash(publicKey: Uint8Array): Hex {
  return sha256(publicKey)
}

/** One hash over the grants of an order, in the order of its assets. Spec: docs/protocol.md section 2. */
export function grantsRoot(grantDigests: readonly Hex[]): Hex {
  return packedHash(grantDigests)
}

/** One hash over the roots of an order's assets, in their order. Spec: docs/protocol.md section 2. */
export function inputsRoot(assetRoots: readonly Hex[]): Hex {
  return packedHash(assetRoots)
}

/** One hash over release digests, sorted by asset position in the order, then share index. Spec: docs/protocol.md section 2. */
export function releasesRoot(releaseDigests: readonly Hex[]): Hex {
  return packedHash(releaseDigests)
}

/** Who keeps an asset's key, and what each must hold: three of each, in the order of the share index. */
export type AssetShares = {
  readonly commitments: readonly [Hex, Hex, Hex]
  readonly operators: readonly [Address, Address, Address]
  readonly threshold: number
}

/** The one word that stands for an asset's shares on chain. Spec: docs/protocol.md section 2. */
export function sharesHash({ commitments, operators, threshold }: AssetShares): Hex {
  return keccak256(
    encodeAbiParameters(
      [{ type: 'bytes32[3]' }, { type: 'address[3]' }, { type: 'uint8' }],
      [commitments, operators, threshold],
    ),
  )
}

/** What makes an attempt's evidence fresh: it names a checkpoint that did not exist before. Spec: docs/protocol.md section 2. */
export function attemptNonce(checkpointDigest: Hex, task: Hex, attempt: number): Hex {
  return keccak256(
    encodeAbiParameters(
      [bytes32, bytes32, { type: 'uint256' }],
      [checkpointDigest, task, BigInt(attempt)],
    ),
  )
}

/** The hash of a committee. Members are sorted ascending first, as every list of members is. Spec: docs/protocol.md section 2. */
export function membersHash(members: readonly Address[]): Hex {
  return keccak256(encodeAbiParameters([{ type: 'address[]' }], [sortAddresses(members)]))
}

/** The hash in a vote over the operators of the keepers that released, one for each release. Spec: docs/protocol.md section 6. */
export function keepersHash(operators: readonly Address[]): Hex {
  // Solidity's abi.encodePacked pads the entries of an array to 32 bytes each.
  return packedHash(sortKeepers(operators).map((operator) => padHex(operator, { size: 32 })))
}

/**
 * The operators of the keepers that released, ascending: one who released several shares stands there as often, and is paid as
 * often. Spec: docs/protocol.md section 6.
 */
export function sortKeepers(operators: readonly Address[]): readonly Address[] {
  return operators.toSorted((a, b) => compareHex(a, b))
}

/** Addresses ascending, without repeats: how every list of members and signers stands. */
export function sortAddresses(addresses: readonly Address[]): readonly Address[] {
  return addresses
    .toSorted((a, b) => compareHex(a, b))
    .filter((address, index, sorted) => index === 0 || !sameHex(address, sorted[index - 1]))
}

/** Whether two hexadecimal texts are the same bytes, whatever the case of their letters. */
export function sameHex(a: string, b: string | undefined): boolean {
  return b !== undefined && a.toLowerCase() === b.toLowerCase()
}

/** Orders two hexadecimal texts of equal length as numbers. */
export function compareHex(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()]
  return left < right ? -1 : left > right ? 1 : 0
}

/** 32 zero bytes: what stands where there is nothing to name. */
export const zeroHash: Hex = `0x${'00'.repeat(32)}`

function typeTag(text: string): Hex {
  return keccak256(stringToHex(text))
}

function packedHash(words: readonly Hex[]): Hex {
  return keccak256(concatHex(words))
}
