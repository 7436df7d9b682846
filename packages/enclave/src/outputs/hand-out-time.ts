const firstMilliseconds = 500
const ratio = 1.05

/**
 * When the outcome of a run may be told, in milliseconds after its start: the next of a row of times that grows by a twentieth each. When an
 * app ends is its own choice, made with the inputs in sight; seen from outside it is one of a few dozen times, whether it gave
 * something or not. See docs/apps.md, "What an app can still tell".
 */
export function handOutMilliseconds(ranMilliseconds: number): number {
  if (ranMilliseconds <= firstMilliseconds) return firstMilliseconds
  const step = Math.ceil(Math.log(ranMilliseconds / firstMilliseconds) / Math.log(ratio) - 1e-9)
  return firstMilliseconds * ratio ** step
}

/** How many bits the time of a run's end can carry at most, within a wall time. */
export function handOutBits(wallSeconds: number): number {
  const steps = Math.log((wallSeconds * 1000) / firstMilliseconds) / Math.log(ratio)
  return Math.log2(Math.max(0, Math.ceil(steps)) + 1)
}
