import {
  encodeCollateral,
  evidenceBytesMax,
  parseCollateral,
  type Collateral,
  type ProvenanceEvidence,
  type PsaEvidence,
  type TpmEvidence,
} from '@cloister/attest'
import {
  encodeBase64Url,
  MalformedError,
  parseBase64Url,
  parseJson,
  type Bytes,
} from '@cloister/codec'

import {
  malformed,
  membersOf,
  objectField,
  oneOf,
  orNull,
  textField,
  type Field,
} from './fields.ts'
import { limits } from './limits.ts'

const piece = base64UrlField(evidenceBytesMax)

/** PCR values by bank and index. Whether they are the TPM's, the quote's digest says. */
const pcrsField = mapField(
  ['sha1', 'sha256', 'sha384', 'sha512'],
  mapField(
    Array.from({ length: 32 }, (_, index) => String(index)),
    base64UrlField(64),
  ),
)

const psaField: Field<PsaEvidence> = objectField({ tee: oneOf('arm-psa'), token: piece })

const tpmMembers = objectField({
  tee: oneOf('tpm2'),
  quote: piece,
  signature: piece,
  attestationKey: orNull(piece),
  certificateChain: orNull(textField(evidenceBytesMax)),
  pcrs: orNull(pcrsField),
  eventLog: orNull(piece),
  hcl: orNull(piece),
  hardwareQuote: orNull(piece),
})

const tpmField: Field<TpmEvidence> = {
  parse(value, path) {
    const { attestationKey, certificateChain, pcrs, eventLog, hcl, hardwareQuote, ...needed } =
      tpmMembers.parse(value, path)
    return {
      ...needed,
      ...(attestationKey !== undefined && { attestationKey }),
      ...(certificateChain !== undefined && { certificateChain }),
      ...(pcrs !== undefined && { pcrs }),
      ...(eventLog !== undefined && { eventLog }),
      ...(hcl !== undefined && { hcl }),
      ...(hardwareQuote !== undefined && { hardwareQuote }),
    }
  },
  encode: ({ tee, quote, signature, ...more }) =>
    tpmMembers.encode({
      ...{ tee, quote, signature, attestationKey: more.attestationKey },
      ...{ certificateChain: more.certificateChain, pcrs: more.pcrs, eventLog: more.eventLog },
      ...{ hcl: more.hcl, hardwareQuote: more.hardwareQuote },
    }),
}

const kind = oneOf('arm-psa', 'tpm2')

/** How a device's evidence stands in JSON: bytes as base64url, what a TPM did not give out as null. */
export const provenanceEvidenceField: Field<ProvenanceEvidence> = {
  parse(value, path) {
    const tee = kind.parse(membersOf(value, path).get('tee') ?? null, `${path}.tee`)
    return tee === 'arm-psa' ? psaField.parse(value, path) : tpmField.parse(value, path)
  },
  encode: (value) => (value.tee === 'arm-psa' ? psaField.encode(value) : tpmField.encode(value)),
}

const collateralCaps = { charactersMax: limits.provenanceBytesMax, depthMax: 6 }

/** How the vendors' documents and the devices' keys stand in JSON: as attest writes them. */
export const provenanceCollateralField: Field<Collateral> = {
  parse(value, path) {
    if (membersOf(value, path).size === 0) return {}
    try {
      return parseCollateral(JSON.stringify(value))
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause
      throw malformed(path, cause.message)
    }
  },
  encode: (value) => parseJson(encodeCollateral(value), 'collateral', collateralCaps),
}

/** Base64url of at most `bytesMax` bytes; its length is checked before it is decoded. */
function base64UrlField(bytesMax: number): Field<Bytes> {
  const text = textField(Math.ceil((bytesMax * 4) / 3))
  return {
    parse: (value, path) => parseBase64Url(text.parse(value, path), path),
    encode: encodeBase64Url,
  }
}

/** An object with some of these names and no other. */
function mapField<T>(
  names: readonly string[],
  member: Field<T>,
): Field<Readonly<Record<string, T>>> {
  return {
    parse(value, path) {
      const members = [...membersOf(value, path)]
      const unknown = members.find(([name]) => !names.includes(name))?.[0]
      if (unknown !== undefined) throw malformed(`${path}.${unknown.slice(0, 64)}`, 'unknown field')
      return Object.fromEntries(
        members.map(([name, each]) => [name, member.parse(each, `${path}.${name}`)]),
      )
    },
    encode: (value) =>
      Object.fromEntries(Object.entries(value).map(([name, each]) => [name, member.encode(each)])),
  }
}
