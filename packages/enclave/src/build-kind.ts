/** Whether this is a production build. `scripts/build-enclave.ts` puts `build-kind-production.ts` in this file's place. */
export const productionBuild: boolean = false
