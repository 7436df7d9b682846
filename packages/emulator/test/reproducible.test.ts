// One seed, two manufacturers that know nothing of one another: every byte is the same.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unixSeconds, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'
import {
  bindToSnp,
  createCcaPlatform,
  createManufacturer,
  createNitroCloud,
  createNvidiaManufacturer,
  createPsaDevice,
  createSnpManufacturer,
  createTpmManufacturer,
  sampleBoot,
  type TpmKeyScheme,
} from '../src/index.ts'
import { vectorFiles, vectorFolder } from './emulator-vectors.ts'
import { machineSeed, now, sampleEnclave, sampleRequest } from './verifier.ts'

const seed = new Uint8Array(32).fill(0x5e)
const nonce = new Uint8Array(32).fill(9)

const issued: Readonly<Record<string, (from: Bytes) => unknown>> = {
  'SGX and TDX': (from) => {
    const manufacturer = createManufacturer({ seed: from, now })
    const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), revoked: true })
    return [
      platform.quote(sampleRequest()),
      platform.quote(sampleRequest({ version: 5, certificationType: 3 })),
      platform.quoteEnclave(sampleEnclave()),
      manufacturer.collateral(),
      manufacturer.collateral({ tee: 'sgx', ca: 'processor' }),
      manufacturer.evaluationNumbers(),
    ]
  },
  'SEV-SNP': (from) => {
    const manufacturer = createSnpManufacturer({ seed: from, now })
    const platform = manufacturer.createPlatform({ machineSeed: machineSeed(1), line: 'Genoa' })
    const report = platform.report({
      measurement: new Uint8Array(48),
      reportData: new Uint8Array(64),
    })
    return [report, platform.collateral(manufacturer.revocationList('Genoa'))]
  },
  NVIDIA: (from) => {
    const manufacturer = createNvidiaManufacturer({ seed: from, now })
    return (['GH100', 'GB100', 'LS10'] as const).map((chip) => {
      const device = manufacturer.createDevice({ chip, deviceSeed: machineSeed(1) })
      return [device.evidence({ nonce }), manufacturer.collateral(device)]
    })
  },
  Nitro: (from) => {
    const enclave = createNitroCloud(from).startEnclave({ enclaveSeed: machineSeed(1) })
    return enclave.document({ now: unixSeconds(now), nonce })
  },
  CCA: (from) => {
    const platform = createCcaPlatform(from, { deviceSeed: machineSeed(1) })
    return [platform.token({ challenge: new Uint8Array(64) }), platform.deviceKey]
  },
  PSA: (from) => {
    const device = createPsaDevice(from, { deviceSeed: machineSeed(1), curve: 'P-521' })
    return [device.token({ nonce }), device.macToken({ nonce }), device.deviceKey]
  },
  ...Object.fromEntries(
    (['rsassa', 'rsapss', 'ecdsa'] as const).map((scheme) => [
      `TPM ${scheme}`,
      (from: Bytes) => tpmEvidence(from, scheme),
    ]),
  ),
}

function tpmEvidence(from: Bytes, scheme: TpmKeyScheme): unknown {
  const options = { tpmSeed: machineSeed(1), key: { scheme } }
  const tpm = createTpmManufacturer({ seed: from }).createTpm(options)
  tpm.measure(sampleBoot({ secureBoot: true, kernel: 'k' }))
  const snp = createSnpManufacturer({ seed: from, now })
  const platform = snp.createPlatform({ machineSeed: machineSeed(1), line: 'Turin' })
  const binding = bindToSnp(tpm.key, (reportData) =>
    platform.report({ measurement: new Uint8Array(48), reportData }),
  )
  return [tpm.evidence({ nonce }), binding]
}

test.for(Object.entries(issued))(
  '%s: evidence and collateral are byte-equal',
  { timeout: 30_000 },
  ([, issue]) => {
    expect(issue(seed.slice())).toEqual(issue(seed.slice()))
  },
)

test('committed vectors hold what the emulator issues today', () => {
  // Only white space is the formatter's.
  for (const [name, text] of Object.entries(vectorFiles())) {
    const committed = readFileSync(join(import.meta.dirname, vectorFolder, name), 'utf8')
    expect(JSON.parse(committed), name).toEqual(JSON.parse(text))
  }
})
