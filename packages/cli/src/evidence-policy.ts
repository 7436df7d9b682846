import { parseProductLine, strictPolicy, type Policy, type Tier } from '@cloister/attest'
import { encodeHex, MalformedError, parseJson, type Bytes } from '@cloister/codec'
import {
  booleanField,
  listField,
  objectField,
  oneOf,
  textField,
  type Field,
} from '@cloister/protocol'

import { readText } from './files.ts'
import { likeField, recordField, texts, textsOrAny, whole } from './like-field.ts'
import { withDefaults } from './with-defaults.ts'

const any = 'any'

const identities = { measurements: any, reportData: any, machineIds: any } as const

/** The policy where nobody says which enclave and which machine is wanted: strict about all else. */
export const anonymousPolicy: Policy = strictPolicy(identities)

const productLines = listField<string>(
  {
    parse: (value, path) => parseProductLine(textField(200, 1).parse(value, path), path),
    encode: (value) => value,
  },
  1024,
)

/** Measurements and machine ids are 32 bytes: anything else would match nothing. */
const digest: Field<string> = {
  parse(value, path) {
    if (typeof value === 'string' && /^(?:0x)?[0-9a-f]{64}$/i.test(value)) return value
    throw new MalformedError(path, 0, 'expected 64 hexadecimal digits')
  },
  encode: (value) => value,
}

const digests = listField(digest, 1024)

const digestsOrAny: Field<readonly string[] | 'any'> = {
  parse: (value, path) => (value === any ? any : digests.parse(value, path)),
  encode: (value) => value,
}

const policy = objectField({
  measurements: digestsOrAny,
  reportData: textField(2048, 2),
  machineIds: digestsOrAny,
  machineLists: listField(objectField({ tier: tierField(2, 3), machineIds: digests }), 64),
  minTier: tierField(0, 1, 2, 3),
  deniedProductLines: productLines,
  allowExtractableKeys: productLines,
  tcbStatuses: listField(
    oneOf(
      ...(['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded'] as const),
      ...(['ConfigurationAndSWHardeningNeeded', 'OutOfDate'] as const),
      ...(['OutOfDateConfigurationNeeded', 'TDRelaunchAdvised'] as const),
      'TDRelaunchAdvisedConfigurationNeeded',
    ),
    8,
  ),
  advisories: textsOrAny,
  graceSeconds: whole,
  minTcbEvaluationDataNumber: whole,
  minRootCrlNumber: whole,
  minPckCrlNumber: whole,
  allowDebug: booleanField,
  allowUnknownRevocation: booleanField,
  allowSuppliedKeys: booleanField,
  sgx: likeField(anonymousPolicy.sgx),
  tdx: likeField(anonymousPolicy.tdx),
  snp: likeField(anonymousPolicy.snp),
  nvidia: likeField(anonymousPolicy.nvidia),
  nitro: likeField(anonymousPolicy.nitro, { pcrs: recordField(texts) }),
  arm: likeField(anonymousPolicy.arm),
  tpm: likeField(anonymousPolicy.tpm, {
    requiredPcrs: recordField(recordField(texts)),
    requireHardware: oneOf('always', 'azure', 'never'),
    hardwareMeasurements: textsOrAny,
  }),
})

/**
 * Reads a policy from a file of JSON. What only its author can know has to stand there; the rest is strict where it
 * is left out, in groups like `tdx` member by member. `reportData` from the command line counts before the file's.
 *
 * @throws {MalformedError} naming the member.
 */
export function readPolicy(path: string, reportData: Bytes | undefined): Policy {
  const text = readText(path, { what: 'policy', bytesMax: 1 << 20 })
  const json = parseJson(text, 'policy', { charactersMax: 1 << 20, depthMax: 6 })
  const read = policy.parse(withDefaults(json, strictMembers(reportData)), 'policy')
  return reportData === undefined ? read : { ...read, reportData: encodeHex(reportData) }
}

// What is said on the command line need not stand in the file.
function strictMembers(reportData: Bytes | undefined) {
  const {
    measurements: _measurements,
    reportData: _reportData,
    machineIds: _machineIds,
    ...strict
  } = anonymousPolicy
  return reportData === undefined ? strict : { ...strict, reportData: encodeHex(reportData) }
}

function tierField<const T extends Tier>(...tiers: readonly T[]): Field<T> {
  return {
    parse(value, path) {
      const found = tiers.find((tier) => tier === value)
      if (found === undefined) throw new MalformedError(path, 0, `expected ${tiers.join(' or ')}`)
      return found
    },
    encode: (value) => value,
  }
}
