import type { IntelCollateral, IntelPlatformName, PckName } from '@cloister/attest'
import {
  encodeHex,
  MalformedError,
  parseBase64,
  parseHex,
  parsePemBlocks,
  parseUtf8,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { certificateNames, revocationListEnd } from './der-times.ts'
import type { DocumentClient, DocumentRequest, FetchedDocument } from './document-client.ts'
import { cutSignedDocument, signedDocumentEnd } from './signed-text.ts'

/** Where Intel's documents are fetched. */
export type IntelService = {
  /** Base address of the PCS, version 4, or of a PCCS. */
  readonly url: string
  /** Where the root's revocation list lies. Absent: at the PCCS's own path. */
  readonly rootCrlUrl?: string
  /** Subscription key, which Intel's own service wants for PCK certificates. */
  readonly subscriptionKey?: string
}

/** Intel's own services. */
export const intelService: IntelService = {
  url: 'https://api.trustedservices.intel.com',
  rootCrlUrl: 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der',
}

/** Which TCB evaluation data set: `early` is the newest, `standard` the one in force, or one by its number. */
export type IntelUpdate = 'standard' | 'early' | number

/** A part of collateral, and the documents that it was made of. */
export type Fetched<T> = { readonly value: T; readonly documents: readonly FetchedDocument[] }

const lane = { name: 'intel', intervalMs: 50 }
const documentBytesMax = 2 ** 20
const listBytesMax = 512 * 1024
const certificateBytesMax = 64 * 1024

/**
 * Fetches what quotes of one platform family are judged by. Nothing is verified.
 *
 * Spec: Intel SGX and TDX PCS API v4.
 *
 * @throws {OperationError} as {@link DocumentClient}; {MalformedError} where a name is not in its format.
 */
export async function fetchIntel(
  client: DocumentClient,
  service: IntelService,
  { tee, fmspc, ca }: IntelPlatformName,
  update: IntelUpdate,
  now: UnixSeconds,
): Promise<Fetched<IntelCollateral>> {
  requireHex('FMSPC', fmspc, 6)
  const base = service.url.replace(/\/+$/, '')
  const [pckCrl, rootCrl, tcb, identity] = await Promise.all([
    client.get(
      {
        ...list('PCK revocation list', `${base}/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`),
        header: 'sgx-pck-crl-issuer-chain',
      },
      now,
    ),
    client.get(
      list(
        "root's revocation list",
        service.rootCrlUrl ?? `${base}/sgx/certification/v4/rootcacrl`,
      ),
      now,
    ),
    client.get(
      {
        ...signed('tcbInfo', 'TCB info'),
        url: `${base}/${tee}/certification/v4/tcb?fmspc=${fmspc.toUpperCase()}${updateQuery(update, '&')}`,
        header: 'tcb-info-issuer-chain',
      },
      now,
    ),
    client.get(
      {
        ...signed('enclaveIdentity', 'QE identity'),
        url: `${base}/${tee}/certification/v4/qe/identity${updateQuery(update, '?')}`,
        header: 'sgx-enclave-identity-issuer-chain',
      },
      now,
    ),
  ])
  const tcbInfo = cutSignedDocument(tcb.body, 'tcbInfo')
  const qeIdentity = cutSignedDocument(identity.body, 'enclaveIdentity')
  const value = {
    tcbInfo: tcbInfo.text,
    tcbInfoSignature: tcbInfo.signature,
    tcbInfoIssuerChain: chainOf('TCB info', tcb.header),
    qeIdentity: qeIdentity.text,
    qeIdentitySignature: qeIdentity.signature,
    qeIdentityIssuerChain: chainOf('QE identity', identity.header),
    rootCaCrl: encodeHex(listBytes(rootCrl.body)),
    pckCrl: encodeHex(listBytes(pckCrl.body)),
    pckCrlIssuerChain: chainOf('PCK revocation list', pckCrl.header),
  }
  return { value, documents: [pckCrl, rootCrl, tcb, identity] }
}

/**
 * Fetches the PCK certificate that a quote names, and its chain, as PEM. Nothing is verified.
 *
 * Spec: Intel SGX and TDX PCS API v4, "Get PCK Certificate"; PCCS, which finds it by `qeid`.
 *
 * @throws {OperationError} as {@link DocumentClient}; {MalformedError} where a name is not in its format.
 */
export async function fetchPckChain(
  client: DocumentClient,
  service: IntelService,
  name: PckName,
  now: UnixSeconds,
): Promise<Fetched<string>> {
  const { encryptedPpid, subscriptionKey } = { ...name, ...service }
  requireHex('QE id', name.qeId, 16)
  requireHex('CPUSVN', name.cpuSvn, 16)
  requireHex('PCESVN', name.pceSvn, 2)
  requireHex('PCE id', name.pceId, 2)
  if (encryptedPpid !== undefined)
    requireHex('encrypted PPID', encryptedPpid, encryptedPpid.length / 2)
  const query = [
    ...(encryptedPpid === undefined ? [] : [`encrypted_ppid=${encryptedPpid}`]),
    `cpusvn=${name.cpuSvn}`,
    `pcesvn=${name.pceSvn}`,
    `pceid=${name.pceId}`,
    `qeid=${name.qeId}`,
  ]
  const document = await client.get(
    {
      what: 'PCK certificate',
      url: `${service.url.replace(/\/+$/, '')}/sgx/certification/v4/pckcert?${query.join('&')}`,
      header: 'sgx-pck-certificate-issuer-chain',
      bytesMax: certificateBytesMax,
      lane,
      until: certificateEnd,
      ...(subscriptionKey !== undefined && {
        secretHeaders: { 'ocp-apim-subscription-key': subscriptionKey },
      }),
    },
    now,
  )
  const leaf = parseUtf8(document.body, 'PCK certificate').trim()
  return {
    value: `${leaf}\n${chainOf('PCK certificate', document.header)}`,
    documents: [document],
  }
}

function signed(
  name: 'tcbInfo' | 'enclaveIdentity',
  what: string,
): Omit<DocumentRequest, 'url' | 'header'> {
  return {
    what,
    bytesMax: documentBytesMax,
    lane,
    until: (body, header) => {
      chainOf(what, header)
      return signedDocumentEnd(body, name)
    },
  }
}

function list(what: string, url: string): DocumentRequest {
  return {
    what,
    url,
    bytesMax: listBytesMax,
    lane,
    until: (body) => revocationListEnd(listBytes(body)),
  }
}

function certificateEnd(body: Bytes, header: string | undefined): UnixSeconds {
  chainOf('PCK certificate', header)
  const limits = { blocksMax: 1, charactersMax: certificateBytesMax }
  const [block] = parsePemBlocks(
    parseUtf8(body, 'PCK certificate').trim(),
    'CERTIFICATE',
    'PCK certificate',
    limits,
  )
  return certificateNames(parseBase64(block ?? '', 'PCK certificate')).notAfter
}

/** `standard` is what the service gives unasked. Its two parameters exclude one another. */
function updateQuery(update: IntelUpdate, start: '?' | '&'): string {
  if (update === 'standard') return ''
  if (update === 'early') return `${start}update=early`
  if (!Number.isSafeInteger(update) || update < 1)
    throw new MalformedError('TCB evaluation data number', 0, `got ${update}`)
  return `${start}tcbEvaluationDataNumber=${update}`
}

function chainOf(what: string, header: string | undefined): string {
  if (header === undefined)
    throw new MalformedError(what, 0, 'the header with its issuer chain is missing')
  try {
    return decodeURIComponent(header)
  } catch (cause) {
    throw new MalformedError(what, 0, 'its issuer chain is not percent-encoded', { cause })
  }
}

// A PCCS may give lists as hexadecimal text, Intel's own services give DER.
function listBytes(body: Bytes): Bytes {
  return body[0] === 0x30 && (body[1] ?? 0) >= 0x80
    ? body
    : parseHex(parseUtf8(body, 'revocation list').trim(), 'revocation list')
}

function requireHex(field: string, value: string, bytes: number): void {
  if (parseHex(value, field).length !== bytes)
    throw new MalformedError(field, 0, `expected ${bytes} bytes in hexadecimal`)
}
