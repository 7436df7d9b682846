import { OperationError } from '@cloister/codec'
import { accountOf, readKeyFile, Secret } from '@cloister/io'
import { limits, parseDeployment, type Deployment } from '@cloister/protocol'
import { connect, type Client } from '@cloister/sdk'
import type { PrivateKeyAccount } from 'viem'

import type { Given, OptionSpec, Run } from './command.ts'
import { readInput } from './files.ts'

/** Which network: its manifest decides what is trusted. */
export const deploymentOption: OptionSpec = {
  flags: '--deployment <FILE>',
  about: "the network's manifest, deployment.json",
  required: true,
  env: 'CLOISTER_DEPLOYMENT',
}

/** The same where a command can do without. */
export const optionalDeploymentOption: OptionSpec = {
  flags: deploymentOption.flags,
  about: deploymentOption.about,
  env: 'CLOISTER_DEPLOYMENT',
}

/** Who acts. */
export const keyOption: OptionSpec = {
  flags: '--key-file <FILE>',
  about:
    'private key of the account that acts: 0x and 64 digits in a file of mode 600, or - for standard input',
  required: true,
  env: 'CLOISTER_KEY_FILE',
}

/** The same where it may be left out. */
export const optionalKeyOption: OptionSpec = {
  flags: keyOption.flags,
  about: keyOption.about,
  env: 'CLOISTER_KEY_FILE',
}

/** Reads the manifest that `--deployment` names. @throws {MalformedError} naming the field. */
export function readDeployment(given: Given): Deployment {
  return parseDeployment(readManifest(given))
}

/** Connects to the network of `--deployment`, as the account of `--key-file` if there is one. */
export async function openSession(given: Given, run: Run): Promise<Client> {
  const deployment = new TextDecoder().decode(readManifest(given))
  const keyFile = given.text('keyFile')
  return connect({
    deployment,
    ...(keyFile === undefined ? {} : { account: readAccount(keyFile) }),
    onProgress: ({ step, detail }) => run.say(`${step}: ${detail}`),
  })
}

/** The account whose key a file holds. @throws {OperationError} `key-file-...`. */
export function readAccount(keyFile: string): PrivateKeyAccount {
  if (keyFile !== '-') return accountOf(readKeyFile(keyFile))
  const text = new TextDecoder()
    .decode(readInput('-', { what: 'private key', bytesMax: 200, secret: true }))
    .trim()
  if (isPrivateKey(text)) return accountOf(new Secret(text))
  throw new OperationError(
    'key-file-malformed',
    'Cannot use the private key on standard input: expected 0x and 64 hexadecimal digits',
  )
}

function isPrivateKey(text: string): text is `0x${string}` {
  return /^0x[0-9a-f]{64}$/i.test(text)
}

function readManifest(given: Given) {
  const bytesMax = limits.deploymentBytesMax
  return readInput(given.needed('deployment'), { what: 'deployment', bytesMax })
}
