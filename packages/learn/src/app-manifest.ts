import {
  canonicalJson,
  concatBytes,
  encodeHex,
  encodeUtf8,
  MalformedError,
  parseJson,
  type Json,
} from '@cloister/codec'
import { checkManifestRules } from './app-manifest-rules.ts'
import { JsonFields, textItem } from './json-fields.ts'

/** What runs an app: ONNX Runtime over graphs, Node over a script, a root file system of its own, a language model. */
export type AppDriver = 'onnx' | 'js' | 'rootfs' | 'llm'

/** What an app does. `train`, `infer` and `federated` are the engine's; `run` is the app's own code; `chat` a model's. */
export type AppKind = 'train' | 'infer' | 'federated' | 'run' | 'chat'

/** What kind of input a role stands for: kebab-case. Apps without code know data, parameters, model and record. */
export type AppRole = string

/** What an app takes in one role. */
export type AppInput = {
  readonly role: AppRole
  /** How many inputs have this role. */
  readonly countMin: number
  readonly countMax: number
  /** Size of each of them at most. */
  readonly bytesMax: number
  /** For `data` and `record` of an onnx app: whether the first line of a CSV names the columns. */
  readonly header?: boolean
}

/** What the bytes of an output must be. They are checked outside of the sandbox, before anything leaves. */
export type AppOutputFormat = 'bytes' | 'json' | 'csv' | 'onnx' | 'safetensors' | 'text'

/** What an app hands out. */
export type AppOutput = {
  readonly name: string
  readonly bytesMax: number
  readonly format: AppOutputFormat
}

/** The code of an app: a tree of files by the digest of its list, and what is started in it. */
export type AppBundle = {
  /** SHA-256 of the bundle's list, as `0x` and hexadecimal. */
  readonly digest: string
  /** Sizes of all its files together. */
  readonly bytes: number
  /** The command and its arguments. */
  readonly entry: readonly string[]
}

/** How an app answers requests while its task runs. */
export type AppSession = {
  readonly meter: 'request' | 'token'
  readonly requestBytesMax: number
  readonly responseBytesMax: number
  readonly idleSeconds: number
}

/** What an app may use while it runs. */
export type AppLimits = {
  readonly memoryMiB: number
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly processes: number
  /** What the app may write to files: `/tmp` has this size, and so has `/out`. */
  readonly tmpMiB: number
}

/** A figure that an app may hand out beside its outputs. */
export type AppMetric = string

/** All that there is to a confidential app: owners grant to this, and to nothing that it does not say. */
export type AppManifest = {
  readonly format: 'cloister-app/2'
  readonly name: string
  readonly version: string
  readonly description: string
  readonly driver: AppDriver
  readonly kind: AppKind
  /** What must run it, to the version; an enclave that has another refuses. */
  readonly engine: string
  /** Undefined for an app without code. */
  readonly bundle: AppBundle | undefined
  readonly inputs: readonly AppInput[]
  readonly outputs: readonly AppOutput[]
  readonly metrics: readonly AppMetric[]
  readonly privacy: 'none' | 'dp-sgd'
  readonly session: AppSession | undefined
  readonly accelerator: 'none' | 'nvidia'
  readonly limits: AppLimits
  readonly egress: 'none'
}

const manifestLimits = { charactersMax: 65_536, depthMax: 4 }
const inputBytesMax = 2 ** 40
const outputBytesMax = 2 ** 30
const bundleBytesMax = 2 ** 35

const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*$/

/**
 * Reads a manifest. Every field must be there, an unknown one is refused.
 *
 * @throws {MalformedError} naming the field.
 */
export function parseManifest(text: string): AppManifest {
  return readManifest(parseJson(text, 'manifest', manifestLimits))
}

/**
 * A manifest from JSON that was read already.
 *
 * @throws {MalformedError} naming the field.
 */
export function readManifest(value: Json | undefined): AppManifest {
  const fields = new JsonFields(value, 'manifest')
  const manifest: AppManifest = {
    format: fields.choice('format', ['cloister-app/2']),
    name: matching(fields.text('name', 64), kebab, 'manifest.name', 'kebab-case'),
    version: matching(
      fields.text('version', 32),
      /^\d+\.\d+\.\d+$/,
      'manifest.version',
      'a version like 1.0.0',
    ),
    description: fields.text('description', 1000),
    driver: fields.choice('driver', ['onnx', 'js', 'rootfs', 'llm']),
    kind: fields.choice('kind', ['train', 'infer', 'federated', 'run', 'chat']),
    engine: fields.text('engine', 64),
    bundle: orNull(fields.value('bundle'), readBundle),
    inputs: fields.list('inputs', { min: 1, max: 16 }, readInput),
    outputs: fields.list('outputs', { min: 1, max: 16 }, readOutput),
    metrics: fields.list('metrics', { min: 0, max: 16 }, readMetric),
    privacy: fields.choice('privacy', ['none', 'dp-sgd']),
    session: orNull(fields.value('session'), readSession),
    accelerator: fields.choice('accelerator', ['none', 'nvidia']),
    limits: readLimits(fields.value('limits')),
    egress: fields.choice('egress', ['none']),
  }
  fields.end()
  checkManifestRules(manifest)
  return manifest
}

