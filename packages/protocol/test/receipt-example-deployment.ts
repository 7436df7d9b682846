import { insecureDevnetAnchor } from '@cloister/attest'
import {
  appId,
  cloisterDomain,
  sortAddresses,
  tdxMeasurement,
  type CommitteeSet,
  type Deployment,
  type Domain,
} from '@cloister/protocol'
import { toHex, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { address, word } from './examples.ts'

/** Private keys by role. */
export const keys = {
  owner: [word(0x01), word(0x02)],
  requester: word(0x03),
  operator: word(0x04),
  node: word(0x05),
  keeperOperator: [word(0x11), word(0x12), word(0x13)],
  keeper: [word(0x21), word(0x22), word(0x23)],
  verifier: [word(0x31), word(0x32), word(0x33), word(0x34), word(0x35)],
} as const

export const of = (key: Hex) => privateKeyToAccount(key).address
export const depth = 2
export const domain: Domain = cloisterDomain(31337, address(0xd2))

export const contracts = {
  token: address(0xd1),
  ledger: address(0xd2),
  staking: address(0xd3),
  committee: address(0xd4),
  appRegistry: address(0xd5),
  assetRegistry: address(0xd6),
  nodeRegistry: address(0xd7),
  grantBook: address(0xd8),
  market: address(0xd9),
  settlement: address(0xda),
  releaseKeys: address(0xdb),
  keeperDuty: address(0xdc),
} as const

export const manifest = {
  format: 'cloister-app/2',
  name: 'tabular-train',
  outputs: [{ name: 'model.onnx', bytesMax: 4096 }],
}

export const registers = [1, 2, 3, 4, 5].map((byte) => new Uint8Array(48).fill(byte))
const [mrtd, rtmr0, rtmr1, rtmr2, rtmr3] = registers
if (!mrtd || !rtmr0 || !rtmr1 || !rtmr2 || !rtmr3) throw new Error('five registers')
export const measurement = tdxMeasurement({
  mrtd: toHex(mrtd),
  rtmrs: [toHex(rtmr0), toHex(rtmr1), toHex(rtmr2), toHex(rtmr3)],
})

export const committee = (epoch: bigint, members: readonly Hex[]): CommitteeSet => ({
  epoch,
  members: sortAddresses(members.map(of)),
})
export const genesis = keys.verifier.slice(0, 4)

/** The manifest of an example. */
export function deploymentWith(spkiSha256: string): Deployment {
  return {
    format: 'cloister-deployment/1',
    home: { chainId: 31337, rpcUrl: 'http://127.0.0.1:8545', contracts },
    spokes: [],
    genesisCommittee: committee(0n, genesis),
    anchors: [insecureDevnetAnchor(spkiSha256)],
    measurements: [measurement],
    apps: [{ name: 'tabular-train', id: appId(manifest), manifest }],
    verifiers: [],
    nodes: [],
    policy: {
      tcbFloor: 0,
      tierMin: 1,
      tcbEvaluationDataNumber: 1,
      rootCrlNumber: 0n,
      pckCrlNumber: 0n,
    },
    depth,
  }
}
