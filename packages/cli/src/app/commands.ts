import { OperationError } from '@cloister/codec'
import { checkManifest, type App } from '@cloister/sdk'
import type { Deployment } from '@cloister/protocol'

import type { CommandSpec } from '../command.ts'
import { readText } from '../files.ts'
import { deploymentOption, readDeployment } from '../session.ts'
import { projectCommands } from './project-commands.ts'

/** `cloister app`. */
export const appCommands: readonly CommandSpec[] = [
  ...projectCommands,
  {
    usage: 'id <MANIFEST>',
    about: 'check a manifest, and say what identifies the app',
    run: async (given) => {
      const path = given.argument(0)
      const app = checkManifest(readText(path, { what: 'manifest', bytesMax: manifestBytesMax }))
      const { id, digest, manifest } = app
      const value = { id, digest, name: manifest.name, version: manifest.version }
      return { schema: 'cloister.app.id/1', value, text: id }
    },
  },
  {
    usage: 'list',
    about: 'the apps that a deployment names',
    options: [deploymentOption],
    run: async (given) => {
      const apps = readDeployment(given).apps.map(({ id, name }) => ({ id, name }))
      const text = apps.map(({ id, name }) => `${id}  ${name}`).join('\n')
      return { schema: 'cloister.app.list/1', value: { apps }, text }
    },
  },
]

const manifestBytesMax = 65_536

/** An app of a deployment, by its name or its id. @throws {OperationError} `app-unknown`. */
export function findApp({ apps }: Deployment, nameOrId: string): App {
  const found = apps.filter(({ id, name }) => name === nameOrId || id === nameOrId.toLowerCase())
  const [app, ...more] = found
  if (app !== undefined && more.length === 0) return checkManifest(app.manifest)
  const known = apps.map(({ name }) => name).join(', ')
  throw new OperationError(
    'app-unknown',
    `Cannot find the app ${JSON.stringify(nameOrId)}: ${more.length > 0 ? 'several have this name; use its id' : `the deployment names ${known || 'none'}`}`,
  )
}
