import type { Random } from './random.ts'

/** Changes text without knowing what it is. */
export function mutatePlain(text: string, random: Random, donor: string = text): string {
  const at = random.below(text.length + 1)
  const end = Math.min(text.length, at + random.below(random.once(4) ? text.length + 1 : 40))
  switch (random.below(8)) {
    case 0:
      return text.slice(0, at) + random.pick(pieces) + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(end)
    case 2:
      return text.slice(0, end) + text.slice(at)
    case 3:
      return text.slice(0, at)
    case 4:
      return text.slice(0, at) + donor.slice(at)
    case 5:
      return text + (random.once(200) ? 'A'.repeat(4_500_000) : random.pick(pieces))
    case 6:
      return text.slice(0, at) + text.slice(at, end).toUpperCase() + text.slice(end)
    default: {
      const flipped = String.fromCharCode(
        text.charCodeAt(at % text.length) ^ (1 << random.below(7)),
      )
      return text.slice(0, at % text.length) + flipped + text.slice((at % text.length) + 1)
    }
  }
}

/** Characters that readers of text stumble over. */
const pieces = [
  ...['\0', '\n', '\r\n', ' ', '\t', '=', '==', '-', '"', '\\', '{', '[', ']', '}', '<', '>', '&'],
  ...[
    '\ufeff',
    '\ud800',
    '\u2028',
    '\u00e9',
    '0',
    '9'.repeat(400),
    '-----BEGIN CERTIFICATE-----\n',
  ],
  ...['-----END CERTIFICATE-----\n', '0x', '00', 'ff', 'null', '1e999', '&amp;', '<!--', '\u0130'],
]

/** Changes the blocks of a PEM text: their order, number, labels, lines, and through `inside` what they hold. */
export function mutatePem(
  text: string,
  random: Random,
  inside: (bytes: Uint8Array<ArrayBuffer>, random: Random) => Uint8Array<ArrayBuffer>,
): string {
  const blocks = text.match(/-----BEGIN [^]*?-----END [A-Z0-9 ]+-----\r?\n?/g)
  if (blocks === null) return mutatePlain(text, random)
  const at = random.below(blocks.length)
  const block = blocks[at] ?? ''
  switch (random.below(12)) {
    case 0:
      return blocks.toSpliced(at, 1).join('')
    case 1:
      return blocks.toSpliced(at, 0, block).join('')
    case 2:
      return blocks.toReversed().join('')
    case 3:
      return Array.from({ length: random.pick([9, 10, 11, 200]) }, () => block).join('')
    case 4:
      return blocks.with(at, block.replace('CERTIFICATE', random.pick(labels))).join('')
    case 5:
      return blocks
        .with(at, block.replaceAll('\n', random.pick(['\r\n', '', ' \n', '\n\n'])))
        .join('')
    case 6:
      return blocks.join(random.pick(['\n', ' ', '# text\n', '\0']))
    case 7:
      return blocks.with(at, mutatePlain(block, random)).join('')
    default:
      return blocks.with(at, rewrapped(block, random, inside)).join('')
  }
}

const labels = ['X509 CRL', 'PUBLIC KEY', '', 'CERTIFICATE ', 'TRUSTED CERTIFICATE', 'certificate']

function rewrapped(
  block: string,
  random: Random,
  inside: (bytes: Uint8Array<ArrayBuffer>, random: Random) => Uint8Array<ArrayBuffer>,
): string {
  const [head = '', ...lines] = block.trimEnd().split('\n')
  const der = new Uint8Array(Buffer.from(lines.slice(0, -1).join(''), 'base64'))
  const base64 = Buffer.from(inside(der, random)).toString('base64')
  const body = random.once(16) ? slack(base64, random) : base64
  const wrapped = body.match(new RegExp(`.{1,${random.pick([64, 64, 64, 76, 77, 1])}}`, 'g')) ?? []
  return `${[head.trimEnd(), ...wrapped, lines.at(-1)?.trimEnd()].join('\n')}\n`
}

