/** What a stranger's message may ask of a reader. Every count and size here is checked before memory is spent. */
export const limits = {
  /** Entries of any list in a message. */
  listMax: 16,
  /** Assets of one order. */
  assetsMax: 8,
  replicasMax: 3,
  /** Attempts that one order may ask for. */
  attemptsMax: 8,
  /** UTF-8 bytes of a grant's purpose. */
  purposeBytesMax: 200,
  /** Bytes of one evidence bundle. */
  bundleBytesMax: 4 * 1024 * 1024,
  /** Roots that evidence may chain to: each vendor has its own, some one for each product line. */
  anchorsMax: 16,
  /** Bytes of one piece of evidence: a quote, a report, a document or a token. */
  evidenceBytesMax: 32 * 1024,
  /** GPUs and switches beside one CPU: eight and four, and some to spare. */
  devicesMax: 16,
  /** Bytes of one device's request and response. */
  deviceEvidenceBytesMax: 16 * 1024,
  /** UTF-8 bytes of one manifest of a device's firmware. */
  rimBytesMax: 128 * 1024,
  rimsMax: 8,
  /** Characters of one OCSP response in hexadecimal. */
  ocspResponseCharactersMax: 16 * 1024,
  ocspResponsesMax: 32,
  /** UTF-8 bytes of one TCB info, QE identity or root revocation list, of Intel or of AMD. */
  collateralTextBytesMax: 256 * 1024,
  /** Characters of one PCK revocation list in hexadecimal: it grows with every revoked platform. */
  revocationListBytesMax: 1024 * 1024,
  /** Characters of one PEM chain of two or three certificates. */
  issuerChainBytesMax: 16 * 1024,
  /** Bytes of one JSON body over HTTP. */
  bodyBytesMax: 1024 * 1024,
  /** Bytes of one frame between host and enclave, its two length words included. */
  frameBytesMax: 17 * 1024 * 1024,
  /** Requests open in one direction between host and enclave. */
  requestsOpenMax: 64,
  /** How deep any JSON may nest. */
  jsonDepthMax: 24,
  /** Members of one committee, so also signatures under one message. */
  committeeMembersMax: 32,
  /** Handovers between the genesis committee and the one that signed. */
  handoversMax: 512,
  /** Block headers from a checkpoint's head down. */
  headersMax: 128,
  /** Bytes of one block header in RLP. */
  headerBytesMax: 2048,
  /** Nodes of one Merkle-Patricia proof, from the root down. */
  proofNodesMax: 64,
  /** Bytes of one trie node: a branch of 16 hashes and a value. */
  proofNodeBytesMax: 1024,
  /** Accounts proven in one bundle, and storage slots proven under one account. */
  proofAccountsMax: 16,
  /** Storage slots proven under one account. */
  proofSlotsMax: 256,
  /** Bytes of one deployment manifest. */
  deploymentBytesMax: 1024 * 1024,
  /** Bytes of one receipt file: a bundle, and what the chain said about it. */
  receiptFileBytesMax: 16 * 1024 * 1024,
  /** Bytes of one provenance record: evidence, and the documents that it is judged by. */
  provenanceBytesMax: 4 * 1024 * 1024,
  /** Release records of one attempt: assets times keepers asked. */
  releasesMax: 64,
} as const
