import { createHash } from 'node:crypto'

export { ObjectStore } from '@cloister/io'

/** SHA-256 by Node's own, as objects are named. */
export function sha256Of(bytes: readonly number[]): string {
  return createHash('sha256').update(Uint8Array.from(bytes)).digest('hex')
}
