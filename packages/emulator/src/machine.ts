import { assert, unixSeconds, type Bytes } from '@cloister/codec'
import { nitroAnswer, sevGuestAnswer } from './device-answers.ts'
import { serveDeviceSocket } from './device-socket.ts'
import type { GuestMeasurement } from './guest-measurement.ts'
import { serveGuestSocket, type GuestSocket } from './guest-socket.ts'
import type { NitroCloud } from './nitro/cloud.ts'
import type { Platform } from './platform.ts'
import type { DerivedKeyRequest } from './snp/derived-key.ts'
import type { SnpPlatform } from './snp/platform.ts'

/** A kind of machine that guests can be launched on here. */
export type GuestTee = 'tdx' | 'sev-snp' | 'aws-nitro'

/** An emulated machine that a guest is launched on. */
export type Machine =
  | { readonly tee: 'tdx'; readonly platform: Platform }
  | { readonly tee: 'sev-snp'; readonly platform: SnpPlatform }
  /** A Nitro enclave's evidence names no machine, but a cloud and one start of one enclave. */
  | { readonly tee: 'aws-nitro'; readonly cloud: NitroCloud; readonly enclaveSeed: Bytes }

/** What serves a guest its evidence. */
export type GuestEvidence = {
  readonly machine: Machine
  /** The machine that signs, where it is not `machine`; of the same kind. Asked for each piece of evidence. */
  readonly signedBy?: () => Machine
  readonly measurement: GuestMeasurement
  readonly socketPath: string
}

/**
 * Serves a guest the API by which its production driver asks for evidence: dstack's guest agent for a TD, a relay of
 * `/dev/sev-guest` for an SNP guest, one of `/dev/nsm` for a Nitro enclave.
 *
 * @throws {OperationError} `guest-socket` where the socket can't be opened.
 */
export async function serveEvidence(served: GuestEvidence): Promise<GuestSocket> {
  const { machine, measurement, socketPath } = served
  const signer = served.signedBy ?? (() => machine)
  if (machine.tee === 'tdx' && measurement.tee === 'tdx')
    return serveGuestSocket({
      platform: machine.platform,
      measurement,
      socketPath,
      quoteFrom: () => ofKind(signer(), 'tdx').platform,
    })
  if (measurement.tee === 'sev-snp') {
    const { launchDigest, hostData } = measurement
    const answers = {
      report: (reportData: Bytes) =>
        ofKind(signer(), 'sev-snp').platform.report({
          measurement: launchDigest,
          hostData,
          reportData,
        }),
      key: (asked: DerivedKeyRequest) =>
        ofKind(machine, 'sev-snp').platform.deriveKey(asked, launchDigest),
    }
    return serveDeviceSocket({ socketPath, answer: (message) => sevGuestAnswer(message, answers) })
  }
  assert(measurement.tee === 'aws-nitro', 'a guest is measured for the machine it is launched on')
  const { pcrs } = measurement
  return serveDeviceSocket({
    socketPath,
    answer: (message) =>
      nitroAnswer(message, (asked) => {
        const { cloud, enclaveSeed } = ofKind(signer(), 'aws-nitro')
        const now = unixSeconds(Math.floor(Date.now() / 1000))
        return cloud.startEnclave({ enclaveSeed, pcrs }).document({ now, ...asked })
      }),
  })
}

function ofKind<T extends GuestTee>(machine: Machine, tee: T): Extract<Machine, { tee: T }> {
  assert(isOfKind(machine, tee), `evidence of ${tee} is signed by ${machine.tee}`)
  return machine
}

function isOfKind<T extends GuestTee>(
  machine: Machine,
  tee: T,
): machine is Extract<Machine, { tee: T }> {
  return machine.tee === tee
}
