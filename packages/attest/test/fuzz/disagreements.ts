import type { Appraisal, SgxClaims, TdxClaims } from '@cloister/attest'
import type { Bytes } from '@cloister/codec'
import type { Base } from './case.ts'
import { qeAuthenticationBytes } from './layouts.ts'
import type { ThirdParty } from './third-party.ts'

/** A way in which `@phala/dcap-qvl` 0.3.9 and this package differ, and which of them has the specification's word. */
export type Disagreement = {
  readonly name: string
  readonly why: string
  readonly fits: (ours: Appraisal, theirs: ThirdParty, given: Base) => boolean
}

type Quoted = SgxClaims | TdxClaims

/** This package finds the quote authentic, with claims that `holds` is true of; the other refuses it so. */
function onlyWeAccept(
  message: RegExp,
  holds: (claims: Quoted) => boolean = () => true,
): Disagreement['fits'] {
  return (ours, theirs) =>
    ours.authentic === true &&
    !theirs.accepts &&
    (ours.claims.tee === 'sgx' || ours.claims.tee === 'tdx') &&
    message.test(theirs.message) &&
    holds(ours.claims)
}

/** This package refuses the quote for this reason; the other accepts it. */
function onlyTheyAccept(rejects: readonly string[], where: RegExp = /./): Disagreement['fits'] {
  return (ours, theirs) =>
    ours.authentic === false &&
    theirs.accepts &&
    rejects.includes(ours.reject) &&
    where.test(ours.where)
}

/** Both accept it, with statuses that these are. */
function statuses(holds: (ours: Quoted, theirs: string) => boolean): Disagreement['fits'] {
  return (ours, theirs) =>
    ours.authentic === true &&
    theirs.accepts &&
    (ours.claims.tee === 'sgx' || ours.claims.tee === 'tdx') &&
    ours.claims.tcbStatus !== theirs.status &&
    holds(ours.claims, theirs.status)
}

