import { DerReader, encodeHex, MalformedError, parseUtf8, type Bytes } from '@cloister/codec'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { VerifiedChain } from './chain.ts'
import type { SnpReport } from './parse.ts'
import { productLineOfCpu, productLineOfName } from './product.ts'
import { tcbLayouts } from './tcb.ts'

/** What a VCEK or VLEK certifies besides its key. */
export type Endorsement = {
  /** As it stands there: `Milan-B0`, `Genoa`. */
  readonly productName: string
  /** VLEK: the cloud provider. */
  readonly cspId?: string
}

/** AMD's extensions. Spec: 57230, table of the extensions. */
const extension = {
  productName: '1.3.6.1.4.1.3704.1.2',
  /** Then the number of a TCB component. */
  svn: '1.3.6.1.4.1.3704.1.3',
  hardwareId: '1.3.6.1.4.1.3704.1.4',
  cspId: '1.3.6.1.4.1.3704.1.5',
} as const

/** IA5String. */
const ia5 = 0x16

/** Bytes of a hardware id: the first of CHIP_ID. The rest of that is zero on Turin. */
const hardwareIdBytes = { Milan: 64, Genoa: 64, Turin: 8 } as const

/**
 * Checks that a certificate is the one of the chip and the TCB that a report speaks of, and says what else it certifies.
 *
 * Spec: 57230, table of the extensions; 56860, fields SIGNING_KEY, REPORTED_TCB, CHIP_ID and CPUID.
 *
 * @throws {Refusal} CERT_MISMATCH saying which.
 */
export function matchEndorsement(report: SnpReport, chain: VerifiedChain): Endorsement {
  const { kind, leaf, line } = chain
  refuseUnless(
    report.signingKey === kind || report.signingKey === 'none',
    'CERT_MISMATCH',
    () => `signing key: the report says ${report.signingKey}, the certificate is a ${kind}`,
  )
  const productName = malformedAs('CERT_MISMATCH', () =>
    readText(leaf, extension.productName, 'product name'),
  )
  refuseUnless(
    productLineOfName(productName) === line,
    'CERT_MISMATCH',
    () => `product: the ${kind} says ${JSON.stringify(productName)}, its root is of ${line}`,
  )
  const { cpuid } = report
  if (cpuid !== undefined) {
    const ofCpu = productLineOfCpu(cpuid)
    refuseUnless(
      ofCpu === line,
      'CERT_MISMATCH',
      () => `product: the report's CPUID says ${ofCpu ?? 'none that is known'}, the root ${line}`,
    )
  }
  matchTcb(report, chain)
  if (kind === 'VCEK') {
    matchHardwareId(report, chain)
    return { productName }
  }
  refuseUnless(
    !leaf.extensions.values.has(extension.hardwareId),
    'CERT_MISMATCH',
    'hardware id: a VLEK has none',
  )
  const cspId = malformedAs('CERT_MISMATCH', () => readText(leaf, extension.cspId, 'CSP id'))
  return { productName, cspId }
}

/** Every byte of the reported TCB, the reserved ones too, has an extension. */
function matchTcb({ reportedTcb }: SnpReport, { leaf, line, kind }: VerifiedChain): void {
  for (const [index, byte] of tcbLayouts[line].entries()) {
    const name = byte.component ?? `reserved ${byte.extension}`
    const certified = malformedAs('CERT_MISMATCH', () => {
      const r = new DerReader(valueOf(leaf, `${extension.svn}.${byte.extension}`, name))
      const svn = r.unsigned(`${kind} ${name}`)
      r.end(`${kind} ${name}`)
      return svn
    })
    refuseUnless(
      certified === reportedTcb[index],
      'CERT_MISMATCH',
      () => `reported TCB ${name}: the ${kind} says ${certified}, the report ${reportedTcb[index]}`,
    )
  }
}

/** A CHIP_ID of zeros is masked: then the certificate alone says which chip it is. */
function matchHardwareId({ chipId }: SnpReport, { leaf, line }: VerifiedChain): void {
  const size = hardwareIdBytes[line]
  const hardwareId = malformedAs('CERT_MISMATCH', () =>
    valueOf(leaf, extension.hardwareId, 'hardware id'),
  )
  if (hardwareId.length !== size)
    throw new Refusal(
      'CERT_MISMATCH',
      `hardware id: ${hardwareId.length} bytes, ${line} has ${size}`,
    )
  refuseUnless(
    isZero(chipId) || chipId.every((byte, index) => byte === (hardwareId[index] ?? 0)),
    'CERT_MISMATCH',
    () => `hardware id: the VCEK says ${encodeHex(hardwareId)}, the report ${encodeHex(chipId)}`,
  )
}

/** Whether all bytes are zero. */
export function isZero(bytes: Bytes): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return false
  return true
}

function readText(leaf: Certificate, id: string, name: string): string {
  const r = new DerReader(valueOf(leaf, id, name))
  const { content } = r.element(name, ia5)
  r.end(name)
  return parseUtf8(content, name)
}

function valueOf(leaf: Certificate, id: string, name: string): Bytes {
  const value = leaf.extensions.values.get(id)
  if (value === undefined) throw new MalformedError(name, 0, `no extension ${id}`)
  return value
}
