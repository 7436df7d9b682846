import { expect, test } from 'vitest'

import { isPublicAddress, resolvePublic } from '../src/public-address.ts'

const family = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4)

test.for([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '198.19.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::ffff:7f00:1',
  '64:ff9b::7f00:1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'ff02::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
])('%s is no public address', (address) => {
  expect(isPublicAddress({ address, family: family(address) })).toBe(false)
})

test.for(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
  '%s is public',
  (address) => {
    expect(isPublicAddress({ address, family: family(address) })).toBe(true)
  },
)

test('a host is refused with one address that is not public; this machine is allowed where it is said', async () => {
  await expect(resolvePublic('localhost', false)).rejects.toMatchObject({ code: 'address-refused' })
  await expect(resolvePublic('[::1]', false)).rejects.toMatchObject({ code: 'address-refused' })
  await expect(resolvePublic('10.0.0.1', true)).rejects.toMatchObject({ code: 'address-refused' })
  await expect(resolvePublic('[::ffff:127.0.0.1]', true)).rejects.toMatchObject({
    code: 'address-refused',
  })
  expect(await resolvePublic('127.0.0.1', true)).toEqual({ address: '127.0.0.1', family: 4 })
  expect(await resolvePublic('[2606:4700::1111]', false)).toEqual({
    address: '2606:4700::1111',
    family: 6,
  })
})