/** Every class of disagreement that is known. docs/fuzzing.md says the same at length. */
export const disagreements: readonly Disagreement[] = [
  {
    name: 'debug-is-a-claim',
    why: 'authentic evidence of a debug enclave or TD: here a claim and a reason, there a refusal',
    fits: onlyWeAccept(/^Debug mode is enabled$/, ({ debug }) => debug),
  },
  {
    name: 'reserved-debug-bits-are-a-claim',
    why: 'bits 1 to 7 of the TD attributes, reserved beside DEBUG: here reserved bits and a reason, there debugging',
    fits: onlyWeAccept(
      /^Debug mode is enabled$/,
      (claims) =>
        claims.tee === 'tdx' && Number.parseInt(claims.tdAttributes.raw.slice(0, 2), 16) > 1,
    ),
  },
  {
    name: 'sept-ve-is-a-claim',
    why: 'a TD without SEPT_VE_DISABLE, as genuine ones of Azure: here a reason, there a refusal',
    fits: onlyWeAccept(
      /^SEPT_VE_DISABLE is not enabled$/,
      (claims) => claims.tee === 'tdx' && !claims.tdAttributes.septVeDisable,
    ),
  },
  {
    name: 'reserved-attributes-are-a-claim',
    why: 'TD attributes that have no name there (PKS, KL, MIGRATABLE, PERFMON, others): here claims and reasons',
    fits: onlyWeAccept(/^Reserved bits in TD attributes are set$/, ({ tee }) => tee === 'tdx'),
  },
  {
    name: 'service-td-is-a-claim',
    why: 'MRSERVICETD is not zero, as in genuine quotes of Alibaba: here a reason, there a refusal',
    fits: onlyWeAccept(
      /^Invalid mr service td$/,
      (claims) => claims.tee === 'tdx' && /[1-9a-f]/.test(claims.mrServiceTd ?? ''),
    ),
  },
  {
    name: 'revoked-tcb-is-a-status',
    why: 'the TCB level is revoked: here the status of authentic evidence that no policy can allow, there a refusal',
    fits: onlyWeAccept(
      /^TCB status is invalid: Revoked$/,
      ({ tcbStatus }) => tcbStatus === 'Revoked',
    ),
  },
  {
    name: 'sgx-quotes-of-version-4-and-5',
    why: "Intel's library signs and verifies them; the other knows SGX in version 3 only",
    fits: onlyWeAccept(
      /^SGX TEE quote must have version 3$|^Failed to decode quote$/,
      ({ tee, quoteVersion }) => tee === 'sgx' && quoteVersion > 3,
    ),
  },
  {
    name: 'levels-are-not-sorted',
    why: 'TCB levels in another order than the best first: Intel sorts them, the other takes the first that fits',
    fits: (ours, theirs, given) =>
      !levelsAreSorted(given) &&
      (onlyWeAccept(/^TCB status is invalid: Revoked$/)(ours, theirs, given) ||
        statuses(() => true)(ours, theirs, given)),
  },
  {
    name: 'module-components-compared-twice',
    why: 'from SVN[1] > 0 on, Intel compares TDX components from index 2 and the module by its own identity; the other compares all 16, so that it finds a lower level or none',
    fits: (ours, theirs, given) =>
      onlyWeAccept(
        /^No matching TCB level found$|^TCB status is invalid: Revoked$/,
        (claims) => isModular(claims) && claims.tcbStatus !== 'Revoked',
      )(ours, theirs, given) ||
      statuses((claims, theirStatus) => isModular(claims) && isBehind(theirStatus))(
        ours,
        theirs,
        given,
      ),
  },
  {
    name: 'tcb-info-of-version-2',
    why: 'TCB info of version 2, which Intel gave out for SGX before version 3: the other has no such',
    fits: onlyWeAccept(/^Failed to decode TcbInfo$/, ({ tee }) => tee === 'sgx'),
  },
  {
    name: 'hexadecimal-is-read-loosely',
    why: 'what follows the signature of a document in hexadecimal: the other cuts it off',
    fits: onlyTheyAccept(
      ['TCB_INFO_SIGNATURE', 'QE_IDENTITY_SIGNATURE'],
      /^Cannot read .* signature/,
    ),
  },
  {
    name: 'quoting-enclave-below-every-level',
    why: "SVN of the quoting enclave below all levels of its identity: here Intel's TCB_NOT_SUPPORTED",
    fits: onlyTheyAccept(['TCB_NOT_SUPPORTED']),
  },
  {
    name: 'authentication-data-of-another-length',
    why: 'QE authentication data of other than 32 bytes: the other hashes 32 whatever their size',
    fits: (ours, theirs, given) =>
      onlyWeAccept(/^QE report hash mismatch$/)(ours, theirs, given) &&
      qeAuthenticationBytes(quoteOf(given)) !== 32,
  },
  {
    name: 'revocation-lists-are-not-checked',
    why: 'a list that is forged, garbled, out of date, of another issuer or absent: the other looks for serial numbers in what it can read, and takes the rest for empty',
    fits: onlyTheyAccept(['CRL_INVALID_OR_EXPIRED', 'CRL_MISSING', 'CERT_REVOKED']),
  },
  {
    name: 'list-issuer-chain-is-not-read',
    why: 'the chain of the PCK revocation list is broken: the other never reads it',
    fits: onlyTheyAccept(
      [
        'CHAIN_INVALID',
        'CHAIN_SIGNATURE',
        'UNTRUSTED_ROOT',
        'CERT_EXPIRED_OR_NOT_YET_VALID',
        'PARSE',
        'COLLATERAL_MISSING',
        'CERT_MISMATCH',
      ],
      /CRL/,
    ),
  },
  {
    name: 'certificates-are-read-loosely',
    why: 'names, CA flags, key usage, unknown critical extensions, the order and number of certificates: unchecked there',
    fits: onlyTheyAccept(['CHAIN_INVALID']),
  },
  {
    name: 'self-signature-and-root-of-chains',
    why: 'the root in the chain is another one, or its own signature is broken: the other looks only at the root it was given',
    fits: onlyTheyAccept(['UNTRUSTED_ROOT', 'CHAIN_SIGNATURE']),
  },
  {
    name: 'quote-is-read-loosely',
    why: 'bytes after the quote that are not zero, sizes that do not fit, PEM with text around its blocks: unchecked there',
    fits: onlyTheyAccept(['PARSE']),
  },
  {
    name: 'vendor-of-the-quoting-enclave',
    why: "QE vendor id other than Intel's, or another field of the header: unchecked there (its issue #127)",
    fits: onlyTheyAccept(['UNSUPPORTED_FORMAT']),
  },
  {
    name: 'module-identity-is-not-checked',
    why: 'MRSIGNERSEAM or SEAMATTRIBUTES of a module that Intel does not name: unchecked there',
    fits: onlyTheyAccept(['TDX_MODULE_MISMATCH']),
  },
  {
    name: 'quoting-enclave-report-data',
    why: 'the second half of the QE report data is not zero, or the authentication data are cut: unchecked there',
    fits: onlyTheyAccept(['QE_REPORT_DATA']),
  },
  {
    name: 'identity-is-masked',
    why: "attributes or MISCSELECT of a QE identity with a bit outside their own mask: Intel's library masks the report alone, so that nothing can be equal to them",
    fits: onlyTheyAccept(['QE_IDENTITY_MISMATCH'], /^(?:ATTRIBUTES|MISCSELECT): /),
  },
  {
    name: 'documents-are-read-loosely',
    why: 'TCB info or QE identity without a member, with another version, type or PCE id: unchecked there',
    fits: onlyTheyAccept(['TCB_INFO_UNSUPPORTED', 'QE_IDENTITY_UNSUPPORTED', 'TCB_INFO_MISMATCH']),
  },
  {
    name: 'relaunch-is-not-advised',
    why: 'TDRelaunchAdvised from TEE_TCB_SVN_2 of version 5: the other has no such status',
    fits: statuses(({ tcbStatus }) => tcbStatus?.startsWith('TDRelaunchAdvised') === true),
  },
  {
    name: 'statuses-converge-otherwise',
    why: "module and quoting enclave join the platform by Intel's table, where the other takes the worse of two and knows no module",
    fits: statuses(
      (claims) =>
        claims.qeTcbStatus !== 'UpToDate' ||
        (claims.tee === 'tdx' && (claims.tdxModule?.tcbStatus ?? 'UpToDate') !== 'UpToDate'),
    ),
  },
]

