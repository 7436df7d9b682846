import { createHash } from 'node:crypto'

import { parseTpmQuote, type TpmEvidence, type TpmQuote } from '@cloister/attest'
import {
  encodeBase64,
  encodeHex,
  encodePem,
  equalBytes,
  MalformedError,
  OperationError,
  Reader,
  type Bytes,
} from '@cloister/codec'

import { collectError, fromSystemError, systemCode } from './collect-error.ts'
import { readToEnd, systemFiles } from './device-files.ts'
import type { EvidenceDriver } from './driver.ts'
import { CollectLane, requireLength } from './patience.ts'
import { withTpmTools, type TpmTools } from './tpm-tools.ts'

/** Which key of a TPM signs. */
export type TpmSigner =
  /** A new key for each collection, below the endorsement key: nothing can vouch for it beforehand. */
  | { readonly kind: 'new'; readonly algorithm: 'rsa' | 'ecc' }
  /** A key that stays: one of {@link persistTpmKey}, or a cloud's. */
  | { readonly kind: 'persistent'; readonly handle: string }
  /** Google's: made anew from the endorsement seed each time, and always the same. */
  | { readonly kind: 'google'; readonly algorithm: 'rsa' | 'ecc' }

/** How a TPM's quotes are collected. */
export type TpmOptions = {
  /** How tpm2-tools reach the TPM; the kernel's resource manager unless said. */
  readonly tcti?: string
  /** A new RSA key unless said. */
  readonly signer?: TpmSigner
  /** PCRs of the SHA-256 bank: 0 to 15 unless said. Software can reset 16 and 23. */
  readonly pcrs?: readonly number[]
  /** NV index of a certificate of the key (DER): on Google's VMs 0x01c10000 (RSA) or 0x01c10002 (ECC). */
  readonly certificateIndex?: string
  /** PEM of the authorities above that certificate, where the verifier does not know them. */
  readonly authorities?: string
  /** NV index of a blob that binds the key to hardware: on Azure's confidential VMs 0x01400001. */
  readonly hclIndex?: string
  /** Gets the TDX quote of the TDREPORT in that blob, which on Azure a service of the host signs. */
  readonly hardwareQuote?: (hcl: Bytes, signal: AbortSignal | undefined) => Promise<Bytes>
  /** The firmware's event log: the kernel's unless said. Left out where there is none. */
  readonly eventLog?: string
  /** For each tool: a TPM of silicon takes seconds to make a key. */
  readonly waitMilliseconds?: number
}

/** On Azure's confidential VMs. Source: Microsoft, "Guest attestation for confidential VMs". */
export const azureTpm = {
  signer: { kind: 'persistent', handle: '0x81000003' },
  hclIndex: '0x01400001',
} as const satisfies TpmOptions

/** On Google's VMs. Source: go-tpm-tools, client/handles.go. */
export const googleTpm = {
  signer: { kind: 'google', algorithm: 'rsa' },
  certificateIndex: '0x01c10000',
} as const satisfies TpmOptions

const resourceManager = 'device:/dev/tpmrm0'
const kernelEventLog = '/sys/kernel/security/tpm0/binary_bios_measurements'
const usualPcrs = Array.from({ length: 16 }, (_, index) => index)
const reportDataBytes = { min: 1, max: 64 }
const attemptsMax = 3
const bytesMax = { structure: 4096, certificate: 16 * 1024, hcl: 32 * 1024, log: 64 * 1024 }
const valueBytes = 32

// One for the process: a TPM does one thing at a time, and has few slots for keys.
const lane = new CollectLane('quote of the TPM')

/**
 * Collects TPM 2.0 quotes through tpm2-tools, over a nonce of 1 to 64 bytes; many TPMs take no more than 32.
 *
 * The values of the PCRs are read after the quote was signed, and compared with its digest: where something was
 * measured in between, all is done again, at most three times.
 */
export function createTpmDriver(options: TpmOptions = {}): EvidenceDriver {
  const { tcti = resourceManager, waitMilliseconds = 30_000 } = options
  return {
    name: 'tpm',
    reportDataBytes,
    collect: async ({ reportData, signal }) => {
      requireLength(reportData, reportDataBytes)
      const nonce = reportData.slice()
      const evidence = await lane.run(() =>
        withTpmTools({ tcti, waitMilliseconds, signal }, (tools) =>
          collect(tools, nonce, options, signal).catch((error: unknown) => {
            throw fromSystemError(error, 'a quote of the TPM')
          }),
        ),
      )
      return [{ evidence }]
    },
  }
}

