import { insecureDevnetAnchor } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { createNvidiaManufacturer, serveNvidia } from '@cloister/emulator'
import { deviceCollateralField } from '@cloister/protocol'
import { expect, onTestFinished, test } from 'vitest'

import { CollateralClient } from '../src/collateral.ts'

const seed = new Uint8Array(32).fill(3)
const now = unixSeconds(Math.floor(Date.now() / 1000) - 60)

test('documents of all GPUs are fetched once each, and none for a GPU under other roots', async () => {
  const nvidia = createNvidiaManufacturer({ seed, now })
  const devices = [1, 2].map((number) =>
    nvidia.createDevice({ chip: 'GH100', deviceSeed: new Uint8Array(16).fill(number) }),
  )
  const service = await serveNvidia(nvidia, { devices })
  onTestFinished(() => service.close())
  const nowhere = 'http://127.0.0.1:9'
  const urls = {
    ...{ intel: nowhere, amd: nowhere },
    nvidia: { rimUrl: service.url, ocspUrl: service.url },
  }
  const roots = [nvidia.anchorSpkiSha256, nvidia.rimAnchorSpkiSha256].map(insecureDevnetAnchor)
  const evidence = devices.map((device) => device.evidence({ nonce: new Uint8Array(32) }))
  const fetched = await new CollateralClient(urls, roots).getOfDevices(evidence)
  const { rims, ocspResponses } = deviceCollateralField.parse(fetched, 'collateral')
  expect(rims).toHaveLength(2) // One of the driver, one of the VBIOS: both devices run the same.
  expect(new Set(ocspResponses).size).toBe(ocspResponses.length)
  const strangers = new CollateralClient(urls, [insecureDevnetAnchor('ab'.repeat(32))])
  await expect(strangers.getOfDevices(evidence)).rejects.toMatchObject({ code: 'evidence-refused' })
})
