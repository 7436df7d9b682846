// Certificates and lists that nobody issues by the manufacturer's own means: rightly signed, and still wrong.
import { encodeHex, unixSeconds, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'
import { toPem } from '../src/certificate.ts'
import { issueRevocationList } from '../src/revocation-list.ts'
import { deriveSigningKey } from '../src/signing-key.ts'
import { createSnpAuthority } from '../src/snp/authority.ts'
import { endorsementEnd, issueEndorsement } from '../src/snp/endorsement-key.ts'
import { judge, machine, now } from './snp-machine.ts'

const seed = new Uint8Array(32).fill(0x5e)
const { ark, ask } = createSnpAuthority(seed, 'Genoa')
const p384 = deriveSigningKey(seed, 'snp/test', 'P-384')

function leaf(key = p384, name = ask.name): Bytes {
  const platform = machine()
  const content = {
    kind: 'VCEK',
    line: 'Genoa',
    productName: 'Genoa',
    tcb: platform.reportedTcb,
    hardwareId: platform.hardwareId,
    cspId: '',
    notBefore: now,
    notAfter: endorsementEnd('VCEK', now),
  } as const
  return issueEndorsement(content, key, { name, key: ask.key })
}

function judgeLeaf(der: Bytes, crl?: string) {
  const certificateChain = toPem(der, ask.der, ark.der)
  return judge(machine(), undefined, { amd: { certificateChain, ...(crl && { crl }) } })
}

test('a leaf that names another issuer than the one that signed it', async () => {
  // What is right but for the report's key goes on to the report.
  expect(await judgeLeaf(leaf())).toMatchObject({ reject: 'REPORT_SIGNATURE' })
  expect(await judgeLeaf(leaf(p384, 'SEV-Turin'))).toMatchObject({ reject: 'CHAIN_SIGNATURE' })
})

test('a leaf on another curve', async () => {
  expect(await judgeLeaf(leaf(deriveSigningKey(seed, 'snp/test')))).toMatchObject({
    reject: 'CHAIN_INVALID',
    where: 'AMD certificates: the key of "SEV-VCEK" is not on P-384',
  })
})

test('a list that the right key signed in another name', async () => {
  const list = (name: string): string => {
    const times = { thisUpdate: now, nextUpdate: unixSeconds(now + 86_400) }
    const content = { ...times, crlNumber: 1, revokedSerials: [] }
    return encodeHex(issueRevocationList(content, { name, key: ark.key }))
  }
  expect(await judgeLeaf(leaf(), list('ARK-Genoa'))).toMatchObject({ reject: 'REPORT_SIGNATURE' })
  expect(await judgeLeaf(leaf(), list('ARK-Turin'))).toMatchObject({
    reject: 'CRL_INVALID_OR_EXPIRED',
    where: 'AMD revocation list: not issued by "ARK-Genoa"',
  })
})

test('lists and collateral past their limits are not read', async () => {
  expect(await judgeLeaf(leaf(), '00'.repeat(128 * 1024 + 1))).toMatchObject({
    reject: 'CRL_INVALID_OR_EXPIRED',
    where: 'AMD revocation list: 262146 characters, at most 262144 are read',
  })
  expect(await judgeLeaf(leaf(), '00'.repeat(2 * 1024 * 1024))).toMatchObject({ reject: 'PARSE' })
})

test('a masked chip id does not excuse a hardware id of the wrong size', async () => {
  const platform = machine({ maskChipId: true })
  const amd = platform.collateral(undefined, { hardwareId: new Uint8Array(8).fill(1) })
  expect(await judge(platform, undefined, { amd })).toMatchObject({ reject: 'CERT_MISMATCH' })
})
