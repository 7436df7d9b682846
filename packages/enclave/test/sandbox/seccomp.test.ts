import { expect, test } from 'vitest'

import { seccompFilter } from '../../src/sandbox/seccomp.ts'

/** A classic BPF interpreter for the five instructions that the filter uses. */
function verdict(
  filter: Uint8Array,
  architecture: number,
  number: number,
  argument = 0,
  { second } = { second: false },
): number {
  const view = new DataView(filter.buffer)
  const data = new Map([
    [0, number],
    [4, architecture],
    [second ? 24 : 16, argument],
  ])
  let loaded = 0
  for (let at = 0; at < filter.length / 8; at++) {
    const code = view.getUint16(at * 8, true)
    const [yes, no] = [view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)]
    const operand = view.getUint32(at * 8 + 4, true)
    if (code === 0x06) return operand
    if (code === 0x20) loaded = data.get(operand) ?? 0
    if (code === 0x15) at += loaded === operand ? yes : no
    if (code === 0x35) at += loaded >= operand ? yes : no
    if (code === 0x45) at += (loaded & operand) !== 0 ? yes : no
  }
  throw new Error('The filter ran off its end')
}

const x86 = 0xc000003e
const [killed, refused, missing, allowed] = [0x80000000, 0x00050001, 0x00050026, 0x7fff0000]
const profiles = ['engine', 'node', 'native'] as const

// Numbers written out again, from the kernel's own table.
test.for([
  ['read', 0, allowed],
  ['mmap', 9, allowed],
  ['execve', 59, allowed],
  ['getrandom', 318, allowed],
  ['socket', 41, refused],
  ['connect', 42, refused],
  ['sendmsg', 46, refused],
  ['recvmsg', 47, refused],
  ['ptrace', 101, refused],
  ['syslog', 103, refused],
  ['personality', 135, refused],
  ['mknod', 133, refused],
  ['chroot', 161, refused],
  ['mount', 165, refused],
  ['add_key', 248, refused],
  ['keyctl', 250, refused],
  ['unshare', 272, refused],
  ['perf_event_open', 298, refused],
  ['name_to_handle_at', 303, refused],
  ['open_by_handle_at', 304, refused],
  ['setns', 308, refused],
  ['process_vm_readv', 310, refused],
  ['kcmp', 312, refused],
  ['seccomp', 317, refused],
  ['bpf', 321, refused],
  ['userfaultfd', 323, refused],
  ['io_uring_setup', 425, refused],
  ['fsopen', 430, refused],
  ['clone3', 435, missing],
  ['pidfd_getfd', 438, refused],
  ['landlock_create_ruleset', 444, refused],
  ['a call that does not exist yet', 999, refused],
] as const)('%s (%i) is answered as decided, for every program', ([, number, expected]) => {
  for (const profile of profiles)
    expect(verdict(seccompFilter(profile), x86, number)).toBe(expected)
})

test('threads may start everywhere, processes in a root file system of its own only', () => {
  for (const profile of profiles)
    expect(verdict(seccompFilter(profile), x86, 56, 0x3d0f00)).toBe(allowed)
  for (const [number, argument] of [[56, 0x11], [57, 0], [58, 0]] as const) {
    expect(verdict(seccompFilter('engine'), x86, number, argument)).toBe(refused)
    expect(verdict(seccompFilter('node'), x86, number, argument)).toBe(refused)
    expect(verdict(seccompFilter('native'), x86, number, argument)).toBe(allowed)
  }
}) // prettier-ignore

test.for([
  ['mount', 0x00020000],
  ['cgroup', 0x02000000],
  ['host name', 0x04000000],
  ['IPC', 0x08000000],
  ['user', 0x10000000],
  ['process', 0x20000000],
  ['network', 0x40000000],
] as const)('nobody starts a process in a new %s namespace', ([, flag]) => {
  for (const profile of profiles)
    expect(verdict(seccompFilter(profile), x86, 56, flag | 0x11)).toBe(refused)
})

test('a descriptor is asked for little', () => {
  const second = { second: true }
  for (const profile of profiles) {
    expect(verdict(seccompFilter(profile), x86, 16, 0x5421, second)).toBe(allowed) // FIONBIO
    expect(verdict(seccompFilter(profile), x86, 16, 0x5412, second)).toBe(refused) // TIOCSTI
    expect(verdict(seccompFilter(profile), x86, 72, 3, second)).toBe(allowed) // F_GETFL
    expect(verdict(seccompFilter(profile), x86, 72, 1026, second)).toBe(refused) // F_NOTIFY
  }
})

test('a pair of sockets is of the one kind that leads nowhere', () => {
  expect(verdict(seccompFilter('native'), x86, 53, 1)).toBe(allowed) // AF_UNIX
  expect(verdict(seccompFilter('native'), x86, 53, 16)).toBe(refused) // AF_NETLINK
  expect(verdict(seccompFilter('node'), x86, 53, 1)).toBe(refused)
})

test('another architecture, or the x32 numbers, kill the process', () => {
  for (const profile of profiles) {
    expect(verdict(seccompFilter(profile), 0x40000003, 0)).toBe(killed)
    expect(verdict(seccompFilter(profile), x86, 0x40000000)).toBe(killed)
  }
})
