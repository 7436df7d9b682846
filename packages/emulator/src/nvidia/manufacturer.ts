import type { NvidiaCollateral } from '@cloister/attest'
import { assert, encodeHex, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import { subjectPublicKeyInfo } from '../certificate.ts'
import { sha256 } from '../signing-key.ts'
import {
  certify,
  deviceAuthorities,
  lifetime,
  rimAuthorities,
  type Certified,
  type CertifiedChain,
  type NvidiaChip,
} from './authority.ts'
import { createDevice, defaultFirmware, type DeviceOptions, type NvidiaDevice } from './device.ts'
import { activeIndexes, goldenValue, type FirmwareKind } from './firmware.ts'
import { certIdOf, delegate, issueOcspResponse, type OcspStatus } from './ocsp.ts'
import { issueRim, type RimContent } from './rim.ts'

/** A manufacturer of emulated GPUs and NVSwitches. Its evidence proves nothing about hardware. */
export type NvidiaManufacturer = {
  /** SHA-256 of the SubjectPublicKeyInfo of the devices' root, hexadecimal: what a development anchor pins. */
  readonly anchorSpkiSha256: string
  /** The same of the manifests' root. */
  readonly rimAnchorSpkiSha256: string
  createDevice(options: DeviceOptions): NvidiaDevice
  /** A manifest, XML. */
  rim(request: RimRequest): string
  /** A response about one certificate of a chain, DER. */
  ocspResponse(request: OcspRequest): Bytes
  /** Both manifests of a device in its standard firmware, and responses about every certificate. */
  collateral(device: NvidiaDevice, options?: CollateralOptions): NvidiaCollateral
  /** The chain that signs manifests. */
  rimChain(): CertifiedChain
  /** What responders say from here on about the certificate with this serial number. */
  setStatus(serial: Bytes, status: OcspStatus): void
  status(serial: Bytes): OcspStatus
}

/** Which manifest, and what is wrong with it. */
export type RimRequest = Partial<Pick<RimContent, 'measurements' | 'forged'>> & {
  readonly chip: NvidiaChip
  readonly kind: FirmwareKind
  readonly version?: string
  /** When the certificate of its signer ends; that of a good one ends with its root. */
  readonly expiredAt?: UnixSeconds
  /** Signed by a device's authority, which may not sign manifests. */
  readonly chain?: 'foreign'
}

/** Which certificate of a chain, and how a response is made. */
export type OcspRequest = {
  readonly chain: CertifiedChain
  readonly index: number
  readonly issuedAt?: UnixSeconds
  /**
   * Who signs: the issuer, one that it certified for this, or one that it certified for nothing; an authority is
   * certified for this, by a certificate whose key may sign certificates alone.
   */
  readonly responder?: 'issuer' | 'delegate' | 'unauthorized' | 'authority' | 'forged'
  /** How an authority above the issuer comes in: it certifies the delegate. */
  readonly delegatedBy?: number
  /** When the certificate of a delegate ends; that of a good one ends with its root. */
  readonly responderEndsAt?: UnixSeconds
  readonly withoutEnd?: true
}

/** How collateral differs from the standard one. */
export type CollateralOptions = {
  readonly issuedAt?: UnixSeconds
  readonly driverVersion?: string
  readonly vbiosVersion?: string
}

/** How long a response is good for, in seconds. */
export const ocspLifetimeSeconds = 86_400

/** Opens a manufacturer. Keys, names, serial numbers and measurements follow from the 32-byte seed. */
export function createNvidiaManufacturer(options: {
  readonly seed: Bytes
  readonly now: UnixSeconds
}): NvidiaManufacturer {
  const { seed, now } = options
  assert(seed.length === 32, `a manufacturer's seed has 32 bytes, got ${seed.length}`)
  const statuses = new Map<string, OcspStatus>()
  const status = (serial: Bytes): OcspStatus => statuses.get(encodeHex(serial)) ?? 'good'
  const standardChain = signerChain(seed, undefined)
  const rimChain = (expiredAt?: UnixSeconds): CertifiedChain =>
    expiredAt === undefined ? standardChain : signerChain(seed, expiredAt)
  const rim = (request: RimRequest): string =>
    issueRim(
      rimContent(request),
      request.chain === 'foreign' ? foreignChain(seed) : rimChain(request.expiredAt),
    )
  const ocspResponse = (request: OcspRequest): Bytes => respond(seed, now, request, status)
  return {
    anchorSpkiSha256: spkiSha256(deviceAuthorities(seed, 'GH100').at(-1)),
    rimAnchorSpkiSha256: spkiSha256(rimAuthorities(seed).at(-1)),
    createDevice: (chosen) => createDevice(seed, chosen),
    rim,
    ocspResponse,
    collateral: (device, chosen = {}) => {
      const { issuedAt = now, driverVersion, vbiosVersion } = chosen
      const { chip, identityChain } = device
      const versions = { driver: driverVersion, vbios: vbiosVersion }
      const kinds: readonly FirmwareKind[] = chip === 'LS10' ? ['vbios'] : ['driver', 'vbios']
      const responses = [identityChain, rimChain()].flatMap((chain) =>
        chain.slice(0, -1).map((_, index) => ocspResponse({ chain, index, issuedAt })),
      )
      return {
        rims: kinds.map((kind) => {
          const version = versions[kind]
          return rim({ chip, kind, ...(version !== undefined && { version }) })
        }),
        ocspResponses: responses.map(encodeHex),
      }
    },
    rimChain: () => rimChain(),
    setStatus: (serial, chosen) => {
      statuses.set(encodeHex(serial), chosen)
    },
    status,
  }
}

function spkiSha256(root: Certified | undefined): string {
  assert(root !== undefined, 'a chain has a root')
  return encodeHex(sha256(subjectPublicKeyInfo(root.key)))
}

function signerChain(seed: Bytes, expiredAt: UnixSeconds | undefined): CertifiedChain {
  const above = rimAuthorities(seed)
  const [authority] = above
  assert(authority !== undefined, 'manifests have an authority')
  const validity = expiredAt === undefined ? lifetime : { ...lifetime, notAfter: expiredAt }
  const name = 'Cloister Emulator RIM L4 Signer'
  return [certify(seed, 'nvidia/rim-signer', name, authority, { end: true, validity }), ...above]
}

/** A signer below the devices' root, where no manifest comes from. */
function foreignChain(seed: Bytes): CertifiedChain {
  const above = deviceAuthorities(seed, 'GH100')
  const [authority] = above
  assert(authority !== undefined, 'devices have an authority')
  const name = 'Cloister Emulator RIM L4 Signer'
  return [certify(seed, 'nvidia/rim-signer', name, authority, { end: true }), ...above]
}

function rimContent(request: RimRequest): RimContent {
  const { chip, kind, forged } = request
  const version = request.version ?? defaultFirmware[chip][kind]
  const golden = activeIndexes(chip, kind).map(
    (index) => [index, [goldenValue(chip, kind, version, index)]] as const,
  )
  const measurements = new Map([...golden, ...(request.measurements ?? [])])
  return { chip, version, measurements, ...(forged !== undefined && { forged }) }
}

function respond(
  seed: Bytes,
  now: UnixSeconds,
  request: OcspRequest,
  status: (serial: Bytes) => OcspStatus,
): Bytes {
  const { chain, index, issuedAt = now, responder = 'delegate' } = request
  const [certificate, issuer] = [chain[index], chain[index + 1]]
  const authority = chain[request.delegatedBy ?? index + 1]
  assert(
    certificate !== undefined && issuer !== undefined && authority !== undefined,
    'a response is about a certificate that has an issuer',
  )
  const content = {
    certId: certIdOf(certificate.serial, issuer),
    status: status(certificate.serial),
    thisUpdate: issuedAt,
    nextUpdate:
      request.withoutEnd === true ? undefined : unixSeconds(issuedAt + ocspLifetimeSeconds),
  }
  if (responder === 'issuer')
    return issueOcspResponse(content, { signer: issuer, certificate: undefined })
  const { responderEndsAt } = request
  const by = delegate(seed, authority, {
    ...(responder === 'unauthorized' && { purpose: clientAuthentication }),
    signsCertificates: responder === 'authority',
    ...(responderEndsAt !== undefined && {
      validity: { ...lifetime, notAfter: responderEndsAt },
    }),
  })
  return issueOcspResponse(content, by, responder === 'forged' ? certificate : by.signer)
}

/** A purpose of certificates that has nothing to do with responses. Spec: RFC 5280 section 4.2.1.12. */
const clientAuthentication = '1.3.6.1.5.5.7.3.2'
