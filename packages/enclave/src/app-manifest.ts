import { OperationError, type Json } from '@cloister/codec'
import { readManifest, type AppManifest } from '@cloister/learn'
import { appId, sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

/**
 * Reads the manifest of `app` that a host gave.
 *
 * @throws {OperationError} `wrong-manifest`, where it is another app's. @throws {MalformedError} where it is none.
 */
export function readAppManifest(app: Hex, given: Json): AppManifest {
  const actual = appId(given)
  if (!sameHex(actual, app))
    throw new OperationError('wrong-manifest', `Cannot use a manifest of ${actual} for app ${app}`)
  return readManifest(given)
}
