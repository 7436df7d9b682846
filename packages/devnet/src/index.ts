export {
  accountList,
  accountOf,
  devnetMnemonic,
  privateKeyOf,
  roles,
  type Role,
} from './accounts.ts'
export type { Folders } from './folders.ts'
export type { DevnetNode } from './node.ts'
export { devnetTees, readNodes } from './vendors.ts'
export { startDevnet, type Devnet, type DevnetApp, type DevnetOptions } from './up.ts'
