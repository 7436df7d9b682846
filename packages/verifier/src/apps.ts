import { MalformedError, OperationError, type Json } from '@cloister/codec'
import { integerField, listField, type Deployment } from '@cloister/protocol'
import type { Hex } from 'viem'

const bytesMax = integerField(1, 2 ** 40)

/** The most bytes that each app of a deployment may put out, by app id. */
export class Apps {
  readonly #outputBytesMax: ReadonlyMap<Hex, number>

  /** @throws {MalformedError} where a manifest does not say what its app puts out. */
  constructor(apps: Deployment['apps']) {
    // The manifest's reader has recomputed each id.
    this.#outputBytesMax = new Map(
      apps.map(({ id, manifest, name }) => [id, outputBytes(manifest, `app ${name}`)]),
    )
  }

  /** @throws {OperationError} `unknown-app`: without its manifest an app's attempts can't be judged. */
  outputBytesMax(app: Hex): number {
    const found = this.#outputBytesMax.get(app)
    if (found !== undefined) return found
    throw new OperationError(
      'unknown-app',
      `Cannot judge app ${app}: it is not in the deployment manifest; add it there and restart`,
    )
  }
}

function outputBytes(manifest: Json, path: string): number {
  const outputs = isObject(manifest) ? manifest['outputs'] : undefined
  if (outputs === undefined) throw new MalformedError(`${path}.outputs`, 0, 'missing')
  const sizes = listField({ parse: sizeOf, encode: (size: number) => size }, 64, 1)
  return sizes.parse(outputs, `${path}.outputs`).reduce((sum, size) => sum + size, 0)
}

function sizeOf(output: Json, path: string): number {
  const size = isObject(output) ? output['bytesMax'] : undefined
  if (size === undefined) throw new MalformedError(`${path}.bytesMax`, 0, 'missing')
  return bytesMax.parse(size, `${path}.bytesMax`)
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
