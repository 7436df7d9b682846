import { createPlainHttpApp, serveHttp } from '@cloister/io'
import { createOpenAiProxy, type InferenceSession, type ProxyRecord } from '@cloister/sdk'

import type { Answer, CommandSpec, Given, Run } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import {
  describe,
  openGiven,
  placeAndOpen,
  placeOptions,
  recipientOption,
  sayUsed,
  used,
} from './session-commands.ts'
import { deploymentOption, optionalKeyOption } from './session.ts'
import { usageError } from './usage-error.ts'
import { wholeNumber } from './values.ts'

const portDefault = 8411
const loopback = ['127.0.0.1', 'localhost', '[::1]']

/** `cloister proxy`. */
export const proxyCommand: CommandSpec = {
  usage: 'proxy',
  about:
    'serve a session to clients of OpenAI’s interface on this machine: verified first, every request sealed; Ctrl-C closes it',
  options: [
    deploymentOption,
    optionalKeyOption,
    recipientOption,
    { flags: '--task <TASK>', about: 'a task that was placed and runs' },
    { flags: '--order <FILE>', about: 'place this order first, and use its task' },
    ...placeOptions,
    {
      flags: '--port <N>',
      about: `where it listens; ${portDefault} unless said, 0 for any free one`,
    },
    {
      flags: '--listen <ADDRESS>',
      about: 'another address than 127.0.0.1: whoever reaches it spends your money in clear text',
    },
    {
      flags: '--allow-origin <ORIGIN>',
      about: 'let web pages of this origin use it; none may unless said',
      many: true,
    },
    { flags: '--keep-open', about: 'leave the session open at the end' },
  ],
  run: serve,
}

async function serve(given: Given, run: Run): Promise<Answer> {
  const port = given.read('port', wholeNumber(0, 65_535)) ?? portDefault
  const session = await open(given, run)
  const host = given.text('listen') ?? '127.0.0.1'
  const hosts: string[] = []
  const server = await serveHttp({
    app: createPlainHttpApp(
      createOpenAiProxy({
        session: async () => session,
        hosts,
        origins: given.texts('allowOrigin'),
        onRequest: (record) => run.say(sayRecord(record)),
      }),
    ),
    host,
    port,
  })
  hosts.push(...[host, ...loopback].map((name) => `${name}:${server.port}`))
  if (host !== '127.0.0.1')
    run.say(`INSECURE: ${host} is reachable by others; what they send up to here is not sealed`)
  const opened = describe('cloister.proxy.ready/1', session)
  const url = `${server.url}/v1`
  run.emit({
    ...opened,
    value: { ...opened.value, ready: true, url },
    text: `${opened.text}\nserving     ${url} to clients of OpenAI’s interface, any API key`,
  })
  await asked()
  await server.close()
  return finish(given, run, session)
}

async function open(given: Given, run: Run): Promise<InferenceSession> {
  const task = given.text('task')
  const order = given.text('order')
  if (task !== undefined && order === undefined) return openGiven(given, run, task)
  if (order !== undefined && task === undefined) return placeAndOpen(given, run, order)
  throw usageError('Cannot go on: say either --task or --order')
}

async function finish(given: Given, run: Run, session: InferenceSession): Promise<Answer> {
  const closes =
    !given.flag('keepOpen') && session.failure === undefined && session.ending === undefined
  if (closes) {
    run.say('closing the session; Ctrl-C once more leaves it open')
    await session.close()
  }
  const { usage } = session
  const value = { ended: true, ...used(usage) }
  return {
    schema: 'cloister.proxy.ended/1',
    value,
    text: sayUsed(usage),
    exit: session.failure === undefined ? exitCodes.ok : exitCodes.refused,
  }
}

function sayRecord({ method, path, status, unitsSoFar, spentWeiSoFar }: ProxyRecord): string {
  const sum =
    unitsSoFar === undefined ? '' : `, ${unitsSoFar} units and ${spentWeiSoFar} wei so far`
  return `${method} ${path} ${status}${sum}`
}

/** Settles when the person or the system asks this program to end; the second time it ends at once. */
function asked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.removeAllListeners(signal)
      process.once(signal, () => resolve())
    }
  })
}
