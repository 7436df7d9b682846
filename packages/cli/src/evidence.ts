import { MalformedError } from '@cloister/codec'
import { evidenceFormat } from '@cloister/attest'

import type { CommandSpec } from './command.ts'
import { appraiseAnswer, explainAnswer } from './evidence/appraise.ts'
import { judgeNamed, judgeOptions, readNamed } from './evidence/judge.ts'
import { showAnswer } from './evidence/show.ts'

/** `cloister evidence`. */
export const evidenceCommands: readonly CommandSpec[] = [
  {
    usage: 'appraise <PATH>',
    about: 'judge evidence: a file, a folder with its documents, or - for standard input',
    options: judgeOptions,
    run: async (given, run) => await appraiseAnswer(await judgeNamed(given, run)),
  },
  {
    usage: 'explain <PATH>',
    about: 'judge evidence, and say what would have to change for it to pass',
    options: judgeOptions,
    run: async (given, run) => await explainAnswer(await judgeNamed(given, run)),
  },
  {
    usage: 'show <PATH>',
    about: 'every field of evidence, under its name; nothing is checked',
    run: async (given) => {
      const named = readNamed(given)
      if (named instanceof MalformedError) throw named
      return showAnswer(named.evidence, evidenceFormat(named.evidence))
    },
  },
]
