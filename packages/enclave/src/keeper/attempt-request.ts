import { canonicalJson, encodeUtf8, MalformedError, type Json } from '@cloister/codec'
import {
  bundleField,
  bytes32Field,
  digestOf,
  integerField,
  messageDigest,
  objectField,
  signatureField,
  signerOf,
  type Bundle,
  type Domain,
  type Field,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { Identity } from '../identity.ts'

/** What shows an attempt to be real: the evidence bundle before there are releases. */
export type AttemptEvidence = Omit<Bundle, 'releases'>

/** How {@link AttemptEvidence} stands in JSON. */
export const attemptEvidenceField: Field<AttemptEvidence> = {
  parse(value, path) {
    if (typeof value !== 'object' || value === null || isList(value))
      throw new MalformedError(path, 0, 'expected an object')
    if ('releases' in value) throw new MalformedError(`${path}.releases`, 0, 'unknown field')
    return bundleField.parse({ ...value, releases: [] }, path)
  },
  encode: (value) => {
    const encoded = bundleField.encode({ ...value, releases: [] })
    if (typeof encoded !== 'object' || encoded === null || isList(encoded)) return encoded
    return Object.fromEntries(Object.entries(encoded).filter(([key]) => key !== 'releases'))
  },
}

const body = objectField({
  bundle: attemptEvidenceField,
  asset: bytes32Field,
  shareIndex: integerField(0, 2),
  signature: signatureField,
})

/** The body of `release`: whose attempt it is, which share it asks for, and the asking enclave's signature over that. */
export type ReleaseRequest = {
  readonly bundle: AttemptEvidence
  readonly asset: Hex
  readonly shareIndex: number
  readonly signature: Hex
}

/** How a {@link ReleaseRequest} stands in JSON. */
export const releaseRequestField: Field<ReleaseRequest> = body

/** Signs a request for one share with the key of the enclave that runs the attempt. */
export async function signRequest(
  { sign }: Pick<Identity, 'sign'>,
  asked: Omit<ReleaseRequest, 'signature'>,
): Promise<ReleaseRequest> {
  return { ...asked, signature: await sign('ReleaseRequest', messageOf(asked)) }
}

/** Who signed a request: it alone is to be answered by a signature, if the chain runs the attempt on it. */
export function requestSigner(
  domain: Domain,
  request: ReleaseRequest,
): Promise<Address | undefined> {
  return signerOf(messageDigest(domain, 'ReleaseRequest', messageOf(request)), request.signature)
}

function messageOf({ bundle, asset, shareIndex }: Omit<ReleaseRequest, 'signature'>) {
  const { task, attempt } = bundle.binding
  const text = canonicalJson(attemptEvidenceField.encode(bundle))
  return { task, attempt, asset, shareIndex, bundleDigest: digestOf(encodeUtf8(text)) }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
