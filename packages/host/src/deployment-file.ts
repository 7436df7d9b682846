import { readFileSync } from 'node:fs'

import { MalformedError, OperationError, type Json } from '@cloister/codec'
import { systemErrorCode } from '@cloister/io'
import { parseDeployment, sameHex, type Deployment } from '@cloister/protocol'
import type { Hex } from 'viem'

/** The manifest of the deployment that this host belongs to, read again where an app is not in it yet. */
export class DeploymentFile {
  readonly #path: string
  #value: Deployment

  /** @throws {OperationError} `deployment-unreadable`. */
  constructor(path: string) {
    this.#path = path
    this.#value = readDeployment(path)
  }

  /** The manifest as last read. */
  get value(): Deployment {
    return this.#value
  }

  /** An app's manifest. @throws {OperationError} `app-unknown`, naming the file to add it to. */
  manifest(app: Hex): Json {
    const found = this.#find(app) ?? this.#findAgain(app)
    if (found !== undefined) return found.manifest
    throw new OperationError(
      'app-unknown',
      `Cannot run app ${app}: its manifest is not in ${this.#path}; add it there`,
      { retryable: true },
    )
  }

  #find(app: Hex) {
    return this.#value.apps.find(({ id }) => sameHex(id, app))
  }

  #findAgain(app: Hex) {
    this.#value = readDeployment(this.#path)
    return this.#find(app)
  }
}

function readDeployment(path: string): Deployment {
  try {
    return parseDeployment(readFileSync(path))
  } catch (cause) {
    const detail =
      cause instanceof MalformedError
        ? cause.message
        : (systemErrorCode(cause) ?? 'unknown failure')
    throw new OperationError(
      'deployment-unreadable',
      `Cannot use the deployment manifest ${path}: ${detail}; correct deploymentFile or write the manifest anew`,
      { cause },
    )
  }
}
