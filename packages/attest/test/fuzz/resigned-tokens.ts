import {
  CborTag,
  encodeCbor,
  equalBytes,
  isCborArray,
  isCborMap,
  parseCbor,
  type Bytes,
  type Cbor,
  type CborMap,
} from '@cloister/codec'
import { armChallenge, createArmDevices } from './emulated-arm.ts'
import { createNitroEnclave, nitroRequest } from './emulated-nitro.ts'
import { mutateBytes } from './mutate.ts'
import { brokenRule, type OpenResigner, type Resigner } from './resigned.ts'

/** Tokens and documents whose payload was changed before it was signed. */
export const tokenResigners: readonly Resigner[] = [
  { name: 'resigned-nitro', what: 'payloads of attestation documents', open: openNitro },
  { name: 'resigned-cca', what: 'payloads of platform and realm tokens', open: openCca },
  { name: 'resigned-psa', what: 'payloads of PSA tokens', open: openPsa },
]

const limits = { bytesMax: 128 * 1024, depthMax: 32, itemsMax: 20_000, indefinite: true }

function openNitro(): OpenResigner {
  const { enclave, given } = createNitroEnclave()
  const genuine = payloadOf(enclave.document(nitroRequest))
  return {
    make: (random) => {
      const document = enclave.signPayload(mutateBytes(genuine, random))
      return { name: 'emulated nitro', evidence: { tee: 'aws-nitro', document }, given }
    },
    check: ({ evidence }, { claims, reasons }) => {
      if (evidence.tee !== 'aws-nitro' || claims.tee !== 'aws-nitro') return 'another kind'
      const said = mapOf(payloadOf(evidence.document))
      const pcrs = said.get('pcrs')
      if (pcrs === undefined || !isCborMap(pcrs)) return 'no PCRs'
      const codes: readonly string[] = reasons.map(({ code }) => code)
      const isDebug = [0, 1, 2].some((index) => isZero(pcrs.get(index)))
      return brokenRule({
        'PCRs are told': [...pcrs].every(
          ([index, value]) => claims.pcrs[String(index)] === hexOf(value),
        ),
        'and no other': Object.keys(claims.pcrs).length === pcrs.size,
        'the module is told': claims.moduleId === said.get('module_id'),
        'user data are told': claims.reportData === (hexOf(said.get('user_data')) ?? ''),
        'the nonce is told': claims.nonce === hexOf(said.get('nonce')),
        'zero PCRs are debugging': !isDebug || claims.debug || codes.length > 0,
        'the certificate is as it was issued': same(
          said.get('certificate'),
          mapOf(genuine).get('certificate'),
        ),
      })
    },
  }
}

function openPsa(): OpenResigner {
  const { psa, given } = createArmDevices()
  const nonce = armChallenge.slice(0, 32)
  const genuine = (['http://arm.com/psa/2.0.0', 'PSA_IOT_PROFILE_1'] as const).map((profile) =>
    payloadOf(psa.token({ nonce, profile })),
  )
  const judgedBy = given(psa, true)
  return {
    make: (random) => {
      const token = psa.signPayload(mutateBytes(random.pick(genuine), random))
      return { name: 'emulated psa', evidence: { tee: 'arm-psa', token }, given: judgedBy }
    },
    check: ({ evidence }, { claims, reasons }) => {
      if (evidence.tee !== 'arm-psa' || claims.tee !== 'arm-psa') return 'another kind'
      const said = mapOf(payloadOf(evidence.token))
      const either = (standard: number, legacy: number): Cbor =>
        said.get(standard) ?? said.get(legacy)
      const lifecycle = either(2395, -75002)
      return brokenRule({
        'the nonce is told': claims.reportData === hexOf(either(10, -75008)),
        'lifecycle is told': lifecycleHolds(lifecycle, claims.debug === true, reasons.length),
      })
    },
  }
}

function openCca(): OpenResigner {
  const { cca, given } = createArmDevices()
  const token = cca.token({ challenge: armChallenge })
  const parts = partsOfToken(token)
  const judgedBy = given(cca, true)
  return {
    make: (random) => {
      const part = random.pick(['platform', 'realm'] as const)
      const signed = cca.signPayload(part, mutateBytes(payloadOf(parts[part]), random))
      const evidence = { tee: 'arm-cca', token: signed } as const
      return { name: `emulated cca ${part}`, evidence, given: judgedBy }
    },
    check: ({ evidence }, { claims, reasons }) => {
      if (evidence.tee !== 'arm-cca' || claims.tee !== 'arm-cca') return 'another kind'
      const { platform, realm } = partsOfToken(evidence.token)
      const [below, above] = [mapOf(payloadOf(platform)), mapOf(payloadOf(realm))]
      const extensible = above.get(44239)
      return brokenRule({
        'the challenge is told': claims.reportData === hexOf(above.get(10)),
        'the initial measurement is told':
          claims.realm.initialMeasurement === hexOf(above.get(44238)),
        'extensible measurements are told':
          isArray(extensible) &&
          extensible.map(hexOf).join() === claims.realm.extensibleMeasurements.join(),
        'personalisation is told': claims.realm.personalisation === hexOf(above.get(44235)),
        'lifecycle is told': lifecycleHolds(below.get(2395), claims.debug === true, reasons.length),
        'the implementation is told': claims.productLine === hexOf(below.get(2396)),
      })
    },
  }
}

/** Secured is 3000 to 30ff. Spec: RFC 9783 section 4.3.1. */
function lifecycleHolds(lifecycle: Cbor, debug: boolean | null, reasons: number): boolean {
  const isSecured = typeof lifecycle === 'number' && lifecycle >> 8 === 0x30
  return isSecured !== debug && (isSecured || reasons > 0)
}

function partsOfToken(token: Bytes): { readonly platform: Bytes; readonly realm: Bytes } {
  const outer = parseCbor(token, 'token', limits)
  const both = outer instanceof CborTag && isCborMap(outer.value) ? outer.value : new Map()
  return { platform: bytesOf(both.get(44234)), realm: bytesOf(both.get(44241)) }
}

/** The third member of a COSE_Sign1, tagged or not. */
function payloadOf(message: Bytes): Bytes {
  const read = parseCbor(message, 'message', limits)
  const members = read instanceof CborTag ? read.value : read
  return isArray(members) ? bytesOf(members[2]) : new Uint8Array(0)
}

function mapOf(payload: Bytes): CborMap {
  const read = parseCbor(payload, 'payload', limits)
  return isCborMap(read) ? read : new Map()
}

function bytesOf(value: Cbor): Bytes {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}

function hexOf(value: Cbor): string | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : undefined
}

function isZero(value: Cbor): boolean {
  return value instanceof Uint8Array && value.every((byte) => byte === 0)
}

function same(a: Cbor, b: Cbor): boolean {
  return equalBytes(encodeCbor(a), encodeCbor(b))
}

function isArray(value: Cbor): value is readonly Cbor[] {
  return isCborArray(value)
}
