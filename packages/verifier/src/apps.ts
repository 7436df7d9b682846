import { MalformedError, OperationError, type Json } from '@cloister/codec'
import {
  appFactsOf,
  integerField,
  listField,
  type AppFacts,
  type Deployment,
} from '@cloister/protocol'
import type { Hex } from 'viem'

const bytesMax = integerField(1, 2 ** 40)

/** What the manifests of a deployment's apps say, by app id. An app that came later is looked for again. */
export class Apps {
  readonly #read: () => Deployment['apps']
  #facts: ReadonlyMap<Hex, AppFacts>

  /**
   * `read` gives the apps of the deployment's file as it stands; their ids were recomputed when it was read.
   *
   * @throws {MalformedError} where a manifest does not say what its app puts out.
   */
  constructor(read: () => Deployment['apps']) {
    this.#read = read
    this.#facts = factsOf(read())
  }

  /** @throws {OperationError} `unknown-app`: without its manifest an app's attempts can't be judged. */
  factsOf(app: Hex): AppFacts {
    if (!this.#facts.has(app)) this.#facts = factsOf(this.#read())
    const found = this.#facts.get(app)
    if (found !== undefined) return found
    throw new OperationError(
      'unknown-app',
      `Cannot judge app ${app}: it is not in the deployment manifest; add it there`,
    )
  }
}

function factsOf(apps: Deployment['apps']): ReadonlyMap<Hex, AppFacts> {
  return new Map(
    apps.map(({ id, manifest, name }) => {
      requireOutputs(manifest, `app ${name}`)
      return [id, appFactsOf(manifest)]
    }),
  )
}

function requireOutputs(manifest: Json, path: string): void {
  const outputs = isObject(manifest) ? manifest['outputs'] : undefined
  if (outputs === undefined) throw new MalformedError(`${path}.outputs`, 0, 'missing')
  const sizes = listField({ parse: sizeOf, encode: (size: number) => size }, 64, 1)
  sizes.parse(outputs, `${path}.outputs`)
}

function sizeOf(output: Json, path: string): number {
  const size = isObject(output) ? output['bytesMax'] : undefined
  if (size === undefined) throw new MalformedError(`${path}.bytesMax`, 0, 'missing')
  return bytesMax.parse(size, `${path}.bytesMax`)
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
