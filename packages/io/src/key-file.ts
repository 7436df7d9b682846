import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'

import { OperationError } from '@cloister/codec'
import type { Hex, PrivateKeyAccount } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

import { Secret } from './secret.ts'
import { systemErrorCode } from './system-error.ts'

/**
 * Makes a new secp256k1 key and writes it to a new file that its owner alone may read.
 *
 * @throws {OperationError} `key-file-exists`, `key-file-unusable`.
 */
export function createKeyFile(
  path: string,
  key: Secret<Hex> = new Secret(generatePrivateKey()),
): Secret<Hex> {
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      writeSync(file, `${key.expose()}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    return key
  } catch (cause) {
    if (systemErrorCode(cause) === 'EEXIST')
      throw new OperationError(
        'key-file-exists',
        `Cannot make the key file ${path}: there is one; choose another path`,
        {
          cause,
        },
      )
    throw unusable(path, 'make', cause)
  }
}

/**
 * Reads a key file.
 *
 * @throws {OperationError} `key-file-open` where others may read it, `key-file-malformed`, `key-file-unusable`.
 */
export function readKeyFile(path: string): Secret<Hex> {
  let text: string
  try {
    // No link is followed, and the rights are those of the very file that is read.
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { mode, size } = fstatSync(file)
      if ((mode & 0o077) !== 0)
        throw new OperationError(
          'key-file-open',
          `Cannot use the key file ${path}: others may read it (mode ${(mode & 0o777).toString(8)}); run chmod 600 ${path}`,
        )
      text = size > 200 ? '' : readFileSync(file, 'utf8').trim()
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw cause instanceof OperationError ? cause : unusable(path, 'read', cause)
  }
  if (!isPrivateKey(text))
    throw new OperationError(
      'key-file-malformed',
      `Cannot use the key file ${path}: expected 0x and 64 hexadecimal digits`,
    )
  return new Secret(text)
}

/** The account that signs with a key. */
export function accountOf(key: Secret<Hex>): PrivateKeyAccount {
  return privateKeyToAccount(key.expose())
}

function isPrivateKey(text: string): text is Hex {
  return /^0x[0-9a-f]{64}$/i.test(text)
}

function unusable(path: string, action: string, cause: unknown): OperationError {
  return new OperationError(
    'key-file-unusable',
    `Cannot ${action} the key file ${path}: ${systemErrorCode(cause) ?? 'unknown failure'}; check the path and its folder`,
    { cause },
  )
}
