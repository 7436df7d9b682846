import type { AppManifest } from '@cloister/learn'

/** What caps a channel: each is computed from the manifest and the grant, see `bitsOf`. */
export type Cap = 'outputs' | 'metrics' | 'size' | 'time' | 'end'

/** One app that tries to tell the 32 bytes of its input to somebody. */
export type Attempt = {
  readonly name: string
  /** Where it tries, for docs/leaks.md. */
  readonly channel: string
  readonly verdict: 'blocked' | Cap
  /** What the enclave gets from it: a blocked attempt must not pass for having failed at something else. */
  readonly ends: 'result' | 'failure'
  /** Why it fails, in words that stay in the enclave. */
  readonly because?: RegExp
  /** Node over `script`; C with this word; or Python over `script`. */
  readonly by: 'js' | 'c' | 'python'
  readonly script: string
  readonly outputs?: AppManifest['outputs']
  readonly metrics?: readonly string[]
  readonly limits?: Partial<AppManifest['limits']>
}

/** One output of a format. */
export function output(format: AppManifest['outputs'][number]['format'], bytesMax = 4096) {
  return [{ name: `out.${format}`, bytesMax, format }]
}

/** What stands before every script for Node. */
export const prelude = `const fs = require('fs')
const secret = fs.readFileSync('/in/00-table'), hex = secret.toString('hex')
const bits = [...secret].flatMap((byte) => [0, 1, 2, 3, 4, 5, 6, 7].map((at) => (byte >> at) & 1))
const put = (name, value) => fs.writeFileSync('/out/' + name, value)
const attempt = (work) => { try { return work() } catch {} }
const varint = (n) => n < 128 ? [n] : [(n & 127) | 128, ...varint(Math.floor(n / 128))]
const held = (field, bytes) => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes]
const words = (text) => [...Buffer.from(text)]
const num = (field, value) => [...varint(field * 8), ...varint(value)]
const value = (name) => held(1, words(name))
const nodeOf = (op, from, to, ...more) => held(1, [...held(1, words(from)), ...held(2, words(to)), ...more.flat(), ...held(4, words(op))])
const floats = (name, raw) => held(5, [...num(1, raw.length / 4), ...num(2, 1), ...held(8, words(name)), ...held(9, raw)])
const onnx = (graph, ...more) => Buffer.from([...num(1, 8), ...held(7, [...graph, ...held(2, words('g')), ...held(11, value('x')), ...held(12, value('y'))]), ...held(8, num(2, 17)), ...more.flat()])
const tensors = (header, data) => { const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header)); const size = Buffer.alloc(8); size.writeBigUInt64LE(BigInt(text.length)); return Buffer.concat([size, text, Buffer.from(data)]) }
const nans = [...secret].flatMap((byte) => [byte, 1, 0xc0, 0x7f])
`