function isModular(claims: Quoted): boolean {
  return claims.tee === 'tdx' && Number.parseInt(claims.teeTcbSvn.slice(2, 4), 16) > 0
}

function isBehind(status: string): boolean {
  return /OutOfDate|Revoked/.test(status)
}

function quoteOf({ evidence }: Base): Bytes {
  return 'quote' in evidence ? evidence.quote : new Uint8Array(0)
}

/** Whether no TCB level stands before one that is at least as good in everything, and better in something. */
function levelsAreSorted({ given: { collateral } }: Base): boolean {
  const text = collateral === 'none' ? undefined : collateral.intel?.tcbInfo
  const levels: readonly Level[] = JSON.parse(text ?? '{}').tcbLevels ?? []
  const vectors = levels.map(({ tcb }) => [
    tcb.pcesvn,
    ...[...(tcb.sgxtcbcomponents ?? []), ...(tcb.tdxtcbcomponents ?? [])].map(({ svn }) => svn),
  ])
  return vectors.every((worse, at) =>
    vectors.slice(at + 1).every((later) => {
      const isAtLeast = later.every((svn, index) => svn >= (worse[index] ?? 0))
      return !isAtLeast || later.every((svn, index) => svn === worse[index])
    }),
  )
}

type Level = {
  readonly tcb: {
    readonly pcesvn: number
    readonly sgxtcbcomponents?: readonly { readonly svn: number }[]
    readonly tdxtcbcomponents?: readonly { readonly svn: number }[]
  }
}
