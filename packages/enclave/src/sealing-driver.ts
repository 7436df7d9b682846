import { readFile } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { resolve } from 'node:path'

import {
  encodeUtf8,
  OperationError,
  parseHex,
  parseJson,
  parseUtf8,
  Reader,
  type Bytes,
} from '@cloister/codec'

import type { EvidenceConfig } from './config.ts'
import { callDevice } from './evidence-drivers/device-relay.ts'

/**
 * A TEE that can seal: it gives a key that only this measurement on this machine gets, again after a restart. TDX, Nitro and
 * CCA have none, so an enclave on them has no such driver and its shares come back from other keepers.
 */
export type SealingDriver = {
  /** Key material of at least 16 bytes. @throws {OperationError} `sealing-failed`. */
  readonly secret: () => Promise<Bytes>
}

const answerBytesMax = 4096
const waitMilliseconds = 20_000
const secretBytesMin = 16
const secretBytesMax = 64

/**
 * SGX under Gramine: the file in which Gramine shows EGETKEY's sealing key, bound to MRENCLAVE. It says so by its name.
 *
 * Spec: Gramine, "Attestation and Secret Provisioning", /dev/attestation/keys/_sgx_mrenclave.
 */
export function createGramineSealing(path = '/dev/attestation/keys/_sgx_mrenclave'): SealingDriver {
  return {
    secret: async () => {
      const bytes = await readFile(path).catch((cause: unknown) => {
        throw failed(`${path} cannot be read`, cause)
      })
      return checked(new Uint8Array(bytes))
    },
  }
}

/**
 * SEV-SNP: the key that the secure processor derives from the chip's own secret, the guest's measurement and its policy
 * (MSG_KEY_REQ with VCEK root; GUEST_FIELD_SELECT bits 0 and 3), through the guest agent.
 *
 * Spec: AMD 56860, SEV Secure Nested Paging Firmware ABI, 7.2 and table 18.
 */
export function createSnpSealing(socketPath: string): SealingDriver {
  const fields = { root_key_select: 0, guest_field_select: 0b1001, vmpl: 0 }
  return {
    secret: async () => {
      const text = parseUtf8(await post(socketPath, '/SnpDerivedKey', fields), 'guest answer')
      const answer = parseJson(text, 'guest answer', { charactersMax: answerBytesMax, depthMax: 4 })
      const key = isObject(answer) ? answer['key'] : undefined
      if (typeof key !== 'string') throw failed('the guest agent’s answer holds no key')
      return checked(parseHex(key, 'derived key'))
    },
  }
}

/**
 * The same key, from the relay of `/dev/sev-guest` that gives the evidence: SNP_GET_DERIVED_KEY, answered with MSG_KEY_RSP.
 *
 * Spec: Linux Documentation/virt/coco/sev-guest, SNP_GET_DERIVED_KEY; AMD 56860, tables MSG_KEY_REQ and MSG_KEY_RSP.
 */
export function createSevGuestSealing(socketPath: string): SealingDriver {
  const message = new Uint8Array(32)
  new DataView(message.buffer).setBigUint64(8, 0b1001n, true) // GUEST_FIELD_SELECT: policy and measurement.
  return {
    secret: async () => {
      const signal = AbortSignal.timeout(waitMilliseconds)
      const answer = await callDevice(socketPath, message, { answerBytesMax, signal }).catch(
        (cause: unknown) => {
          throw failed('the relay of /dev/sev-guest gives none', cause)
        },
      )
      const r = new Reader(answer)
      const status = r.u32('status')
      if (status !== 0) throw failed(`the firmware answered with status ${status}`)
      r.bytes('reserved', 28)
      const key = r.bytes('derived key', 32).slice()
      answer.fill(0)
      return checked(key)
    },
  }
}

/**
 * What this machine seals with; undefined where it has nothing, or does not give it now. The guest agent is asked that gives
 * the evidence, or one that listens beside the measured `folder`.
 */
export async function detectSealing(
  { driver: name, path }: EvidenceConfig,
  folder: string,
): Promise<SealingDriver | undefined> {
  const socket = resolve(folder, name === 'dstack' ? path : '../sealing.sock')
  const snp =
    name === 'sev-guest' ? createSevGuestSealing(resolve(folder, path)) : createSnpSealing(socket)
  for (const driver of [createGramineSealing(), snp]) {
    const secret = await driver.secret().catch(() => undefined)
    secret?.fill(0)
    if (secret !== undefined) return driver
  }
  return undefined
}

/** The 32-byte key under which a state of one deployment is sealed. */
export async function sealingKey(driver: SealingDriver, deployment: Bytes): Promise<Bytes> {
  const secret = await driver.secret()
  const material = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  secret.fill(0)
  const info = encodeUtf8('cloister/sealed-state/1')
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: deployment, info },
    material,
    256,
  )
  return new Uint8Array(bits)
}

function checked(secret: Bytes): Bytes {
  if (secret.length < secretBytesMin || secret.length > secretBytesMax)
    throw failed(
      `the key has ${secret.length} bytes, expected ${secretBytesMin} to ${secretBytesMax}`,
    )
  if (secret.every((byte) => byte === 0)) throw failed('the key is all zeros')
  return secret
}

async function post(socketPath: string, path: string, fields: object): Promise<Bytes> {
  const body = JSON.stringify(fields)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const response = await new Promise<IncomingMessage>((answered, reject) => {
    const options = { socketPath, path, method: 'POST', headers, timeout: waitMilliseconds }
    const asked = request(options, answered)
    asked.once('timeout', () => asked.destroy(failed('the guest agent did not answer in time')))
    asked.once('error', (cause) => reject(failed('the guest agent cannot be reached', cause)))
    asked.end(body)
  })
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response) {
    if (!(part instanceof Uint8Array)) throw failed('the guest agent’s answer is not bytes')
    size += part.length
    if (size > answerBytesMax) throw failed(`its answer is longer than ${answerBytesMax} bytes`)
    parts.push(part)
  }
  if (response.statusCode !== 200) throw failed(`it answered with status ${response.statusCode}`)
  return new Uint8Array(Buffer.concat(parts))
}

function failed(detail: string, cause?: unknown): OperationError {
  return new OperationError('sealing-failed', `Cannot get this machine's sealing key: ${detail}`, {
    cause,
    retryable: true,
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
