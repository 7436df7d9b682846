// From the kernel's files to an accepted appraisal, for each platform that an emulated manufacturer exists of.
import {
  appraise,
  deviceKeyAnchor,
  insecureDevnetAnchor,
  isAccepted,
  strictPolicy,
  type Anchor,
  type Appraisal,
  type Collateral,
} from '@cloister/attest'
import { encodeHex, parsePem, unixSeconds } from '@cloister/codec'
import {
  ccaProvider,
  createCcaPlatform,
  createSnpManufacturer,
  GramineFiles,
  snpProvider,
  TsmReports,
} from '@cloister/emulator'
import { describe, expect, test } from 'vitest'
import { createConfigfsTsmDriver } from '../../src/evidence-drivers/configfs-tsm.ts'
import type { Collected } from '../../src/evidence-drivers/driver.ts'
import { createGramineDriver } from '../../src/evidence-drivers/gramine.ts'
import { guids, tableOf } from './certificate-table.ts'
import { bytesFrom, manufacturer, now, ways } from './stand-in.ts'

const reportData = bytesFrom(1)
const seed = new Uint8Array(32).fill(0x5e) // The one whose RSA keys need no search.

const policy = strictPolicy({
  measurements: 'any',
  reportData: encodeHex(reportData),
  machineIds: 'any',
  minTcbEvaluationDataNumber: 18,
  minRootCrlNumber: 1,
  minPckCrlNumber: 1,
})

function judge(
  collected: Collected | undefined,
  anchor: Anchor,
  collateral: Collateral | undefined = collected?.collateral,
): Promise<Appraisal> {
  if (collected === undefined || collateral === undefined) throw new Error('nothing to judge')
  const given = { collateral, anchors: [anchor], policy, now: unixSeconds(now + 60) }
  return appraise(collected.evidence, given)
}

describe.for(ways)('what is collected $name is accepted', ({ show }) => {
  test('an SNP report, by nothing but what its host handed over with it', async () => {
    const amd = createSnpManufacturer({ seed, now })
    const machine = amd.createPlatform({ machineSeed: bytesFrom(5, 16), line: 'Genoa' })
    const chain = amd.certificateChain('Genoa', 'VCEK')
    const limits = { blocksMax: 2, charactersMax: 10_000 }
    const [ask, ark] = parsePem(chain, 'CERTIFICATE', 'chain', limits)
    const auxblob = tableOf([
      [guids.ark, ark!],
      [guids.ask, ask!],
      [guids.vcek, machine.certificate()],
      [guids.crl, amd.revocationList('Genoa')],
    ])
    const provider = snpProvider(({ inblob, privilegeLevel }) => ({
      outblob: machine.report({
        measurement: bytesFrom(7, 48),
        reportData: inblob,
        vmpl: privilegeLevel,
      }),
      auxblob,
    }))
    const driver = createConfigfsTsmDriver(await show(new TsmReports({ provider })))
    const [collected] = await driver.collect({ reportData })
    const anchor = insecureDevnetAnchor(amd.anchorSpkiSha256('Genoa'))
    const appraisal = await judge(collected, anchor)
    expect(appraisal).toMatchObject({ authentic: true, reasons: [] })
  })

  test('a CCA token, by a pinned key of its platform', async () => {
    const machine = createCcaPlatform(seed, { deviceSeed: bytesFrom(6, 16) })
    const provider = ccaProvider((challenge) => machine.token({ challenge }))
    const driver = createConfigfsTsmDriver(await show(new TsmReports({ provider })))
    const [collected] = await driver.collect({ reportData })
    const collateral = { deviceKeys: [machine.deviceKey] }
    const anchor = deviceKeyAnchor(machine.keySpkiSha256, 'arm-cca')
    const appraisal = await judge(collected, anchor, collateral)
    expect(appraisal).toMatchObject({ authentic: true, reasons: [] })
  })

  test('an SGX quote of Gramine', async () => {
    const machine = manufacturer.createPlatform({ machineSeed: bytesFrom(9, 16) })
    const files = new GramineFiles({
      attestationType: 'dcap',
      quote: (data) =>
        machine.quoteEnclave({
          mrEnclave: bytesFrom(7, 32),
          mrSigner: bytesFrom(8, 32),
          reportData: data,
        }),
    })
    const [collected] = await createGramineDriver(await show(files)).collect({ reportData })
    const intel = manufacturer.collateral({ tee: 'sgx', ca: machine.ca })
    const anchor = insecureDevnetAnchor(manufacturer.anchorSpkiSha256)
    expect(isAccepted(await judge(collected, anchor, { intel }))).toBe(true)
  })
})
