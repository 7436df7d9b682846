import { encodeHex, parseHex } from '@cloister/codec'
import type { PckCa } from './authority.ts'
import { toPem } from './certificate.ts'
import { evaluationNumbers, type CollateralOptions } from './collateral.ts'
import type { Manufacturer } from './manufacturer.ts'
import type { Platform } from './platform.ts'
import type { IntelTee } from './tcb-documents.ts'

/** What a collateral service answers. */
export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/**
 * Answers a GET request as Intel's provisioning certification service does, and where the two differ in what they
 * serve, as its caching service does too.
 *
 * Spec: Intel PCS API v4; PCCS for `rootcacrl` (hexadecimal) and for `qeid` in `pckcert`.
 */
export function answerRequest(
  manufacturer: Manufacturer,
  options: CollateralOptions,
  path: string,
): Answer {
  const url = URL.parse(path, 'http://pccs')
  if (url === null) return refusal(400, 'the request has no path')
  const { pathname, searchParams } = url
  const route = /^\/(sgx|tdx)\/certification\/v4\/(.+)$/.exec(pathname)
  const tee: IntelTee = route?.[1] === 'tdx' ? 'tdx' : 'sgx'
  const service: Service = { manufacturer, options: { ...options, tee }, asked: searchParams }
  switch (`${tee} ${route?.[2] ?? pathname}`) {
    case 'sgx tcb':
    case 'tdx tcb':
      return answerTcbInfo(service)
    case 'sgx qe/identity':
    case 'tdx qe/identity':
      return answerQeIdentity(service)
    case 'sgx tcbevaluationdatanumbers':
    case 'tdx tcbevaluationdatanumbers':
      return answerEvaluationNumbers(service)
    case 'sgx pckcert':
      return answerPckCertificate(service)
    case 'sgx pckcrl':
      return answerPckCrl(service)
    case 'sgx rootcacrl':
      return {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: manufacturer.collateral(options).rootCaCrl,
      }
    // Where Intel's root certificate says that its list is: a list, in spite of the name.
    case 'sgx /IntelSGXRootCA.der':
      return found('application/pkix-crl', {}, parseHex(manufacturer.collateral(options).rootCaCrl))
    default:
      return refusal(404, `nothing is served at ${pathname}`)
  }
}

type Service = {
  readonly manufacturer: Manufacturer
  readonly options: CollateralOptions & { readonly tee: IntelTee }
  readonly asked: URLSearchParams
}

function answerTcbInfo(service: Service): Answer {
  const fmspc = service.asked.get('fmspc')
  if (fmspc === null || !/^[0-9a-fA-F]{12}$/.test(fmspc))
    return refusal(400, 'fmspc is 12 hexadecimal digits')
  if (!service.manufacturer.makes(fmspc)) return refusal(404, `no TCB info of FMSPC ${fmspc}`)
  const update = chooseUpdate(service)
  if (typeof update !== 'string') return update
  const { tcbInfo, tcbInfoSignature, tcbInfoIssuerChain } = service.manufacturer.collateral({
    ...service.options,
    fmspc: parseHex(fmspc),
    update,
  })
  // The signed text goes out as it is: writing it anew could break its signature.
  const body = `{"tcbInfo":${tcbInfo},"signature":"${tcbInfoSignature}"}`
  return found(json, { 'TCB-Info-Issuer-Chain': encodeURIComponent(tcbInfoIssuerChain) }, body)
}

function answerQeIdentity(service: Service): Answer {
  const update = chooseUpdate(service)
  if (typeof update !== 'string') return update
  const { qeIdentity, qeIdentitySignature, qeIdentityIssuerChain } =
    service.manufacturer.collateral({ ...service.options, update })
  const body = `{"enclaveIdentity":${qeIdentity},"signature":"${qeIdentitySignature}"}`
  const chain = encodeURIComponent(qeIdentityIssuerChain)
  return found(json, { 'SGX-Enclave-Identity-Issuer-Chain': chain }, body)
}

/**
 * Which documents are asked for: by `update` (`early` or `standard`), or by the number of an evaluation set, of which
 * one below those in force is gone (410) and one above them unknown (404). Both at once are a bad request.
 */
function chooseUpdate({ options, asked }: Service): 'early' | 'standard' | Answer {
  const update = asked.get('update') ?? 'standard'
  const number = asked.get('tcbEvaluationDataNumber')
  if (update !== 'early' && update !== 'standard')
    return refusal(400, 'update is early or standard')
  if (number === null) return update
  if (asked.has('update'))
    return refusal(400, 'update and tcbEvaluationDataNumber exclude each other')
  if (!/^\d{1,9}$/.test(number)) return refusal(400, 'tcbEvaluationDataNumber is a whole number')
  const wanted = Number(number)
  const [current, early = current] = evaluationNumbers(options)
  if (wanted < current) return refusal(410, `evaluation number ${wanted} is no longer available`)
  if (wanted === current) return 'standard'
  return wanted === early ? 'early' : refusal(404, `there is no evaluation number ${wanted}`)
}

