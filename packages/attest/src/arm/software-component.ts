import { encodeCbor, encodeHex, type Cbor } from '@cloister/codec'
import { ClaimSet, hashSizes } from '../cose/claim-set.ts'

/** A piece of firmware that was measured at boot. Spec: RFC 9783 section 4.4.1; DEN0137 A7.2.3. */
export type SoftwareComponent = {
  /** What it is, such as `BL2` or `RMM`. */
  readonly type?: string
  readonly measurement: string
  readonly version?: string
  /** The hash of the key that signed it. */
  readonly signerId: string
  /** How it was measured. CCA: the name of a hash. */
  readonly description?: string
}

/** Most components of one token. Those seen have at most 16. */
export const softwareComponentsMax = 64
const textMax = 256

/** Reads one component. @throws {MalformedError} naming `field` and what of it. */
export function readSoftwareComponent(value: Cbor, field: string): SoftwareComponent {
  const members = new ClaimSet(value, field)
  const type = members.textIfAny(1, 'type', textMax)
  const version = members.textIfAny(4, 'version', textMax)
  const description = members.textIfAny(6, 'description', textMax)
  return {
    ...(type !== undefined && { type }),
    measurement: encodeHex(members.bytes(2, 'measurement', hashSizes)),
    ...(version !== undefined && { version }),
    signerId: encodeHex(members.bytes(5, 'signer id', hashSizes)),
    ...(description !== undefined && { description }),
  }
}

/** The components as bytes to take a digest of: type, measurement and signer of each, in the token's order. */
export function encodeComponents(components: readonly SoftwareComponent[]) {
  return encodeCbor(
    components.map(({ type, measurement, signerId }) => [type ?? null, measurement, signerId]),
  )
}
