import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError } from '@cloister/codec'
import { encodeSignedGrant, parseSignedGrant, type Client, type SignedGrant } from '@cloister/sdk'

const waitSeconds = 120

/** Puts a file where everybody may read it; nobody ever sees half of it. */
export function publish(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.part`, content)
  renameSync(`${path}.part`, path)
  return path
}

/** Hands a signed grant to whom it concerns. */
export function publishGrant(
  client: Client,
  folder: string,
  name: string,
  grant: SignedGrant,
): void {
  publish(folder, grantFile(name), encodeSignedGrant(client, grant))
}

/** A grant that somebody else hands over, sooner or later. @throws {OperationError} `file-missing`. */
export async function awaitGrant(
  client: Client,
  folder: string,
  name: string,
): Promise<SignedGrant> {
  return parseSignedGrant(client, await awaitFile(folder, grantFile(name)))
}

/** A public file that somebody else writes, sooner or later. @throws {OperationError} `file-missing`. */
export async function awaitFile(folder: string, name: string): Promise<string> {
  const path = join(folder, name)
  const deadline = performance.now() + waitSeconds * 1000
  while (!existsSync(path)) {
    if (performance.now() > deadline)
      throw new OperationError(
        'file-missing',
        `Cannot go on without ${path}: it was not there after ${waitSeconds} s`,
      )
    await sleep(100)
  }
  return readFileSync(path, 'utf8')
}

function grantFile(name: string): string {
  return `grants/${name}.json`
}
