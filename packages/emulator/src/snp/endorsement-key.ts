import type { ProductLine, SnpTcb } from '@cloister/attest'
import { encodeDer, encodeUtf8, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { distinguishedName, extension, subjectPublicKeyInfo, type Issuer } from '../certificate.ts'
import { bitString, explicit, integer, sequence, unsignedInteger, utcTime } from '../der.ts'
import type { CertificateKey } from '../signing-key.ts'

/** What a VCEK or VLEK certifies besides its key. */
export type EndorsementContent = {
  readonly kind: 'VCEK' | 'VLEK'
  readonly line: ProductLine
  /** As the extension has it. */
  readonly productName: string
  readonly tcb: SnpTcb
  /** VCEK: 64 bytes, 8 on Turin. */
  readonly hardwareId: Bytes
  /** VLEK: the cloud provider. */
  readonly cspId: string
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
}

/** Seven years of a VCEK, one year of a VLEK. */
export function endorsementEnd(kind: 'VCEK' | 'VLEK', start: UnixSeconds): UnixSeconds {
  const date = new Date(start * 1000)
  date.setUTCFullYear(date.getUTCFullYear() + (kind === 'VCEK' ? 7 : 1))
  return unixSeconds(date.getTime() / 1000)
}

/**
 * Issues the certificate of an endorsement key: serial number 0, and no extensions but AMD's, in AMD's order.
 *
 * Spec: AMD VCEK certificate and KDS interface specification 57230, table of the extensions.
 */
export function issueEndorsement(
  content: EndorsementContent,
  key: CertificateKey,
  issuer: Issuer,
): Bytes {
  const { signatureAlgorithm } = issuer.key
  const tbs = sequence(
    explicit(0, integer(2)),
    unsignedInteger(Uint8Array.of(0)),
    signatureAlgorithm,
    distinguishedName(issuer.name),
    sequence(utcTime(content.notBefore), utcTime(content.notAfter)),
    distinguishedName(`SEV-${content.kind}`),
    subjectPublicKeyInfo(key),
    explicit(3, sequence(...extensions(content))),
  )
  return sequence(tbs, signatureAlgorithm, bitString(issuer.key.signDer(tbs)))
}

const amd = '1.3.6.1.4.1.3704.1'

function extensions(content: EndorsementContent): readonly Bytes[] {
  const { kind, line, productName, tcb } = content
  const svn = (last: number, value: number): Bytes =>
    extension(`${amd}.3.${last}`, false, integer(value))
  const { bootLoader, tee, snp, microcode } = tcb
  const svns =
    line === 'Turin'
      ? [svn(9, tcb.fmc ?? 0), svn(1, bootLoader), svn(2, tee), svn(3, snp), svn(5, 0), svn(6, 0)]
      : [svn(1, bootLoader), svn(2, tee), svn(4, 0), svn(5, 0), svn(6, 0)]
  return [
    extension(`${amd}.1`, false, integer(line === 'Turin' ? 1 : 0)),
    extension(`${amd}.2`, false, ia5(productName)),
    ...svns,
    svn(7, 0),
    ...(line === 'Turin' ? [] : [svn(3, snp)]),
    svn(8, microcode),
    // The bytes themselves, with no type of their own.
    kind === 'VCEK'
      ? extension(`${amd}.4`, false, content.hardwareId)
      : extension(`${amd}.5`, false, ia5(content.cspId)),
  ]
}

/** IA5String. */
function ia5(text: string): Bytes {
  return encodeDer(0x16, encodeUtf8(text))
}
