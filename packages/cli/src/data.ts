import { parseUtf8, type Bytes } from '@cloister/codec'
import {
  classesOf,
  featuresOf,
  parseCsv,
  parseTrainingPlan,
  scanModel,
  type AppInput,
} from '@cloister/learn'
import { checkManifest, type App } from '@cloister/sdk'

import { findApp } from './app/commands.ts'
import type { CommandSpec, Given } from './command.ts'
import { readInput, readText } from './files.ts'
import { optionalDeploymentOption, readDeployment } from './session.ts'
import { usageError } from './usage-error.ts'
import { wholeNumber } from './values.ts'

/** `cloister data`. */
export const dataCommands: readonly CommandSpec[] = [
  {
    usage: 'check <FILE>',
    about: 'read a file as the app will, before it is sealed; nothing leaves this machine',
    options: [
      { flags: '--app <APP>', about: 'name or id of an app of --deployment' },
      { flags: '--manifest <FILE>', about: "the app's manifest, in place of --app" },
      optionalDeploymentOption,
      {
        flags: '--role <ROLE>',
        about: 'what the file is to the app',
        required: true,
        choices: ['data', 'parameters', 'model', 'record'],
      },
      { flags: '--features <N>', about: 'numbers per row (data, record)' },
      {
        flags: '--class <NAME>',
        about: 'a class of the last column (data); repeat it',
        many: true,
      },
    ],
    run: async (given) => {
      const path = given.argument(0)
      const input = inputOf(appOf(given), given.needed('role'))
      const bytes = readInput(path, { what: input.role, bytesMax: input.bytesMax })
      const facts = examinerOf(input.role)(bytes, input, given, path)
      const value = { role: input.role, bytes: bytes.length, ...facts }
      const text = Object.entries(value).map(([name, fact]) => `${name}: ${String(fact)}`)
      return { schema: 'cloister.data.check/1', value, text: text.join('\n') }
    },
  },
]

function appOf(given: Given): App {
  const manifest = given.text('manifest')
  if (manifest !== undefined)
    return checkManifest(readText(manifest, { what: 'manifest', bytesMax: 65_536 }))
  return findApp(readDeployment(given), given.needed('app'))
}

function inputOf({ manifest }: App, role: string): AppInput {
  const input = manifest.inputs.find((each) => each.role === role)
  if (input !== undefined) return input
  const roles = manifest.inputs.map((each) => each.role).join(' and ')
  throw usageError(`Cannot check for the role ${role}: ${manifest.name} takes ${roles}`)
}

type Facts = Readonly<Record<string, string | number | readonly string[]>>

type Examiner = (bytes: Bytes, input: AppInput, given: Given, path: string) => Facts

// The very parsers that run inside the enclave. They never repeat what a cell holds.
const examiners: Readonly<Record<string, Examiner>> = {
  data: examineCsv,
  record: examineCsv,
  parameters: (bytes) => {
    const { model, settings } = parseTrainingPlan(parseUtf8(bytes, 'parameters'))
    const [features, classes] = [featuresOf(model), classesOf(model)]
    return {
      model: model.kind,
      ...(features !== undefined && { features }),
      ...(classes && { classes }),
      epochs: settings.epochs,
    }
  },
  model: (bytes) => {
    const { features, classes, nodes } = scanModel(bytes)
    return { features, classes, nodes }
  },
}

function examinerOf(role: string): Examiner {
  const found = examiners[role]
  if (found !== undefined) return found
  throw usageError(`Cannot check for the role ${role}: only the app itself knows its format`)
}

function examineCsv(bytes: Bytes, input: AppInput, given: Given, path: string): Facts {
  const named = given.texts('class')
  const features = given.read('features', wholeNumber(1, 4096))
  const isData = input.role === 'data'
  if (features === undefined) throw usageError('Cannot check a CSV: --features is missing')
  if (isData && named.length < 2)
    throw usageError('Cannot check data: name its classes, with --class for each')
  if (!isData && named.length > 0) throw usageError('Cannot check a record: it has no --class')
  const format = { header: input.header === true, features, classes: isData ? named : undefined }
  const table = parseCsv(bytes, format, path)
  if (table.labels === undefined) return { rows: table.rows, features }
  const counts = named.map((name, index) => {
    const rows = table.labels?.filter((label) => label === index).length ?? 0
    return `${name} ${rows}`
  })
  return { rows: table.rows, features, classes: counts }
}
