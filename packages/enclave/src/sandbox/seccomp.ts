import type { Bytes } from '@cloister/codec'

/**
 * System calls that an app has no business with, by their x86-64 number.
 *
 * Spec: Linux arch/x86/entry/syscalls/syscall_64.tbl.
 */
const denied: Readonly<Record<string, number>> = {
  socket: 41,
  fork: 57,
  vfork: 58,
  ptrace: 101,
  personality: 135,
  pivot_root: 155,
  chroot: 161,
  acct: 163,
  mount: 165,
  umount2: 166,
  swapon: 167,
  reboot: 169,
  init_module: 175,
  delete_module: 176,
  add_key: 248,
  request_key: 249,
  keyctl: 250,
  unshare: 272,
  move_pages: 279,
  perf_event_open: 298,
  open_by_handle_at: 304,
  setns: 308,
  process_vm_readv: 310,
  process_vm_writev: 311,
  finit_module: 313,
  kexec_file_load: 320,
  bpf: 321,
  userfaultfd: 323,
  io_uring_setup: 425,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsmount: 432,
  pidfd_getfd: 438,
  mount_setattr: 442,
}

// glibc tries clone3 first and falls back to clone, whose flags a filter can read, when told "no such call".
const clone3 = 435
const clone = 56
const cloneThread = 0x0001_0000

// Offsets in struct seccomp_data. Spec: Linux include/uapi/linux/seccomp.h.
const numberAt = 0
const architectureAt = 4
const firstArgumentAt = 16

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

/**
 * The filter under which an app runs: threads but no new processes, no sockets, no mounts, no kernel keys, no tracing.
 *
 * A deny-list: it closes what a network-less, read-only namespace leaves open, and is not what confinement rests on alone.
 *
 * Spec: Linux Documentation/userspace-api/seccomp_filter.rst.
 */
export function seccompFilter(): Bytes {
  const program = [
    instruction(loadWord, 0, 0, architectureAt),
    instruction(jumpEqual, 1, 0, x86_64),
    instruction(giveBack, 0, 0, kill),
    instruction(loadWord, 0, 0, numberAt),
    instruction(jumpAtLeast, 0, 1, x32Bit),
    instruction(giveBack, 0, 0, kill),
    ...Object.values(denied).flatMap((number) => answer(number, refuse)),
    ...answer(clone3, noSuchCall),
    instruction(jumpEqual, 0, 3, clone),
    instruction(loadWord, 0, 0, firstArgumentAt),
    instruction(jumpBits, 1, 0, cloneThread),
    instruction(giveBack, 0, 0, refuse),
    instruction(giveBack, 0, 0, allow),
  ]
  const bytes = new Uint8Array(program.length * 8)
  for (const [index, code] of program.entries()) bytes.set(code, index * 8)
  return bytes
}

function answer(number: number, verdict: number): Bytes[] {
  return [instruction(jumpEqual, 0, 1, number), instruction(giveBack, 0, 0, verdict)]
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
