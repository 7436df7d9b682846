import type { AmdCollateral, ProductLine, SnpTcb } from '@cloister/attest'
import { assert, encodeHex, type Bytes, type UnixSeconds } from '@cloister/codec'
import { toPem, type Validity } from '../certificate.ts'
import { deriveBytes, deriveSigningKey, type SigningKey } from '../signing-key.ts'
import type { SnpAuthority } from './authority.ts'
import { snpDerivedKey, type DerivedKeyRequest } from './derived-key.ts'
import { endorsementEnd, issueEndorsement, type EndorsementContent } from './endorsement-key.ts'
import {
  encodeReport,
  signReportBytes,
  usualPolicy,
  type SnpMachineState,
  type SnpReportRequest,
} from './report.ts'
import { currentTcb, encodeTcb } from './tcb.ts'

/** What can be chosen about a machine. */
export type SnpPlatformOptions = {
  /** Names the machine: equal seeds, equal machine. At least 16 bytes. */
  readonly machineSeed: Bytes
  readonly line: ProductLine
  /** What names the chip in place of bytes that follow from its seed: 64 of them, 8 on Turin. */
  readonly hardwareId?: Bytes
  /** What reports say and keys are derived for. The others follow it unless they are chosen. */
  readonly reportedTcb?: SnpTcb
  readonly committedTcb?: SnpTcb
  readonly currentTcb?: SnpTcb
  readonly launchTcb?: SnpTcb
  /** CPUID model: of another member of the line, or of another line. */
  readonly model?: number
  /** Bits of PLATFORM_INFO: SMT, ECC and the alias check (0x25) unless chosen. */
  readonly platformInfo?: bigint
  /** A machine whose owner had a VLEK loaded signs with it. */
  readonly signingKey?: 'VCEK' | 'VLEK'
  readonly cspId?: string
  readonly maskChipId?: boolean
  readonly maskChipKey?: boolean
  /** Mitigation vector: 7 unless chosen. */
  readonly mitigations?: bigint
}

/** What can be chosen about a certificate. What is not is as the machine's reports want it. */
export type SnpCertificateOptions = Partial<
  Pick<
    EndorsementContent,
    'tcb' | 'hardwareId' | 'productName' | 'cspId' | 'notBefore' | 'notAfter' | 'kind'
  >
> & {
  /** When the certificates above are valid, where not as always. */
  readonly authorityValidity?: Partial<Record<'authority' | 'root', Partial<Validity>>>
}

/** An emulated machine. */
export type SnpPlatform = {
  readonly line: ProductLine
  /** CHIP_ID, 64 bytes, whether reports show it or not. */
  readonly chipId: Bytes
  /** As certificates and AMD's key service name the chip: 64 bytes, 8 on Turin. */
  readonly hardwareId: Bytes
  readonly reportedTcb: SnpTcb
  report(request: SnpReportRequest): Bytes
  /** A report of 672 bytes that say what they may, signed with the machine's key. */
  signReport(bytes: Bytes): Bytes
  /** A key for a guest of the usual policy and this launch digest: see {@link snpDerivedKey}. */
  deriveKey(asked: DerivedKeyRequest, launchDigest: Bytes): Bytes
  /** The signed part of a report: what {@link SnpPlatform.signReport} takes. */
  reportBytes(request: SnpReportRequest): Bytes
  /** DER of the certificate that goes with the machine's reports, or of one that does not. */
  certificate(options?: SnpCertificateOptions): Bytes
  /** DER of the VCEK of this chip at another TCB: another key, as on real chips. */
  vcek(tcb: SnpTcb): Bytes
  /** Certificate, authority and root in PEM, and the revocation list where it is given. */
  collateral(crl?: Bytes, options?: SnpCertificateOptions): AmdCollateral
}

/** Family and model of a processor of each line: Milan, Genoa, Turin. */
const processors: Readonly<Record<ProductLine, readonly [family: number, model: number]>> = {
  Milan: [0x19, 0x01],
  Genoa: [0x19, 0x11],
  Turin: [0x1a, 0x02],
}

/** Steppings that VCEKs name, where they do. */
const productNames: Readonly<Record<ProductLine, string>> = {
  Milan: 'Milan-B0',
  Genoa: 'Genoa',
  Turin: 'Turin',
}

