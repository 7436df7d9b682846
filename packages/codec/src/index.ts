export {
  concatBytes,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  equalBytes,
  parseBase64,
  parseHex,
  parseUtf8,
  type Bytes,
} from './bytes.ts'
export { assert, MalformedError, OperationError } from './errors.ts'
export { canonicalJson, parseJson, type Json, type JsonLimits } from './json.ts'
export { Reader } from './reader.ts'
export { unixSeconds, type UnixSeconds } from './time.ts'
