import { isAscii, isUtf8 } from 'node:buffer'

import { encodeUtf8, MalformedError, parseUtf8, type Bytes } from '@cloister/codec'

const [tab, lineFeed, carriageReturn] = [0x09, 0x0a, 0x0d]
const textBytesMax = 268_435_456

/** What nobody sees: joiners, marks of direction, tags, variation selectors, fillers, and code points that mean nothing. */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Co}\p{Cn}]/gu

/**
 * UTF-8 without control characters but tab and line ends, without characters that are not seen, composed (NFC), its lines ending in LF and
 * not in blanks.
 *
 * @throws {MalformedError} naming `field`.
 */
export function canonicalText(field: string, bytes: Bytes): Bytes {
  const lines = visibleText(field, bytes).split('\n')
  return encodeUtf8(lines.map((line) => line.trimEnd()).join('\n'))
}

/** The same, but blanks at the ends of lines stay: to a table they are what stands in a cell. @throws {MalformedError} */
export function visibleText(field: string, bytes: Bytes): string {
  if (bytes.length > textBytesMax)
    throw new MalformedError(field, 0, `text of more than ${textBytesMax} bytes`)
  if (!isUtf8(bytes)) throw new MalformedError(field, 0, 'expected UTF-8')
  const at = bytes.findIndex(
    (byte) =>
      (byte < 0x20 && byte !== tab && byte !== lineFeed && byte !== carriageReturn) ||
      byte === 0x7f,
  )
  if (at >= 0) throw new MalformedError(field, at, 'a control character')
  const text = parseUtf8(bytes, field).replaceAll('\r\n', '\n')
  if (text.includes('\r')) throw new MalformedError(field, 0, 'a carriage return within a line')
  if (isAscii(bytes)) return text
  const visible = text.replaceAll(invisible, '')
  // To order them takes time that grows with the square of their number. Spec: UAX #15, section 13, "Stream-Safe Text Format".
  if (/\p{M}{31}/u.test(visible))
    throw new MalformedError(field, 0, 'more than 30 marks on a letter')
  return visible.normalize('NFC')
}
