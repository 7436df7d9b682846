import {
  encodeDeviceKey,
  type Collateral,
  type DeviceKey,
  type Evidence,
  type Policy,
  type ProvenanceEvidence,
} from '@cloister/attest'
import { MalformedError, parseHex } from '@cloister/codec'
import { readEvidence } from '@cloister/io'
import {
  deploymentDomain,
  deploymentOf,
  limits,
  provenanceDataDigest,
  provenanceOwner,
  type ProvenanceRecord,
} from '@cloister/protocol'
import {
  attachProvenance,
  checkProvenance,
  encodeProvenanceRecord,
  parseProvenanceRecord,
  parseShareState,
  type DeviceData,
  type ProvenanceFact,
} from '@cloister/sdk'
import type { Hex } from 'viem'

import { plaintextBytesMax, readState } from './asset.ts'
import type { Answer, CommandSpec, Given, OptionSpec, Run } from './command.ts'
import { anchorOptions, chosenCollateral, nowOf, policyOf, trustedOf } from './evidence/judge.ts'
import { exitCodes } from './exit-codes.ts'
import { readInput, refuseExisting, writeOutput } from './files.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { deploymentOption, keyOption, readAccount, readDeployment } from './session.ts'
import { usageError } from './usage-error.ts'
import { parseAddress, parseId } from './values.ts'

const judgeOptions: readonly OptionSpec[] = [
  {
    flags: '--policy <FILE>',
    about: 'what is wanted of the device; strict about any device whose key is pinned unless said',
  },
  {
    flags: '--collateral <FILE>',
    about: "the vendors' documents as JSON, in place of those that came along",
  },
  {
    flags: '--data-salt <FILE>',
    about: 'the 32 bytes that the data was salted with before the device signed for it',
  },
]

/** The verbs of `cloister asset` that tell which device made some data. */
export const provenanceCommands: readonly CommandSpec[] = [
  {
    usage: 'attach-provenance <FILE>',
    about:
      "sign that a device made the data in FILE, which is sealed in your asset; the device's evidence is judged first",
    options: [
      deploymentOption,
      keyOption,
      {
        flags: '--evidence <PATH>',
        about: 'a PSA token or a TPM quote over the data, as evidence appraise reads it',
        required: true,
      },
      { flags: '--state <FILE>', about: 'the state that asset share kept', required: true },
      outOption('the record, to hand out with the asset'),
      forceOption,
      ...anchorOptions.filter(({ flags }) => flags !== deploymentOption.flags),
      ...judgeOptions,
    ],
    run: attach,
  },
  {
    usage: 'check-provenance <RECORD>',
    about:
      'check offline what a provenance record says; exits 0 only if all that is asked is proved',
    options: [
      ...anchorOptions,
      { flags: '--asset <ID>', about: 'the asset that it has to be of' },
      { flags: '--owner <ADDRESS>', about: 'the owner that it has to be signed by' },
      { flags: '--data <FILE>', about: 'the data, for who has it: compared with what was signed' },
      ...judgeOptions,
    ],
    run: check,
  },
]

async function attach(given: Given, run: Run): Promise<Answer> {
  const out = given.needed('out')
  const rule = writeRule(given, 'provenance record')
  refuseExisting(out, rule)
  const data = readData(given.argument(0), given)
  const found = readEvidence(given.needed('evidence'))
  const evidence = deviceEvidence(found.evidence)
  const domain = deploymentDomain(readDeployment(given))
  const state = await parseShareState(
    { id: deploymentOf(domain) },
    readState(given.needed('state')),
  )
  const { anchors, deviceKeys } = await trustedOf(given, evidence.tee)
  const record = await attachProvenance({
    ...{ account: readAccount(given.needed('keyFile')), domain, asset: state.secrets },
    ...{ data, evidence },
    collateral: withKeys({ ...found.collateral, ...documentsOf(given) }, deviceKeys),
    given: {
      anchors,
      policy: policyFor(given, provenanceDataDigest(data.bytes, data.salt), run),
      now: nowOf(given),
    },
  })
  const bytes = encodeProvenanceRecord(record)
  writeOutput(out, bytes, rule)
  const { asset, dataDigest } = record
  return {
    schema: 'cloister.asset.attach-provenance/1',
    value: { asset, dataDigest, tee: evidence.tee, path: out, bytes: bytes.length },
    text: `${out} (${bytes.length} bytes)`,
  }
}

