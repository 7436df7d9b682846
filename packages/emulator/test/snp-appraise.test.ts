import { appraise, insecureDevnetAnchor, isAccepted, type SnpTcb } from '@cloister/attest'
import { concatBytes, encodeHex, encodePem, unixSeconds, type Bytes } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import { createSnpManufacturer } from '../src/snp/manufacturer.ts'
import { anyGuest, judge, machine, manufacturer, now, outcome, request } from './snp-machine.ts'

describe('a good machine is accepted', () => {
  test.for(['Milan', 'Genoa', 'Turin'] as const)('of %s, with every version', async (line) => {
    const platform = machine({ line })
    for (const version of [2, 3, 4, 5] as const) {
      const appraisal = await judge(platform, platform.report(request({ version })), {
        policy: { allowExtractableKeys: ['Milan'] },
      })
      expect(isAccepted(appraisal), `version ${version}`).toBe(true)
      expect(appraisal).toMatchObject({
        claims: {
          format: `amd-sev-snp-report-v${version}`,
          productLine: line,
          reportedTcb: platform.reportedTcb,
          chipId: encodeHex(platform.chipId),
          revocation: 'good',
        },
      })
    }
  })

  test('of a Bergamo or Siena model, and with a certificate that names it', async () => {
    const platform = machine({ model: 0xa0 })
    const crl = manufacturer.revocationList('Genoa')
    expect(await outcome(platform)).toEqual([])
    const amd = platform.collateral(crl, { productName: 'Siena-A2' })
    expect(await outcome(platform, undefined, { amd })).toEqual([])
  })

  test('with a masked chip id: it has no machine id', async () => {
    const appraisal = await judge(machine({ maskChipId: true }))
    expect(isAccepted(appraisal)).toBe(true)
    expect(appraisal).not.toHaveProperty('claims.machineId')
  })

  test('with a VLEK where that is allowed: it has no machine id', async () => {
    const platform = machine({ signingKey: 'VLEK', maskChipKey: true })
    const appraisal = await judge(platform, undefined, { policy: { snp: { allowVlek: true } } })
    expect(isAccepted(appraisal)).toBe(true)
    expect(appraisal).toMatchObject({
      claims: { signingKey: 'VLEK', cspId: 'CN=cloister-emulator.invalid', maskChipKey: true },
    })
    expect(appraisal).not.toHaveProperty('claims.machineId')
  })

  test('until the first of certificates and list ends', async () => {
    const platform = machine()
    expect(await judge(platform)).toMatchObject({ until: now + 46 * 86_400 })
    const without = await judge(platform, undefined, { amd: platform.collateral() })
    expect(without).toMatchObject({
      until: Date.UTC(2033, 8, 21, 14, 13, 20) / 1000,
      reasons: [{ code: 'REVOCATION_UNKNOWN' }],
    })
  })
})

describe('the certificate has to be that of chip, TCB and product', () => {
  const tcb: SnpTcb = { bootLoader: 10, tee: 1, snp: 0x1c, microcode: 0x56 }
  test.for<[string, Parameters<ReturnType<typeof machine>['certificate']>[0]]>([
    ['boot loader', { tcb: { ...tcb, bootLoader: 11 } }],
    ['tee', { tcb: { ...tcb, tee: 0 } }],
    ['snp', { tcb: { ...tcb, snp: 0x1d } }],
    ['microcode', { tcb: { ...tcb, microcode: 0x55 } }],
    ['another chip', { hardwareId: new Uint8Array(64).fill(7) }],
    ['a short hardware id', { hardwareId: new Uint8Array(8).fill(7) }],
    ['another product', { productName: 'Milan-B0' }],
    ['no product', { productName: 'Genoa-Pro' }],
    ['a kind that the report does not name', { kind: 'VLEK' }],
  ])('%s', async ([, options]) => {
    const platform = machine()
    expect(platform.reportedTcb).toEqual(tcb)
    const amd = platform.collateral(undefined, options)
    expect(await outcome(platform, undefined, { amd })).toEqual(['CERT_MISMATCH'])
  })

  test('Turin: the fmc, and eight bytes of the chip id', async () => {
    const platform = machine({ line: 'Turin' })
    const other = { ...platform.reportedTcb, fmc: 0 }
    const wrong = platform.collateral(undefined, { tcb: other })
    expect(await outcome(platform, undefined, { amd: wrong })).toEqual(['CERT_MISMATCH'])
    const bytes = platform.reportBytes(request())
    bytes[0x1a0 + 8] = 1
    expect(await outcome(platform, platform.signReport(bytes))).toEqual(['CERT_MISMATCH'])
  })

  test('a CPU of another line, or of none', async () => {
    for (const model of [0x01, 0x60])
      expect(await outcome(machine({ model }))).toEqual(['CERT_MISMATCH'])
  })

  test('a reserved byte of the reported TCB', async () => {
    const platform = machine()
    const bytes = platform.reportBytes(request())
    bytes[0x180 + 3] = 1
    expect(await outcome(platform, platform.signReport(bytes))).toEqual(['CERT_MISMATCH'])
  })
})