/**
 * Makes an attestation key and keeps it in the TPM under a persistent handle (`0x81010010`), so that it can be pinned.
 *
 * @returns its TPMT_PUBLIC, which is what somebody vouches for.
 * @throws {OperationError} where the handle is taken, or with another of `collectErrorCodes`.
 */
export function persistTpmKey(
  handle: string,
  options: Pick<TpmOptions, 'tcti' | 'waitMilliseconds'> & {
    readonly algorithm?: 'rsa' | 'ecc'
  } = {},
): Promise<Bytes> {
  const { tcti = resourceManager, waitMilliseconds = 30_000, algorithm = 'rsa' } = options
  return lane.run(() =>
    withTpmTools({ tcti, waitMilliseconds, signal: undefined }, async (tools) => {
      const key = await createKey(tools, algorithm)
      await tools.run('tpm2_evictcontrol', '-C', 'o', '-c', key, handle)
      await tools.flush()
      return await readPublic(tools, handle)
    }),
  )
}

async function collect(
  tools: TpmTools,
  nonce: Bytes,
  options: TpmOptions,
  signal: AbortSignal | undefined,
): Promise<TpmEvidence> {
  const { signer = { kind: 'new', algorithm: 'rsa' }, pcrs = usualPcrs } = options
  const key = await openKey(tools, signer)
  const attestationKey = await readPublic(tools, key)
  const quoted = await quoteUnchanged(tools, key, nonce, pcrs)
  const { certificateIndex, hclIndex } = options
  const certificate =
    certificateIndex && (await readNv(tools, certificateIndex, bytesMax.certificate))
  const hcl = hclIndex ? await readNv(tools, hclIndex, bytesMax.hcl) : undefined
  const hardwareQuote = hcl && (await options.hardwareQuote?.(hcl, signal))
  const eventLog = await readEventLog(options.eventLog ?? kernelEventLog)
  return {
    tee: 'tpm2',
    ...quoted,
    attestationKey,
    ...(certificate && { certificateChain: chainOf(certificate, options.authorities ?? '') }),
    ...(eventLog && { eventLog }),
    ...(hcl && { hcl }),
    ...(hardwareQuote && { hardwareQuote }),
  }
}

/** Makes or names the key that signs; gives what tpm2-tools call its context. */
async function openKey(tools: TpmTools, signer: TpmSigner): Promise<string> {
  if (signer.kind === 'persistent') return signer.handle
  if (signer.kind === 'new') return await createKey(tools, signer.algorithm)
  return await createGoogleKey(tools, signer.algorithm)
}

/** A primary key of the endorsement hierarchy, from the template that Google's certificates are issued for. */
async function createGoogleKey(tools: TpmTools, algorithm: 'rsa' | 'ecc'): Promise<string> {
  const kind = { rsa: 'rsa2048:rsassa-sha256:null', ecc: 'ecc256:ecdsa-sha256:null' }[algorithm]
  const use = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
  const context = tools.path('ak.ctx')
  await tools.run(
    'tpm2_createprimary',
    ...['-C', 'e', '-G', kind, '-g', 'sha256', '-a', use, '-c', context],
  )
  await tools.flush()
  return context
}

async function createKey(tools: TpmTools, algorithm: 'rsa' | 'ecc'): Promise<string> {
  const [endorsement, context] = [tools.path('ek.ctx'), tools.path('ak.ctx')]
  await tools.run('tpm2_createek', '-c', endorsement, '-G', algorithm, '-u', tools.path('ek.pub'))
  await tools.flush()
  const scheme = algorithm === 'rsa' ? 'rsassa' : 'ecdsa'
  await tools.run(
    'tpm2_createak',
    ...['-C', endorsement, '-c', context, '-G', algorithm, '-g', 'sha256', '-s', scheme],
    ...['-u', tools.path('ak.pub'), '-r', tools.path('ak.priv'), '-n', tools.path('ak.name')],
  )
  await tools.flush()
  return context
}

