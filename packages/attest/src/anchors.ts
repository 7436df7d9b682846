import { MalformedError } from '@cloister/codec'

/** A vendor's root, named. Its key is pinned in this package, so nobody can pass another as it. */
export type ProductionAnchor = { readonly kind: 'production'; readonly name: 'intel-sgx-root-ca' }

/** A root that proves nothing about hardware: an emulator's. Its type differs from production's. */
export type DevnetAnchor = { readonly kind: 'insecure-devnet'; readonly spkiSha256: string }

/** A root that an appraisal trusts. Always an argument, never taken from the evidence. */
export type Anchor = ProductionAnchor | DevnetAnchor

/** SHA-256 of the SubjectPublicKeyInfo of each vendor root, computed from the certificate itself. */
const pinned: Readonly<Record<ProductionAnchor['name'], string>> = {
  'intel-sgx-root-ca': 'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e',
}

/** A vendor's root. */
export function productionAnchor(name: ProductionAnchor['name']): ProductionAnchor {
  return { kind: 'production', name }
}

/**
 * A devnet's root, by SHA-256 of its SubjectPublicKeyInfo in hexadecimal.
 *
 * @throws {MalformedError} where that is not 32 bytes of hexadecimal, or is a vendor's root.
 */
export function insecureDevnetAnchor(spkiSha256: string): DevnetAnchor {
  const digest = spkiSha256.toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new MalformedError('devnet anchor', 0, 'expected 64 hexadecimal digits')
  if (Object.values(pinned).includes(digest))
    throw new MalformedError('devnet anchor', 0, 'this is a vendor root: use productionAnchor')
  return { kind: 'insecure-devnet', spkiSha256: digest }
}

/** The digest of the key that `anchor` stands for. */
export function anchorSpkiSha256(anchor: Anchor): string {
  return anchor.kind === 'production' ? pinned[anchor.name] : anchor.spkiSha256
}

/** How claims name `anchor`: the vendor root's name, or `insecure-devnet:` and the key's digest. */
export function anchorName(anchor: Anchor): string {
  return anchor.kind === 'production' ? anchor.name : `${anchor.kind}:${anchor.spkiSha256}`
}
