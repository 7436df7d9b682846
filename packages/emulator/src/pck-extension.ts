import type { Bytes } from '@cloister/codec'
import { extension } from './certificate.ts'
import { boolean, enumerated, integer, objectIdentifier, octetString, sequence } from './der.ts'

/** What the SGX extension of a PCK certificate says about one machine. */
export type PckContent = {
  /** Names the machine for ever; 16 bytes. */
  readonly ppid: Bytes
  /** The 16 component SVNs, which are also CPUSVN. */
  readonly components: readonly number[]
  readonly pceSvn: number
  /** Processor family, model, stepping, platform and custom SKU; 6 bytes. */
  readonly fmspc: Bytes
  /** 16 bytes, of a machine that the Platform CA certifies; undefined for the Processor CA's. */
  readonly platformInstanceId: Bytes | undefined
}

/**
 * The SGX extension of a PCK certificate, in Intel's order: seven entries of the Platform CA, five of the Processor CA.
 *
 * Spec: Intel SGX PCK Certificate and CRL Profile, section 1.3.5.
 */
export function pckExtension(content: PckContent): Bytes {
  const { components, platformInstanceId } = content
  const svns = components.map((svn, index) => entry(`2.${index + 1}`, integer(svn)))
  const value = sequence(
    entry('1', octetString(content.ppid)),
    entry(
      '2',
      sequence(
        ...svns,
        entry('2.17', integer(content.pceSvn)),
        entry('2.18', octetString(Uint8Array.from(components))),
      ),
    ),
    entry('3', octetString(Uint8Array.of(0, 0))), // PCEID
    entry('4', octetString(content.fmspc)),
    entry('5', enumerated(platformInstanceId === undefined ? 0 : 1)), // SGX type: standard or scalable
    ...(platformInstanceId === undefined ? [] : platformEntries(platformInstanceId)),
  )
  return extension(sgxExtension, false, value)
}

const sgxExtension = '1.2.840.113741.1.13.1'

function platformEntries(platformInstanceId: Bytes): readonly Bytes[] {
  return [
    entry('6', octetString(platformInstanceId)),
    entry(
      '7',
      sequence(
        entry('7.1', boolean(true)), // dynamic platform
        entry('7.2', boolean(false)), // cached keys
        entry('7.3', boolean(true)), // SMT enabled
      ),
    ),
  ]
}

function entry(suffix: string, value: Bytes): Bytes {
  return sequence(objectIdentifier(`${sgxExtension}.${suffix}`), value)
}
