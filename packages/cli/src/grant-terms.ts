import { parseJson, type Bytes, type UnixSeconds } from '@cloister/codec'
import {
  isOutputFormat,
  limits,
  listField,
  objectField,
  oneOf,
  orNull,
  outputFormatsOf,
  teeByName,
  textField,
  type Deployment,
  type FieldValue,
  type NodeTee,
  type OutputFormat,
} from '@cloister/protocol'
import type { App, GrantTerms } from '@cloister/sdk'
import type { Address, Hex } from 'viem'

import { findApp } from './app/commands.ts'
import { readAs, type Given, type OptionSpec } from './command.ts'
import { readText } from './files.ts'
import { readReviewKey } from './recipient-key.ts'
import { usageError } from './usage-error.ts'
import { parseAddress, parseDecimal, parseId, parseWei, timeFrom, wholeNumber } from './values.ts'
import { withDefaults } from './with-defaults.ts'

/** What a grant can be told, on the command line or in a file of the same names. */
export const termOptions: readonly OptionSpec[] = [
  { flags: '--terms <FILE>', about: 'read what follows from a JSON file; options win over it' },
  { flags: '--asset <ID>', about: 'what is granted; repeat it', many: true },
  { flags: '--app <APP>', about: 'name or id of an app that may use it; repeat it', many: true },
  { flags: '--requester <ADDRESS>', about: 'who may ask, or any; repeat it', many: true },
  { flags: '--operator <ADDRESS>', about: 'whose nodes may run it, or any; repeat it', many: true },
  { flags: '--tee <TEE>', about: 'sgx, tdx, snp, nitro or cca; repeat it', many: true },
  { flags: '--purpose <TEXT>', about: 'what for, in words' },
  {
    flags: '--expires <TIME>',
    about: 'until when: 30d, 12h, 2030-01-01T00:00:00Z; 7d unless said',
  },
  { flags: '--not-before <TIME>', about: 'from when; now unless said' },
  { flags: '--price <WEI>', about: 'what each task costs; 0 unless said' },
  { flags: '--uses <N>', about: 'how many tasks; 1 unless said' },
  { flags: '--uses-per-day <N>', about: 'how many tasks a day in UTC; all of them unless said' },
  { flags: '--owners-min <N>', about: 'least number of owners in an order; 1 unless said' },
  { flags: '--records-min <N>', about: 'least number of rows in the pooled data; 0 unless said' },
  { flags: '--output-bytes <N>', about: "most bytes of the output; the app's limit unless said" },
  {
    flags: '--output-format <FORMAT>',
    about: "bytes, json, csv, onnx, safetensors or text; the app's unless said; repeat it",
    many: true,
  },
  { flags: '--epsilon <N>', about: 'require a private app, and spend so much at most in all' },
  { flags: '--delta <N>', about: 'the same for delta, such as 0.00001' },
  { flags: '--review-key <FILE>', about: 'look at each output first, with this recipient key' },
  { flags: '--tier <N>', about: 'least tier of the machine; 0 unless said' },
  { flags: '--tcb-floor <N>', about: 'worst TCB rank; 0 (UpToDate) unless said' },
  {
    flags: '--measurement <HEX>',
    about: 'an enclave that may run it; those of the deployment unless said; repeat it',
    many: true,
  },
  { flags: '--release-key <ADDRESS>', about: 'whoever approves enclaves from now on instead' },
]

/** Terms, and the key with which the owner looks at outputs, if it does. */
export type ReadTerms = { readonly terms: GrantTerms; readonly reviewPublicKey: Bytes | undefined }

/** Reads what a grant shall say. @throws {OperationError} `usage`, naming what is missing. @throws {MalformedError}. */
export function readTerms(given: Given, deployment: Deployment, now: UnixSeconds): ReadTerms {
  const said = new Said(given)
  const apps = said.list('app').map((app) => findApp(deployment, app))
  const [first] = apps
  if (first === undefined) throw usageError('Cannot write a grant: no --app is named')
  const reviewKey = said.one('reviewKey')
  const reviewPublicKey = reviewKey === undefined ? undefined : readReviewKey(reviewKey)
  const expires = timeFrom(now)(said.one('expires') ?? '7d')
  const notBefore = said.read('notBefore', timeFrom(now))
  const terms: GrantTerms = {
    assets: needed(said, 'asset').map((asset) => parseId('--asset', asset)),
    apps: apps.map(({ id }) => id),
    tees: needed(said, 'tee').map(readTee),
    requesters: readWho(said, 'requester'),
    operators: readWho(said, 'operator'),
    purpose: said.one('purpose') ?? missing('purpose'),
    priceWei: said.read('price', parseWei) ?? 0n,
    expiry: BigInt(expires),
    ...(notBefore === undefined ? {} : { notBefore: BigInt(notBefore) }),
    ...readCounts(said),
    outputBytesMax:
      said.read('outputBytes', wholeNumber(1, 0xffff_ffff)) ??
      Math.max(...apps.map((app) => app.outputBytesMax)),
    outputFormats: readFormats(said, apps),
    privacy: readPrivacy(said),
    ...readRuntimes(said),
    ...(reviewPublicKey === undefined ? {} : { reviewKeyHash: reviewPublicKey.hash }),
  }
  return { terms, reviewPublicKey: reviewPublicKey?.publicKey }
}

const texts = orNull(listField(textField(4096, 1), limits.listMax, 1))
const text = orNull(textField(4096, 1))

