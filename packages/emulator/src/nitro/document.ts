import { concatBytes, encodeCbor, type Bytes, type Cbor } from '@cloister/codec'

/** What a document says. What is left out stands in it as null, as AWS writes it. */
export type DocumentContent = {
  readonly moduleId: string
  readonly timestampMilliseconds: number
  /** Values by index. */
  readonly pcrs: ReadonlyMap<number, Bytes>
  readonly certificate: Bytes
  /** From the root to the issuer of the certificate. */
  readonly cabundle: readonly Bytes[]
  readonly publicKey?: Bytes
  readonly userData?: Bytes
  readonly nonce?: Bytes
}

/** How a hypervisor writes maps: older ones say how many entries follow, newer ones end with a break. */
export type DocumentForm = 'definite' | 'indefinite'

/** Writes the payload of an attestation document. Spec: AWS Nitro Enclaves Attestation Process, 2.2. */
export function encodeDocument(content: DocumentContent, form: DocumentForm): Bytes {
  // In AWS's order, which is not the deterministic one.
  const members: readonly (readonly [string, Cbor])[] = [
    ['module_id', content.moduleId],
    ['digest', 'SHA384'],
    ['timestamp', content.timestampMilliseconds],
    ['pcrs', content.pcrs],
    ['certificate', content.certificate],
    ['cabundle', content.cabundle],
    ['public_key', content.publicKey ?? null],
    ['user_data', content.userData ?? null],
    ['nonce', content.nonce ?? null],
  ]
  const entries = members.flatMap(([name, value]) => [encodeCbor(name), encodeCbor(value)])
  return form === 'indefinite'
    ? concatBytes(Uint8Array.of(0xbf), ...entries, Uint8Array.of(0xff))
    : concatBytes(Uint8Array.of(0xa0 + members.length), ...entries)
}
