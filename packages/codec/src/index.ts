export {
  concatBytes,
  encodeBase64,
  encodeBase64Url,
  encodeHex,
  encodeUtf8,
  equalBytes,
  parseBase64,
  parseBase64Url,
  parseHex,
  parseUtf8,
  type Bytes,
} from './bytes.ts'
export {
  CborTag,
  isCborArray,
  isCborMap,
  parseCbor,
  parseCborPrefix,
  type Cbor,
  type CborLimits,
  type CborMap,
} from './cbor.ts'
export { encodeCbor } from './cbor-encode.ts'
export { encodeDer } from './der-encode.ts'
export { DerReader, derTags, type DerElement } from './der.ts'
export { assert, MalformedError, OperationError } from './errors.ts'
export { canonicalJson, parseJson, type Json, type JsonLimits } from './json.ts'
export { encodePem, parsePem, parsePemBlocks, type PemLimits } from './pem.ts'
export { Reader, type ByteOrder } from './reader.ts'
export { unixSeconds, type UnixSeconds } from './time.ts'
