import { concatBytes, type Bytes } from '@cloister/codec'
import { bigEndian, tpm2b } from './big-endian.ts'
import { tpmHashes, type TpmHashName } from './hashes.ts'

/** Which PCRs a quote speaks of: indices by bank. */
export type Selection = Partial<Readonly<Record<TpmHashName, readonly number[]>>>

/** What a TPM puts into each of its quotes. */
export type TpmState = {
  readonly qualifiedSigner: Bytes
  readonly clock: bigint
  readonly resetCount: number
  readonly restartCount: number
  /** Whether the clock was never set back. */
  readonly safe: boolean
  /** 8 bytes. */
  readonly firmwareVersion: Bytes
}

/** Writes TPMS_ATTEST of a quote. Spec: TCG TPM 2.0 library, part 2, 10.12.8. */
export function writeQuote(
  state: TpmState,
  nonce: Bytes,
  selection: Selection,
  pcrDigest: Bytes,
): Bytes {
  const banks = banksOf(selection)
  return concatBytes(
    bigEndian(0xff544347, 4), // TPM_GENERATED_VALUE
    bigEndian(0x8018, 2), // TPM_ST_ATTEST_QUOTE
    tpm2b(state.qualifiedSigner),
    tpm2b(nonce),
    bigEndian(state.clock, 8),
    bigEndian(state.resetCount, 4),
    bigEndian(state.restartCount, 4),
    Uint8Array.of(state.safe ? 1 : 0),
    state.firmwareVersion,
    bigEndian(banks.length, 4),
    ...banks.map(([bank, indices]) =>
      concatBytes(bigEndian(tpmHashes[bank].id, 2), Uint8Array.of(3), bitField(indices)),
    ),
    tpm2b(pcrDigest),
  )
}

/** Banks of a selection, in the order in which a TPM takes them. */
export function banksOf(
  selection: Selection,
): readonly (readonly [TpmHashName, readonly number[]])[] {
  const banks = ['sha1', 'sha256', 'sha384', 'sha512'] as const
  return banks.flatMap((bank) => {
    const indices = selection[bank]
    return indices === undefined ? [] : [[bank, indices.toSorted((a, b) => a - b)] as const]
  })
}

function bitField(indices: readonly number[]): Bytes {
  const bits = new Uint8Array(3)
  for (const index of indices) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7))
  return bits
}
