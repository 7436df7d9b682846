import { ecdsaSha384 } from '#crypto'
import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import { collateralCharacters, collateralCharactersMax, documentsMax } from '../collateral.ts'
import type { NvidiaEvidence } from '../evidence.ts'
import { malformedAs, refuseUnless } from '../reject.ts'
import { earliest } from '../x509/chain.ts'
import { readDeviceChain, verifyDeviceChain, type Device } from './chain.ts'
import { readNvidiaClaims, type NvidiaClaims } from './claims.ts'
import { checkRims, deviceRevocation, readResponses } from './collateral.ts'
import { NvidiaMemory } from './memory.ts'
import { readOpaqueData, type OpaqueData } from './opaque.ts'
import { parseMeasurementReport, type MeasurementReport } from './parse.ts'
import { judgeNvidiaClaims } from './policy.ts'
import { bestRim, matchRims } from './tcb.ts'

/**
 * Appraises what a GPU or an NVSwitch signed. Pure: no network, no clock, and nothing in `memory` changes the answer.
 *
 * Checks are made in the order of `rejectCodes`, but for the firmware's digest, which is compared once the report that
 * carries it is known to be the device's. Manifests and OCSP responses are only needed to be free of reasons: without
 * them the evidence is authentic, and whether it is revoked, and what its measurements mean, is unknown.
 */
export function appraiseNvidia(
  evidence: NvidiaEvidence,
  given: Given,
  memory: NvidiaMemory = new NvidiaMemory(),
): Promise<Appraisal<NvidiaClaims>> {
  return refusalAsAnswer(given, () => appraiseOrRefuse(evidence, given, memory))
}

async function appraiseOrRefuse(
  evidence: NvidiaEvidence,
  given: Given,
  memory: NvidiaMemory,
): Promise<Appraisal<NvidiaClaims>> {
  requireBounded(given)
  const { report, opaque } = readReport(evidence)
  const { chain, device } = readDeviceChain(evidence, given, memory)
  const anchor = await verifyDeviceChain(chain, device, evidence.tee, given, memory)
  const responses = readResponses(given, memory)
  const answered = await deviceRevocation(chain, responses, given.now, memory)
  refuseUnless(
    await device.leaf.key.verify(ecdsaSha384, report.signed, report.signature),
    'REPORT_SIGNATURE',
    'request and response',
  )
  requireSameFirmware(device, opaque)

  const checked = await checkRims(given, anchor, responses, memory)
  const running = { ...opaque, productLine: device.productLine, blocks: report.blocks }
  const rims = matchRims(checked, running)
  const relied = (['driver', 'vbios'] as const).flatMap(
    (kind) => bestRim(rims, kind, opaque.videoDecoder) ?? [],
  )
  const isCovered =
    answered !== undefined && relied.every(({ revocation }) => revocation === 'good')
  const revocation = isCovered ? 'good' : 'not-checked'
  const known = { evidence, report, device, opaque, anchor, revocation, rims } as const
  const claims = await readNvidiaClaims(known)
  const hasCollateral = given.collateral !== 'none'
  const { videoDecoder } = opaque
  return {
    authentic: hasCollateral ? true : 'chain-only',
    claims,
    until: earliest([
      ...chain.map(({ notAfter }) => notAfter),
      ...(answered === undefined ? [] : [answered]),
      // What is over has its own reason. A time that has passed is no end to what else holds.
      ...relied.flatMap(({ until }) => (until >= given.now ? [until] : [])),
    ]),
    reasons: judgeNvidiaClaims(
      claims,
      rims,
      videoDecoder,
      given.policy,
      hasCollateral ? 'given' : 'none',
    ),
  }
}

/** Refuses more collateral than is read. @throws {Refusal} PARSE. */
function requireBounded({ collateral }: Given): void {
  if (collateral === 'none') return
  refuseUnless(
    collateralCharacters(collateral) <= collateralCharactersMax,
    'PARSE',
    `collateral: more than ${collateralCharactersMax} characters`,
  )
  const { rims = [], ocspResponses = [] } = collateral.nvidia ?? {}
  refuseUnless(
    rims.length <= documentsMax && ocspResponses.length <= documentsMax,
    'PARSE',
    `collateral: more than ${documentsMax} manifests or OCSP responses`,
  )
}

/** Reads what was signed, and what is told of the device in it. @throws {Refusal} PARSE or UNSUPPORTED_FORMAT. */
function readReport({ measurements, tee }: NvidiaEvidence): {
  readonly report: MeasurementReport
  readonly opaque: OpaqueData
} {
  return malformedAs('PARSE', () => {
    const report = parseMeasurementReport(measurements)
    return { report, opaque: readOpaqueData(report.opaque, tee === 'nvidia-nvswitch') }
  })
}

/** The digest of the firmware that reports has to be the one that the signing key was certified for. */
function requireSameFirmware({ firmwareId }: Device, opaque: OpaqueData): void {
  refuseUnless(
    opaque.firmwareId === undefined || opaque.firmwareId === firmwareId,
    'CERT_MISMATCH',
    () => `firmware id: got ${opaque.firmwareId}, the certificate has ${firmwareId ?? 'none'}`,
  )
}
