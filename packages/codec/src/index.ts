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
export { DerReader, derTags, type DerElement } from './der.ts'
export { assert, MalformedError, OperationError } from './errors.ts'
export { canonicalJson, parseJson, type Json, type JsonLimits } from './json.ts'
export { encodePem, parsePem, parsePemBlocks, type PemLimits } from './pem.ts'
export { Reader } from './reader.ts'
export { unixSeconds, type UnixSeconds } from './time.ts'