/** The same bytes in base64 that nobody writes: bits that stand for nothing, padding left out or doubled. */
function slack(base64: string, random: Random): string {
  const bare = base64.replace(/=+$/, '')
  const last = bare.charCodeAt(bare.length - 1)
  return random.pick([bare, `${base64}=`, bare.slice(0, -1) + String.fromCharCode(last + 1) + '='])
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Changes one value or name somewhere in JSON, or how it is written. Undefined where text is no JSON. */
export function mutateJson(
  text: string,
  random: Random,
  inside: (text: string, random: Random) => string,
): string | undefined {
  let value: Json
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // Not JSON, or not any more.
  }
  const written = JSON.stringify(changeJson(value, random, inside))
  switch (random.below(12)) {
    case 0:
      return JSON.stringify(value, undefined, random.pick([' ', '\t', 1]))
    case 1:
      return written.replace(
        /("\w+":)/,
        random.pick(['$1$1', '"__proto__":{},$1', '"x":1,"x":2,$1']),
      )
    case 2:
      return random.pick([' ', '\n', '\ufeff']) + written
    case 3:
      return '['.repeat(random.pick([7, 13, 1000, 100_000])) + written
    default:
      return written
  }
}

function changeJson(
  value: Json,
  random: Random,
  inside: (text: string, random: Random) => string,
): Json {
  if (typeof value === 'string' && !random.once(4)) return inside(value, random)
  if (value === null || typeof value !== 'object') return random.pick(jsonEdges)
  if (isList(value)) {
    const at = random.below(value.length)
    if (value.length === 0 || random.once(12)) return random.pick(jsonEdges)
    const roll = random.below(6)
    if (roll === 0) return value.toSpliced(at, 1)
    if (roll === 1) return [...value, value[at]!]
    if (roll === 2) return value.toReversed()
    return value.with(at, changeJson(value[at]!, random, inside))
  }
  const entries = Object.entries(value)
  if (entries.length === 0 || random.once(12)) return random.pick(jsonEdges)
  const at = random.below(entries.length)
  const [name, member] = entries[at]!
  const roll = random.below(8)
  if (roll === 0) return Object.fromEntries(entries.toSpliced(at, 1))
  if (roll === 1) return Object.fromEntries(entries.with(at, [inside(name, random), member]))
  if (roll === 2) return Object.fromEntries(entries.toReversed())
  return Object.fromEntries(entries.with(at, [name, changeJson(member, random, inside)]))
}

const jsonEdges: readonly Json[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    255,
    256,
    65_535,
    '',
    'x',
    '00',
    [],
    {},
    [[]],
    '9999',
  ],
  ...['2026-13-45T00:00:00Z', '9999-12-31T23:59:59Z', 'UpToDate', 'Revoked', 'TDX', 'SGX', 'TD_QE'],
]

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/** Changes XML by its tags: copies, takes away and moves them, and puts in what no manifest has. */
export function mutateXml(text: string, random: Random): string {
  const tokens = text.split(/(?=<)|(?<=>)/)
  const at = random.below(tokens.length)
  const token = tokens[at] ?? ''
  const other = random.below(tokens.length)
  switch (random.below(12)) {
    case 0:
      return tokens.toSpliced(at, 1).join('')
    case 1:
      return tokens.toSpliced(other, 0, token).join('')
    case 2:
      return tokens.with(at, tokens[other] ?? '').join('')
    case 3:
      return tokens.toSpliced(at, 0, random.pick(xmlPieces)).join('')
    case 4:
      return tokens.with(at, token.replace(/(\S+)="([^"]*)"/, '$1="$2" $1="$2"')).join('')
    case 5:
      return tokens.with(at, token.replace(/="([^"]*)"/, "='$1'")).join('')
    case 6:
      return tokens.with(at, token.replace(/[0-9a-f]{2}/, '00')).join('')
    case 7:
      return tokens
        .with(at, token.replace(/(?<=<\/?)\w+:?/, random.pick(['x:', 'xmlns:', ''])))
        .join('')
    case 8:
      return tokens.with(at, token.replace(/\s+/, random.pick(['\n', '  ', '\t', '']))).join('')
    case 9:
      return '<a>'.repeat(random.pick([20, 1000, 100_000])) + text
    default:
      return tokens.with(at, mutatePlain(token, random)).join('')
  }
}

const xmlPieces = [
  ...['<!DOCTYPE a [<!ENTITY x "y">]>', '&x;', '&#0;', '&#x41;', '<![CDATA[a]]>', '<!-- c -->'],
  ...['<?pi x?>', '<a/>', '</a>', '<a xmlns="urn:x">', '&lt;', '\r', '\u00a0', 'xmlns:a=""', '<'],
  ...['<!ENTITY % p SYSTEM "file:///dev/zero">', '<xi:include href="x"/>', ' ', '\n'],
]
