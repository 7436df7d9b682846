import {
  concatBytes,
  encodeHex,
  encodeUtf8,
  MalformedError,
  OperationError,
  parseHex,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { createHash } from 'node:crypto'
import { extend, runtimeEvent, type TdEvent } from './event-log.ts'
import type { Platform } from './platform.ts'
import type { TdMeasurement } from './measurement.ts'
import { sha256 } from './signing-key.ts'
import { snpDerivedKey } from './snp/derived-key.ts'

/** Parameters of one call, from its JSON body or its query. */
export type GuestParams = Readonly<Record<string, Json>>

/**
 * What dstack's guest agent answers, computed for one virtual TD. RTMR3 is the TD's own state: each
 * event that the guest emits extends it.
 *
 * Spec: dstack guest agent RPC (DstackGuest 0.5, Tappd 0.3).
 */
export class GuestMethods {
  readonly #platform: Platform
  readonly #quoteFrom: () => Platform
  readonly #measurement: TdMeasurement
  readonly #chipSecret: Bytes | undefined
  #eventLog: readonly TdEvent[]
  #rtmr3: Bytes

  constructor(
    platform: Platform,
    measurement: TdMeasurement,
    quoteFrom: () => Platform = () => platform,
    chipSecret?: Bytes,
  ) {
    this.#chipSecret = chipSecret
    this.#platform = platform
    this.#quoteFrom = quoteFrom
    this.#measurement = measurement
    this.#eventLog = measurement.eventLog
    this.#rtmr3 = measurement.rtmrs[3]
  }

  /**
   * Answers one call, or undefined where the path names no method that is served.
   *
   * @throws {OperationError | MalformedError} on bad parameters.
   */
  answer(path: string, params: GuestParams): Json | undefined {
    switch (path.replace(/^\/(?:prpc\/)?(?:DstackGuest\.)?/, '')) {
      case 'GetQuote':
        return this.#getQuote(hexParam(params, 'report_data'))
      case 'EmitEvent':
        return this.#emitEvent(textParam(params, 'event'), textParam(params, 'payload'))
      case 'Info':
      case 'Tappd.Info':
        return this.#info()
      case 'SnpDerivedKey':
        return this.#snpDerivedKey(params)
      case 'Version':
        return { version: '0.5.0-cloister-emulator', rev: 'emulator' }
      case 'Tappd.TdxQuote':
        return this.#tdxQuote(params)
      case 'Tappd.RawQuote': {
        const { quote, event_log } = this.#getQuote(hexParam(params, 'report_data'))
        return { quote, event_log }
      }
      default:
        return undefined
    }
  }

  #getQuote(reportData: Bytes): QuoteAnswer {
    if (reportData.length > reportDataBytes)
      throw new OperationError(
        'report-data',
        `Report data is too long: ${reportData.length} bytes, at most ${reportDataBytes}`,
      )
    const padded = concatBytes(reportData, new Uint8Array(reportDataBytes - reportData.length))
    const [rtmr0, rtmr1, rtmr2] = this.#measurement.rtmrs
    const quote = this.#quoteFrom().quote({
      mrtd: this.#measurement.mrtd,
      rtmrs: [rtmr0, rtmr1, rtmr2, this.#rtmr3],
      reportData: padded,
    })
    return {
      quote: encodeHex(quote),
      event_log: JSON.stringify(this.#shownLog()),
      report_data: encodeHex(padded),
      vm_config: '{}',
    }
  }

  // Only a machine whose secure processor derives keys serves it: an emulated TD has none.
  #snpDerivedKey(params: GuestParams): Json | undefined {
    if (this.#chipSecret === undefined) return undefined
    const asked = {
      rootKeySelect: numberParam(params, 'root_key_select'),
      guestFieldSelect: numberParam(params, 'guest_field_select'),
      vmpl: numberParam(params, 'vmpl'),
    }
    const measurement = encodeUtf8(this.#measurement.measurement)
    const key = snpDerivedKey(this.#chipSecret, asked, { policy: 0x30000n, measurement })
    return { key: encodeHex(key) }
  }

  #tdxQuote(params: GuestParams): Json {
    const algorithm = textParam(params, 'hash_algorithm', 'sha512')
    const content = hexParam(params, 'report_data')
    const raw = algorithm === 'raw'
    const prefix = raw ? '' : textParam(params, 'prefix', 'app-data:')
    const { quote, event_log } = this.#getQuote(raw ? content : hashed(algorithm, prefix, content))
    return { quote, event_log, hash_algorithm: algorithm, prefix }
  }

  #emitEvent(event: string, payload: string): Json {
    if (event.length === 0 || event.length > eventNameMax || payload.length > payloadHexMax)
      throw new OperationError(
        'event',
        `Cannot emit this event: a name has 1 to ${eventNameMax} characters, a payload at most ${payloadHexMax / 2} bytes`,
      )
    if (this.#eventLog.length >= eventsMax)
      throw new OperationError('event', `Cannot emit more than ${eventsMax} events`)
    const entry = runtimeEvent(event, parseHex(payload, 'payload'))
    this.#rtmr3 = extend(this.#rtmr3, entry)
    this.#eventLog = [...this.#eventLog, entry]
    return {}
  }

  #info(): Json {
    const [rtmr0, rtmr1, rtmr2] = this.#measurement.rtmrs
    const manifestDigest = encodeHex(sha256(encodeUtf8(this.#measurement.manifest)))
    const registers = { rtmr0, rtmr1, rtmr2, rtmr3: this.#rtmr3, mrtd: this.#measurement.mrtd }
    const { mrtd } = registers
    const aggregated = encodeHex(sha256(mrtd, rtmr0, rtmr1, rtmr2, this.#rtmr3))
    const identity = {
      mr_aggregated: aggregated,
      os_image_hash: encodeHex(sha256(mrtd, rtmr1, rtmr2)),
      compose_hash: manifestDigest,
      device_id: encodeHex(sha256(this.#platform.ppid)),
    }
    const tcbInfo = {
      ...Object.fromEntries(
        Object.entries(registers).map(([name, value]) => [name, encodeHex(value)]),
      ),
      ...identity,
      event_log: this.#shownLog(),
      app_compose: this.#measurement.manifest,
    }
    return {
      app_id: manifestDigest.slice(0, 40),
      instance_id: identity.device_id.slice(0, 40),
      app_name: 'Cloister Emulator',
      app_cert: '',
      key_provider_info: '',
      vm_config: '{}',
      cloud_vendor: 'Cloister Emulator',
      cloud_product: 'insecure virtual TD',
      ...identity,
      tcb_info: JSON.stringify(tcbInfo),
    }
  }

  /** As dstack shows it: boot events keep their digest and lose their payload. */
  #shownLog(): readonly TdEvent[] {
    return this.#eventLog.map((entry) =>
      entry.imr === 3 ? entry : { ...entry, event_payload: '' },
    )
  }
}

type QuoteAnswer = {
  readonly quote: string
  readonly event_log: string
  readonly report_data: string
  readonly vm_config: string
}

const reportDataBytes = 64
const eventNameMax = 128
const payloadHexMax = 2 * 4096
const eventsMax = 256
const hashAlgorithms = ['sha256', 'sha384', 'sha512', 'sha3-256', 'sha3-384', 'sha3-512']

function numberParam(params: GuestParams, name: string): number {
  const value = params[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new MalformedError(name, 0, 'not a whole number')
  return value
}

function hexParam(params: GuestParams, name: string): Bytes {
  return parseHex(textParam(params, name), name)
}

function textParam(params: GuestParams, name: string, otherwise = ''): string {
  const value = params[name] ?? otherwise
  if (typeof value !== 'string') throw new MalformedError(name, 0, 'not a text')
  return value
}

function hashed(algorithm: string, prefix: string, content: Bytes): Bytes {
  if (!hashAlgorithms.includes(algorithm))
    throw new MalformedError(
      'hash_algorithm',
      0,
      `got ${JSON.stringify(algorithm)}, expected raw or one of ${hashAlgorithms.join(', ')}`,
    )
  return new Uint8Array(createHash(algorithm).update(prefix).update(content).digest())
}
