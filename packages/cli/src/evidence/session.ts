import { evidenceFormat, gpuNonce, type SessionReasonCode } from '@cloister/attest'
import { encodeHex, MalformedError, type Bytes } from '@cloister/codec'

import type { Answer, Given, OptionSpec, Run } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { usageError } from '../usage-error.ts'
import { appraiseAnswer } from './appraise.ts'
import { judgeOptions, nowOf, readNamed } from './judge.ts'
import {
  challengeOf,
  cpuBytes,
  judgeSessionNamed,
  sessionSetOptions,
  type JudgedPart,
} from './judge-session.ts'

const challengeOption: OptionSpec = {
  flags: '--challenge <HEX>',
  about: 'what the verifier sent for this session: 32 bytes, fresh',
  required: true,
}

/** Options of `cloister evidence session`. */
export const sessionOptions: readonly OptionSpec[] = [
  challengeOption,
  {
    flags: '--device <PATH>',
    about: 'a GPU or switch, or the folder that collect wrote for several; may be given again',
    many: true,
  },
  ...sessionSetOptions,
  ...judgeOptions,
]

/** Options of `cloister evidence nonce`. */
export const nonceOptions: readonly OptionSpec[] = [challengeOption]

/** `cloister evidence session`: judges a CPU, its devices and its vTPM as one. */
export async function sessionAnswer(given: Given, run: Run): Promise<Answer> {
  const challenge = neededChallenge(given)
  const session = await judgeSessionNamed(given, run, { devices: given.texts('device'), challenge })
  const { accepted, nonce, parts, reasons } = session
  const said = await Promise.all(parts.map(sayPart))
  if (reasons.some(({ code }) => code === 'NOT_FRESH'))
    run.say(`nothing has signed the challenge, so this may be a recording: ${advice.NOT_FRESH}`)
  else if (parts.length > 1 && !holdsChallenge(parts, challenge))
    run.say(
      "the CPU's evidence does not hold the challenge: that it is no recording, only --report-data or the policy's reportData shows; a device answers anybody",
    )
  return {
    schema: 'cloister.evidence.session/1',
    value: {
      accepted,
      at: nowOf(given),
      nonce: nonce ?? null,
      reasons: reasons.map((reason) => ({ ...reason, advice: advice[reason.code] })),
      parts: said.map(({ value }) => value),
    },
    text: [
      ...said.map(({ text }) => text),
      accepted
        ? 'The session is accepted: all parts, and as one.'
        : 'The session is refused: a part of it, or what follows.',
      ...reasons.map(
        ({ code, detail, parts: names }) =>
          `- ${code} (${names.join(', ')}): ${detail}; ${advice[code]}`,
      ),
    ].join('\n'),
    exit: accepted ? exitCodes.ok : exitCodes.refused,
  }
}

/** `cloister evidence nonce`: what devices and vTPM of a session have to sign. */
export async function nonceAnswer(given: Given): Promise<Answer> {
  const challenge = neededChallenge(given)
  const named = readNamed(given)
  if (named instanceof MalformedError) throw named
  const { evidence } = named
  const nonce = encodeHex(await gpuNonce(cpuBytes(evidence), challenge))
  return {
    schema: 'cloister.evidence.nonce/1',
    value: { nonce, tee: evidence.tee, format: evidenceFormat(evidence) },
    text: nonce,
  }
}

/** Whether the CPU's evidence shows that it is new: by itself, or by its vTPM. Nothing has to be said of what is refused. */
function holdsChallenge(parts: readonly JudgedPart[], challenge: Bytes): boolean {
  const cpu = parts.find(({ name }) => name === 'cpu')?.judged.appraisal
  if (cpu === undefined || cpu.authentic === false) return true
  return (
    cpu.claims.reportData.includes(encodeHex(challenge)) ||
    parts.some(({ name }) => name === 'vtpm')
  )
}

function neededChallenge(given: Given): ReturnType<typeof challengeOf> {
  const challenge = given.read('challenge', challengeOf)
  if (challenge === undefined) throw usageError('Cannot go on: --challenge is missing; see --help')
  return challenge
}

async function sayPart({ name, path, judged }: JudgedPart) {
  const { value, text } = await appraiseAnswer(judged)
  const kind = judged.evidence?.tee ?? 'no known evidence'
  return { value: { name, path, ...value }, text: `${name} (${kind}, ${path}): ${text}` }
}

/** What would have to change. */
const advice: Readonly<Record<SessionReasonCode, string>> = {
  NOT_AUTHENTIC: 'see what is said of this part',
  NOT_BOUND: "collect it anew for this CPU's evidence and this challenge (evidence nonce)",
  NOT_FRESH:
    "collect it anew with --report-data of this challenge, then 32 zero bytes; or name a device or vTPM that signed the session's nonce",
  MIXED_ANCHORS: "use machines of vendors, or those of a devnet, and not one beside the other's",
  DEVICE_COUNT: 'name every device, or say how many are right with --expect',
  DUPLICATE_DEVICE: 'name each device once',
  MIXED_FIRMWARE: 'bring all to the same driver and VBIOS',
  MIXED_MODE: 'bring all to the same mode',
  TOPOLOGY: 'name the whole set of one machine, and check its links',
}
