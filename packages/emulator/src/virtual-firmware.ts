import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { bootEvent, type TdEvent } from './event-log.ts'
import { littleEndian } from './layout.ts'
import { sha384 } from './signing-key.ts'

/**
 * MRTD of the virtual firmware: every page added, then measured in chunks of 256 bytes, as the TDX
 * module does it for real images.
 *
 * Spec: Intel TDX Module ABI, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND.
 */
export function firmwareMrtd(): Bytes {
  const image = new Uint8Array(pagesCount * pageBytes)
  image.set(encodeUtf8('Cloister Emulator virtual firmware, version 1'))
  const records: Bytes[] = []
  for (let page = 0; page < image.length; page += pageBytes) {
    records.push(record('MEM.PAGE.ADD', firmwareAddress + page))
    for (let chunk = page; chunk < page + pageBytes; chunk += chunkBytes)
      records.push(
        record('MR.EXTEND', firmwareAddress + chunk),
        image.subarray(chunk, chunk + chunkBytes),
      )
  }
  return sha384(concatBytes(...records))
}

/**
 * What the virtual firmware and kernel measure while they start: the same events, in the same order
 * and registers, as a TD started by TDVF and Linux; the measured contents are the emulator's own.
 */
export function bootLog(): readonly TdEvent[] {
  return [
    bootEvent(0, 0x8000000b, 'td_hob', firmwareText('hand-off block')),
    bootEvent(0, 0x8000000a, 'cfv', firmwareText('configuration volume')),
    ...['SecureBoot', 'PK', 'KEK', 'db', 'dbx'].map((name) =>
      bootEvent(0, 0x80000001, name, firmwareText(`variable ${name}`)),
    ),
    bootEvent(0, 0x00000004, 'separator', new Uint8Array(4)),
    bootEvent(0, 0x80000002, 'BootOrder', littleEndian(0, 2)),
    bootEvent(1, 0x80000003, 'kernel', firmwareText('kernel')),
    bootEvent(1, 0x80000007, 'boot-action', encodeUtf8('Calling EFI Application from Boot Option')),
    bootEvent(1, 0x00000004, 'separator', new Uint8Array(4)),
    bootEvent(1, 0x80000007, 'boot-action', encodeUtf8('Exit Boot Services Invocation')),
    bootEvent(1, 0x80000007, 'boot-action', encodeUtf8('Exit Boot Services Returned with Success')),
    bootEvent(2, 0x00000006, 'cmdline', encodeUtf8('console=hvc0 panic=1 cloister.emulator=1')),
    bootEvent(2, 0x00000006, 'initrd', firmwareText('initial file system')),
  ]
}

const pageBytes = 4096
const chunkBytes = 256
const pagesCount = 4
const firmwareAddress = 0x1_0000_0000 - pagesCount * pageBytes // Firmware ends at 4 GiB.

/** What stands for a part of the virtual firmware or kernel. */
export function firmwareText(what: string): Bytes {
  return encodeUtf8(`Cloister Emulator ${what}, version 1`)
}

function record(operation: string, address: number): Bytes {
  const bytes = new Uint8Array(128)
  bytes.set(encodeUtf8(operation))
  bytes.set(littleEndian(address, 8), 16)
  return bytes
}
