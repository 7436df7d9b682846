import { OperationError } from '@cloister/codec'
import { accountOf, createKeyFile } from '@cloister/io'
import { keyHash } from '@cloister/protocol'

import type { CommandSpec } from './command.ts'
import { refuseExisting, writeOutput } from './files.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { createRecipientKey } from './recipient-key.ts'

/** `cloister key`. */
export const keyCommands: readonly CommandSpec[] = [
  {
    usage: 'account',
    about: "make an account's private key in a new file of mode 600",
    options: [outOption('the key file')],
    run: async (given) => {
      const path = given.needed('out')
      const { address } = accountOf(createKeyFile(path))
      return { schema: 'cloister.key.account/1', value: { address, path }, text: address }
    },
  },
  {
    usage: 'recipient',
    about: 'make the key that outputs are sealed to, in a new file of mode 600',
    options: [outOption('the key file'), forceOption],
    run: async (given) => {
      const path = given.needed('out')
      const rule = writeRule(given, 'recipient key')
      refuseExisting(path, rule)
      const { publicKey } = await createRecipientKey(path, rule)
      const hash = keyHash(publicKey)
      return { schema: 'cloister.key.recipient/1', value: { keyHash: hash, path }, text: hash }
    },
  },
  {
    usage: 'devnet <ROLE>',
    about: "write a devnet account's key, which everybody knows, to a file",
    options: [outOption('the key file'), forceOption],
    run: async (given) => {
      const { accountOf: devnetAccountOf, privateKeyOf, roles } = await import('@cloister/devnet')
      const name = given.argument(0)
      const role = roles.find((each) => each === name)
      if (role === undefined) throw unknownRole(name, roles)
      const path = given.needed('out')
      const key = Buffer.from(privateKeyOf(role)).toString('hex')
      writeOutput(path, `0x${key}\n`, writeRule(given, 'key file'))
      const { address } = devnetAccountOf(role)
      return { schema: 'cloister.key.devnet/1', value: { role, address, path }, text: address }
    },
  },
]

function unknownRole(name: string, roles: readonly string[]): OperationError {
  return new OperationError(
    'account-unknown',
    `Cannot find the devnet account ${JSON.stringify(name.slice(0, 80))}: there are ${roles.join(', ')}`,
  )
}
