import { expect, test } from 'vitest'

import { seccompFilter } from '../../src/sandbox/seccomp.ts'

/** A classic BPF interpreter for the five instructions that the filter uses. */
function verdict(filter: Uint8Array, architecture: number, number: number, argument = 0): number {
  const view = new DataView(filter.buffer)
  const data = new Map([
    [0, number],
    [4, architecture],
    [16, argument],
  ])
  let loaded = 0
  for (let at = 0; at < filter.length / 8; at++) {
    const code = view.getUint16(at * 8, true)
    const [yes, no] = [view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)]
    const operand = view.getUint32(at * 8 + 4, true)
    if (code === 0x06) return operand
    if (code === 0x20) loaded = data.get(operand)!
    if (code === 0x15) at += loaded === operand ? yes : no
    if (code === 0x35) at += loaded >= operand ? yes : no
    if (code === 0x45) at += (loaded & operand) !== 0 ? yes : no
  }
  throw new Error('The filter ran off its end')
}

const filter = seccompFilter()
const x86 = 0xc000003e
const [killed, refused, missing, allowed] = [0x80000000, 0x00050001, 0x00050026, 0x7fff0000]

test.for([
  ['read', 0, allowed],
  ['mmap', 9, allowed],
  ['execve', 59, allowed],
  ['socket', 41, refused],
  ['fork', 57, refused],
  ['ptrace', 101, refused],
  ['mount', 165, refused],
  ['unshare', 272, refused],
  ['bpf', 321, refused],
  ['io_uring_setup', 425, refused],
  ['clone3', 435, missing],
] as const)('%s (%i) is answered as decided', ([, number, expected]) => {
  expect(verdict(filter, x86, number)).toBe(expected)
})

test('a thread may start and a process may not', () => {
  expect(verdict(filter, x86, 56, 0x10f00)).toBe(allowed)
  expect(verdict(filter, x86, 56, 0x11)).toBe(refused)
})

test('another architecture, or the x32 numbers, kill the process', () => {
  expect(verdict(filter, 0x40000003, 0)).toBe(killed)
  expect(verdict(filter, x86, 0x40000000)).toBe(killed)
})
