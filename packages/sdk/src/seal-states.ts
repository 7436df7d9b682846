import { OperationError } from '@cloister/codec'

import type { FileSealState, SealStates } from './seal-file.ts'

// As much of IndexedDB as is used here: this package type-checks without a browser's types, too.
type Request<T> = {
  readonly result: T
  readonly error: unknown
  readonly addEventListener: (event: 'success' | 'error', listener: () => void) => void
}
type ObjectStore = {
  readonly get: (key: string) => Request<unknown>
  readonly put: (value: unknown, key: string) => Request<unknown>
  readonly delete: (key: string) => Request<unknown>
}
type Transaction = {
  readonly objectStore: (name: string) => ObjectStore
  readonly addEventListener: (event: 'complete' | 'error' | 'abort', listener: () => void) => void
  readonly error: unknown
}
type Database = {
  readonly createObjectStore: (name: string) => unknown
  readonly transaction: (
    name: string,
    mode: 'readonly' | 'readwrite',
    options: { readonly durability: 'strict' },
  ) => Transaction
}
type OpenRequest = Request<Database> & {
  readonly addEventListener: (
    event: 'success' | 'error' | 'upgradeneeded',
    listener: () => void,
  ) => void
}
declare const indexedDB: { readonly open: (name: string, version: number) => OpenRequest }

const storeName = 'sealing'

/**
 * States of sealing in this browser's IndexedDB, for this origin. Data keys lie there wrapped under keys that cannot be exported.
 *
 * @throws {OperationError} `state-unusable`, where the browser keeps nothing (a private window, say) or is out of room.
 */
export async function openSealStates(name = 'cloister'): Promise<SealStates> {
  const database = await openDatabase(name)
  const change = (act: (store: ObjectStore) => Request<unknown>): Promise<void> =>
    settled(database.transaction(storeName, 'readwrite', { durability: 'strict' }), act)
  return {
    load: async (id) => {
      const store = database.transaction(storeName, 'readonly', { durability: 'strict' })
      const found = await answer(store.objectStore(storeName).get(id), 'read')
      return isState(found) ? found : undefined
    },
    save: (id, state) => change((store) => store.put(state, id)),
    remove: (id) => change((store) => store.delete(id)),
  }
}

function openDatabase(name: string): Promise<Database> {
  const request = indexedDB.open(name, 1)
  request.addEventListener('upgradeneeded', () => {
    request.result.createObjectStore(storeName)
  })
  return answer(request, 'open')
}

function answer<T>(request: Request<T>, action: string): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(unusable(action, request.error)))
  })
}

// Only when the transaction is over is it on disk.
function settled(
  transaction: Transaction,
  act: (store: ObjectStore) => Request<unknown>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(unusable('write', transaction.error))
    transaction.addEventListener('complete', () => resolve())
    transaction.addEventListener('error', fail)
    transaction.addEventListener('abort', fail)
    act(transaction.objectStore(storeName))
  })
}

function isState(value: unknown): value is FileSealState {
  return (
    typeof value === 'object' &&
    value !== null &&
    'format' in value &&
    value.format === 'cloister-file-seal/1'
  )
}

function unusable(action: string, cause: unknown): OperationError {
  const detail = cause instanceof Error ? cause.message : 'unknown failure'
  return new OperationError(
    'state-unusable',
    `Cannot ${action} the state of sealing in this browser: ${detail}; leave a private window, or free space, and try again`,
    { cause },
  )
}
