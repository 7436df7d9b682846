import { cloisterDomain, messageDigest, type Grant, type Order } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

/** A 32-byte word and an address that repeat one byte: enough to tell them apart in a failure. */
export const word = (byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`
export const address = (byte: number): Address =>
  `0x${byte.toString(16).padStart(2, '0').repeat(20)}`

export const domain = cloisterDomain(31337, address(0x11))

export const grant: Grant = {
  version: 2,
  owner: address(0xa1),
  assets: [word(0x01), word(0x02)],
  apps: [word(0x31), word(0x32)],
  measurements: [word(0x41), word(0x42)],
  releaseKey: `0x${'00'.repeat(20)}`,
  tcbFloor: 1,
  tierMin: 1,
  tees: 0b1100,
  anyNode: false,
  operators: [address(0xb1), address(0xb2)],
  anyRequester: false,
  requesters: [address(0xc1), address(0xc2)],
  purpose: 'Train a tumour classifier — für die Forschung',
  priceWei: 300n,
  usesMax: 3,
  usesPerDay: 2,
  notBefore: 1_000n,
  expiry: 2_000n,
  ownersMin: 1,
  recordsMin: 0,
  outputBytesMax: 4096,
  outputFormats: 0b1010,
  privacyRequired: false,
  epsilonMicros: 0n,
  deltaPicos: 0n,
  reviewKeyHash: `0x${'00'.repeat(32)}`,
  nonce: 7n,
}

export const order: Order = {
  requester: address(0xc1),
  app: word(0x31),
  assets: [word(0x01)],
  grants: [messageDigest(domain, 'Grant', grant)],
  recipientKeyHash: word(0x51),
  tierMin: 1,
  tags: 0,
  replicas: 1,
  feeWei: 1_000_000n,
  attemptSeconds: 600,
  attemptsMax: 2,
  expiry: 5_000n,
  nonce: 1n,
  tees: 0b100,
  unitWei: 0n,
  epsilonMicros: 0n,
  deltaPicos: 0n,
}
