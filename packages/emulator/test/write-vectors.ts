// Writes the vectors that `attest` is tested on. Run it by hand, when the table changes.
//
//   node packages/emulator/test/write-vectors.ts
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { vectorFiles, vectorFolder } from './emulator-vectors.ts'

const folder = join(import.meta.dirname, vectorFolder)
mkdirSync(folder, { recursive: true })
for (const [name, text] of Object.entries(vectorFiles())) writeFileSync(join(folder, name), text)
