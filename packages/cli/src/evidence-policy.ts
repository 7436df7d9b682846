import { strictPolicy, type Policy } from '@cloister/attest'
import { encodeHex, parseJson, type Bytes } from '@cloister/codec'
import {
  booleanField,
  integerField,
  listField,
  objectField,
  oneOf,
  textField,
  type Field,
} from '@cloister/protocol'

import { readText } from './files.ts'
import { withDefaults } from './with-defaults.ts'

const texts = listField(textField(200, 1), 1024)
const whole = integerField(0, Number.MAX_SAFE_INTEGER)

const any = 'any'

const textsOrAny: Field<readonly string[] | 'any'> = {
  parse: (value, path) => (value === any ? any : texts.parse(value, path)),
  encode: (value) => value,
}

const policy = objectField({
  measurements: textsOrAny,
  reportData: textField(128, 3),
  machineIds: textsOrAny,
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
  allowMigratable: booleanField,
  allowServiceTd: booleanField,
  allowSeptVeEnabled: booleanField,
  allowPks: booleanField,
  allowKeyLocker: booleanField,
  allowPerfmon: booleanField,
})

const identities = {
  measurements: any,
  reportData: any,
  machineIds: any,
  minTcbEvaluationDataNumber: 0,
  minRootCrlNumber: 0,
  minPckCrlNumber: 0,
} as const

/** The policy where nobody says which enclave and which machine is wanted: strict about all else. */
export const anonymousPolicy: Policy = strictPolicy(identities)

/**
 * Reads a policy from a file of JSON. What only its author can know has to stand there; the rest is strict where it
 * is left out. `reportData` from the command line counts before the file's.
 *
 * @throws {MalformedError} naming the member.
 */
export function readPolicy(path: string, reportData: Bytes | undefined): Policy {
  const text = readText(path, { what: 'policy', bytesMax: 1 << 20 })
  const json = parseJson(text, 'policy', { charactersMax: 1 << 20, depthMax: 4 })
  const read = policy.parse(withDefaults(json, strictMembers(reportData)), 'policy')
  return reportData === undefined ? read : { ...read, reportData: encodeHex(reportData) }
}

// What is said on the command line need not stand in the file.
function strictMembers(reportData: Bytes | undefined) {
  const {
    measurements: _measurements,
    reportData: _reportData,
    machineIds: _machineIds,
    minTcbEvaluationDataNumber: _evaluation,
    minRootCrlNumber: _root,
    minPckCrlNumber: _pck,
    ...strict
  } = anonymousPolicy
  return reportData === undefined ? strict : { ...strict, reportData: encodeHex(reportData) }
}
