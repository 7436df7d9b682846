import { readFileSync } from 'node:fs'

import { encodeDeployment, parseDeployment, sameHex } from '@cloister/protocol'
import { appGovernance, isAppListed, listApp, uploadObject, type Client } from '@cloister/sdk'
import type { Hex } from 'viem'

import { writeOutput } from '../files.ts'
import { readBuiltObject, type BuiltApp } from './project.ts'

/** What publishing an app did. */
export type Published = {
  readonly id: Hex
  readonly objects: number
  readonly stores: readonly string[]
  readonly listed: boolean
  /** The transaction that listed it, where one was needed and could be sent. */
  readonly transaction: Hex | undefined
  /** Who may list it, where this account may not. */
  readonly governance: Hex | undefined
}

/**
 * Stores an app's bundle with the nodes, names the app in the deployment's file and lists it on chain where this account may. Each step is
 * left out where it was done before.
 *
 * @throws {OperationError} `store-refused`, `chain-down`, `reverted`, `file-unwritable`.
 */
export async function publishApp(
  client: Client,
  built: BuiltApp,
  deploymentFile: string,
  say: (line: string) => void,
): Promise<Published> {
  const { app } = built
  const stores = client.deployment.nodes.map(({ url }) => url)
  const copies = Math.min(2, stores.length)
  for (const [index, digest] of built.objects.entries()) {
    await uploadObject(client, readBuiltObject(built, digest), stores, copies)
    say(`stored object ${index + 1} of ${built.objects.length}`)
  }
  nameInDeployment(built, deploymentFile)
  const common = { id: app.id, objects: built.objects.length, stores }
  if (await isAppListed(client, app.id))
    return { ...common, listed: true, transaction: undefined, governance: undefined }
  const governance = await appGovernance(client)
  if (client.account === undefined || !sameHex(client.account.address, governance))
    return { ...common, listed: false, transaction: undefined, governance }
  return { ...common, listed: true, transaction: await listApp(client, app.id), governance }
}

// Hosts read the file again when an order names an app that they do not know.
function nameInDeployment({ app }: BuiltApp, path: string): void {
  const deployment = parseDeployment(readFileSync(path))
  if (deployment.apps.some(({ id }) => sameHex(id, app.id))) return
  const manifest = JSON.parse(new TextDecoder().decode(app.bytes))
  const apps = [...deployment.apps, { name: app.manifest.name, id: app.id, manifest }]
  writeOutput(path, encodeDeployment({ ...deployment, apps }), { what: 'deployment', force: true })
}
