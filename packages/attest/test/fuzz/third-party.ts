import { X509Certificate } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Bytes } from '@cloister/codec'
import { intelTexts } from '../evidence.ts'
import type { Base } from './case.ts'

/** What `@phala/dcap-qvl` says: a status, or why it refuses. */
export type ThirdParty =
  | { readonly accepts: true; readonly status: string }
  | { readonly accepts: false; readonly message: string }

type Qvl = {
  readonly QuoteVerifier: {
    newProd(): QvlVerifier
    newWithRootCa(root: Buffer): QvlVerifier
  }
}

type QvlVerifier = {
  verify(quote: Buffer, collateral: object, now: number): { readonly status: string }
}

const qvl: Qvl = createRequire(import.meta.url)('@phala/dcap-qvl')
const verifiers = new Map<string, QvlVerifier>()

/** Judges a quote of `root`'s, or of Intel's where that is undefined. */
export function askThirdParty(base: Base, root: Bytes | undefined): ThirdParty {
  const { evidence, given } = base
  if (evidence.tee !== 'sgx' && evidence.tee !== 'tdx')
    return { accepts: false, message: 'no quote' }
  const underscored = Object.fromEntries(
    Object.entries(intelTexts(given.collateral)).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
  try {
    const quote = Buffer.from(evidence.quote)
    const { status } = verifierOf(root).verify(quote, underscored, given.now)
    return { accepts: true, status }
  } catch (refusal) {
    return { accepts: false, message: refusal instanceof Error ? refusal.message : String(refusal) }
  }
}

/** The root that a genuine quote's own chain ends at, where it is none of Intel's. */
export function rootOf({ evidence, given }: Base): Bytes | undefined {
  if (evidence.tee !== 'sgx' && evidence.tee !== 'tdx') return undefined
  if (given.anchors.every(({ kind }) => kind === 'production')) return undefined
  const text = Buffer.from(evidence.quote).toString('latin1')
  const last = text.slice(text.lastIndexOf('-----BEGIN CERTIFICATE-----')).replaceAll('\0', '')
  return last.startsWith('-----BEGIN') ? new Uint8Array(new X509Certificate(last).raw) : undefined
}

function verifierOf(root: Bytes | undefined): QvlVerifier {
  const name = root === undefined ? '' : Buffer.from(root).toString('hex')
  const { QuoteVerifier } = qvl
  const verifier =
    verifiers.get(name) ??
    (root === undefined ? QuoteVerifier.newProd() : QuoteVerifier.newWithRootCa(Buffer.from(root)))
  verifiers.set(name, verifier)
  return verifier
}
