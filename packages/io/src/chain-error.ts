import { OperationError } from '@cloister/codec'
import {
  BaseError,
  decodeErrorResult,
  HttpRequestError,
  LimitExceededRpcError,
  RpcRequestError,
  TimeoutError,
  type Abi,
  type Hex,
} from 'viem'

/** The contract error that a call ended with: its name and arguments, or its raw data where no ABI names it. */
export class ContractRevert extends Error {
  override readonly name = 'ContractRevert'
  readonly errorName: string
  readonly args: readonly unknown[]
  readonly data: Hex

  constructor(errorName: string, args: readonly unknown[], data: Hex) {
    super(`${errorName}(${args.map(printArgument).join(', ')})`)
    this.errorName = errorName
    this.args = args
    this.data = data
  }
}

/** The contract error beneath an {@link OperationError} `reverted`, if there is one. */
export function revertOf(error: unknown): ContractRevert | undefined {
  return error instanceof OperationError && error.cause instanceof ContractRevert
    ? error.cause
    : undefined
}

/** Whether the chain could not be asked at all, so that asking again may help. */
export function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false
  return (
    error.walk(
      (cause) =>
        cause instanceof HttpRequestError ||
        cause instanceof TimeoutError ||
        cause instanceof LimitExceededRpcError,
    ) !== null
  )
}

/** Turns what viem throws into an {@link OperationError}: `reverted`, `chain-down` or `chain-refused`. */
export function chainError(
  action: string,
  url: string,
  errors: Abi,
  cause: unknown,
): OperationError {
  if (cause instanceof OperationError) return cause
  if (isConnectionFailure(cause))
    return new OperationError(
      'chain-down',
      `Cannot ${action}: the chain at ${url} does not answer; start it or correct its URL`,
      { cause, retryable: true },
    )
  const data = revertData(cause)
  if (data !== undefined) {
    const revert = decodeRevert(data, errors)
    return new OperationError(
      'reverted',
      `Cannot ${action}: the contract refuses with ${revert.message}`,
      {
        cause: revert,
      },
    )
  }
  const detail = cause instanceof BaseError ? cause.details || cause.shortMessage : describe(cause)
  return new OperationError(
    'chain-refused',
    `Cannot ${action}: the chain at ${url} says ${detail}`,
    {
      cause,
    },
  )
}

function decodeRevert(data: Hex, errors: Abi): ContractRevert {
  if (data === '0x') return new ContractRevert('NoReason', [], data)
  try {
    const { errorName, args } = decodeErrorResult({ abi: errors, data })
    const list: readonly unknown[] = args ?? []
    return new ContractRevert(errorName, list, data)
  } catch {
    return new ContractRevert('UnknownError', [data.slice(0, 10)], data)
  }
}

// Nodes put revert data in `data` or `data.data` of the JSON-RPC error of code 3.
function revertData(error: unknown): Hex | undefined {
  if (!(error instanceof BaseError)) return undefined
  const rpc = error.walk((cause) => cause instanceof RpcRequestError)
  if (!(rpc instanceof RpcRequestError)) return undefined
  const data: unknown = rpc.data
  if (isHex(data)) return data
  if (typeof data === 'object' && data !== null && 'data' in data && isHex(data.data))
    return data.data
  return rpc.code === 3 || /execution reverted/i.test(rpc.details) ? '0x' : undefined
}

function isHex(value: unknown): value is Hex {
  return typeof value === 'string' && /^0x[0-9a-f]*$/i.test(value)
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'an unknown failure'
}

function printArgument(value: unknown): string {
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean')
    return value.toString()
  return typeof value === 'string'
    ? value
    : JSON.stringify(value, (_, item: unknown) =>
        typeof item === 'bigint' ? item.toString() : item,
      )
}
