import { dirname, resolve } from 'node:path'

import { MalformedError, parseJson, type UnixSeconds } from '@cloister/codec'
import {
  decimalField,
  integerField,
  limits,
  listField,
  objectField,
  oneOf,
  orNull,
  textField,
  type FieldValue,
} from '@cloister/protocol'
import type { Client, OrderTerms } from '@cloister/sdk'

import { findApp } from './app.ts'
import { readText } from './files.ts'
import { readGrant } from './grant.ts'
import { timeFrom } from './values.ts'
import { withDefaults } from './with-defaults.ts'

const field = objectField({
  format: oneOf('cloister-order-request/1'),
  /** Name or id of an app of the deployment. */
  app: textField(66, 1),
  /** Files of signed grants, seen from the folder of this file, in the order of the app's inputs. */
  grants: listField(textField(4096, 1), limits.assetsMax, 1),
  feeWei: orNull(decimalField(96)),
  tierMin: integerField(0, 3),
  tags: integerField(0, 0xffff_ffff),
  attemptSeconds: orNull(integerField(1, 0xffff_ffff)),
  attemptsMax: integerField(1, limits.attemptsMax),
  /** A time, or a while from now on, such as `1h`. */
  expires: orNull(textField(32, 1)),
})

const defaults = {
  feeWei: null,
  tierMin: 0,
  tags: 0,
  attemptSeconds: null,
  attemptsMax: 3,
  expires: null,
} as const

/** What a requester wants done, before a recipient key is added. */
export type Wish = Omit<OrderTerms, 'recipientPublicKey'>

/** Reads an order file and the grants that it names. @throws {MalformedError} naming the field. */
export function readOrderFile(client: Client, path: string): Wish {
  const text = readText(path, { what: 'order', bytesMax: limits.bodyBytesMax })
  const caps = { charactersMax: limits.bodyBytesMax, depthMax: 4 }
  const json = parseJson(text, 'order', caps)
  const read = field.parse(withDefaults(json, defaults), 'order')
  return wishOf(client, read, dirname(resolve(path)))
}

function wishOf(client: Client, read: FieldValue<typeof field>, folder: string): Wish {
  const { feeWei, tierMin, tags, attemptSeconds, attemptsMax, expires } = read
  return {
    app: findApp(client.deployment, read.app),
    grants: read.grants.map((grant) => readGrant(client, resolve(folder, grant))),
    ...{ tierMin, tags, attemptsMax },
    ...(feeWei === undefined ? {} : { feeWei }),
    ...(attemptSeconds === undefined ? {} : { attemptSeconds }),
    ...(expires === undefined ? {} : { expiry: expiryOf(expires, client.clock()) }),
  }
}

function expiryOf(text: string, now: UnixSeconds): bigint {
  try {
    return BigInt(timeFrom(now)(text))
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new MalformedError('order.expires', 0, 'expected a time, or a while such as 1h', {
      cause,
    })
  }
}
