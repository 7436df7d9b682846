import type { Bytes } from '@cloister/codec'

import { absentCalls, commonCalls, guardedCalls, nativeCalls } from './system-calls.ts'

/** Which calls a program needs: `engine` and `node` have threads and no processes, `native` has both. */
export type SystemCallProfile = 'engine' | 'node' | 'native'

// Offsets in struct seccomp_data. Spec: Linux include/uapi/linux/seccomp.h.
const numberAt = 0
const architectureAt = 4
const firstArgumentAt = 16
const secondArgumentAt = 24

const x86_64 = 0xc000_003e
const x32Bit = 0x4000_0000

const kill = 0x8000_0000
const refuse = 0x0005_0001 // SECCOMP_RET_ERRNO with EPERM.
const noSuchCall = 0x0005_0026 // SECCOMP_RET_ERRNO with ENOSYS.
const allow = 0x7fff_0000

// Classic BPF. Spec: Linux include/uapi/linux/bpf_common.h.
const loadWord = 0x20
const jumpEqual = 0x15
const jumpAtLeast = 0x35
const jumpBits = 0x45
const giveBack = 0x06

const cloneThread = 0x0001_0000
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. Spec: Linux include/uapi/linux/sched.h. */
const cloneNamespaces = 0x7e02_0000
const unixFamily = 1

/** Requests to a descriptor that stay on it: close on exec, blocking, bytes waiting, and what a terminal would be asked. */
const ioctlRequests = {
  TCGETS: 0x5401,
  TIOCGWINSZ: 0x5413,
  FIONREAD: 0x541b,
  FIONBIO: 0x5421,
  FIONCLEX: 0x5450,
  FIOCLEX: 0x5451,
}

/** F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ. */
const fcntlCommands = [0, 1, 2, 3, 4, 5, 6, 7, 1030, 1031, 1032]

/**
 * The filter under which an app runs: what is not on its list is refused with EPERM, and a call by another
 * architecture's numbers kills. No list holds a socket, a mount, a namespace, tracing, kernel keys, io_uring or BPF.
 *
 * Spec: Linux Documentation/userspace-api/seccomp_filter.rst.
 */
export function seccompFilter(profile: SystemCallProfile): Bytes {
  const allowed = [
    ...Object.values(commonCalls),
    ...(profile === 'native' ? Object.values(nativeCalls) : []),
  ]
  const program = [
    instruction(loadWord, 0, 0, architectureAt),
    instruction(jumpEqual, 1, 0, x86_64),
    instruction(giveBack, 0, 0, kill),
    instruction(loadWord, 0, 0, numberAt),
    instruction(jumpAtLeast, 0, 1, x32Bit),
    instruction(giveBack, 0, 0, kill),
    ...allowed.flatMap((number) => answer(number, allow)),
    ...Object.values(absentCalls).flatMap((number) => answer(number, noSuchCall)),
    ...oneOf(guardedCalls.ioctl, Object.values(ioctlRequests)),
    ...oneOf(guardedCalls.fcntl, fcntlCommands),
    ...(profile === 'native' ? onlyUnixPairs() : []),
    ...(profile === 'native'
      ? whereBits(guardedCalls.clone, cloneNamespaces, refuse, allow)
      : whereBits(guardedCalls.clone, cloneThread, allow, refuse)),
    instruction(giveBack, 0, 0, refuse),
  ]
  const bytes = new Uint8Array(program.length * 8)
  for (const [index, code] of program.entries()) bytes.set(code, index * 8)
  return bytes
}

function answer(number: number, verdict: number): Bytes[] {
  return [instruction(jumpEqual, 0, 1, number), instruction(giveBack, 0, 0, verdict)]
}

// The kernel reads the low half of these arguments, and so does the filter.
function oneOf(number: number, values: readonly number[]): Bytes[] {
  const checks = values.flatMap((value) => answer(value, allow))
  const body = [
    instruction(loadWord, 0, 0, secondArgumentAt),
    ...checks,
    instruction(giveBack, 0, 0, refuse),
  ]
  return [instruction(jumpEqual, 0, body.length, number), ...body]
}

function onlyUnixPairs(): Bytes[] {
  const body = [
    instruction(loadWord, 0, 0, firstArgumentAt),
    ...answer(unixFamily, allow),
    instruction(giveBack, 0, 0, refuse),
  ]
  return [instruction(jumpEqual, 0, body.length, guardedCalls.socketpair), ...body]
}

function whereBits(number: number, bits: number, some: number, none: number): Bytes[] {
  return [
    instruction(jumpEqual, 0, 4, number),
    instruction(loadWord, 0, 0, firstArgumentAt),
    instruction(jumpBits, 0, 1, bits),
    instruction(giveBack, 0, 0, some),
    instruction(giveBack, 0, 0, none),
  ]
}

function instruction(code: number, whenTrue: number, whenFalse: number, operand: number): Bytes {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, code, true)
  view.setUint8(2, whenTrue)
  view.setUint8(3, whenFalse)
  view.setUint32(4, operand, true)
  return bytes
}
