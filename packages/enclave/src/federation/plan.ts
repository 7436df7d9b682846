import {
  canonicalJson,
  encodeUtf8,
  MalformedError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'
import {
  hexField,
  integerField,
  objectField,
  type Field,
  type FieldValue,
} from '@cloister/protocol'

/** Members that one federation may have. */
export const membersMax = 16

const roundsMax = 1_000
const waitSecondsMax = 3_600

/**
 * What a requester's sealed plan says about rounds. The model and how a member trains it stand beside it and belong to the engine.
 *
 * Spec: docs/federated.md, "Shape" and "A round".
 */
export const federationField = objectField({
  /** Drawn by the requester: two federations of one plan text are two. */
  id: hexField(32),
  rounds: integerField(1, roundsMax),
  /** Fewer updates than this are never summed. At least two, or a sum would be somebody's own. */
  membersMin: integerField(2, membersMax),
  membersMax: integerField(2, membersMax),
  /** Seconds the coordinator waits for members to come, and for their seeds to be exchanged. */
  joinSeconds: integerField(1, waitSecondsMax),
  /** Seconds it waits for the updates of one round. */
  roundSeconds: integerField(1, waitSecondsMax),
  /** Seconds a member waits for a word of its coordinator before it gives up. */
  idleSeconds: integerField(1, waitSecondsMax),
  /** How far one member's change of the weights may go in one round (Euclidean); a longer one is shortened. */
  clipNorm: numberField(1e-6, 1e6),
  /** A member with so many rows or more counts fully, one with fewer in proportion. */
  rowsMax: integerField(1, 2 ** 40),
})

function numberField(min: number, max: number): Field<number> {
  return {
    parse(value, path) {
      if (typeof value !== 'number' || !(value >= min && value <= max))
        throw new MalformedError(path, 0, `expected a number from ${min} to ${max}`)
      return value
    },
    encode: (value) => value,
  }
}

/** The rounds of one federation. */
export type Federation = FieldValue<typeof federationField>

/** A requester's plan, cut into what enclaves do with each other and what their engines do with data. */
export type FederatedPlan = {
  readonly federation: Federation
  /** A training plan as the engine takes it: the same JSON without its `federation`. */
  readonly parameters: Bytes
}

/**
 * Reads a sealed plan: a training plan with one more member, `federation`.
 *
 * @throws {MalformedError} naming the field; never repeats a value.
 */
export function parseFederatedPlan(bytes: Bytes): FederatedPlan {
  const text = parseUtf8(bytes, 'parameters')
  const json = parseJson(text, 'parameters', { charactersMax: 65_536, depthMax: 8 })
  if (!isObject(json)) throw new MalformedError('parameters', 0, 'expected an object')
  const { federation: given = null, ...rest } = json
  const federation = federationField.parse(given, 'parameters.federation')
  if (federation.membersMin > federation.membersMax)
    throw new MalformedError('parameters.federation.membersMin', 0, 'is more than membersMax')
  return { federation, parameters: encodeUtf8(canonicalJson(rest)) }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
