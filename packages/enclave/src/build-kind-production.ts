/** A production build: it refuses devnet anchors, whatever its configuration says. */
export const productionBuild: boolean = true
