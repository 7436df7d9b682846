import { dirname, resolve } from 'node:path'

import { MalformedError, parseJson, type UnixSeconds } from '@cloister/codec'
import {
  bytes32Field,
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

import { findApp } from './app/commands.ts'
import { readAs } from './command.ts'
import { readText } from './files.ts'
import { readTee } from './grant-terms.ts'
import { readGrant } from './grant.ts'
import { parseDecimal, timeFrom } from './values.ts'
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
  /** How many nodes, of as many vendors, compute it, to compare their outputs. */
  replicas: integerField(1, limits.replicasMax),
  attemptSeconds: orNull(integerField(1, 0xffff_ffff)),
  attemptsMax: integerField(1, limits.attemptsMax),
  /** Which of its grant's assets each input is; null where each grant covers one, or all of its are inputs. */
  assets: orNull(listField(bytes32Field, limits.assetsMax, 1)),
  /** Kinds of TEE that are accepted, such as `tdx`; null: all that the grants accept. */
  tees: orNull(listField(textField(16, 1), 5, 1)),
  /** The price of one unit of a metered order; null: not metered. */
  unitWei: orNull(decimalField(96)),
  /** The most that may be spent of privacy budgets, such as `0.5` and `0.00001`. */
  epsilon: orNull(textField(32, 1)),
  delta: orNull(textField(32, 1)),
  /** A time, or a while from now on, such as `1h`. */
  expires: orNull(textField(32, 1)),
})

const defaults = {
  feeWei: null,
  tierMin: 0,
  tags: 0,
  replicas: 1,
  attemptSeconds: null,
  attemptsMax: 3,
  expires: null,
  ...{ assets: null, tees: null, unitWei: null, epsilon: null, delta: null },
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
  const { feeWei, tierMin, tags, replicas, attemptSeconds, attemptsMax, expires } = read
  return {
    app: findApp(client.deployment, read.app),
    grants: read.grants.map((grant) => readGrant(client, resolve(folder, grant))),
    ...{ tierMin, tags, replicas, attemptsMax },
    ...(feeWei === undefined ? {} : { feeWei }),
    ...(attemptSeconds === undefined ? {} : { attemptSeconds }),
    ...moreOf(read),
    ...(expires === undefined ? {} : { expiry: expiryOf(expires, client.clock()) }),
  }
}

function moreOf({ assets, tees, unitWei, epsilon, delta }: FieldValue<typeof field>) {
  const epsilonMicros = readAs('order.epsilon', epsilon ?? '0', parseDecimal(6))
  const deltaPicos = readAs('order.delta', delta ?? '0', parseDecimal(12))
  return {
    ...(assets === undefined ? {} : { assets }),
    ...(tees === undefined ? {} : { tees: tees.map(readTee) }),
    ...(unitWei === undefined ? {} : { unitWei }),
    privacy: { epsilonMicros, deltaPicos },
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
