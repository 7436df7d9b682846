import { encodeCollateral } from '@cloister/attest'
import { MalformedError } from '@cloister/codec'
import {
  amdService,
  CollateralFetcher,
  DocumentClient,
  FolderCache,
  intelService,
  MemoryCache,
  nvidiaService,
} from '@cloister/io'

import type { Answer, Given, OptionSpec, Run } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { refuseExisting, writeOutput } from '../files.ts'
import { forceOption, outOption, writeRule } from '../output-options.ts'
import { withProgress } from './fetch-progress.ts'
import { anchorOptions, nowOf, readNamed, trustedOf } from './judge.ts'

/** Options of `cloister evidence fetch`. */
export const fetchOptions: readonly OptionSpec[] = [
  outOption('the collateral, as appraise --collateral takes it'),
  forceOption,
  ...anchorOptions,
  {
    flags: '--pccs <URL>',
    about: "where Intel's documents are asked for: a PCCS; Intel's own service unless said",
  },
  { flags: '--kds <URL>', about: "where AMD's documents are asked for; AMD's KDS unless said" },
  {
    flags: '--rim-service <URL>',
    about: "where NVIDIA's manifests are asked for; NVIDIA's unless said",
  },
  { flags: '--ocsp <URL>', about: "where NVIDIA's OCSP answers; NVIDIA's unless said" },
  { flags: '--early', about: "Intel's newest evaluation data, before it is the one in force" },
  { flags: '--cache <DIR>', about: 'keep documents here, none past its own end' },
]

/** `cloister evidence fetch`: the vendors' documents for evidence whose own signatures hold. */
export async function fetchAnswer(given: Given, run: Run): Promise<Answer> {
  const out = given.needed('out')
  const rule = writeRule(given, 'collateral')
  refuseExisting(out, rule)
  const named = readNamed(given)
  if (named instanceof MalformedError) throw named
  const { anchors } = await trustedOf(given, named.evidence.tee)
  const folder = given.text('cache')
  const cache = folder === undefined ? new MemoryCache() : await FolderCache.open(folder)
  const fetched = await withProgress(run, async (log) => {
    const client = new DocumentClient({ cache, log })
    return await new CollateralFetcher(servicesOf(given), client).fetch(named.evidence, {
      anchors,
      now: nowOf(given),
      known: named.collateral,
      ...(given.flag('early') && { update: 'early' }),
    })
  })
  if (fetched.kind === 'refused') {
    const { reject, where } = fetched.appraisal
    return {
      schema: 'cloister.evidence.fetch/1',
      value: { fetched: false, reject, where },
      text: `Nothing was written: the evidence is not authentic (${reject}: ${where})`,
      exit: exitCodes.refused,
    }
  }
  const { warnings } = fetched
  for (const warning of warnings) run.say(warning)
  const text = encodeCollateral(fetched.collateral)
  writeOutput(out, text, rule)
  const kinds = Object.keys(fetched.collateral)
  return {
    schema: 'cloister.evidence.fetch/1',
    value: { fetched: true, kinds, path: out, bytes: text.length, warnings },
    text: `${out}: ${kinds.join(', ') || 'nothing is needed'}`,
  }
}

function servicesOf(given: Given) {
  const url = (name: string) => given.read(name, serviceUrl)
  const pccs = url('pccs')
  return {
    intel: pccs === undefined ? intelService : { url: pccs },
    amd: { url: url('kds') ?? amdService.url },
    nvidia: {
      rimUrl: url('rimService') ?? nvidiaService.rimUrl,
      ocspUrl: url('ocsp') ?? nvidiaService.ocspUrl,
    },
  }
}

function serviceUrl(text: string): string {
  const url = URL.parse(text)
  const plain = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (!plain) throw new MalformedError('address', 0, 'expected http:// or https://')
  return text.replace(/\/+$/, '')
}
