import { createHash } from 'node:crypto'

import { appraise, insecureDevnetAnchor, strictPolicy } from '@cloister/attest'
import { encodeUtf8, unixSeconds, type Bytes, type Json } from '@cloister/codec'
import {
  bundleField,
  encodeBundle,
  messageDigest,
  messageToJson,
  nodeCollateralField,
  nodeEvidenceField,
  zeroHash,
  type Peer,
  type Receipt,
  type Release,
} from '@cloister/protocol'
import { bytesToHex, sha256, type Hex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'

import { app } from './home-chain.ts'
import { hexOf, recordOf, type EnclaveStandIn } from './stand-ins.ts'
import type { World } from './world.ts'

/** What speaks against evidence under the machine's own root and the collateral that the host fetched. */
export async function judge(world: World, shown: unknown): Promise<readonly unknown[]> {
  const { evidence, collateral } = JSON.parse(JSON.stringify(shown))
  const policy = strictPolicy({
    measurements: 'any',
    reportData: 'any',
    machineIds: 'any',
  })
  const appraisal = await appraise(nodeEvidenceField.parse(evidence, 'evidence'), {
    collateral: nodeCollateralField('tdx').parse(collateral, 'collateral'),
    anchors: [insecureDevnetAnchor(world.manufacturer.anchorSpkiSha256)],
    policy,
    now: unixSeconds(Math.floor(Date.now() / 1000)),
  })
  return appraisal.authentic === false ? [appraisal.reject] : appraisal.reasons
}

/** Stores bytes as an enclave does. */
async function storeBytes(peer: Peer, bytes: Bytes): Promise<Hex> {
  const upload = crypto.randomUUID().replaceAll('-', '')
  const half = Math.floor(bytes.length / 2)
  const digest = createHash('sha256').update(bytes).digest('hex')
  const first = { upload, offset: 0, last: false, digest: null }
  await peer.request('store.put', first, { bytes: bytes.slice(0, half) })
  const last = { upload, offset: half, last: true, digest }
  await peer.request('store.put', last, { bytes: bytes.slice(half) })
  return `0x${digest}`
}

/** Runs an attempt as far as a stand-in can: output and bundle are stored, the receipt is signed with the admitted key. */
export function attemptRunner(
  world: World,
  enclave: EnclaveStandIn,
  keepers: readonly PrivateKeyAccount[],
) {
  return (params: Json, peer: Peer): Promise<Json> =>
    runAttempt(world, enclave, keepers, params, peer)
}

async function runAttempt(
  world: World,
  enclave: EnclaveStandIn,
  keepers: readonly PrivateKeyAccount[],
  params: Json,
  peer: Peer,
): Promise<Json> {
  const { task, attempt } = recordOf(params)
  const { order, grants, grantSignatures } = recordOf(
    (await peer.request('chain.order', { task: String(task) })).result,
  )
  const nonce = bytesToHex(crypto.getRandomValues(new Uint8Array(32)))
  const { checkpoint, signatures, headers } = recordOf(
    (await peer.request('chain.checkpoint', { nonce })).result,
  )
  const output = encodeUtf8(`the sealed output of ${String(task)}`)
  const outputDigest = await storeBytes(peer, output)
  const evidence = enclave.evidence(new Uint8Array(64))
  const release = (keeper: Hex, shareIndex: number): Release => ({
    task: hexOf(task),
    attempt: Number(attempt),
    asset: zeroHash,
    grant: zeroHash,
    shareIndex,
    keeper,
    quoteDigest: sha256(hexOf(recordOf(evidence)['quote'])),
    checkpoint: zeroHash,
    previous: zeroHash,
    sequence: 0n,
    time: 1n,
  })
  const signature = `0x${'00'.repeat(65)}`
  const json: Json = JSON.parse(
    JSON.stringify({
      format: 'cloister-bundle/2',
      deployment: world.deployment,
      ...{ order, grants, grantSignatures, evidence, checkpoint, checkpointSignatures: signatures },
      binding: messageToJson('AttemptBinding', {
        task: hexOf(task),
        attempt: Number(attempt),
        orderDigest: zeroHash,
        app,
        grantsRoot: zeroHash,
        machineId: zeroHash,
        receiptKey: enclave.account.address,
        freshKeyHash: zeroHash,
        nonce: zeroHash,
        notAfter: 0n,
      }),
      freshPublicKey: bytesToHex(new Uint8Array(1216)),
      collateral: (await peer.request('collateral', { evidence })).result,
      proofs: { headers, accounts: [] },
      releases: [enclave.account.address, keepers[0]!.address].map((keeper, index) => ({
        release: messageToJson('Release', release(keeper, index)),
        ...{
          signature,
          countersignature: signature,
          countersigner: keepers[1]!.address.toLowerCase(),
        },
      })),
    }),
  )
  const bundle = bundleField.parse(json, 'bundle')
  const receipt: Receipt = {
    task: hexOf(task),
    attempt: Number(attempt),
    orderDigest: zeroHash,
    app,
    binding: zeroHash,
    inputsRoot: zeroHash,
    outputDigest,
    outputBytes: BigInt(output.length),
    releasesRoot: zeroHash,
    checkpoint: zeroHash,
    time: 1n,
    nonce: zeroHash,
    outputCommitment: outputDigest,
    spentWei: 1_000_000n,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  const hash = messageDigest(world.domain, 'Receipt', receipt)
  return {
    receipt: messageToJson('Receipt', receipt),
    receiptSignature: await enclave.account.sign({ hash }),
    bundleDigest: await storeBytes(peer, encodeBundle(bundle)),
  }
}
