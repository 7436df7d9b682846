import { insecureDevnetAnchor } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { Refusal } from '../src/reject.ts'
import { CertificateMemory, verifyChain } from '../src/x509/chain.ts'
import { parseRevocationList } from '../src/x509/revocation-list.ts'
import {
  certificate,
  pem,
  revocationList,
  signer,
  numberedExtensions,
  spkiSha256,
  unknownExtension,
  type CertificateOptions,
} from './certificate-writer.ts'
import { untypedTime } from './untyped-time.ts'

const root = signer('Root')
const authority = signer('Authority')
const leaf = signer('Leaf')
const stranger = signer('Root')
const now = 1_700_000_000

type Options = {
  readonly root?: CertificateOptions
  readonly authority?: CertificateOptions
  readonly leaf?: CertificateOptions
}

function chainText(options: Options = {}): string {
  return pem(
    certificate(leaf, authority, options.leaf),
    certificate(authority, root, { ca: true, pathLength: 0, ...options.authority }),
    certificate(root, root, { ca: true, ...options.root }),
  )
}

async function outcome(text: string, anchorKey = root, at = now): Promise<string> {
  const memory = new CertificateMemory()
  const time = unixSeconds(at)
  try {
    const given = { anchors: [insecureDevnetAnchor(spkiSha256(anchorKey))], now: time }
    const chain = memory.chain(text, 'chain', time)
    return await verifyChain(chain, 'chain', given, memory, 'anew', [])
  } catch (error) {
    return error instanceof Refusal ? error.reject : String(error)
  }
}

const name = `insecure-devnet:${spkiSha256(root)}`

test('a chain to an anchor holds, and names the anchor', async () => {
  expect(await outcome(chainText())).toBe(name)
  expect(await outcome(chainText({ leaf: { extra: [unknownExtension(false)] } }))).toBe(name)
})

test.for<[string, string, Options]>([
  ['an authority that is none', 'CHAIN_INVALID', { authority: { ca: false } }],
  ['a root that is no authority', 'CHAIN_INVALID', { root: { ca: false } }],
  [
    'an authority whose key may not sign certificates',
    'CHAIN_INVALID',
    { authority: { keyUsage: 0x02 } },
  ],
  ['a root that allows no authority below', 'CHAIN_INVALID', { root: { pathLength: 0 } }],
  ['a leaf that has expired', 'CERT_EXPIRED_OR_NOT_YET_VALID', { leaf: { notAfter: now - 1 } }],
  [
    'a root that is not valid yet',
    'CERT_EXPIRED_OR_NOT_YET_VALID',
    { root: { notBefore: now + 1 } },
  ],
  [
    'an authority that has expired',
    'CERT_EXPIRED_OR_NOT_YET_VALID',
    { authority: { notAfter: now - 1 } },
  ],
])('%s is refused as %s', async ([, reject, options]) => {
  expect(await outcome(chainText(options))).toBe(reject)
})

test('the first and the last second of a certificate are valid', async () => {
  expect(await outcome(chainText({ leaf: { notBefore: now, notAfter: now } }))).toBe(name)
})

test('another root of the same name is not trusted, nor a chain that a stranger signed', async () => {
  expect(await outcome(chainText(), stranger)).toBe('UNTRUSTED_ROOT')
  const forgedLeaf = certificate(leaf, signer('Authority'))
  const good = certificate(authority, root, { ca: true })
  const rootCertificate = certificate(root, root, { ca: true })
  expect(await outcome(pem(forgedLeaf, good, rootCertificate))).toBe('CHAIN_SIGNATURE')
  const forgedAuthority = certificate(authority, stranger, { ca: true })
  expect(await outcome(pem(certificate(leaf, authority), forgedAuthority, rootCertificate))).toBe(
    'CHAIN_SIGNATURE',
  )
  // The root's key is pinned, but this certificate of it is not its own.
  const forgedRoot = certificate(root, stranger, { ca: true })
  expect(await outcome(pem(certificate(leaf, authority), good, forgedRoot))).toBe('CHAIN_SIGNATURE')
})

test('certificates in another order, or one left out, are no chain', async () => {
  const [l, a, r] = [
    certificate(leaf, authority),
    certificate(authority, root, { ca: true }),
    certificate(root, root, { ca: true }),
  ]
  expect(await outcome(pem(l, r, a))).toBe('CHAIN_INVALID')
  expect(await outcome(pem(l, r))).toBe('CHAIN_INVALID')
  expect(await outcome(pem(l, a))).toBe('CHAIN_INVALID')
})

test('an unknown critical extension, another version or more than ten certificates are not read', async () => {
  expect(await outcome(chainText({ leaf: { extra: [unknownExtension(true)] } }))).toContain(
    'critical, and not known here',
  )
  expect(await outcome(chainText({ leaf: { version: 1 } }))).toContain('expected version 3')
  const one = certificate(root, root, { ca: true })
  expect(await outcome(pem(...Array.from({ length: 11 }, () => one)))).toContain(
    'more than 10 blocks',
  )
  expect(await outcome('')).toContain('no certificate')
})

test('a revocation list is read with its number, times and serials', () => {
  const list = parseRevocationList(
    new Uint8Array(revocationList(root, { serials: [7, 9], number: 42 })),
    'list',
  )
  expect([...list.revoked]).toEqual(['07', '09'])
  expect([list.number, list.thisUpdate, list.nextUpdate]).toEqual([
    42, 1_690_000_000, 1_800_000_000,
  ])
})

test('a partial or indirect revocation list, which has a critical extension, is not read', () => {
  const partial = revocationList(root, { extra: [unknownExtension(true)] })
  expect(() => parseRevocationList(new Uint8Array(partial), 'list')).toThrow('critical')
})

test('at most 32 extensions are read in one list, and none twice', async () => {
  const many = (count: number) => ({ leaf: { extra: numberedExtensions(count) } })
  // A certificate has two of its own here, a list one.
  expect(await outcome(chainText(many(30)))).toBe(name)
  expect(await outcome(chainText(many(31)))).toContain('more than 32 extensions')
  const twice = [unknownExtension(false), unknownExtension(false)]
  expect(await outcome(chainText({ leaf: { extra: twice } }))).toContain('occurs twice')
  const list = (count: number) =>
    parseRevocationList(
      new Uint8Array(revocationList(root, { extra: numberedExtensions(count) })),
      'list',
    )
  expect(list(31).number).toBe(1)
  expect(() => list(32)).toThrow('more than 32 extensions')
})

test('a time that is no number is outside every validity', async () => {
  const memory = new CertificateMemory()
  const chain = memory.chain(chainText(), 'chain', unixSeconds(now))
  const never = {
    anchors: [insecureDevnetAnchor(spkiSha256(root))],
    now: untypedTime(Number.NaN),
  }
  await expect(verifyChain(chain, 'chain', never, memory, 'anew', [])).rejects.toMatchObject({
    reject: 'CERT_EXPIRED_OR_NOT_YET_VALID',
  })
})
