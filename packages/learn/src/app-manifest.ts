import {
  canonicalJson,
  concatBytes,
  encodeHex,
  encodeUtf8,
  MalformedError,
  parseJson,
  type Json,
} from '@cloister/codec'
import { JsonFields, textItem } from './json-fields.ts'

/** What kind of input a role stands for. */
export type AppRole = 'data' | 'parameters' | 'model' | 'record'

/** What an app takes in one role. */
export type AppInput = {
  readonly role: AppRole
  /** How many inputs have this role. */
  readonly countMin: number
  readonly countMax: number
  /** Size of each of them at most. */
  readonly bytesMax: number
  /** For `data` and `record`: whether the first line of the CSV names the columns. */
  readonly header?: boolean
}

/** What an app hands out. */
export type AppOutput = { readonly name: string; readonly bytesMax: number }

/** What an app may use while it runs. */
export type AppLimits = {
  readonly memoryMiB: number
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly processes: number
}

/** A figure that an app may hand out in the clear. */
export type AppMetric = 'loss' | 'accuracy'

/** All that there is to a confidential app: owners grant to this, and to nothing that it does not say. */
export type AppManifest = {
  readonly format: 'cloister-app/1'
  readonly name: string
  readonly version: string
  readonly description: string
  readonly driver: 'onnx'
  readonly kind: 'train' | 'infer'
  readonly inputs: readonly AppInput[]
  readonly outputs: readonly AppOutput[]
  readonly metrics: readonly AppMetric[]
  readonly limits: AppLimits
  readonly egress: 'none'
}

const manifestLimits = { charactersMax: 65_536, depthMax: 4 }
const bytesMax = 1_073_741_824

const rolesOf: Readonly<Record<AppManifest['kind'], readonly AppRole[]>> = {
  train: ['data', 'parameters'],
  infer: ['model', 'record'],
}

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
  const format = fields.choice('format', ['cloister-app/1'])
  const name = fields.text('name', 64)
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name))
    throw new MalformedError('manifest.name', 0, 'expected kebab-case')
  const version = fields.text('version', 32)
  if (!/^\d+\.\d+\.\d+$/.test(version))
    throw new MalformedError('manifest.version', 0, 'expected a version like 1.0.0')
  const kind = fields.choice('kind', ['train', 'infer'])
  const manifest: AppManifest = {
    format,
    name,
    version,
    description: fields.text('description', 1000),
    driver: fields.choice('driver', ['onnx']),
    kind,
    inputs: fields.list('inputs', { min: 2, max: 2 }, readInput),
    outputs: fields.list('outputs', { min: 1, max: 1 }, readOutput),
    metrics: fields.list('metrics', { min: 0, max: 2 }, readMetric),
    limits: readLimits(fields.value('limits')),
    egress: fields.choice('egress', ['none']),
  }
  fields.end()
  checkRoles(manifest)
  return manifest
}

/**
 * Identity of an app: SHA-256 of `cloister/app/1`, a zero byte and the canonical JSON of its manifest, as
 * hexadecimal with `0x`.
 */
export async function appId(manifest: AppManifest): Promise<string> {
  const text = canonicalJson(toJson(manifest))
  const bytes = concatBytes(encodeUtf8('cloister/app/1\0'), encodeUtf8(text))
  return `0x${encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))}`
}

/** Looks like a copy and is a proof: every field is JSON. */
function toJson(manifest: AppManifest): Json {
  return {
    ...manifest,
    inputs: manifest.inputs.map((input) => ({ ...input })),
    outputs: manifest.outputs.map((output) => ({ ...output })),
    limits: { ...manifest.limits },
  }
}

function readInput(item: Json, path: string): AppInput {
  const fields = new JsonFields(item, path)
  const role = fields.choice('role', ['data', 'parameters', 'model', 'record'])
  const countMin = fields.whole('countMin', 1, 64)
  const counted = {
    role,
    countMin,
    countMax: fields.whole('countMax', countMin, 64),
    bytesMax: fields.whole('bytesMax', 1, bytesMax),
  }
  const isCsv = role === 'data' || role === 'record'
  const input = isCsv ? { ...counted, header: fields.flag('header') } : counted
  fields.end()
  return input
}

function readOutput(item: Json, path: string): AppOutput {
  const fields = new JsonFields(item, path)
  const name = fields.text('name', 64)
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(name))
    throw new MalformedError(`${path}.name`, 0, 'expected a file name of a-z, 0-9, "." and "-"')
  const output = { name, bytesMax: fields.whole('bytesMax', 1, bytesMax) }
  fields.end()
  return output
}

function readMetric(item: Json, path: string): AppMetric {
  const metric = textItem(item, path, 64)
  if (metric !== 'loss' && metric !== 'accuracy')
    throw new MalformedError(path, 0, 'expected loss or accuracy')
  return metric
}

function readLimits(value: Json): AppLimits {
  const fields = new JsonFields(value, 'manifest.limits')
  const limits = {
    memoryMiB: fields.whole('memoryMiB', 64, 1_048_576),
    cpuSeconds: fields.whole('cpuSeconds', 1, 604_800),
    wallSeconds: fields.whole('wallSeconds', 1, 604_800),
    processes: fields.whole('processes', 1, 4096),
  }
  fields.end()
  return limits
}

function checkRoles(manifest: AppManifest): void {
  const known = rolesOf[manifest.kind]
  const roles = manifest.inputs.map((input) => input.role)
  const missing = known.find((role) => !roles.includes(role))
  if (missing !== undefined)
    throw new MalformedError('manifest.inputs', 0, `role ${missing} is missing`)
  const single = manifest.inputs.find((input) => input.role !== 'data' && input.countMax > 1)
  if (single)
    throw new MalformedError('manifest.inputs', 0, `role ${single.role} takes exactly one input`)
  if (manifest.kind === 'infer' && manifest.metrics.length > 0)
    throw new MalformedError('manifest.metrics', 0, 'an infer app has no metrics')
}
