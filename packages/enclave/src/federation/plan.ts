import { objectField, integerField, hexField, type FieldValue } from '@cloister/protocol'

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
})

/** The rounds of one federation. */
export type Federation = FieldValue<typeof federationField>
