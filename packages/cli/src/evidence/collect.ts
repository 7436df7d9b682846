import { join } from 'node:path'

import type { Collateral, Evidence } from '@cloister/attest'
import { parseHex } from '@cloister/codec'
import { makeFolder, writeEvidence } from '@cloister/io'

import type { Answer, Given, OptionSpec, Run } from '../command.ts'
import { refuseExisting } from '../files.ts'

/** The drivers of the enclave, by name. Its code is loaded only where one is used: that takes half a second. */
const drivers = [
  'gramine',
  'configfs-tsm',
  'dstack',
  'sev-guest',
  'nsm',
  'tpm',
  'nvidia-gpu',
  'nvidia-nvswitch',
] as const

/** Options of `cloister evidence collect`. */
export const collectOptions: readonly OptionSpec[] = [
  {
    flags: '--report-data <HEX>',
    about:
      'what the machine signs over: 64 bytes for gramine, dstack, sev-guest and configfs-tsm (Arm CCA: 32 to 64), 1 to 512 for nsm, 32 for nvidia-gpu and nvidia-nvswitch, 1 to 64 for tpm (many TPMs take 32 at most)',
    required: true,
  },
  {
    flags: '--out <DIR>',
    about: 'a folder that does not exist yet; one below it per device where there are several',
    required: true,
  },
  {
    flags: '--driver <NAME>',
    about: 'how to ask this machine; auto takes the first CPU driver that is there',
    choices: ['auto', ...drivers],
  },
]

/** `cloister evidence collect`: evidence of this machine, into a folder that `appraise` reads. */
export async function collectAnswer(given: Given, run: Run): Promise<Answer> {
  const out = given.needed('out')
  refuseExisting(out, { what: 'folder', force: false })
  const reportData = given.read('reportData', (text) =>
    parseHex(text.toLowerCase().replace(/^0x/, ''), 'hexadecimal'),
  )
  const named = given.text('driver') ?? 'auto'
  const { collectEvidence } = await import('@cloister/enclave')
  const { driver, collected } = await collectEvidence({
    driver: drivers.find((name) => name === named) ?? 'auto',
    reportData: reportData ?? new Uint8Array(0),
    detect: detectOptions(),
  })
  for (const { warning } of collected) if (warning !== undefined) run.say(warning)
  if (collected.length > 1) makeFolder(out)
  const written = collected.map(({ evidence, collateral, warning }, index) =>
    write(
      collected.length === 1 ? out : join(out, String(index)),
      evidence,
      collateral ?? {},
      warning,
    ),
  )
  return {
    schema: 'cloister.evidence.collect/1',
    value: { driver, collected: written },
    text: written
      .map(
        ({ tee, folder, warning }) => `${tee} ${folder}${warning === null ? '' : ` (${warning})`}`,
      )
      .join('\n'),
  }
}

/** `cloister evidence drivers`: which ways to collect evidence this machine has. */
export async function driversAnswer(): Promise<Answer> {
  const { detectDrivers } = await import('@cloister/enclave')
  const detected = await detectDrivers(detectOptions())
  return {
    schema: 'cloister.evidence.drivers/1',
    value: { drivers: detected },
    text: detected
      .map(({ name, presence, path }) => `${name.padEnd(16)} ${presence.padEnd(8)} ${path}`)
      .join('\n'),
  }
}

function detectOptions() {
  const searchPath = process.env['PATH']
  return searchPath === undefined ? {} : { searchPath }
}

function write(folder: string, evidence: Evidence, collateral: Collateral, warning?: string) {
  writeEvidence(folder, evidence, collateral)
  return { tee: evidence.tee, folder, warning: warning ?? null }
}
