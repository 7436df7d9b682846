import { encodePem } from '@cloister/codec'
import { Recall } from '../memory.ts'
import { StatusMemory } from '../x509/certificate-status.ts'
import { CertificateMemory, type Chain } from '../x509/chain.ts'
import type { OcspResponse } from '../x509/ocsp.ts'
import type { Signed } from '../x509/signed.ts'
import type { EnvelopedSignature } from '../xml/signature.ts'
import type { Device } from './chain.ts'
import type { RimVerdict } from './collateral.ts'
import type { Rim } from './rim.ts'

/** What appraisals of NVIDIA's devices remember: what certificates and documents say, and which signatures hold. */
export class NvidiaMemory {
  /** Certificates of every chain. */
  readonly certificates = new CertificateMemory()
  /** What responders say of them. */
  readonly statuses = new StatusMemory(this.certificates)
  /** Manifests by their text. */
  readonly rims = new Recall<Rim>()
  /** OCSP responses by their hexadecimal. */
  readonly responses = new Recall<OcspResponse>()
  readonly #devices = new WeakMap<Chain, Device>()
  readonly #signed = new WeakMap<EnvelopedSignature, Signed>()
  readonly #pems = new WeakMap<EnvelopedSignature, string>()
  readonly #verdicts = new WeakMap<Rim, Map<string, RimVerdict>>()

  /** What the certificates of a device say. The same text gives the same chain, as long as it is remembered. */
  device(chain: Chain, read: () => Device): Device {
    const known = this.#devices.get(chain)
    if (known !== undefined) return known
    const device = read()
    this.#devices.set(chain, device)
    return device
  }

  /** The certificates in a manifest's signature as PEM. */
  certificatesOf({ signature }: Rim): string {
    const known = this.#pems.get(signature)
    if (known !== undefined) return known
    const pem = signature.certificates.map((each) => encodePem(each, 'CERTIFICATE')).join('')
    this.#pems.set(signature, pem)
    return pem
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

  /** What holds of a manifest at any time, under the anchors that `anchors` names. */
  async verdict(rim: Rim, anchors: string, judge: () => Promise<RimVerdict>): Promise<RimVerdict> {
    const known = this.#verdicts.get(rim)
    const found = known?.get(anchors)
    if (found !== undefined) return found
    const verdict = await judge()
    if (known === undefined || known.size >= verdictsMax)
      this.#verdicts.set(rim, new Map([[anchors, verdict]]))
    else known.set(anchors, verdict)
    return verdict
  }
}

/** How many sets of anchors one manifest is remembered under. */
const verdictsMax = 4
