import { MalformedError } from '@cloister/codec'

const productionNames = [
  'intel-sgx-root-ca',
  'amd-ark-milan',
  'amd-ark-genoa',
  'amd-ark-turin',
  'nvidia-device-root',
  'nvidia-rim-root',
  'aws-nitro-root-g1',
  'google-ek-ak-ca-root',
  'google-tpm-ek-root-1',
  'azure-virtual-tpm-root-ca-2023',
] as const

/** A vendor root that this package knows. */
export type ProductionAnchorName = (typeof productionNames)[number]

/** SHA-256 of the SubjectPublicKeyInfo of each vendor root, computed from the certificate itself. */
const pinned: Readonly<Record<ProductionAnchorName, string>> = {
  'intel-sgx-root-ca': 'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e',
  'amd-ark-milan': '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
  'amd-ark-genoa': '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
  'amd-ark-turin': '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
  'nvidia-device-root': 'a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4',
  'nvidia-rim-root': 'dec1dc316477aa851eebdf51327ae9f864bc8d89254657ed1e7eb9168af1e1a3',
  'aws-nitro-root-g1': 'f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225',
  'google-ek-ak-ca-root': '56a613f57126a385dd6949294e93b0b566f96ab0573be0c2368e6f5ca779831f',
  'google-tpm-ek-root-1': 'f23057f4f97d1d90e4cae0ce91d5a0fc99069f0a1bc147021dca33b1e9c4d0d9',
  'azure-virtual-tpm-root-ca-2023':
    '5cbc52672ae101263c2976736044a964c1182ce9412c39937183baddcccb8cdf',
}

/** A vendor's root, named. Its key is pinned in this package, so nobody can pass another as it. */
export type ProductionAnchor = { readonly kind: 'production'; readonly name: ProductionAnchorName }

/** A root that proves nothing about hardware: an emulator's. Its type differs from production's. */
export type DevnetAnchor = { readonly kind: 'insecure-devnet'; readonly spkiSha256: string }

const deviceKeyTees = ['arm-cca', 'arm-psa', 'tpm2'] as const

/** A kind of evidence that keys of single devices sign. */
export type DeviceKeyTee = (typeof deviceKeyTees)[number]

/**
 * The key of one device that somebody vouches for, where no vendor root exists: an Arm CPAK or IAK, a TPM's AK.
 *
 * It is that for one kind of evidence alone: a TPM's restricted key signs whatever does not begin like a TPM's own
 * structures, a COSE_Sign1 too. Evidence by another key stays authentic, with the claim `endorsement: 'supplied'`.
 */
export type DeviceKeyAnchor = {
  readonly kind: 'device-key'
  readonly tee: DeviceKeyTee
  readonly spkiSha256: string
}

/** A root or key that an appraisal trusts. Always an argument, never taken from the evidence. */
export type Anchor = ProductionAnchor | DevnetAnchor | DeviceKeyAnchor

/** A vendor's root. */
export function productionAnchor(name: ProductionAnchorName): ProductionAnchor {
  return { kind: 'production', name }
}

/** Every vendor root that this package knows. Each one is trusted for its own vendor's evidence alone. */
export function productionAnchors(): readonly ProductionAnchor[] {
  return productionNames.map((name) => productionAnchor(name))
}

/**
 * A devnet's root, by SHA-256 of its SubjectPublicKeyInfo in hexadecimal.
 *
 * @throws {MalformedError} where that is not 32 bytes of hexadecimal, or is a vendor's root.
 */
export function insecureDevnetAnchor(spkiSha256: string): DevnetAnchor {
  return { kind: 'insecure-devnet', spkiSha256: foreignDigest(spkiSha256, 'devnet anchor') }
}

/**
 * One device's key, by SHA-256 of its SubjectPublicKeyInfo in hexadecimal, for one kind of evidence.
 *
 * @throws {MalformedError} where that is not 32 bytes of hexadecimal, is a vendor's root, or no device's key signs
 *   evidence of this kind.
 */
export function deviceKeyAnchor(spkiSha256: string, tee: DeviceKeyTee): DeviceKeyAnchor {
  const what = 'device key anchor'
  if (!isDeviceKeyTee(tee))
    throw new MalformedError(what, 0, `expected evidence of ${deviceKeyTees.join(', ')}`)
  return { kind: 'device-key', tee, spkiSha256: foreignDigest(spkiSha256, what) }
}

/** Whether keys of single devices sign evidence of this kind. */
export function isDeviceKeyTee(tee: string): tee is DeviceKeyTee {
  return deviceKeyTees.some((each) => each === tee)
}

/** The digest of the key that `anchor` stands for. */
export function anchorSpkiSha256(anchor: Anchor): string {
  return anchor.kind === 'production' ? pinned[anchor.name] : anchor.spkiSha256
}

/** How claims name `anchor`: the vendor root's name, or the kind, a device's evidence, and the key's digest. */
export function anchorName(anchor: Anchor): string {
  if (anchor.kind === 'production') return anchor.name
  const kind = anchor.kind === 'device-key' ? `${anchor.kind}:${anchor.tee}` : anchor.kind
  return `${kind}:${anchor.spkiSha256}`
}

/** Whether claims name a devnet's root by this. */
export function isDevnetAnchor(name: string): boolean {
  return name.startsWith('insecure-devnet:')
}

/**
 * The anchor whose key this is. A vendor's root counts only where it is one of `roots`: Intel's says nothing about
 * AMD's machines. A device's key is no root at all.
 */
export function findAnchor(
  anchors: readonly Anchor[],
  spkiSha256: string,
  roots: readonly ProductionAnchorName[],
): Anchor | undefined {
  return anchors.find(
    (anchor) =>
      anchorSpkiSha256(anchor) === spkiSha256 &&
      (anchor.kind === 'insecure-devnet' ||
        (anchor.kind === 'production' && roots.includes(anchor.name))),
  )
}

/**
 * The anchor that pins this very key for evidence of `tee`: a device's, or, before it, an emulated device's, whose
 * evidence then is tier 0.
 */
export function findDeviceAnchor(
  anchors: readonly Anchor[],
  spkiSha256: string,
  tee: DeviceKeyTee,
): Anchor | undefined {
  return (
    findAnchor(anchors, spkiSha256, []) ??
    anchors.find(
      (anchor) =>
        anchor.kind === 'device-key' && anchor.tee === tee && anchor.spkiSha256 === spkiSha256,
    )
  )
}

function foreignDigest(spkiSha256: string, what: string): string {
  const digest = spkiSha256.toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new MalformedError(what, 0, 'expected 64 hexadecimal digits')
  if (Object.values(pinned).includes(digest))
    throw new MalformedError(what, 0, 'this is a vendor root: use productionAnchor')
  return digest
}
