import { MalformedError } from '@cloister/codec'
import type { AppDriver, AppInput, AppKind, AppManifest } from './app-manifest.ts'

type Rules = {
  readonly kinds: readonly AppKind[]
  /** What may run it. */
  readonly engine: RegExp
  readonly engineExample: string
  /** Whether the app has code of its own. */
  readonly bundle: boolean
}

const rulesOf: Readonly<Record<AppDriver, Rules>> = {
  onnx: {
    kinds: ['train', 'infer', 'federated'],
    engine: /^onnxruntime-1\.27\.0$/,
    engineExample: 'onnxruntime-1.27.0',
    bundle: false,
  },
  js: { kinds: ['run'], engine: /^node-24$/, engineExample: 'node-24', bundle: true },
  rootfs: { kinds: ['run'], engine: /^none$/, engineExample: 'none', bundle: true },
  llm: {
    kinds: ['chat'],
    engine: /^llama\.cpp-[a-z0-9][a-z0-9.-]*$/,
    engineExample: 'llama.cpp- and a version',
    bundle: true,
  },
}

/** What each kind takes: roles that must be there, and roles that may. Undefined: whatever the app says. */
const rolesOf: Readonly<
  Record<
    AppKind,
    { readonly needed: readonly string[]; readonly known: readonly string[] } | undefined
  >
> = {
  train: { needed: ['data', 'parameters'], known: ['data', 'parameters', 'model'] },
  infer: { needed: ['model', 'record'], known: ['model', 'record'] },
  // Data are the members'; the coordinator's order has the plan alone.
  federated: { needed: ['parameters'], known: ['data', 'parameters'] },
  chat: { needed: ['model'], known: ['model', 'parameters'] },
  run: undefined,
}

const trainMetrics = ['loss', 'accuracy', 'epsilon']

/**
 * Checks what fields of a manifest mean to one another.
 *
 * @throws {MalformedError} naming the field.
 */
export function checkManifestRules(manifest: AppManifest): void {
  checkDriver(manifest)
  checkInputs(manifest)
  checkOutputs(manifest)
  const trains = manifest.kind === 'train' || manifest.kind === 'federated'
  if (manifest.privacy !== 'none' && !trains)
    refuse('privacy', 'only an onnx app that trains is private')
  if (manifest.session !== undefined && trains)
    refuse('session', 'an app that trains answers no requests')
}

function checkDriver({ driver, kind, engine, bundle, session }: AppManifest): void {
  const rules = rulesOf[driver]
  if (!rules.kinds.includes(kind))
    refuse('kind', `expected ${rules.kinds.join(' or ')} with driver ${driver}`)
  if (!rules.engine.test(engine))
    refuse('engine', `expected ${rules.engineExample} with driver ${driver}`)
  if (rules.bundle !== (bundle !== undefined))
    refuse('bundle', `expected ${rules.bundle ? 'a bundle' : 'null'} with driver ${driver}`)
  if (driver === 'rootfs' && bundle?.entry[0]?.startsWith('/') !== true)
    refuse('bundle.entry', 'expected the absolute path of a program in the bundle')
  if (driver === 'js' && !isInside(bundle?.entry[0] ?? ''))
    refuse('bundle.entry', 'expected the path of a script in the bundle, like main.js')
  if (kind === 'chat' && session === undefined) refuse('session', 'a chat app needs a session')
}

function isInside(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

function checkInputs({ kind, driver, inputs, session }: AppManifest): void {
  const given = inputs.map((input) => input.role)
  if (new Set(given).size !== given.length) refuse('inputs', 'a role comes twice')
  const roles = rolesOf[kind]
  // A session's requests bring the records.
  const needed = roles?.needed.filter((role) => role !== 'record' || session === undefined) ?? []
  const missing = needed.find((role) => !given.includes(role))
  if (missing !== undefined) refuse('inputs', `role ${missing} is missing`)
  for (const [index, input] of inputs.entries()) {
    const isTable = driver === 'onnx' && (input.role === 'data' || input.role === 'record')
    if (roles !== undefined && !roles.known.includes(input.role))
      refuse(`inputs[${index}].role`, `expected ${roles.known.join(' or ')}`)
    if (isTable !== (input.header !== undefined))
      refuse(`inputs[${index}].header`, isTable ? 'missing' : 'only a table of an onnx app has one')
    if (roles !== undefined) checkCount(input, needed.includes(input.role))
  }
}

function checkCount({ role, countMin, countMax }: AppInput, needed: boolean): void {
  if (needed && countMin === 0) refuse('inputs', `role ${role} takes one input at least`)
  if (role !== 'data' && countMax > 1) refuse('inputs', `role ${role} takes exactly one input`)
}

function checkOutputs({ kind, driver, outputs, metrics }: AppManifest): void {
  const names = outputs.map(({ name }) => name)
  if (new Set(names).size !== names.length) refuse('outputs', 'a name comes twice')
  if (names.includes('metrics.json'))
    refuse('outputs', 'metrics.json is where an app writes its metrics')
  if (driver === 'onnx' && outputs.length > 1) refuse('outputs', 'an onnx app has one output')
  if (new Set(metrics).size !== metrics.length) refuse('metrics', 'a metric comes twice')
  if (metrics.length === 0 || kind === 'run') return
  if (kind === 'infer' || kind === 'chat')
    refuse('metrics', `an app of kind ${kind} has no metrics`)
  const stray = metrics.findIndex((metric) => !trainMetrics.includes(metric))
  if (stray >= 0) refuse(`metrics[${stray}]`, `expected ${trainMetrics.join(' or ')}`)
}

function refuse(field: string, detail: string): never {
  throw new MalformedError(`manifest.${field}`, 0, detail)
}
