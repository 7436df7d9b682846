import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { littleEndian } from '../layout.ts'
import { tpmHashes, type TpmHashName } from './hashes.ts'

/** Something that is measured while a machine starts. */
export type BootEvent = {
  readonly pcr: number
  /** The number of its type. */
  readonly type: number
  readonly data: Bytes
  /** What is hashed into the PCR, where that is not the data: a program, a kernel's command line. */
  readonly measured?: Bytes
}

/** Types of events. Spec: TCG PC Client Platform Firmware Profile, 10.4.1. */
const types = {
  noAction: 3,
  separator: 4,
  crtmVersion: 8,
  ipl: 0xd,
  variableDriverConfig: 0x80000001,
  bootServicesApplication: 0x80000003,
} as const

/** A small boot as firmware logs it: version, Secure Boot, separators, a boot loader and what that starts. */
export function sampleBoot(options: {
  readonly secureBoot: boolean
  readonly kernel: string
}): readonly BootEvent[] {
  return [
    { pcr: 0, type: types.crtmVersion, data: encodeUtf8('Cloister Emulator firmware 1') },
    { pcr: 7, type: types.variableDriverConfig, data: secureBootVariable(options.secureBoot) },
    ...Array.from({ length: 8 }, (_, pcr) => ({
      pcr,
      type: types.separator,
      data: new Uint8Array(4),
    })),
    {
      pcr: 4,
      type: types.bootServicesApplication,
      data: imageLoadEvent(),
      measured: encodeUtf8('boot loader 1'),
    },
    { pcr: 9, type: types.ipl, data: encodeUtf8('kernel'), measured: encodeUtf8(options.kernel) },
  ]
}

/** What an event extends its PCR with. EV_NO_ACTION extends nothing. */
export function eventDigest(event: BootEvent, bank: TpmHashName): Bytes | undefined {
  if (event.type === types.noAction) return undefined
  return tpmHashes[bank].digest(event.measured ?? event.data)
}

/** A log of the crypto agile form. Spec: TCG PC Client Platform Firmware Profile, 10.2.2 and 10.4.5.1. */
export function writeAgileLog(events: readonly BootEvent[], banks: readonly TpmHashName[]): Bytes {
  const specId = concatBytes(
    encodeUtf8('Spec ID Event03\0'),
    littleEndian(0, 4), // A client.
    Uint8Array.of(0, 2, 0, 2), // Version 2.0, no errata, UINTN of 8 bytes.
    littleEndian(banks.length, 4),
    ...banks.flatMap((bank) => [
      littleEndian(tpmHashes[bank].id, 2),
      littleEndian(tpmHashes[bank].size, 2),
    ]),
    Uint8Array.of(0), // No vendor information.
  )
  const first = { pcr: 0, type: types.noAction, data: specId }
  return concatBytes(
    writeSha1Event(first),
    ...events.map((event) =>
      concatBytes(
        littleEndian(event.pcr, 4),
        littleEndian(event.type, 4),
        littleEndian(banks.length, 4),
        ...banks.flatMap((bank) => [
          littleEndian(tpmHashes[bank].id, 2),
          eventDigest(event, bank) ?? new Uint8Array(tpmHashes[bank].size),
        ]),
        littleEndian(event.data.length, 4),
        event.data,
      ),
    ),
  )
}

/** A log of SHA-1 alone, as TPM 1.2 had it. */
export function writeSha1Log(events: readonly BootEvent[]): Bytes {
  return concatBytes(...events.map(writeSha1Event))
}

function writeSha1Event(event: BootEvent): Bytes {
  return concatBytes(
    littleEndian(event.pcr, 4),
    littleEndian(event.type, 4),
    eventDigest(event, 'sha1') ?? new Uint8Array(20),
    littleEndian(event.data.length, 4),
    event.data,
  )
}

/** UEFI_VARIABLE_DATA of the variable SecureBoot. Spec: the same, 10.2.6. */
function secureBootVariable(enabled: boolean): Bytes {
  const name = 'SecureBoot'
  return concatBytes(
    Buffer.from('61dfe48bca93d211aa0d00e098032b8c', 'hex'), // EFI_GLOBAL_VARIABLE
    littleEndian(name.length, 8),
    littleEndian(1, 8),
    Buffer.from(name, 'utf16le'),
    Uint8Array.of(enabled ? 1 : 0),
  )
}

/** UEFI_IMAGE_LOAD_EVENT of an image somewhere, whose device path is empty. Spec: the same, 10.2.3. */
function imageLoadEvent(): Bytes {
  const endOfPath = Uint8Array.of(0x7f, 0xff, 4, 0)
  return concatBytes(
    littleEndian(0x1000_0000, 8),
    littleEndian(0x2_0000, 8),
    littleEndian(0, 8), // No address was fixed when it was linked.
    littleEndian(endOfPath.length, 8),
    endOfPath,
  )
}