/** Makes a machine. Ids and keys follow from the two seeds, and VCEKs from the TCB too. */
export function createSnpPlatform(
  seed: Bytes,
  authority: SnpAuthority,
  options: SnpPlatformOptions,
  now: UnixSeconds,
): SnpPlatform {
  const { machineSeed, line, signingKey = 'VCEK' } = options
  assert(
    machineSeed.length >= 16,
    `a machine's seed has 16 bytes or more, got ${machineSeed.length}`,
  )
  const machine = `snp/${line}/${encodeHex(machineSeed)}`
  const idBytes = line === 'Turin' ? 8 : 64
  const hardwareId = options.hardwareId ?? deriveBytes(seed, `${machine}/chip`, idBytes)
  assert(
    hardwareId.length === idBytes,
    `a hardware id of ${line} has ${idBytes} bytes, got ${hardwareId.length}`,
  )
  const chipId = new Uint8Array(64)
  chipId.set(hardwareId)
  const state = machineState(options, chipId)
  const cspId = options.cspId ?? 'CN=cloister-emulator.invalid'
  const keyAt = (kind: 'VCEK' | 'VLEK', tcb: SnpTcb): SigningKey => {
    const owner = kind === 'VCEK' ? machine : `snp/${line}/csp/${cspId}`
    return deriveSigningKey(seed, `${owner}/${kind}/${encodeHex(encodeTcb(tcb, line))}`, 'P-384')
  }
  const key = keyAt(signingKey, state.reportedTcb)

  const certify = (chosen: SnpCertificateOptions, subject: SigningKey): Bytes => {
    const kind = chosen.kind ?? signingKey
    const notBefore = chosen.notBefore ?? now
    const content: EndorsementContent = {
      kind,
      line,
      productName: kind === 'VCEK' ? productNames[line] : line,
      tcb: state.reportedTcb,
      hardwareId,
      cspId,
      notBefore,
      notAfter: endorsementEnd(kind, notBefore),
      ...chosen,
    }
    return issueEndorsement(content, subject, kind === 'VCEK' ? authority.ask : authority.asvk)
  }
  const certificate = (chosen: SnpCertificateOptions = {}): Bytes => certify(chosen, key)

  return {
    line,
    chipId,
    hardwareId,
    reportedTcb: state.reportedTcb,
    reportBytes: (request) => encodeReport(request, state),
    signReport: (bytes) => signReportBytes(bytes, key),
    deriveKey: keyDeriver(deriveBytes(seed, `${machine}/secret`, 32)),
    report: (request) => signReportBytes(encodeReport(request, state), key),
    certificate,
    vcek: (tcb) => certify({ kind: 'VCEK', tcb }, keyAt('VCEK', tcb)),
    collateral: (crl, chosen = {}) => {
      const role = (chosen.kind ?? signingKey) === 'VCEK' ? 'ask' : 'asvk'
      const { authority: middle, root } = chosen.authorityValidity ?? {}
      const above = [authority.certify(role, middle), authority.certify('ark', root)]
      return {
        certificateChain: toPem(certificate(chosen), ...above.map(({ der }) => der)),
        ...(crl && { crl: encodeHex(crl) }),
      }
    },
  }
}

/** Guests of the usual policy: {@link encodeReport} writes it where nothing else is asked for. */
function keyDeriver(secret: Bytes): SnpPlatform['deriveKey'] {
  return (asked, measurement) => snpDerivedKey(secret, asked, { policy: usualPolicy, measurement })
}

function machineState(options: SnpPlatformOptions, chipId: Bytes): SnpMachineState {
  const { line } = options
  const reportedTcb = options.reportedTcb ?? currentTcb[line]
  const committedTcb = options.committedTcb ?? reportedTcb
  const [family, model] = processors[line]
  return {
    line,
    reportedTcb,
    committedTcb,
    currentTcb: options.currentTcb ?? committedTcb,
    launchTcb: options.launchTcb ?? committedTcb,
    platformInfo: options.platformInfo ?? 0x25n,
    chipId: options.maskChipId === true ? new Uint8Array(64) : chipId,
    maskChipKey: options.maskChipKey ?? false,
    signingKey: options.signingKey ?? 'VCEK',
    cpuid: { family, model: options.model ?? model, stepping: 1 },
    mitigations: options.mitigations ?? 7n,
  }
}
