import { insecureDevnetAnchor, type Evidence } from '@cloister/attest'
import { encodeUtf8, unixSeconds, type Bytes } from '@cloister/codec'
import { createManufacturer, type PlatformOptions } from '@cloister/emulator'
import type { Base } from './case.ts'
import { emulatedNow, emulatorSeed } from './emulated-world.ts'

/**
 * A machine, what it signs, and the documents to judge it by. Another TCB is another machine: the keys of real ones
 * depend on it, and two certificates of one key would make a splice of two quotes a genuine one.
 */
export function createIntelMachine(options: Omit<PlatformOptions, 'machineSeed'> = {}) {
  const manufacturer = createManufacturer({ seed: emulatorSeed, now: emulatedNow })
  const platform = manufacturer.createPlatform({
    machineSeed: encodeUtf8(`fuzzed machine ${JSON.stringify(options)}`),
    ...options,
  })
  const given = (tee: 'sgx' | 'tdx'): Base['given'] => ({
    collateral: { intel: manufacturer.collateral({ tee, ca: platform.ca }) },
    anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
    now: unixSeconds(emulatedNow + 60),
  })
  return { manufacturer, platform, given }
}

/** Registers that differ from one another, so that a swap shows. */
export const tdRequest = {
  mrtd: new Uint8Array(48).fill(0xa0),
  rtmrs: [filled(0xb0), filled(0xb1), filled(0xb2), filled(0xb3)],
  reportData: Uint8Array.from({ length: 64 }, (_, index) => index),
} as const

/** An enclave whose fields differ from one another. */
export const enclaveRequest = {
  mrEnclave: new Uint8Array(32).fill(0xe0),
  mrSigner: new Uint8Array(32).fill(0xe1),
  isvProdId: 7,
  isvSvn: 3,
  configId: new Uint8Array(64).fill(0xe2),
  configSvn: 2,
  reportData: Uint8Array.from({ length: 64 }, (_, index) => index + 1),
} as const

function filled(byte: number): Bytes {
  return new Uint8Array(48).fill(byte)
}

/** Quotes of every version and of the statuses that differ in how they are found. */
export function intelBases(): readonly Base[] {
  const bases: Base[] = []
  const add = (tee: 'sgx' | 'tdx', name: string, quote: Bytes, given: Base['given']): void => {
    const evidence: Evidence = { tee, quote }
    bases.push({ name: `emulated ${tee} ${name}`, evidence, given })
  }
  for (const tcb of ['UpToDate', 'ConfigurationNeeded', 'OutOfDate', 'Revoked'] as const) {
    const { platform, given } = createIntelMachine({ tcb })
    for (const version of [4, 5] as const)
      add('tdx', `v${version} ${tcb}`, platform.quote({ ...tdRequest, version }), given('tdx'))
    for (const version of [3, 4, 5] as const)
      add(
        'sgx',
        `v${version} ${tcb}`,
        platform.quoteEnclave({ ...enclaveRequest, version }),
        given('sgx'),
      )
  }
  const { platform, given } = createIntelMachine({ ca: 'processor' })
  add('sgx', 'v3 processor', platform.quoteEnclave({ ...enclaveRequest, version: 3 }), given('sgx'))
  add('tdx', 'v4 debug', platform.quote({ ...tdRequest, debug: true }), given('tdx'))
  add('tdx', 'v4 chain only', platform.quote(tdRequest), { ...given('tdx'), collateral: 'none' })
  return bases
}
