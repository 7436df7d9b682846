import { deviceKeysOf, parseCollateral, type Collateral, type DeviceKey } from '@cloister/attest'
import { encodeBase64, encodeHex, encodePem, MalformedError, parseJson } from '@cloister/codec'

import type { EvidenceFiles } from './evidence-files.ts'

/** Most reference manifests, and OCSP answers, of one folder. */
const documentsMax = 32

/**
 * The documents that lie beside evidence: `collateral.json`; AMD's `vcek.der` or `vlek.der`, `cert_chain.pem` and
 * `crl.der`; NVIDIA's `rim-*` and `ocsp-*.der`; keys of devices as `cpak.jwk.json` and `iak.jwk.json`.
 *
 * @throws {MalformedError} naming the document.
 */
export function readCollateralFiles(files: EvidenceFiles, names: readonly string[]): Collateral {
  const json = files.text('collateral.json', 'collateral')
  const amd = readAmd(files)
  const rims = startingWith(names, 'rim-').flatMap((name) => files.text(name, name) ?? [])
  const ocspResponses = startingWith(names, 'ocsp-').flatMap((name) => {
    const der = files.optional(name, name)
    return der === undefined ? [] : [encodeHex(der)]
  })
  const deviceKeys = ['cpak.jwk.json', 'iak.jwk.json'].flatMap((name) => readKeys(files, name))
  return {
    ...(amd && { amd }),
    ...(rims.length + ocspResponses.length > 0 && { nvidia: { rims, ocspResponses } }),
    ...(deviceKeys.length > 0 && { deviceKeys }),
    ...(json !== undefined && parseCollateral(json)),
  }
}

function startingWith(names: readonly string[], prefix: string): readonly string[] {
  const found = names.filter((name) => name.startsWith(prefix))
  if (found.length <= documentsMax) return found
  throw new MalformedError(`${prefix} files`, 0, `got ${found.length}, at most ${documentsMax}`)
}

function readAmd(files: EvidenceFiles): Collateral['amd'] {
  const leaf = files.optional('vcek.der', 'VCEK') ?? files.optional('vlek.der', 'VLEK')
  if (leaf === undefined) return undefined
  const above = files.text('cert_chain.pem', 'certificate chain') ?? ''
  const crl = files.optional('crl.der', 'revocation list')
  return {
    certificateChain: `${encodePem(encodeBase64(leaf), 'CERTIFICATE')}${above}`,
    ...(crl && { crl: encodeHex(crl) }),
  }
}

function readKeys(files: EvidenceFiles, name: string): readonly DeviceKey[] {
  const text = files.text(name, name)
  if (text === undefined) return []
  return deviceKeysOf(parseJson(text, name, { charactersMax: 1 << 20, depthMax: 8 }))
}
