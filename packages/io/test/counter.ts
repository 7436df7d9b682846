import { keccak256, parseAbi, toFunctionSelector, toHex, type Hex } from 'viem'

/** What the contract below understands. */
export const counterAbi = parseAbi([
  'function set(uint256 value)',
  'error NotSmall(uint256 value)',
  'event Set(uint256 value)',
])

const runtime = [
  '600435', // value = calldata from byte 4
  '80606411601d57', // where 100 > value, go to byte 0x1d
  `63${toFunctionSelector('NotSmall(uint256)').slice(2)}60e01b600052`,
  '60045260246000fd', // revert NotSmall(value)
  '5b80600055', // slot 0 = value
  `6000527f${keccak256(toHex('Set(uint256)')).slice(2)}60206000a100`, // emit Set(value)
].join('')
const size = (runtime.length / 2).toString(16).padStart(2, '0')

/** Creation code of a contract that keeps numbers below 100 in slot 0 and refuses others by name. */
export const counterCode: Hex = `0x60${size}600c60003960${size}6000f3${runtime}`