const file = objectField({
  format: oneOf('cloister-grant-terms/1'),
  ...{ asset: texts, app: texts, requester: texts, operator: texts, tee: texts },
  ...{ outputFormat: texts, measurement: texts, purpose: text, expires: text, notBefore: text },
  ...{ price: text, uses: text, usesPerDay: text, ownersMin: text, recordsMin: text },
  ...{ outputBytes: text, epsilon: text, delta: text, reviewKey: text, tier: text },
  ...{ tcbFloor: text, releaseKey: text },
})

type Terms = Omit<FieldValue<typeof file>, 'format'>
type ListName = 'asset' | 'app' | 'requester' | 'operator' | 'tee' | 'outputFormat' | 'measurement'
type TextName = Exclude<keyof Terms, ListName>

const nothing: Readonly<Record<ListName | TextName, null>> = {
  ...{ asset: null, app: null, requester: null, operator: null, tee: null, outputFormat: null },
  ...{ measurement: null, purpose: null, expires: null, notBefore: null, price: null, uses: null },
  ...{ usesPerDay: null, ownersMin: null, recordsMin: null, outputBytes: null, epsilon: null },
  ...{ delta: null, reviewKey: null, tier: null, tcbFloor: null, releaseKey: null },
}

/** What was said on the command line, or else in the file of `--terms`. */
class Said {
  readonly #given: Given
  readonly #file: Terms | undefined

  constructor(given: Given) {
    this.#given = given
    const path = given.text('terms')
    if (path === undefined) return
    const content = readText(path, { what: 'grant terms', bytesMax: 65_536 })
    const json = parseJson(content, 'grant terms', { charactersMax: 65_536, depthMax: 3 })
    this.#file = file.parse(withDefaults(json, nothing), 'grant terms')
  }

  one(name: TextName): string | undefined {
    return this.#given.text(name) ?? this.#file?.[name]
  }

  list(name: ListName): readonly string[] {
    const given = this.#given.texts(name)
    return given.length > 0 ? given : (this.#file?.[name] ?? [])
  }

  read<T>(name: TextName, parse: (value: string) => T): T | undefined {
    const value = this.one(name)
    return value === undefined ? undefined : readAs(optionOf(name), value, parse)
  }
}

function needed(said: Said, name: ListName): readonly string[] {
  const values = said.list(name)
  return values.length > 0 ? values : missing(name)
}

function missing(name: ListName | TextName): never {
  throw usageError(
    `Cannot write a grant: ${optionOf(name)} is missing; say it, or put it into the file of --terms`,
  )
}

function optionOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function readWho(said: Said, name: 'requester' | 'operator'): readonly Address[] | 'any' {
  const values = needed(said, name)
  if (!values.includes('any'))
    return values.map((value) => readAs(optionOf(name), value, parseAddress))
  if (values.length === 1) return 'any'
  throw usageError(`Cannot use --${name} any together with an address: say one or the other`)
}

/** A TEE by the name that people give it. @throws {OperationError} `usage`. */
export function readTee(name: string): NodeTee {
  const tee = teeByName(name)
  if (tee !== undefined) return tee
  throw usageError(
    `Cannot use --tee ${JSON.stringify(name.slice(0, 40))}: there are sgx, tdx, snp, nitro and cca`,
  )
}

function readCounts(said: Said) {
  const usesMax = said.read('uses', wholeNumber(1, 0xffff_ffff))
  const usesPerDay = said.read('usesPerDay', wholeNumber(1, 0xffff_ffff))
  return {
    ...(usesMax === undefined ? {} : { usesMax }),
    ...(usesPerDay === undefined ? {} : { usesPerDay }),
    ownersMin: said.read('ownersMin', wholeNumber(1, 255)) ?? 1,
    recordsMin: said.read('recordsMin', wholeNumber(0, 0xffff_ffff)) ?? 0,
    tierMin: said.read('tier', wholeNumber(0, 3)) ?? 0,
    tcbFloor: said.read('tcbFloor', wholeNumber(0, 5)) ?? 0,
  }
}

function readFormats(said: Said, apps: readonly App[]): readonly OutputFormat[] {
  const named = said.list('outputFormat')
  const wrong = named.find((name) => !isOutputFormat(name))
  if (wrong !== undefined)
    throw usageError(
      `Cannot use --output-format ${JSON.stringify(wrong.slice(0, 40))}: there are bytes, json, csv, onnx, safetensors and text`,
    )
  if (named.length > 0) return named.filter(isOutputFormat)
  return outputFormatsOf(apps.reduce((set, app) => set | app.facts.outputFormats, 0))
}

function readPrivacy(said: Said): GrantTerms['privacy'] {
  const epsilonMicros = said.read('epsilon', parseDecimal(6))
  const deltaPicos = said.read('delta', parseDecimal(12))
  if (epsilonMicros !== undefined) return { epsilonMicros, deltaPicos: deltaPicos ?? 0n }
  if (deltaPicos === undefined) return 'none'
  throw usageError('Cannot use --delta without --epsilon: a budget has both')
}

function readRuntimes(said: Said): Pick<GrantTerms, 'runtimes'> {
  const measurements = said.list('measurement')
  const releaseKey = said.read('releaseKey', parseAddress)
  if (releaseKey === undefined && measurements.length === 0) return {}
  if (releaseKey === undefined)
    return { runtimes: measurements.map((value): Hex => parseId('--measurement', value)) }
  if (measurements.length > 0)
    throw usageError('Cannot use --release-key together with --measurement: say one or the other')
  return { runtimes: { releaseKey } }
}
