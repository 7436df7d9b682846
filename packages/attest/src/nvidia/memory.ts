import { equalBytes } from '@cloister/codec'
import { digest } from '#crypto'
import { Recall } from '../memory.ts'
import { CertificateMemory, type Chain } from '../x509/chain.ts'
import type { OcspResponse } from '../x509/ocsp.ts'
import type { Signed } from '../x509/signed.ts'
import type { EnvelopedSignature } from '../xml/signature.ts'
import type { Device } from './chain.ts'
import type { Rim } from './rim.ts'

/** What appraisals of NVIDIA's devices remember: what certificates and documents say, and which signatures hold. */
export class NvidiaMemory {
  /** Certificates of every chain. */
  readonly certificates = new CertificateMemory()
  /** Manifests by their text. */
  readonly rims = new Recall<Rim>()
  /** OCSP responses by their hexadecimal. */
  readonly responses = new Recall<OcspResponse>()
  readonly #devices = new WeakMap<Chain, Device>()
  readonly #signed = new WeakMap<EnvelopedSignature, Signed>()
  readonly #digests = new WeakMap<Rim, boolean>()

  /** What the certificates of a device say. The same text gives the same chain, as long as it is remembered. */
  device(chain: Chain, read: () => Device): Device {
    const known = this.#devices.get(chain)
    if (known !== undefined) return known
    const device = read()
    this.#devices.set(chain, device)
    return device
  }

  /** What a manifest's signature is over, as one and the same object for one manifest. */
  signed({ signature }: Rim): Signed {
    const known = this.#signed.get(signature)
    if (known !== undefined) return known
    const { signedInfo: tbs, algorithm, signature: value } = signature
    const signed: Signed = { tbs, algorithm, form: 'raw', signature: value }
    this.#signed.set(signature, signed)
    return signed
  }

  /** Whether the digest that a manifest's signature covers is that of the manifest. */
  async digestHolds(rim: Rim): Promise<boolean> {
    const known = this.#digests.get(rim)
    if (known !== undefined) return known
    const { digestHash, content, digest: expected } = rim.signature
    const holds = equalBytes(await digest(digestHash, content), expected)
    this.#digests.set(rim, holds)
    return holds
  }
}