function answerEvaluationNumbers({ manufacturer, options }: Service): Answer {
  const { text, signature, issuerChain } = manufacturer.evaluationNumbers(options)
  const body = `{"tcbEvaluationDataNumbers":${text},"signature":"${signature}"}`
  const chain = encodeURIComponent(issuerChain)
  return found(json, { 'TCB-Evaluation-Data-Numbers-Issuer-Chain': chain }, body)
}

/**
 * The PCK certificate of a machine, named by its encrypted PPID or (PCCS) its QE id, for a raw TCB that reaches the
 * certified one. Every number is little-endian hexadecimal.
 */
function answerPckCertificate({ manufacturer, asked }: Service): Answer {
  const [cpuSvn, pceSvn, pceId] = [
    hexadecimal(asked, 'cpusvn', 16),
    hexadecimal(asked, 'pcesvn', 2),
    hexadecimal(asked, 'pceid', 2),
  ]
  if (cpuSvn === undefined || pceSvn === undefined || pceId === undefined)
    return refusal(400, 'cpusvn, pcesvn and pceid have 32, 4 and 4 hexadecimal digits')
  const platform = findPlatform(manufacturer, asked)
  if (platform === 'no name')
    return refusal(400, 'encrypted_ppid has 768 hexadecimal digits, qeid has 32')
  if (platform === undefined) return refusal(404, 'no machine of that name')
  const { names } = platform
  const reached =
    encodeHex(pceId) === '0000' &&
    names.cpuSvn.every((svn, index) => (cpuSvn[index] ?? 0) >= svn) &&
    (pceSvn[0] ?? 0) + (pceSvn[1] ?? 0) * 256 >= names.pceSvn
  if (!reached) return refusal(404, 'no PCK certificate for that TCB')
  const [leaf = '', ...issuers] = splitPem(platform.pckChainPem)
  const headers = {
    'SGX-PCK-Certificate-Issuer-Chain': encodeURIComponent(issuers.join('')),
    'SGX-TCBm': encodeHex(names.cpuSvn) + encodeHex(Uint8Array.of(names.pceSvn, 0)),
    'SGX-FMSPC': encodeHex(platform.fmspc).toUpperCase(),
    'SGX-PCK-Certificate-CA-Type': platform.ca,
  }
  return found('application/x-pem-file', headers, leaf)
}

function findPlatform(
  manufacturer: Manufacturer,
  asked: URLSearchParams,
): Platform | 'no name' | undefined {
  const encryptedPpid = asked.get('encrypted_ppid')
  if (encryptedPpid !== null && hexadecimal(asked, 'encrypted_ppid', 384) !== undefined)
    return manufacturer.findPlatform({ encryptedPpid })
  const qeId = asked.get('qeid')
  if (qeId === null || hexadecimal(asked, 'qeid', 16) === undefined) return 'no name'
  return manufacturer.findPlatform({ qeId })
}

function answerPckCrl({ manufacturer, options, asked }: Service): Answer {
  const ca = asked.get('ca')
  if (!isPckCa(ca)) return refusal(400, 'ca is platform or processor')
  const encoding = asked.get('encoding') ?? 'pem'
  if (encoding !== 'der' && encoding !== 'pem') return refusal(400, 'encoding is der or pem')
  const { pckCrl, pckCrlIssuerChain } = manufacturer.collateral({ ...options, ca })
  const headers = { 'SGX-PCK-CRL-Issuer-Chain': encodeURIComponent(pckCrlIssuerChain) }
  const der = parseHex(pckCrl)
  return encoding === 'der'
    ? found('application/pkix-crl', headers, der)
    : found('application/x-pem-file', headers, toPem(der).replaceAll('CERTIFICATE', 'X509 CRL'))
}

function isPckCa(ca: string | null): ca is PckCa {
  return ca === 'platform' || ca === 'processor'
}

function hexadecimal(asked: URLSearchParams, name: string, size: number): Uint8Array | undefined {
  const text = asked.get(name) ?? ''
  return text.length === 2 * size && /^[0-9a-fA-F]*$/.test(text) ? parseHex(text) : undefined
}

function splitPem(pem: string): readonly string[] {
  return pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n/g) ?? []
}

const json = 'application/json'

function found(
  type: string,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): Answer {
  return { status: 200, headers: { 'content-type': type, ...headers }, body }
}

function refusal(status: number, error: string): Answer {
  return { status, headers: { 'content-type': json }, body: JSON.stringify({ error }) }
}
