import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import { littleEndian } from './layout.ts'
import { sha384 } from './signing-key.ts'

/** One extension of a runtime register, as dstack's guest agent writes it in its event log. */
export type TdEvent = {
  /** Which RTMR, 0 to 3. */
  readonly imr: number
  readonly event_type: number
  /** What the register was extended with: 48 bytes, hexadecimal. */
  readonly digest: string
  readonly event: string
  /** Hexadecimal. */
  readonly event_payload: string
}

/** A runtime event of dstack's kind: its digest covers type, name and payload. RTMR3 holds no other. */
export function runtimeEvent(event: string, payload: Bytes): TdEvent {
  const colon = encodeUtf8(':')
  const digest = sha384(littleEndian(runtimeEventType, 4), colon, encodeUtf8(event), colon, payload)
  return {
    imr: 3,
    event_type: runtimeEventType,
    digest: encodeHex(digest),
    event,
    event_payload: encodeHex(payload),
  }
}

/** A boot event as firmware measures it: its digest covers the data alone. */
export function bootEvent(imr: 0 | 1 | 2, eventType: number, event: string, data: Bytes): TdEvent {
  return {
    imr,
    event_type: eventType,
    digest: encodeHex(sha384(data)),
    event,
    event_payload: encodeHex(data),
  }
}

/** The value of register `imr` after every event of `log`: zero, then SHA-384(old || digest) each. */
export function replay(log: readonly TdEvent[], imr: number): Bytes {
  return log
    .filter((event) => event.imr === imr)
    .reduce((register, event) => extend(register, event), new Uint8Array(48))
}

/** The register after one more event. Spec: Intel TDX Module ABI, TDG.MR.RTMR.EXTEND. */
export function extend(register: Bytes, event: TdEvent): Bytes {
  return sha384(register, Buffer.from(event.digest, 'hex'))
}

const runtimeEventType = 0x08000001
