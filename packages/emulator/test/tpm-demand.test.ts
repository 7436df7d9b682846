// States of TPMs and their certificates that can be asked for, and what is made of each.
import { unixSeconds } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import {
  claimsOf,
  concluded,
  judge,
  nonce,
  now,
  startedTpm,
  testTpmManufacturer,
} from './tpm-world.ts'

const manufacturer = testTpmManufacturer()
const key = { scheme: 'ecdsa' } as const

test('clock, counters and firmware are those that are asked for', async () => {
  const tpm = startedTpm(manufacturer, { key })
  const firmwareVersion = new Uint8Array(8).fill(6)
  const state = { clock: 77n, resetCount: 5, restartCount: 6, safe: false, firmwareVersion }
  const told = claimsOf(await judge(tpm.evidence({ nonce, state })))
  expect(told).toMatchObject({ clock: 77, resetCount: 5, restartCount: 6, safe: false })
  expect(told.firmwareVersion).toBe('06'.repeat(8))
  const usual = claimsOf(await judge(tpm.evidence({ nonce })))
  expect(usual).toMatchObject({ clock: 1_000_000, resetCount: 3, restartCount: 0 })
})

describe.for(['key', 'authority', 'root'] as const)('the certificate of the %s', (part) => {
  test.for([
    ['expired', { notAfter: unixSeconds(now - 1) }],
    ['not yet valid', { notBefore: unixSeconds(now + 1) }],
  ] as const)('%s', async ([, validity]) => {
    const tpm = startedTpm(manufacturer, { key, validity: { [part]: validity } })
    expect(concluded(await judge(tpm.evidence({ nonce })))).toEqual({
      authentic: false,
      reject: 'CERT_EXPIRED_OR_NOT_YET_VALID',
    })
  })
})

test('values of another selection than the quoted one are not its values', async () => {
  const tpm = startedTpm(manufacturer, { key })
  const quoted = tpm.evidence({ nonce, selection: { sha256: [0, 4, 7] } })
  const { pcrs } = tpm.evidence({ nonce, selection: { sha256: [0, 4, 9] } })
  expect(concluded(await judge({ ...quoted, pcrs: pcrs! }))).toEqual({
    authentic: true,
    reasons: ['PCR_MISSING'],
  })
  const rebooted = startedTpm(manufacturer, { key, kernel: 'kernel 2' })
  const later = rebooted.evidence({ nonce, selection: { sha256: [0, 4, 7, 9] } })
  const all = tpm.evidence({ nonce, selection: { sha256: [0, 4, 7, 9] } })
  expect(concluded(await judge({ ...all, pcrs: later.pcrs! }))).toMatchObject({
    reject: 'PCR_DIGEST',
  })
})
