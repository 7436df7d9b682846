import {
  encodeHex,
  MalformedError,
  OperationError,
  parseBase64,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { fetchBytes } from '@cloister/io'
import { collateralField } from '@cloister/protocol'

/** Which machines a set of collateral is about. */
export type PlatformId = { readonly fmspc: string; readonly ca: 'processor' | 'platform' }

/** How long a fetched set is handed out before it is fetched again. */
const freshMs = 10 * 60_000
const answerBytesMax = 2 * 2 ** 20

/** Fetches Intel's collateral from a service with the paths of the PCS, version 4, and remembers it for a while. */
export class CollateralClient {
  readonly #url: string
  readonly #kept = new Map<string, { readonly at: number; readonly collateral: Promise<Json> }>()

  constructor(url: string) {
    this.#url = url.replace(/\/+$/, '')
  }

  /**
   * Collateral of a platform, as it stands in a bundle.
   *
   * @throws {OperationError} `collateral-unavailable`, naming the service.
   */
  async get({ fmspc, ca }: PlatformId): Promise<Json> {
    const key = `${fmspc} ${ca}`
    const kept = this.#kept.get(key)
    if (kept !== undefined && Date.now() - kept.at < freshMs) return kept.collateral
    const collateral = this.#fetch({ fmspc, ca })
    if (this.#kept.size >= 16) this.#kept.clear()
    this.#kept.set(key, { at: Date.now(), collateral })
    collateral.catch(() => this.#kept.delete(key))
    return collateral
  }

  async #fetch({ fmspc, ca }: PlatformId): Promise<Json> {
    if (!/^[0-9a-f]{12}$/i.test(fmspc))
      throw new MalformedError('fmspc', 0, 'expected 12 hexadecimal digits')
    try {
      const [pckCrl, rootCrl, tcb, identity] = await Promise.all([
        this.#ask(`/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`),
        this.#ask('/sgx/certification/v4/rootcacrl'),
        this.#ask(`/tdx/certification/v4/tcb?fmspc=${fmspc.toUpperCase()}`),
        this.#ask('/tdx/certification/v4/qe/identity'),
      ])
      const tcbInfo = signedText(tcb.bytes, 'tcbInfo')
      const qeIdentity = signedText(identity.bytes, 'enclaveIdentity')
      const collateral = {
        tcbInfo: tcbInfo.text,
        tcbInfoSignature: tcbInfo.signature,
        tcbInfoIssuerChain: chainOf(tcb.headers, 'tcb-info-issuer-chain'),
        qeIdentity: qeIdentity.text,
        qeIdentitySignature: qeIdentity.signature,
        qeIdentityIssuerChain: chainOf(identity.headers, 'sgx-enclave-identity-issuer-chain'),
        rootCaCrl: hexText(rootCrl.bytes),
        pckCrl: encodeHex(pckCrl.bytes),
        pckCrlIssuerChain: chainOf(pckCrl.headers, 'sgx-pck-crl-issuer-chain'),
      }
      // Its sizes are checked here, so that a bad service is named instead of whoever reads it next.
      return collateralField.encode(collateralField.parse(collateral, 'collateral'))
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : 'unknown failure'
      throw new OperationError(
        'collateral-unavailable',
        `Cannot get collateral of ${fmspc} (${ca}) from ${this.#url}: ${detail}`,
        { cause, retryable: true },
      )
    }
  }

  #ask(path: string) {
    return fetchBytes(`${this.#url}${path}`, { answerBytesMax, timeoutMs: 15_000 })
  }
}

/**
 * Which machine a quote comes from: FMSPC and issuing CA of the PCK certificate inside it. Only which collateral is asked
 * for depends on it, so nothing is checked. Spec: Intel SGX PCK Certificate and CRL Profile, 1.3.5 (OID 1.2.840.113741.1.13.1.4).
 *
 * @throws {MalformedError} where there is no such certificate.
 */
export function platformOf(quote: Bytes): PlatformId {
  const text = Buffer.from(quote).toString('latin1')
  const pem = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(
    text,
  )?.[1]
  if (pem === undefined) throw new MalformedError('quote', 0, 'it holds no PCK certificate')
  const leaf = Buffer.from(parseBase64(pem.replaceAll(/\s/g, ''), 'PCK certificate'))
  const id = Buffer.from('060a2a864886f84d010d01040406', 'hex')
  const at = leaf.indexOf(id)
  if (at < 0) throw new MalformedError('PCK certificate', 0, 'it names no FMSPC')
  const fmspc = leaf.subarray(at + id.length, at + id.length + 6).toString('hex')
  return { fmspc, ca: leaf.includes('SGX PCK Platform CA') ? 'platform' : 'processor' }
}

// The signed text is cut out as it stands: writing it anew could break its signature.
function signedText(
  bytes: Bytes,
  name: string,
): { readonly text: string; readonly signature: string } {
  const body = parseUtf8(bytes, name)
  const parts = new RegExp(
    `^\\s*\\{\\s*"${name}"\\s*:\\s*(\\{.*\\})\\s*,\\s*"signature"\\s*:\\s*"([0-9a-fA-F]{128})"\\s*\\}\\s*$`,
    's',
  ).exec(body)
  const [, text, signature] = parts ?? []
  if (text === undefined || signature === undefined)
    throw new MalformedError(name, 0, 'not a signed text in the form of the PCS')
  return { text, signature: signature.toLowerCase() }
}

function chainOf(headers: Headers, name: string): string {
  const value = headers.get(name)
  if (value === null) throw new MalformedError(name, 0, 'the header is missing')
  try {
    return decodeURIComponent(value)
  } catch (cause) {
    throw new MalformedError(name, 0, 'not percent-encoded', { cause })
  }
}

// PCCS gives the root's list as hexadecimal text, Intel's own service as DER.
function hexText(bytes: Bytes): string {
  return bytes[0] === 0x30 && bytes.length > 2 && (bytes[1] ?? 0) >= 0x80
    ? encodeHex(bytes)
    : parseUtf8(bytes, 'root CRL').trim().toLowerCase()
}
