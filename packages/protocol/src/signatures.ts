import { parseHex } from '@cloister/codec'
import { isHex, recoverAddress, size, type Address, type Hex } from 'viem'

// Half the order of secp256k1: a larger s has a twin below it, so only the lower is accepted.
const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

/**
 * Who signed `digest`; undefined where the signature is not a canonical one: 65 bytes, v 27 or 28, low s.
 *
 * Unlike viem's recovery it accepts one spelling of each signature. Spec: docs/protocol.md section 1.
 */
export async function signerOf(digest: Hex, signature: Hex): Promise<Address | undefined> {
  if (!isHex(signature) || size(signature) !== 65) return undefined
  const bytes = parseHex(signature, 'signature')
  const v = bytes[64]
  if (v !== 27 && v !== 28) return undefined
  if (BigInt(`0x${signature.slice(66, 130)}`) > halfOrder) return undefined
  try {
    return await recoverAddress({ hash: digest, signature })
  } catch {
    return undefined // r or s is zero, or r is no point: nobody's signature.
  }
}
