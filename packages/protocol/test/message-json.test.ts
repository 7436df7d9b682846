import { encodeMessage, messageToJson, parseMessage, parseMessageText } from '@cloister/protocol'
import { expect, test } from 'vitest'

import { grant, order } from './examples.ts'

test('a message stands in JSON with decimal text for wide numbers', () => {
  expect(messageToJson('Order', order)).toEqual({
    requester: `0x${'c1'.repeat(20)}`,
    app: `0x${'31'.repeat(32)}`,
    assets: [`0x${'01'.repeat(32)}`],
    grants: [order.grants[0]],
    recipientKeyHash: `0x${'51'.repeat(32)}`,
    tierMin: 1,
    tags: 0,
    replicas: 1,
    feeWei: '1000000',
    attemptSeconds: 600,
    attemptsMax: 2,
    expiry: '5000',
    nonce: '1',
    tees: 4,
    unitWei: '0',
    epsilonMicros: '0',
    deltaPicos: '0',
  })
})

test('a message read back is the message', () => {
  const read = parseMessageText('Grant', encodeMessage('Grant', grant))
  expect(messageToJson('Grant', read)).toEqual(messageToJson('Grant', grant))
  expect(read).toMatchObject({ usesMax: 3, priceWei: 300n, anyNode: false, purpose: grant.purpose })
})

const json = { ...Object(messageToJson('Grant', grant)) }

test.for<[string, object, string]>([
  ['an unknown field', { note: 1 }, 'grants[2].note'],
  ['an address too short', { owner: '0x1234' }, 'grants[2].owner'],
  ['a list entry too short', { apps: [json.apps[0], '0x00'] }, 'grants[2].apps[1]'],
  ['seventeen entries', { apps: Array.from({ length: 17 }, () => json.apps[0]) }, 'grants[2].apps'],
  ['a number for decimal text', { priceWei: 300 }, 'grants[2].priceWei'],
  ['text for a number', { tcbFloor: '1' }, 'grants[2].tcbFloor'],
  ['a number past its type', { tcbFloor: 256 }, 'grants[2].tcbFloor'],
  ['decimal text past its type', { nonce: (2n ** 64n).toString() }, 'grants[2].nonce'],
  ['a purpose of 201 bytes', { purpose: 'x'.repeat(201) }, 'grants[2].purpose'],
  ['a number for a flag', { anyNode: 1 }, 'grants[2].anyNode'],
])('%s is refused by its place', ([, change, field]) => {
  expect(() => parseMessage('Grant', { ...json, ...change }, 'grants[2]')).toThrow(
    expect.objectContaining({ name: 'MalformedError', field }),
  )
})

test('a missing field is refused by its place', () => {
  const { expiry: _, ...rest } = json
  expect(() => parseMessage('Grant', rest, 'grant')).toThrow('grant.expiry')
})