describe('chains and lists', () => {
  test('another root is not trusted', async () => {
    const anchors = [insecureDevnetAnchor('00'.repeat(32))]
    expect(
      await appraise(
        { tee: 'sev-snp', report: machine().report(request()) },
        {
          collateral: { amd: machine().collateral() },
          anchors,
          policy: anyGuest(),
          now,
        },
      ),
    ).toMatchObject({ authentic: false, reject: 'UNTRUSTED_ROOT' })
  })

  test('the root of one line is not trusted for another', async () => {
    const amd = machine({ line: 'Turin' }).collateral()
    expect(await outcome(machine(), undefined, { amd })).toEqual(['UNTRUSTED_ROOT'])
  })

  test('a certificate below the wrong authority is not signed by it', async () => {
    const leaf = machine({ line: 'Turin' }).collateral().certificateChain.split(afterCertificate)
    const rest = manufacturer.certificateChain('Genoa', 'VCEK')
    const amd = { certificateChain: leaf[0] + rest }
    expect(await outcome(machine(), undefined, { amd })).toEqual(['CHAIN_SIGNATURE'])
  })

  test('without its authority it is not known who issued it', async () => {
    const [leaf = ''] = machine().collateral().certificateChain.split(afterCertificate)
    expect(await outcome(machine(), undefined, { amd: { certificateChain: leaf } })).toEqual([
      'COLLATERAL_MISSING',
    ])
  })

  test('certificates out of order, twice or too many are no chain', async () => {
    const [leaf = '', ask = '', ark = ''] = machine()
      .collateral()
      .certificateChain.split(afterCertificate)
    for (const certificateChain of [ark + ask + leaf, leaf + ark + ask, leaf + ask + ark + ark])
      expect(await outcome(machine(), undefined, { amd: { certificateChain } })).toEqual([
        'CHAIN_INVALID',
      ])
  })

  test('a VLEK ends after a year', async () => {
    const platform = machine({ signingKey: 'VLEK' })
    const given = { amd: platform.collateral(), policy: { snp: { allowVlek: true } } }
    const year = 365 * 86_400
    expect(await outcome(platform, undefined, { ...given, at: now + year })).toEqual([
      'REVOCATION_UNKNOWN',
    ])
    expect(await outcome(platform, undefined, { ...given, at: now + year + 1 })).toEqual([
      'CERT_EXPIRED_OR_NOT_YET_VALID',
    ])
    expect(await outcome(platform, undefined, { ...given, at: now - 1 })).toEqual([
      'CERT_EXPIRED_OR_NOT_YET_VALID',
    ])
  })

  test('the list has to be current, of the same line, whole and signed', async () => {
    const platform = machine()
    const judged = (crl: Bytes, at = now + 60): Promise<readonly string[]> =>
      outcome(platform, undefined, { amd: platform.collateral(crl), at })
    const list = manufacturer.revocationList('Genoa')
    expect(await judged(list, now + 46 * 86_400)).toEqual([])
    for (const [crl, at] of [
      [list, now + 46 * 86_400 + 1],
      [manufacturer.revocationList('Genoa', { issuedAt: unixSeconds(now + 61) }), now + 60],
      [manufacturer.revocationList('Genoa', { issuer: 'Turin' }), now + 60],
      [concatBytes(list.subarray(0, -1), Uint8Array.of((list.at(-1) ?? 0) ^ 1)), now + 60],
      [list.slice(0, 100), now + 60],
      [new Uint8Array(0), now + 60],
      [new Uint8Array(128 * 1024 + 1), now + 60],
    ] as const)
      expect(await judged(crl, at)).toEqual(['CRL_INVALID_OR_EXPIRED'])
  })

  test('a revoked authority takes all of its keys with it, and no others', async () => {
    // The same seed: the same keys, made before.
    const other = createSnpManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })
    other.revoke('Genoa', 'ASVK')
    const crl = other.revocationList('Genoa')
    const vcek = machine()
    expect(await outcome(vcek, undefined, { amd: vcek.collateral(crl) })).toEqual([])
    const vlek = machine({ signingKey: 'VLEK' })
    expect(await outcome(vlek, undefined, { amd: vlek.collateral(crl) })).toEqual(['CERT_REVOKED'])
    other.revoke('Genoa', 'ASK')
    const amd = vcek.collateral(other.revocationList('Genoa'))
    expect(await outcome(vcek, undefined, { amd })).toEqual(['CERT_REVOKED'])
  })

  test('a revoked root takes everything with it', async () => {
    const other = createSnpManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })
    other.revoke('Turin', 'ARK')
    const platform = machine({ line: 'Turin' })
    const amd = platform.collateral(other.revocationList('Turin'))
    expect(await outcome(platform, undefined, { amd })).toEqual(['CERT_REVOKED'])
  })

  // Each one breaks a signature too: what a certificate is comes first.
  test.for<[string, number, ...[before: string, after: string][]]>([
    ['not an authority here', 1, ['30060101ff020100', '3006010100020100']],
    ['not an authority here', 1, ['551d0f0101ff040403020204', '551d0f0101ff040403020208']],
    ['not an authority here', 2, ['30030101ff', '3003010100']],
    // The last number of the hash's identifier, and the length of the salt.
    [
      'signed with rsa-pss and SHA-512',
      0,
      ['0609608648016503040202', '0609608648016503040203'],
      ['a203020130', 'a203020140'],
    ],
    ['expected "SEV-VCEK" or "SEV-VLEK"', 0, [hexOf('SEV-VCEK'), hexOf('SEV-VCEX')]],
    ['expected "SEV-" and a product line', 1, [hexOf('SEV-Genoa'), hexOf('SEV-Genua')]],
    ['expected "ARK-Genoa"', 2, [hexOf('ARK-Genoa'), hexOf('ARK-Turin')]],
    ['is not issued by "ARK-Genoa"', 1, [hexOf('Nowhere'), hexOf('nowhere')]],
  ])('a certificate that is "%s" makes no chain', async ([where, index, ...changes]) => {
    const blocks = machine().collateral().certificateChain.split(afterCertificate)
    const der = Buffer.from(blocks[index]!.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
    let patched = der.toString('hex')
    for (const [before, after] of changes) {
      expect(patched).toContain(before)
      patched = patched.replaceAll(before, after)
    }
    blocks[index] = encodePem(Buffer.from(patched, 'hex').toString('base64'), 'CERTIFICATE')
    const amd = { certificateChain: blocks.join('') }
    const appraisal = await judge(machine(), undefined, { amd })
    expect(appraisal).toMatchObject({ authentic: false, reject: 'CHAIN_INVALID' })
    expect(appraisal).toHaveProperty('where', expect.stringContaining(where))
  })

  test('there is nothing to say without collateral', async () => {
    const platform = machine()
    const anchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256('Genoa'))]
    for (const collateral of ['none', {}] as const)
      expect(
        await appraise(
          { tee: 'sev-snp', report: platform.report(request()) },
          { collateral, anchors, policy: anyGuest(), now },
        ),
      ).toMatchObject({ authentic: false, reject: 'COLLATERAL_MISSING' })
  })
})

describe('the signature', () => {
  test('of the key at another TCB is not this one', async () => {
    const platform = machine()
    const older = machine({ reportedTcb: { ...platform.reportedTcb, snp: 0x1b } })
    const bytes = platform.reportBytes(request())
    expect(await outcome(platform, older.signReport(bytes))).toEqual(['REPORT_SIGNATURE'])
  })

  test('a report that says it has none has none', async () => {
    const platform = machine()
    const bytes = platform.reportBytes(request())
    bytes[0x48] = 7 << 2
    expect(await outcome(platform, platform.signReport(bytes))).toEqual(['REPORT_SIGNATURE'])
  })
})

function hexOf(text: string): string {
  return Buffer.from(text).toString('hex')
}

/** Where one PEM block ends and the next begins. */
const afterCertificate = /(?<=-----END CERTIFICATE-----\n)/
