import type { IntelCollateral } from '@cloister/attest'
import { encodeHex, encodeUtf8, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import type { Authority, PckCa } from './authority.ts'
import { toPem } from './certificate.ts'
import { issueRevocationList } from './revocation-list.ts'
import {
  evaluationNumbersText,
  qeIdentityText,
  tcbInfoText,
  type DocumentDates,
  type IntelTee,
} from './tcb-documents.ts'

/** What can be chosen about a set of collateral. */
export type CollateralOptions = {
  /** When it is issued; it is valid for 30 days from then. */
  readonly issuedAt?: UnixSeconds
  /** Rises with each TCB recovery. */
  readonly tcbEvaluationDataNumber?: number
  /**
   * The number of a recovery that is announced and not in force: what `update: 'early'` gives. Its levels call for
   * newer microcode than any machine has. None where nothing is said.
   */
  readonly earlyTcbEvaluationDataNumber?: number
  /** `early` gives what will be in force after the announced recovery. Default: `standard`. */
  readonly update?: 'early' | 'standard'
  readonly crlNumber?: number
  /** Whose list of revoked PCK certificates is asked for. Default: the Platform CA's. */
  readonly ca?: PckCa
  /** Of which technology TCB info and QE identity are. Default: TDX. */
  readonly tee?: IntelTee
}

/** How long TCB info, QE identity and CRLs are valid. */
export const collateralLifetimeSeconds = 30 * 24 * 3600

/** A PCK certificate that its authority has taken back. */
export type RevokedPck = { readonly ca: PckCa; readonly serial: Bytes }

/** A signed document as Intel's services send it: the exact text, its signature, and who signed it. */
export type SignedDocument = {
  readonly text: string
  readonly signature: string
  /** PEM: the signer, then the root. */
  readonly issuerChain: string
}

/** The evaluation number in force, and that of an announced recovery if there is one. */
export function evaluationNumbers(options: CollateralOptions): readonly [number, ...number[]] {
  const current = options.tcbEvaluationDataNumber ?? 18
  const { earlyTcbEvaluationDataNumber: early } = options
  return early === undefined || early <= current ? [current] : [current, early]
}

/** Issues a complete set of collateral. */
export function issueCollateral(
  authority: Authority,
  issuedAt: UnixSeconds,
  options: CollateralOptions,
  revoked: readonly RevokedPck[],
): IntelCollateral {
  const { root } = authority
  const tee = options.tee ?? 'tdx'
  const dates = datesOf(issuedAt, options)
  const ca = options.ca ?? 'platform'
  const issuer = ca === 'processor' ? authority.processorCa : authority.platformCa
  const { nextUpdate } = dates
  const list = { thisUpdate: issuedAt, nextUpdate, crlNumber: options.crlNumber ?? 1 }
  const revokedSerials = revoked.filter((each) => each.ca === ca).map(({ serial }) => serial)
  const tcbInfo = signDocument(authority, tcbInfoText(tee, dates))
  const qeIdentity = signDocument(authority, qeIdentityText(tee, dates))
  return {
    tcbInfo: tcbInfo.text,
    tcbInfoSignature: tcbInfo.signature,
    tcbInfoIssuerChain: tcbInfo.issuerChain,
    qeIdentity: qeIdentity.text,
    qeIdentitySignature: qeIdentity.signature,
    qeIdentityIssuerChain: qeIdentity.issuerChain,
    rootCaCrl: encodeHex(issueRevocationList({ ...list, revokedSerials: [] }, root)),
    pckCrl: encodeHex(issueRevocationList({ ...list, revokedSerials }, issuer)),
    pckCrlIssuerChain: toPem(issuer.der, root.der),
  }
}

/** Issues the list of evaluation numbers that TCB info can be asked for by. */
export function issueEvaluationNumbers(
  authority: Authority,
  issuedAt: UnixSeconds,
  options: CollateralOptions,
): SignedDocument {
  const dates = datesOf(issuedAt, options)
  const numbers = evaluationNumbers(options).toReversed()
  return signDocument(authority, evaluationNumbersText(options.tee ?? 'tdx', dates, numbers))
}

/** Signs a text, whatever it says, as TCB info and QE identities are signed. */
export function signDocument({ tcbSigner, root }: Authority, text: string): SignedDocument {
  return {
    text,
    signature: encodeHex(tcbSigner.key.signRaw(encodeUtf8(text))),
    issuerChain: toPem(tcbSigner.der, root.der),
  }
}

function datesOf(issuedAt: UnixSeconds, options: CollateralOptions): DocumentDates {
  const [current, early = current] = evaluationNumbers(options)
  const recovered = options.update === 'early' && early > current
  return {
    issuedAt,
    nextUpdate: unixSeconds(issuedAt + collateralLifetimeSeconds),
    tcbEvaluationDataNumber: recovered ? early : current,
    recovered,
  }
}