async function check(given: Given, run: Run): Promise<Answer> {
  const bytes = readInput(given.argument(0), {
    what: 'provenance record',
    bytesMax: limits.provenanceBytesMax,
  })
  const record = parseProvenanceRecord(bytes)
  const asset = given.text('asset')
  const data = given.text('data')
  const { anchors, deviceKeys } = await trustedOf(given, record.evidence.tee)
  const facts = await checkProvenance(record, {
    deployment:
      given.text('deployment') === undefined
        ? 'any'
        : deploymentOf(deploymentDomain(readDeployment(given))),
    asset: asset === undefined ? 'any' : parseId('--asset', asset),
    owner: given.read('owner', parseAddress) ?? 'any',
    data: data === undefined ? 'unseen' : readData(data, given),
    given: { anchors, policy: policyFor(given, record.dataDigest, run), now: nowOf(given) },
    collateral: withKeys(documentsOf(given), deviceKeys),
  })
  return factsAnswer(record, await provenanceOwner(record), facts)
}

function factsAnswer(
  { asset, root }: ProvenanceRecord,
  owner: Hex | undefined,
  facts: readonly ProvenanceFact[],
): Answer {
  const named = (state: ProvenanceFact['state']) =>
    facts.filter((fact) => fact.state === state).map(({ name }) => name)
  const [failed, unasked] = [named('not-proved'), named('not-asked')]
  const verdict =
    failed.length > 0 ? `NOT PROVED: ${failed.join(', ')}.` : 'All that was asked is proved.'
  const text = [
    ...facts.map(({ name, state, detail }) => `${words[state]} ${name.padEnd(11)} ${detail}`),
    unasked.length > 0 ? `${verdict} Not asked: ${unasked.join(', ')}.` : verdict,
  ].join('\n')
  return {
    schema: 'cloister.asset.check-provenance/1',
    value: { proved: failed.length === 0, asset, root, owner: owner ?? null, facts },
    text,
    exit: failed.length === 0 ? exitCodes.ok : exitCodes.refused,
  }
}

const words: Readonly<Record<ProvenanceFact['state'], string>> = {
  proved: 'proved    ',
  'not-proved': 'NOT PROVED',
  'not-asked': 'not asked ',
}

function readData(path: string, given: Given): DeviceData {
  const bytes = readInput(path, { what: 'data', bytesMax: plaintextBytesMax })
  const saltPath = given.text('dataSalt')
  return saltPath === undefined
    ? { bytes }
    : { bytes, salt: readInput(saltPath, { what: 'data salt', bytesMax: 32 }) }
}

function deviceEvidence(evidence: Evidence): ProvenanceEvidence {
  if (evidence.tee === 'arm-psa' || evidence.tee === 'tpm2') return evidence
  throw usageError(
    `Cannot use --evidence: evidence of ${evidence.tee} is none of a device that signs data; give a PSA token or a TPM quote`,
  )
}

// The digest stands for the report data that a policy's author need not write: what is appraised is set from it.
function policyFor(given: Given, dataDigest: Hex, run: Run): Policy {
  return policyOf(given, parseHex(dataDigest, 'data digest'), run)
}

function documentsOf(given: Given): Collateral {
  const chosen = chosenCollateral(given)
  if (chosen instanceof MalformedError) throw chosen
  if (chosen === 'none')
    throw usageError('Cannot use --collateral none: evidence without it is never accepted')
  return chosen
}

/** The same with these keys, each once: a key that is pinned often lies beside the evidence too. */
function withKeys(collateral: Collateral, keys: readonly DeviceKey[]): Collateral {
  const all = [...(collateral.deviceKeys ?? []), ...keys]
  const byText = new Map(all.map((key) => [JSON.stringify(encodeDeviceKey(key)), key]))
  return byText.size === 0 ? collateral : { ...collateral, deviceKeys: [...byText.values()] }
}
