import type { Bytes } from '@cloister/codec'

const blockBytes = 64

/**
 * SHA-256 in plain TypeScript, for runtimes whose only SHA-256 takes all bytes at once. It hashes public bytes:
 * nothing is claimed about its timing. Spec: FIPS 180-4, sections 5 and 6.2.
 */
export class PortableSha256 {
  readonly #state = Int32Array.from(initialState)
  readonly #schedule = new Int32Array(blockBytes)
  readonly #pending = new Uint8Array(blockBytes)
  #pendingSize = 0
  #size = 0

  /** Takes the next bytes of the message. */
  update(bytes: Uint8Array): void {
    this.#size += bytes.length
    let offset = 0
    if (this.#pendingSize > 0) {
      offset = Math.min(blockBytes - this.#pendingSize, bytes.length)
      this.#pending.set(bytes.subarray(0, offset), this.#pendingSize)
      this.#pendingSize += offset
      if (this.#pendingSize < blockBytes) return
      this.#compress(this.#pending, 0)
      this.#pendingSize = 0
    }
    for (; offset + blockBytes <= bytes.length; offset += blockBytes) this.#compress(bytes, offset)
    this.#pending.set(bytes.subarray(offset))
    this.#pendingSize = bytes.length - offset
  }

  /** Ends the message. To be called once. */
  digest(): Bytes {
    const messageBytes = this.#size
    const zeros = (blockBytes * 2 - 9 - (messageBytes % blockBytes)) % blockBytes
    const end = new Uint8Array(1 + zeros + 8)
    end[0] = 0x80
    new DataView(end.buffer).setBigUint64(1 + zeros, BigInt(messageBytes) * 8n)
    this.update(end)
    const digest = new Uint8Array(32)
    const view = new DataView(digest.buffer)
    for (const [index, word] of this.#state.entries()) view.setInt32(index * 4, word)
    return digest
  }

  #compress(bytes: Uint8Array, offset: number): void {
    const [w, state] = [this.#schedule, this.#state]
    for (let t = 0, from = offset; t < 16; t++, from += 4)
      w[t] =
        (byteAt(bytes, from) << 24) |
        (byteAt(bytes, from + 1) << 16) |
        (byteAt(bytes, from + 2) << 8) |
        byteAt(bytes, from + 3)
    for (let t = 16; t < 64; t++) {
      const w15 = at(w, t - 15)
      const w2 = at(w, t - 2)
      const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3)
      const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10)
      w[t] = (at(w, t - 16) + s0 + at(w, t - 7) + s1) | 0
    }
    let a = at(state, 0)
    let b = at(state, 1)
    let c = at(state, 2)
    let d = at(state, 3)
    let e = at(state, 4)
    let f = at(state, 5)
    let g = at(state, 6)
    let h = at(state, 7)
    for (let t = 0; t < 64; t++) {
      const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const t1 = (h + sum1 + ((e & f) ^ (~e & g)) + at(roundConstants, t) + at(w, t)) | 0
      const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const t2 = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    state[0] = at(state, 0) + a
    state[1] = at(state, 1) + b
    state[2] = at(state, 2) + c
    state[3] = at(state, 3) + d
    state[4] = at(state, 4) + e
    state[5] = at(state, 5) + f
    state[6] = at(state, 6) + g
    state[7] = at(state, 7) + h
  }
}

// The first 32 bits of the fractional parts of the square roots of the first 8 primes, and of the cube roots of the
// first 64: computed, so that no digit can be mistyped.
const primes = Array.from({ length: 312 }, (_, index) => index).filter(isPrime)
const initialState = Int32Array.from(primes.slice(0, 8), (prime) => rootFraction(prime, 2n))
const roundConstants = Int32Array.from(primes, (prime) => rootFraction(prime, 3n))

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++)
    if (value % divisor === 0) return false
  return value > 1
}

/** Floor of the `degree`-th root of `value` * 2^(32 * degree), its low 32 bits: exact, by bisection. */
function rootFraction(value: number, degree: bigint): number {
  const target = BigInt(value) << (32n * degree)
  let low = 0n
  let high = 1n << 40n
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (middle ** degree <= target) low = middle
    else high = middle
  }
  return Number(low & 0xffff_ffffn)
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

function at(words: Int32Array, index: number): number {
  return words[index] ?? 0
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0
}
