import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

import { OperationError } from '@cloister/codec'

/** One address of a host, as it is connected to. */
export type HostAddress = { readonly address: string; readonly family: 4 | 6 }

// IANA's special-purpose registries: what is not reached globally, or leads to another address in disguise.
const special4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
// Within 2000::/3, which alone is global unicast: loopback, mapped, translated and local ones lie outside.
const special6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const refused = new BlockList()
for (const [net, prefix] of special4) refused.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of special6) refused.addSubnet(net, prefix, 'ipv6')
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
const loopback4 = new BlockList()
loopback4.addSubnet('127.0.0.0', 8, 'ipv4')
const loopback6 = new BlockList() // A list of its own: one with IPv4 rules takes mapped addresses, too.
loopback6.addAddress('::1', 'ipv6')

/** Whether anybody on the internet reaches this address, so that asking it shows a stranger nothing more. */
export function isPublicAddress({ address, family }: HostAddress): boolean {
  return family === 4
    ? !refused.check(address, 'ipv4')
    : global6.check(address, 'ipv6') && !refused.check(address, 'ipv6')
}

/**
 * Resolves a host once. All its addresses must be public (or, where that is allowed, of this machine): one that is not
 * means that somebody plays with names.
 *
 * @throws {OperationError} `address-refused`.
 */
export async function resolvePublic(host: string, allowLoopback: boolean): Promise<HostAddress> {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  const found =
    isIP(bare) === 0
      ? await lookup(bare, { all: true, verbatim: true })
      : [{ address: bare, family: isIP(bare) }]
  const addresses = found.map(({ address, family }): HostAddress => ({
    address,
    family: family === 6 ? 6 : 4,
  }))
  const isAllowed = (each: HostAddress): boolean =>
    isPublicAddress(each) ||
    (allowLoopback &&
      (each.family === 4
        ? loopback4.check(each.address, 'ipv4')
        : loopback6.check(each.address, 'ipv6')))
  const [first] = addresses
  if (first !== undefined && addresses.every(isAllowed)) return first
  throw new OperationError('address-refused', `Cannot ask ${host}: its address is not public`)
}