/** A manifest as JSON, with every field of its format: what its canonical text and its id are made of. */
export function manifestJson(manifest: AppManifest): Json {
  const { bundle, session } = manifest
  return {
    ...manifest,
    bundle: bundle === undefined ? null : { ...bundle, entry: [...bundle.entry] },
    session: session === undefined ? null : { ...session },
    inputs: manifest.inputs.map((input) => ({ ...input })),
    outputs: manifest.outputs.map((output) => ({ ...output })),
    metrics: [...manifest.metrics],
    limits: { ...manifest.limits },
  }
}

/**
 * Identity of an app: SHA-256 of `cloister/app/1`, a zero byte and the canonical JSON of its manifest, as
 * hexadecimal with `0x`.
 */
export async function appId(manifest: AppManifest): Promise<string> {
  const text = canonicalJson(manifestJson(manifest))
  const bytes = concatBytes(encodeUtf8('cloister/app/1\0'), encodeUtf8(text))
  return `0x${encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))}`
}

function readBundle(item: Json): AppBundle {
  const fields = new JsonFields(item, 'manifest.bundle')
  const digest = fields.text('digest', 66)
  const bundle = {
    digest: matching(digest, /^0x[0-9a-f]{64}$/, 'manifest.bundle.digest', '0x and 64 of 0-9, a-f'),
    bytes: fields.whole('bytes', 1, bundleBytesMax),
    entry: fields.list('entry', { min: 1, max: 64 }, (word, path) => {
      const text = textItem(word, path, 1024)
      if (text.includes('\0')) throw new MalformedError(path, 0, 'expected no zero character')
      return text
    }),
  }
  fields.end()
  return bundle
}

function readInput(item: Json, path: string): AppInput {
  const fields = new JsonFields(item, path)
  const countMin = fields.whole('countMin', 0, 64)
  const counted = {
    role: matching(fields.text('role', 32), kebab, `${path}.role`, 'kebab-case'),
    countMin,
    countMax: fields.whole('countMax', Math.max(1, countMin), 64),
    bytesMax: fields.whole('bytesMax', 1, inputBytesMax),
  }
  const input = fields.has('header') ? { ...counted, header: fields.flag('header') } : counted
  fields.end()
  return input
}

function readOutput(item: Json, path: string): AppOutput {
  const fields = new JsonFields(item, path)
  const output = {
    name: matching(
      fields.text('name', 64),
      /^[a-z0-9][a-z0-9.-]*$/,
      `${path}.name`,
      'a file name of a-z, 0-9, "." and "-"',
    ),
    bytesMax: fields.whole('bytesMax', 1, outputBytesMax),
    format: fields.choice('format', ['bytes', 'json', 'csv', 'onnx', 'safetensors', 'text']),
  }
  fields.end()
  return output
}

function readMetric(item: Json, path: string): AppMetric {
  return matching(textItem(item, path, 32), kebab, path, 'kebab-case')
}

function readSession(item: Json): AppSession {
  const fields = new JsonFields(item, 'manifest.session')
  const session = {
    meter: fields.choice('meter', ['request', 'token']),
    requestBytesMax: fields.whole('requestBytesMax', 1, 16_777_216),
    responseBytesMax: fields.whole('responseBytesMax', 1, 16_777_216),
    idleSeconds: fields.whole('idleSeconds', 1, 86_400),
  }
  fields.end()
  return session
}

function readLimits(value: Json): AppLimits {
  const fields = new JsonFields(value, 'manifest.limits')
  const limits = {
    memoryMiB: fields.whole('memoryMiB', 64, 1_048_576),
    cpuSeconds: fields.whole('cpuSeconds', 1, 604_800),
    wallSeconds: fields.whole('wallSeconds', 1, 604_800),
    processes: fields.whole('processes', 1, 4096),
    tmpMiB: fields.whole('tmpMiB', 1, 65_536),
  }
  fields.end()
  return limits
}

function orNull<T>(value: Json, read: (value: Json) => T): T | undefined {
  return value === null ? undefined : read(value)
}

function matching(text: string, pattern: RegExp, path: string, expected: string): string {
  if (!pattern.test(text)) throw new MalformedError(path, 0, `expected ${expected}`)
  return text
}
