import { insecureDevnetAnchor, type Given } from '@cloister/attest'
import {
  encodeCbor,
  isCborMap,
  parseCbor,
  unixSeconds,
  type Bytes,
  type Cbor,
} from '@cloister/codec'
import { createNitroCloud } from '@cloister/emulator'
import { parseNitroDocument } from '../src/nitro/parse.ts'
import { anyPolicy } from './evidence.ts'

/** When documents are made and judged. */
export const now = unixSeconds(1_790_000_000)

/** An emulated cloud, and an enclave in it. */
export const cloud = createNitroCloud(new Uint8Array(32).fill(1))
export const enclave = cloud.startEnclave({ enclaveSeed: new Uint8Array(16) })

/** Everything a document of {@link enclave} is judged by. */
export function given(overrides: Partial<Given> = {}): Given {
  const anchors = [insecureDevnetAnchor(cloud.anchorSpkiSha256)]
  return { collateral: {}, anchors, policy: anyPolicy(), now, ...overrides }
}

/** The members of a document of {@link enclave}. */
export function genuineMembers(): ReadonlyMap<string, Cbor> {
  const { payload } = parseNitroDocument(enclave.document({ now })).message
  const limits = { bytesMax: 16_384, depthMax: 4, itemsMax: 256, indefinite: true }
  const map = parseCbor(payload, 'payload', limits)
  if (!isCborMap(map)) throw new Error('A payload is a map')
  return new Map([...map].map(([key, value]) => [String(key), value]))
}

/** A document whose members are these instead, signed as ever; `'absent'` takes one away. */
export function documentWith(changes: Readonly<Record<string, Cbor>>): Bytes {
  const members = new Map<string, Cbor>([...genuineMembers(), ...Object.entries(changes)])
  for (const [name, value] of members) if (value === 'absent') members.delete(name)
  return enclave.signPayload(encodeCbor(members))
}
