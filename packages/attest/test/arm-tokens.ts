import { deviceKeyAnchor, type Given } from '@cloister/attest'
import {
  CborTag,
  isCborArray,
  isCborMap,
  parseCbor,
  unixSeconds,
  type Bytes,
  type Cbor,
} from '@cloister/codec'
import { createCcaPlatform, createPsaDevice } from '@cloister/emulator'
import { anyPolicy } from './evidence.ts'

const seed = new Uint8Array(32).fill(2)
const deviceSeed = new Uint8Array(16)

/** An emulated device and an emulated platform. */
export const device = createPsaDevice(seed, { deviceSeed })
export const platform = createCcaPlatform(seed, { deviceSeed })

/** Everything a token of theirs is judged by: their keys, pinned. */
export function given(overrides: Partial<Given> = {}): Given {
  return {
    collateral: { deviceKeys: [device.deviceKey, platform.deviceKey] },
    anchors: [
      deviceKeyAnchor(device.keySpkiSha256, 'arm-psa'),
      deviceKeyAnchor(platform.keySpkiSha256, 'arm-cca'),
    ],
    policy: anyPolicy(),
    now: unixSeconds(1_790_000_000),
    ...overrides,
  }
}

/** Members by number. */
export type Members = ReadonlyMap<number, Cbor>

/** The claims in a COSE_Sign1 with its tag. */
export function claimsOf(message: Bytes): Members {
  const sign1 = parse(message)
  const parts = sign1 instanceof CborTag ? sign1.value : undefined
  if (!isCborArray(parts) || !(parts[2] instanceof Uint8Array)) throw new Error('No COSE_Sign1')
  return membersOf(parse(parts[2]))
}

/** Platform's or realm's token inside a CCA token. */
export function partOf(token: Bytes, part: 'platform' | 'realm'): Bytes {
  const tagged = parse(token)
  const found = tagged instanceof CborTag ? membersOf(tagged.value) : new Map<number, Cbor>()
  const bytes = found.get(part === 'platform' ? 44234 : 44241)
  if (!(bytes instanceof Uint8Array)) throw new Error(`No ${part} token`)
  return bytes
}

/** The same members with some changed; `'absent'` takes one away. */
export function changed(members: Members, changes: Readonly<Record<number, Cbor>>): Members {
  const all = new Map(members)
  for (const [key, value] of Object.entries(changes))
    if (value === 'absent') all.delete(Number(key))
    else all.set(Number(key), value)
  return all
}

function parse(bytes: Bytes): Cbor {
  return parseCbor(bytes, 'token', { bytesMax: 65_536, depthMax: 16, itemsMax: 4096 })
}

function membersOf(value: Cbor): Members {
  if (!isCborMap(value)) throw new Error('No map')
  return new Map([...value].map(([key, member]) => [Number(key), member]))
}
