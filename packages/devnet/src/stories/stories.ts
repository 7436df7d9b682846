import { digitsStory } from './digits.ts'
import { federatedStory } from './federated.ts'
import { llmStory } from './llm.ts'
import { privateStory } from './private.ts'
import { replicasStory } from './replicas.ts'
import type { Story } from './story.ts'

/** Stories that `npm run demo -- --story NAME` tells, beside `hospitals`, which is told without. */
export const stories: ReadonlyMap<string, Story> = new Map(
  [digitsStory, llmStory, federatedStory, privateStory, replicasStory].map((story) => [
    story.name,
    story,
  ]),
)
