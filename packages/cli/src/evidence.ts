import { MalformedError } from '@cloister/codec'
import { evidenceFormat } from '@cloister/attest'

import type { CommandSpec } from './command.ts'
import { appraiseAnswer, explainAnswer } from './evidence/appraise.ts'
import { collectAnswer, collectOptions, driversAnswer } from './evidence/collect.ts'
import { earKeyAnswer, earKeyOptions } from './evidence/ear-key.ts'
import { earAnswer, earOptions, earVerifyAnswer, earVerifyOptions } from './evidence/ear.ts'
import { fetchAnswer, fetchOptions } from './evidence/fetch.ts'
import { judgeNamed, judgeOptions, readNamed } from './evidence/judge.ts'
import { earlyOption, recoveryOf } from './evidence/recovery.ts'
import { nonceAnswer, nonceOptions, sessionAnswer, sessionOptions } from './evidence/session.ts'
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
    options: [...judgeOptions, earlyOption],
    run: async (given, run) => {
      const judged = await judgeNamed(given, run)
      return await explainAnswer(judged, await recoveryOf(given, judged))
    },
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
  {
    usage: 'collect',
    about: 'evidence of this machine, into a folder that appraise reads',
    options: collectOptions,
    run: async (given, run) => await collectAnswer(given, run),
  },
  {
    usage: 'drivers',
    about: 'which ways to collect evidence this machine has',
    run: async () => await driversAnswer(),
  },
  {
    usage: 'fetch <PATH>',
    about: "the vendors' documents for evidence whose own signatures hold",
    options: fetchOptions,
    run: async (given, run) => await fetchAnswer(given, run),
  },
  {
    usage: 'session <CPU>',
    about: "judge a CPU's evidence, its devices' and its vTPM's as one",
    options: sessionOptions,
    run: async (given, run) => await sessionAnswer(given, run),
  },
  {
    usage: 'nonce <CPU>',
    about: "what devices and a vTPM have to sign to be bound to a CPU's evidence",
    options: nonceOptions,
    run: async (given) => await nonceAnswer(given),
  },
  {
    usage: 'ear <PATH>',
    about: 'judge evidence and sign the answer as an attestation result (EAR, a JWT)',
    options: earOptions,
    run: async (given, run) => await earAnswer(given, run),
  },
  {
    usage: 'ear-verify <FILE>',
    about: "whether an attestation result is its signer's, and what it says",
    options: earVerifyOptions,
    run: async (given, run) => await earVerifyAnswer(given, run),
  },
  {
    usage: 'ear-key',
    about: 'make a key that signs attestation results, and its public half',
    options: earKeyOptions,
    run: async (given) => await earKeyAnswer(given),
  },
]
