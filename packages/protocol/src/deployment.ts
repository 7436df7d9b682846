import {
  anchorSpkiSha256,
  insecureDevnetAnchor,
  productionAnchors,
  type Anchor,
  type DeviceKeyAnchor,
} from '@cloister/attest'
import { canonicalJson, MalformedError, parseUtf8 } from '@cloister/codec'

import { committeeSetField } from './committee.ts'
import { cloisterDomain, type Domain } from './digest.ts'
import {
  addressField,
  bytes32Field,
  decimalField,
  hexField,
  integerField,
  jsonField,
  listField,
  malformed,
  objectField,
  oneOf,
  parseField,
  textField,
  urlField,
  type Field,
  type FieldValue,
} from './fields.ts'
import { appId, sameHex } from './ids.ts'
import { limits } from './limits.ts'
import { tcbRankMax } from './tcb.ts'

/** A root that many machines chain to. The key of a single device is none. */
type Root = Exclude<Anchor, DeviceKeyAnchor>

const rootKind = oneOf('production', 'insecure-devnet')

const anchorKind: typeof rootKind = {
  parse(value, path) {
    if (value === 'device-key')
      throw malformed(
        path,
        "a device's own key is no root that nodes chain to, expected production or insecure-devnet",
      )
    return rootKind.parse(value, path)
  },
  encode: (value) => rootKind.encode(value),
}

const anchorKey = objectField({ kind: anchorKind, spkiSha256: hexField(32) })

const anchorField: Field<Root> = {
  parse(value, path) {
    const { kind, spkiSha256 } = anchorKey.parse(value, path)
    if (kind === 'insecure-devnet') return insecureDevnetAnchor(spkiSha256.slice(2))
    const anchor = productionAnchors().find((each) =>
      sameHex(spkiSha256, `0x${anchorSpkiSha256(each)}`),
    )
    if (anchor === undefined)
      throw malformed(`${path}.spkiSha256`, 'no vendor root that this build knows')
    return anchor
  },
  encode: (anchor) =>
    anchorKey.encode({ kind: anchor.kind, spkiSha256: `0x${anchorSpkiSha256(anchor)}` }),
}

const app = objectField({ name: textField(64, 1), id: bytes32Field, manifest: jsonField })

const appField: Field<FieldValue<typeof app>> = {
  parse(value, path) {
    const parsed = app.parse(value, path)
    const id = appId(parsed.manifest)
    if (!sameHex(parsed.id, id)) throw malformed(`${path}.id`, `the manifest's id is ${id}`)
    return parsed
  },
  encode: (value) => app.encode(value),
}

const chainId = integerField(1, Number.MAX_SAFE_INTEGER)

const contracts = objectField({
  token: addressField,
  ledger: addressField,
  staking: addressField,
  committee: addressField,
  appRegistry: addressField,
  assetRegistry: addressField,
  nodeRegistry: addressField,
  releaseKeys: addressField,
  grantBook: addressField,
  market: addressField,
  settlement: addressField,
  keeperDuty: addressField,
})

const deployment = objectField({
  format: oneOf('cloister-deployment/1'),
  home: objectField({ chainId, rpcUrl: urlField, contracts }),
  spokes: listField(
    objectField({
      chainId,
      rpcUrl: urlField,
      contracts: objectField({ token: addressField, spokePayout: addressField }),
    }),
    16,
  ),
  genesisCommittee: committeeSetField,
  anchors: listField(anchorField, limits.anchorsMax, 1),
  measurements: listField(bytes32Field, 64),
  apps: listField(appField, 64),
  verifiers: listField(
    objectField({ address: addressField, url: urlField }),
    limits.committeeMembersMax,
  ),
  nodes: listField(objectField({ operator: addressField, url: urlField }), 256),
  policy: objectField({
    tcbFloor: integerField(0, tcbRankMax),
    tierMin: integerField(0, 3),
    tcbEvaluationDataNumber: integerField(0, 0xffff_ffff),
    rootCrlNumber: decimalField(64),
    pckCrlNumber: decimalField(64),
  }),
  depth: integerField(0, limits.headersMax - 1),
})

/** Addresses of the home chain's contracts. */
export type Contracts = FieldValue<typeof contracts>

/**
 * What a client must know of a deployment, and cannot learn from it: chains, contracts, the genesis
 * committee, the anchors that evidence must chain to. Whoever hands it out is trusted with that;
 * `rpcUrl`, `verifiers` and `nodes` are only where to ask. Spec: docs/protocol.md section 12.
 */
export type Deployment = FieldValue<typeof deployment>

/** How {@link Contracts} stand in JSON. */
export const contractsField: Field<Contracts> = contracts

/** How a {@link Deployment} stands in JSON. */
export const deploymentField: Field<Deployment> = deployment

/** A deployment manifest as canonical JSON. */
export function encodeDeployment(value: Deployment): string {
  return canonicalJson(deployment.encode(value))
}

/**
 * Reads a deployment manifest, from text or from bytes.
 *
 * @throws {MalformedError} naming the place, such as `deployment.home.contracts.ledger`.
 */
export function parseDeployment(given: string | Uint8Array): Deployment {
  if (given.length > limits.deploymentBytesMax)
    throw new MalformedError(
      'deployment',
      0,
      `${given.length} bytes, at most ${limits.deploymentBytesMax} are read`,
    )
  const text = typeof given === 'string' ? given : parseUtf8(given, 'deployment')
  return parseField(deployment, text, 'deployment', {
    charactersMax: limits.deploymentBytesMax,
    depthMax: limits.jsonDepthMax,
  })
}

/** The EIP-712 domain of a deployment's home messages. */
export function deploymentDomain({ home }: Pick<Deployment, 'home'>): Domain {
  return cloisterDomain(home.chainId, home.contracts.ledger)
}
