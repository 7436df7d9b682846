import type { IntelCollateral } from '@cloister/attest'
import { encodeHex, encodeUtf8, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import type { Authority, CertifiedIssuer, PckCa } from './authority.ts'
import { toPem, type Validity } from './certificate.ts'
import { issueRevocationList } from './revocation-list.ts'
import {
  emulatorFmspc,
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
  /** 6 bytes: of which family TCB info is. Default: the emulator's own. */
  readonly fmspc?: Bytes
  /** Of which technology the QE identity is, where it is the wrong one. */
  readonly qeIdentityOf?: IntelTee
  /** When single parts are valid, where not as all others. */
  readonly validity?: Partial<Record<CollateralPart, Partial<Validity>>>
}

/** What has a beginning and an end of its own: documents, lists, and the certificates of their issuers. */
export type CollateralPart =
  | 'tcbInfo'
  | 'qeIdentity'
  | 'rootCaCrl'
  | 'pckCrl'
  | 'pckCa'
  | 'tcbSigner'
  | 'root'

/** How long TCB info, QE identity and CRLs are valid. */
export const collateralLifetimeSeconds = 30 * 24 * 3600

/** A certificate that its issuer has taken back. */
export type Revoked = { readonly by: PckCa | 'root'; readonly serial: Bytes }

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
  revoked: readonly Revoked[],
): IntelCollateral {
  const { tee = 'tdx', ca = 'platform', fmspc = emulatorFmspc, validity = {} } = options
  const dates = datesOf(issuedAt, options)
  const datesOfPart = (part: CollateralPart): DocumentDates => ({
    ...dates,
    validity: { ...dates.validity, ...validity[part] },
  })
  const listBy = (by: PckCa | 'root', part: CollateralPart, issuer: CertifiedIssuer): string => {
    const { notBefore, notAfter } = datesOfPart(part).validity
    const content = {
      thisUpdate: notBefore,
      nextUpdate: notAfter,
      crlNumber: options.crlNumber ?? 1,
      revokedSerials: revoked.filter((each) => each.by === by).map(({ serial }) => serial),
    }
    return encodeHex(issueRevocationList(content, issuer))
  }
  const root = authority.certify('root', validity.root)
  const issuer = authority.certify(`${ca}Ca`, validity.pckCa)
  const signer = authority.certify('tcbSigner', validity.tcbSigner)
  const sign = (text: string): SignedDocument => signText(text, signer, root)
  const tcbInfo = sign(tcbInfoText(tee, fmspc, datesOfPart('tcbInfo')))
  const qeIdentity = sign(qeIdentityText(options.qeIdentityOf ?? tee, datesOfPart('qeIdentity')))
  return {
    tcbInfo: tcbInfo.text,
    tcbInfoSignature: tcbInfo.signature,
    tcbInfoIssuerChain: tcbInfo.issuerChain,
    qeIdentity: qeIdentity.text,
    qeIdentitySignature: qeIdentity.signature,
    qeIdentityIssuerChain: qeIdentity.issuerChain,
    rootCaCrl: listBy('root', 'rootCaCrl', root),
    pckCrl: listBy(ca, 'pckCrl', issuer),
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
  return signText(text, tcbSigner, root)
}

function signText(text: string, signer: CertifiedIssuer, root: CertifiedIssuer): SignedDocument {
  return {
    text,
    signature: encodeHex(signer.key.signRaw(encodeUtf8(text))),
    issuerChain: toPem(signer.der, root.der),
  }
}

function datesOf(issuedAt: UnixSeconds, options: CollateralOptions): DocumentDates {
  const [current, early = current] = evaluationNumbers(options)
  const recovered = options.update === 'early' && early > current
  return {
    validity: { notBefore: issuedAt, notAfter: unixSeconds(issuedAt + collateralLifetimeSeconds) },
    tcbEvaluationDataNumber: recovered ? early : current,
    recovered,
  }
}
