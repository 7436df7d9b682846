import { concatBytes, type Bytes } from '@cloister/codec'
import { littleEndian } from '../layout.ts'
import { sha384 } from '../signing-key.ts'

const pageBytes = 4096
const pageInfoBytes = 0x70
const normalPage = 1

/**
 * The launch digest of a guest whose memory holds `content` from address 0 on: one step for each page, as the firmware
 * measures it.
 *
 * Spec: AMD SEV-SNP firmware ABI 1.58, section 8.17.2, table PAGE_INFO.
 */
export function snpLaunchDigest(content: Bytes): Bytes {
  let digest: Bytes = new Uint8Array(48)
  for (let address = 0; address < content.length; address += pageBytes) {
    const page = new Uint8Array(pageBytes)
    page.set(content.subarray(address, address + pageBytes))
    digest = sha384(
      concatBytes(
        digest,
        sha384(page),
        littleEndian(pageInfoBytes, 2),
        Uint8Array.of(normalPage, 0, 0, 0, 0, 0),
        littleEndian(address, 8),
      ),
    )
  }
  return digest
}
