import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import type { CommonClaims } from '../claims.ts'
import { measurementOf } from '../identity.ts'
import type { TpmHashName, TpmScheme } from './algorithms.ts'
import type { KeyAttributes } from './attestation-key.ts'
import type { BootClaims } from './boot-claims.ts'
import type { HardwareClaims } from './hardware.ts'
import type { VmConfiguration } from './hcl.ts'
import type { PcrSelection, TpmQuote } from './parse.ts'
import type { PcrValues } from './pcrs.ts'
import type { TpmAlgorithm } from './signature.ts'

/** What an authentic TPM quote says. */
export type TpmClaims = CommonClaims & {
  readonly tee: 'tpm2'
  readonly signature: { readonly scheme: TpmScheme; readonly hash: TpmHashName }
  readonly attestationKey: {
    /** SHA-256 of its SubjectPublicKeyInfo: what a device key anchor names. */
    readonly spkiSha256: string
    /** As whoever sent the key says: the quote does not bear them out. Absent where only the public key was given. */
    readonly attributes?: KeyAttributes
  }
  readonly qualifiedSigner: string
  /** Milliseconds. */
  readonly clock: number
  /** How often the TPM was reset, and resumed since: they change with every start of the machine. */
  readonly resetCount: number
  readonly restartCount: number
  readonly safe: boolean
  readonly firmwareVersion: string
  readonly selection: readonly { readonly bank: TpmHashName; readonly indices: readonly number[] }[]
  readonly pcrDigest: string
  /** Values of the selected PCRs. Absent where not all of them were given. */
  readonly pcrs?: PcrValues
  /** What the event log says. Absent where none was given, or no values to compare it with. */
  readonly boot?: BootClaims
  /** The machine below a vTPM. Absent where nothing is known about it. */
  readonly hardware?: HardwareClaims
  /** What the same report binds beside the key. There only where `hardware` is. */
  readonly vm?: VmConfiguration
}

/** What vouches for a key, and what of the claims comes from that. */
export type Vouched = Pick<
  TpmClaims,
  | 'anchor'
  | 'productLine'
  | 'machineId'
  | 'debug'
  | 'revocation'
  | 'endorsement'
  | 'hardware'
  | 'vm'
  | 'tcbStatus'
  | 'advisoryIds'
  | 'tcbEvaluationDataNumber'
>

/** What is known about a quote once its signature holds. */
export type JudgedQuote = {
  readonly quote: TpmQuote
  readonly algorithm: TpmAlgorithm
  readonly attestationKey: TpmClaims['attestationKey']
  readonly pcrs: PcrValues | undefined
  readonly boot: BootClaims | undefined
}

/** What a quote says. */
export async function readTpmClaims(judged: JudgedQuote, vouched: Vouched): Promise<TpmClaims> {
  const { quote, algorithm, attestationKey, pcrs, boot } = judged
  return {
    tee: 'tpm2',
    format: 'tpm2-quote',
    ...vouched,
    measurement: await tpmMeasurement(quote.selection, quote.pcrDigest),
    reportData: encodeHex(quote.extraData),
    signature: { scheme: algorithm.scheme, hash: algorithm.hash.name },
    attestationKey,
    qualifiedSigner: encodeHex(quote.qualifiedSigner),
    clock: quote.clock,
    resetCount: quote.resetCount,
    restartCount: quote.restartCount,
    safe: quote.safe,
    firmwareVersion: encodeHex(quote.firmwareVersion),
    selection: quote.selection.map(({ bank, indices }) => ({ bank: bank.name, indices })),
    pcrDigest: encodeHex(quote.pcrDigest),
    ...(pcrs && { pcrs }),
    ...(boot && { boot }),
  }
}

/**
 * The one digest of what a TPM measured: SHA-256 of a domain, the selection as text (`sha256:0,1,7;`), a zero byte and
 * the PCR digest, in hexadecimal.
 */
export async function tpmMeasurement(
  selection: readonly PcrSelection[],
  pcrDigest: Bytes,
): Promise<string> {
  const text = selection.map(({ bank, indices }) => `${bank.name}:${indices.join(',')};`).join('')
  return await measurementOf('tpm2', encodeUtf8(`${text}\0`), pcrDigest)
}
