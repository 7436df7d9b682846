// Loaded before a TD's bundle: only modules of the measured image may be imported, so that nothing
// which lies in a folder above it (where Node looks next) can join the enclave unmeasured.
// It is measured as it stands here, so it imports nothing but Node's own.
import { registerHooks } from 'node:module'

const root = new URL('./', import.meta.url).href

registerHooks({
  resolve(specifier, context, nextResolve) {
    const found = nextResolve(specifier, context)
    const { protocol } = new URL(found.url)
    if (protocol === 'node:' || protocol === 'data:' || found.url.startsWith(root)) return found
    throw new Error(`Cannot import ${specifier}: ${found.url} is not part of the measured image`)
  },
})