/** TPMT_PUBLIC: what the tools write as TPM2B_PUBLIC, without its size. */
async function readPublic(tools: TpmTools, key: string): Promise<Bytes> {
  await tools.run('tpm2_readpublic', '-c', key, '-f', 'tss', '-o', tools.path('ak.tss'))
  await tools.flush()
  const r = new Reader(await tools.read('ak.tss', bytesMax.structure), 'big')
  const area = r.bytes('public area', r.u16('public area size'))
  r.end('public area')
  return area
}

type Quoted = Required<Pick<TpmEvidence, 'quote' | 'signature' | 'pcrs'>>

/** A quote and the values that it quotes. @throws {OperationError} `evidence-raced`. */
async function quoteUnchanged(
  tools: TpmTools,
  key: string,
  nonce: Bytes,
  pcrs: readonly number[],
): Promise<Quoted> {
  const indices = [...new Set(pcrs)].toSorted((a, b) => a - b)
  const selection = `sha256:${indices.join(',')}`
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const [message, file] = [tools.path('quote'), tools.path('signature')]
    await tools.run(
      'tpm2_quote',
      ...[
        '-c',
        key,
        '-l',
        selection,
        '-q',
        encodeHex(nonce),
        '-g',
        'sha256',
        '-m',
        message,
        '-s',
        file,
      ],
    )
    await tools.flush()
    await tools.run('tpm2_pcrread', selection, '-o', tools.path('pcrs'))
    const quote = await tools.read('quote', bytesMax.structure)
    const values = await tools.read('pcrs', bytesMax.structure)
    const parsed = parseTpmQuote(quote)
    if (!equalBytes(parsed.extraData, nonce))
      throw collectError(
        'evidence-failed',
        'the TPM signed another nonce than the one it was given',
      )
    requireQuoted(parsed, indices, values)
    const digest = new Uint8Array(createHash('sha256').update(values).digest())
    if (!equalBytes(digest, parsed.pcrDigest)) continue // Something was measured in between.
    const signature = await tools.read('signature', bytesMax.structure)
    return { quote, signature, pcrs: { sha256: valuesOf(values, indices) } }
  }
  throw collectError(
    'evidence-raced',
    `PCRs changed between quote and reading, ${attemptsMax} times; leave out those that change, or try again`,
  )
}

/** Tools and TPMs leave PCRs out where a bank is not there, and say nothing. */
function requireQuoted({ selection }: TpmQuote, indices: readonly number[], values: Bytes): void {
  const quoted = selection.find(({ bank }) => bank.name === 'sha256')?.indices ?? []
  if (quoted.join() === indices.join() && values.length === indices.length * valueBytes) return
  throw collectError(
    'evidence-unavailable',
    `the TPM quotes sha256:${quoted.join(',') || 'none'} in place of sha256:${indices.join(',')}; switch its SHA-256 bank on (tpm2_pcrallocate)`,
  )
}

function valuesOf(values: Bytes, indices: readonly number[]): Readonly<Record<string, Bytes>> {
  const r = new Reader(values)
  return Object.fromEntries(
    indices.map((index) => [String(index), r.bytes(`PCR ${index}`, valueBytes)]),
  )
}

async function readNv(tools: TpmTools, index: string, limit: number): Promise<Bytes> {
  await tools.run('tpm2_nvread', '-C', 'o', index, '-o', tools.path('nv'))
  return await tools.read('nv', limit)
}

/** The certificate may be followed by what remains of its NV index. */
function chainOf(certificate: Bytes, authorities: string): string {
  const r = new Reader(certificate, 'big')
  const tag = r.u16('certificate')
  if (tag !== 0x3082) throw new MalformedError('certificate', 0, 'the NV index holds no X.509')
  const size = 4 + r.u16('certificate size')
  const der = new Reader(certificate).bytes('certificate', size)
  return `${encodePem(encodeBase64(der), 'CERTIFICATE')}${authorities}`
}

/** A log that is not there, or that this user may not read, is left out: the policy says whether one is wanted. */
async function readEventLog(path: string): Promise<Bytes | undefined> {
  try {
    return await readToEnd(systemFiles, path, bytesMax.log)
  } catch (error) {
    if (error instanceof OperationError || !optional.includes(systemCode(error) ?? '')) throw error
    return undefined
  }
}

const optional = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV']
