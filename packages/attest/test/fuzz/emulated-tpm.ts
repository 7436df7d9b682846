import { deviceKeyAnchor, insecureDevnetAnchor } from '@cloister/attest'
import { encodeUtf8 } from '@cloister/codec'
import {
  bindToSnp,
  bindToTd,
  createTpmManufacturer,
  sampleBoot,
  type EmulatedTpm,
  type TpmKeyScheme,
} from '@cloister/emulator'
import type { Base } from './case.ts'
import { createIntelMachine, tdRequest } from './emulated-intel.ts'
import { createSnpMachine, snpRequest } from './emulated-snp.ts'
import { emulatedNow, emulatorSeed } from './emulated-world.ts'

/** A TPM of a machine that has started, and what its quotes are judged by. */
export function createTpm(scheme: TpmKeyScheme): {
  readonly tpm: EmulatedTpm
  readonly given: Base['given']
} {
  const manufacturer = createTpmManufacturer({ seed: emulatorSeed })
  const tpm = manufacturer.createTpm({
    tpmSeed: encodeUtf8(`fuzzed TPM ${scheme}`),
    key: { scheme },
  })
  tpm.measure(sampleBoot({ secureBoot: true, kernel: 'kernel' }))
  return {
    tpm,
    given: {
      collateral: {},
      anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
      now: emulatedNow,
    },
  }
}

/** What TPMs are asked to sign. */
export const tpmNonce = encodeUtf8('a nonce of the fuzzer')

/** Quotes by both kinds of keys: certified, pinned, and bound to hardware of Intel's and AMD's. */
export function tpmBases(): readonly Base[] {
  const rsa = createTpm('rsassa')
  const ecdsa = createTpm('ecdsa')
  const evidence = rsa.tpm.evidence({ nonce: tpmNonce })
  const { certificateChain: _, ...uncertified } = evidence
  const td = createIntelMachine()
  const guest = createSnpMachine()
  const onTd = bindToTd(rsa.tpm.key, { platform: td.platform, registers: tdRequest })
  const onSnp = bindToSnp(rsa.tpm.key, (reportData) =>
    guest.platform.report({ ...snpRequest, reportData, version: 5 }),
  )
  const anchors = [deviceKeyAnchor(rsa.tpm.keySpkiSha256, 'tpm2')]
  return [
    { name: 'emulated tpm rsassa', evidence, given: rsa.given },
    {
      name: 'emulated tpm ecdsa bare',
      evidence: ecdsa.tpm.evidence({ nonce: tpmNonce, bare: true }),
      given: ecdsa.given,
    },
    { name: 'emulated tpm pinned', evidence: uncertified, given: { ...rsa.given, anchors } },
    { name: 'emulated hcl td', evidence: { ...uncertified, ...onTd }, given: td.given('tdx') },
    { name: 'emulated hcl snp', evidence: { ...uncertified, ...onSnp }, given: guest.given },
  ]
}
