// Written by scripts/generate.ts from contracts/. Do not edit.
/* oxlint-disable max-lines */

/** The ABI of CloisterToken. */
export const tokenAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'holder', type: 'address', internalType: 'address' },
      { name: 'supplyWei', type: 'uint256', internalType: 'uint256' },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'DOMAIN_SEPARATOR',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'allowance',
    inputs: [
      { name: 'owner', type: 'address', internalType: 'address' },
      { name: 'spender', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'approve',
    inputs: [
      { name: 'spender', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'balanceOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'burn',
    inputs: [{ name: 'value', type: 'uint256', internalType: 'uint256' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'burnFrom',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'decimals',
    inputs: [],
    outputs: [{ name: '', type: 'uint8', internalType: 'uint8' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'eip712Domain',
    inputs: [],
    outputs: [
      { name: 'fields', type: 'bytes1', internalType: 'bytes1' },
      { name: 'name', type: 'string', internalType: 'string' },
      { name: 'version', type: 'string', internalType: 'string' },
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'verifyingContract', type: 'address', internalType: 'address' },
      { name: 'salt', type: 'bytes32', internalType: 'bytes32' },
      { name: 'extensions', type: 'uint256[]', internalType: 'uint256[]' },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'name',
    inputs: [],
    outputs: [{ name: '', type: 'string', internalType: 'string' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'nonces',
    inputs: [{ name: 'owner', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'permit',
    inputs: [
      { name: 'owner', type: 'address', internalType: 'address' },
      { name: 'spender', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
      { name: 'deadline', type: 'uint256', internalType: 'uint256' },
      { name: 'v', type: 'uint8', internalType: 'uint8' },
      { name: 'r', type: 'bytes32', internalType: 'bytes32' },
      { name: 's', type: 'bytes32', internalType: 'bytes32' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'symbol',
    inputs: [],
    outputs: [{ name: '', type: 'string', internalType: 'string' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'totalSupply',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'transfer',
    inputs: [
      { name: 'to', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'transferFrom',
    inputs: [
      { name: 'from', type: 'address', internalType: 'address' },
      { name: 'to', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'event',
    name: 'Approval',
    inputs: [
      { name: 'owner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'spender', type: 'address', indexed: true, internalType: 'address' },
      { name: 'value', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  { type: 'event', name: 'EIP712DomainChanged', inputs: [], anonymous: false },
  {
    type: 'event',
    name: 'Transfer',
    inputs: [
      { name: 'from', type: 'address', indexed: true, internalType: 'address' },
      { name: 'to', type: 'address', indexed: true, internalType: 'address' },
      { name: 'value', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  { type: 'error', name: 'ECDSAInvalidSignature', inputs: [] },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureLength',
    inputs: [{ name: 'length', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureS',
    inputs: [{ name: 's', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'ERC20InsufficientAllowance',
    inputs: [
      { name: 'spender', type: 'address', internalType: 'address' },
      { name: 'allowance', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ERC20InsufficientBalance',
    inputs: [
      { name: 'sender', type: 'address', internalType: 'address' },
      { name: 'balance', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ERC20InvalidApprover',
    inputs: [{ name: 'approver', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidReceiver',
    inputs: [{ name: 'receiver', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidSender',
    inputs: [{ name: 'sender', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidSpender',
    inputs: [{ name: 'spender', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC2612ExpiredSignature',
    inputs: [{ name: 'deadline', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ERC2612InvalidSigner',
    inputs: [
      { name: 'signer', type: 'address', internalType: 'address' },
      { name: 'owner', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'InvalidAccountNonce',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'currentNonce', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'InvalidShortString', inputs: [] },
  {
    type: 'error',
    name: 'StringTooLong',
    inputs: [{ name: 'str', type: 'string', internalType: 'string' }],
  },
] as const

/** The ABI of Ledger. */
export const ledgerAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'token_', type: 'address', internalType: 'contract ERC20Burnable' },
      { name: 'governance_', type: 'address', internalType: 'address' },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'BURN_PPM',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'absorbSurplus',
    inputs: [],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'balanceOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployer',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deposit',
    inputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'depositFor',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'depositWithPermit',
    inputs: [
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
      { name: 'deadline', type: 'uint256', internalType: 'uint256' },
      { name: 'v', type: 'uint8', internalType: 'uint8' },
      { name: 'r', type: 'bytes32', internalType: 'bytes32' },
      { name: 's', type: 'bytes32', internalType: 'bytes32' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'eip712Domain',
    inputs: [],
    outputs: [
      { name: 'fields', type: 'bytes1', internalType: 'bytes1' },
      { name: 'name', type: 'string', internalType: 'string' },
      { name: 'version', type: 'string', internalType: 'string' },
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'verifyingContract', type: 'address', internalType: 'address' },
      { name: 'salt', type: 'bytes32', internalType: 'bytes32' },
      { name: 'extensions', type: 'uint256[]', internalType: 'uint256[]' },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'escrowOf',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'governance',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'lockEscrow',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'requester', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'lockStake',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'lockboxOf',
    inputs: [{ name: 'chainId', type: 'uint256', internalType: 'uint256' }],
    outputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'modules',
    inputs: [],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct Modules',
        components: [
          { name: 'staking', type: 'address', internalType: 'address' },
          { name: 'nodeRegistry', type: 'address', internalType: 'address' },
          { name: 'market', type: 'address', internalType: 'address' },
          { name: 'settlement', type: 'address', internalType: 'address' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'openSpoke',
    inputs: [
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'payout', type: 'address', internalType: 'address' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'owedOf',
    inputs: [
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'account', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: 'cumulativeWei', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'payEscrow',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      {
        name: 'payments',
        type: 'tuple[]',
        internalType: 'struct Payment[]',
        components: [
          { name: 'account', type: 'address', internalType: 'address' },
          { name: 'role', type: 'uint8', internalType: 'enum Role' },
          { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
        ],
      },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'payoutChainOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [{ name: 'chainId', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'refundEscrow',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'requester', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'releaseStake',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'sealModules',
    inputs: [
      {
        name: 'modules_',
        type: 'tuple',
        internalType: 'struct Modules',
        components: [
          { name: 'staking', type: 'address', internalType: 'address' },
          { name: 'nodeRegistry', type: 'address', internalType: 'address' },
          { name: 'market', type: 'address', internalType: 'address' },
          { name: 'settlement', type: 'address', internalType: 'address' },
        ],
      },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'setPayoutChain',
    inputs: [{ name: 'chainId', type: 'uint256', internalType: 'uint256' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'slashStake',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
      { name: 'beneficiary', type: 'address', internalType: 'address' },
      { name: 'role', type: 'uint8', internalType: 'enum Role' },
      { name: 'offence', type: 'uint8', internalType: 'enum Offence' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'spendTreasury',
    inputs: [
      { name: 'to', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'spokePayoutOf',
    inputs: [{ name: 'chainId', type: 'uint256', internalType: 'uint256' }],
    outputs: [{ name: 'payout', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'token',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ERC20Burnable' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'totalWei',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'totals',
    inputs: [],
    outputs: [
      { name: '', type: 'uint256', internalType: 'uint256' },
      { name: '', type: 'uint256', internalType: 'uint256' },
      { name: '', type: 'uint256', internalType: 'uint256' },
      { name: '', type: 'uint256', internalType: 'uint256' },
      { name: '', type: 'uint256', internalType: 'uint256' },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'treasury',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'withdraw',
    inputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'withdrawTo',
    inputs: [
      { name: 'to', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'event',
    name: 'Deposited',
    inputs: [
      { name: 'from', type: 'address', indexed: true, internalType: 'address' },
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  { type: 'event', name: 'EIP712DomainChanged', inputs: [], anonymous: false },
  {
    type: 'event',
    name: 'EscrowLocked',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'requester', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'EscrowRefunded',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'requester', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'ModulesSealed',
    inputs: [
      { name: 'staking', type: 'address', indexed: false, internalType: 'address' },
      { name: 'nodeRegistry', type: 'address', indexed: false, internalType: 'address' },
      { name: 'market', type: 'address', indexed: false, internalType: 'address' },
      { name: 'settlement', type: 'address', indexed: false, internalType: 'address' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Owed',
    inputs: [
      { name: 'chainId', type: 'uint256', indexed: true, internalType: 'uint256' },
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'cumulativeWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Paid',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'role', type: 'uint8', indexed: true, internalType: 'enum Role' },
      { name: 'chainId', type: 'uint256', indexed: false, internalType: 'uint256' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'PayoutChainSet',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'chainId', type: 'uint256', indexed: true, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'SpokeOpened',
    inputs: [
      { name: 'chainId', type: 'uint256', indexed: true, internalType: 'uint256' },
      { name: 'payout', type: 'address', indexed: false, internalType: 'address' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'StakeLocked',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'StakeReleased',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'StakeSlashed',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'beneficiary', type: 'address', indexed: true, internalType: 'address' },
      { name: 'role', type: 'uint8', indexed: false, internalType: 'enum Role' },
      { name: 'offence', type: 'uint8', indexed: false, internalType: 'enum Offence' },
      { name: 'burnedWei', type: 'uint256', indexed: false, internalType: 'uint256' },
      { name: 'rewardWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'SurplusAbsorbed',
    inputs: [{ name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' }],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'TreasurySpent',
    inputs: [
      { name: 'to', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Withdrawn',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'to', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'BalanceTooLow',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'balanceWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'BeneficiaryMismatch',
    inputs: [
      { name: 'beneficiary', type: 'address', internalType: 'address' },
      { name: 'role', type: 'uint8', internalType: 'enum Role' },
    ],
  },
  {
    type: 'error',
    name: 'EscrowEmpty',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'EscrowTaken',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'InvalidShortString', inputs: [] },
  { type: 'error', name: 'ModuleMissing', inputs: [] },
  { type: 'error', name: 'ModulesAlreadySealed', inputs: [] },
  { type: 'error', name: 'NoSurplus', inputs: [] },
  {
    type: 'error',
    name: 'NotDeployer',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'deployer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotGovernance',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'governance', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotModuleOf',
    inputs: [{ name: 'caller', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'PaymentWithoutRole',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'PaymentsDoNotMatchEscrow',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'paidWei', type: 'uint256', internalType: 'uint256' },
      { name: 'escrowWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'RecipientIsZero', inputs: [] },
  { type: 'error', name: 'ReentrancyGuardReentrantCall', inputs: [] },
  {
    type: 'error',
    name: 'SafeERC20FailedOperation',
    inputs: [{ name: 'token', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'SpokeAlreadyOpen',
    inputs: [
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'payout', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'SpokeUnknown',
    inputs: [{ name: 'chainId', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'StakeTooLow',
    inputs: [
      { name: 'stakeWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'StringTooLong',
    inputs: [{ name: 'str', type: 'string', internalType: 'string' }],
  },
  {
    type: 'error',
    name: 'TreasuryTooLow',
    inputs: [
      { name: 'treasuryWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
] as const

/** The ABI of Staking. */
export const stakingAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'ledger_', type: 'address', internalType: 'contract ILedger' },
      { name: 'unbondSeconds_', type: 'uint64', internalType: 'uint64' },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'UNBOND_SECONDS_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'bond',
    inputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'bondedOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'finishUnbond',
    inputs: [],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'ledger',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'requestUnbond',
    inputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'slash',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
      { name: 'beneficiary', type: 'address', internalType: 'address' },
      { name: 'role', type: 'uint8', internalType: 'enum Role' },
      { name: 'offence', type: 'uint8', internalType: 'enum Offence' },
    ],
    outputs: [{ name: 'takenWei', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'slashableOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'stakeOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct Stake',
        components: [
          { name: 'bondedWei', type: 'uint128', internalType: 'uint128' },
          { name: 'unbondingWei', type: 'uint128', internalType: 'uint128' },
          { name: 'unbondAt', type: 'uint64', internalType: 'uint64' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'unbondSeconds',
    inputs: [],
    outputs: [{ name: '', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'Bonded',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
      { name: 'bondedWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Slashed',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'beneficiary', type: 'address', indexed: true, internalType: 'address' },
      { name: 'offence', type: 'uint8', indexed: true, internalType: 'enum Offence' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'UnbondRequested',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
      { name: 'unbondAt', type: 'uint64', indexed: false, internalType: 'uint64' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Unbonded',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  { type: 'error', name: 'AmountIsZero', inputs: [] },
  {
    type: 'error',
    name: 'BondTooLow',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'bondedWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NothingUnbonding',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'SafeCastOverflowedUintDowncast',
    inputs: [
      { name: 'bits', type: 'uint8', internalType: 'uint8' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'StillUnbonding',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'unbondAt', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'UnbondSecondsOutOfRange',
    inputs: [
      { name: 'seconds_', type: 'uint64', internalType: 'uint64' },
      { name: 'min', type: 'uint64', internalType: 'uint64' },
      { name: 'max', type: 'uint64', internalType: 'uint64' },
    ],
  },
] as const

/** The ABI of Committee. */
export const committeeAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'ledger_', type: 'address', internalType: 'contract ILedger' },
      { name: 'staking_', type: 'address', internalType: 'contract IStaking' },
      { name: 'genesis', type: 'address[]', internalType: 'address[]' },
      { name: 'stakeMinWei_', type: 'uint256', internalType: 'uint256' },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'MEMBERS_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'URL_BYTES_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'announce',
    inputs: [{ name: 'url', type: 'string', internalType: 'string' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'epoch',
    inputs: [],
    outputs: [{ name: '', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'handover',
    inputs: [
      {
        name: 'next',
        type: 'tuple',
        internalType: 'struct Handover',
        components: [
          { name: 'epoch', type: 'uint64', internalType: 'uint64' },
          { name: 'membersHash', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'members', type: 'address[]', internalType: 'address[]' },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'isMember',
    inputs: [
      { name: 'epoch_', type: 'uint64', internalType: 'uint64' },
      { name: 'account', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ledger',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'membersAt',
    inputs: [{ name: 'epoch_', type: 'uint64', internalType: 'uint64' }],
    outputs: [{ name: '', type: 'address[]', internalType: 'address[]' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'membersHashAt',
    inputs: [{ name: 'epoch', type: 'uint64', internalType: 'uint64' }],
    outputs: [{ name: 'membersHash', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'quorumAt',
    inputs: [{ name: 'epoch_', type: 'uint64', internalType: 'uint64' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'stakeMinWei',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'staking',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IStaking' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'urlOf',
    inputs: [{ name: 'member', type: 'address', internalType: 'address' }],
    outputs: [{ name: 'url', type: 'string', internalType: 'string' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'verify',
    inputs: [
      { name: 'epoch_', type: 'uint64', internalType: 'uint64' },
      { name: 'digest', type: 'bytes32', internalType: 'bytes32' },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [{ name: 'seats', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'Announced',
    inputs: [
      { name: 'member', type: 'address', indexed: true, internalType: 'address' },
      { name: 'url', type: 'string', indexed: false, internalType: 'string' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'HandedOver',
    inputs: [
      { name: 'epoch', type: 'uint64', indexed: true, internalType: 'uint64' },
      { name: 'membersHash', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      { name: 'members', type: 'address[]', indexed: false, internalType: 'address[]' },
    ],
    anonymous: false,
  },
  { type: 'error', name: 'ECDSAInvalidSignature', inputs: [] },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureLength',
    inputs: [{ name: 'length', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureS',
    inputs: [{ name: 's', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'EpochNotNext',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'expected', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'EpochUnknown',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'MembersHashMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'signed', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'MembersNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'member', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'MembersOutOfRange',
    inputs: [
      { name: 'count', type: 'uint256', internalType: 'uint256' },
      { name: 'min', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotBacked',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'stakeWei', type: 'uint256', internalType: 'uint256' },
      { name: 'stakeMinWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotMember',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'QuorumNotReached',
    inputs: [
      { name: 'signers', type: 'uint256', internalType: 'uint256' },
      { name: 'quorum', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'SignersNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'UrlTooLong',
    inputs: [
      { name: 'length', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
] as const

/** The ABI of AppRegistry. */
export const appRegistryAbi = [
  {
    type: 'constructor',
    inputs: [{ name: 'governance', type: 'address', internalType: 'address' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'acceptOwnership',
    inputs: [],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'approved',
    inputs: [{ name: 'measurement', type: 'bytes32', internalType: 'bytes32' }],
    outputs: [{ name: 'approved', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'owner',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'pendingOwner',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'renounceOwnership',
    inputs: [],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'setApp',
    inputs: [
      { name: 'app', type: 'bytes32', internalType: 'AppId' },
      { name: 'status', type: 'uint8', internalType: 'enum AppStatus' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'setMeasurement',
    inputs: [
      { name: 'measurement', type: 'bytes32', internalType: 'bytes32' },
      { name: 'approved_', type: 'bool', internalType: 'bool' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'statusOf',
    inputs: [{ name: 'app', type: 'bytes32', internalType: 'AppId' }],
    outputs: [{ name: 'status', type: 'uint8', internalType: 'enum AppStatus' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'transferOwnership',
    inputs: [{ name: 'newOwner', type: 'address', internalType: 'address' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'event',
    name: 'AppStatusSet',
    inputs: [
      { name: 'app', type: 'bytes32', indexed: true, internalType: 'AppId' },
      { name: 'status', type: 'uint8', indexed: false, internalType: 'enum AppStatus' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'MeasurementSet',
    inputs: [
      { name: 'measurement', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      { name: 'approved', type: 'bool', indexed: false, internalType: 'bool' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'OwnershipTransferStarted',
    inputs: [
      { name: 'previousOwner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'newOwner', type: 'address', indexed: true, internalType: 'address' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'OwnershipTransferred',
    inputs: [
      { name: 'previousOwner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'newOwner', type: 'address', indexed: true, internalType: 'address' },
    ],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'OwnableInvalidOwner',
    inputs: [{ name: 'owner', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'OwnableUnauthorizedAccount',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
  },
] as const

/** The ABI of AssetRegistry. */
export const assetRegistryAbi = [
  {
    type: 'constructor',
    inputs: [{ name: 'ledger_', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'THRESHOLD',
    inputs: [],
    outputs: [{ name: '', type: 'uint8', internalType: 'uint8' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'assetOf',
    inputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
    outputs: [
      {
        name: 'found',
        type: 'tuple',
        internalType: 'struct Asset',
        components: [
          { name: 'owner', type: 'address', internalType: 'address' },
          { name: 'registeredAt', type: 'uint64', internalType: 'uint64' },
          { name: 'root', type: 'bytes32', internalType: 'bytes32' },
          { name: 'sharesHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'policyDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'metadataHash', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'isRevoked',
    inputs: [
      { name: 'owner', type: 'address', internalType: 'address' },
      { name: 'grant', type: 'bytes32', internalType: 'bytes32' },
      { name: 'nonce', type: 'uint64', internalType: 'uint64' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ledger',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'nonceMinOf',
    inputs: [{ name: 'owner', type: 'address', internalType: 'address' }],
    outputs: [{ name: 'nonce', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ownerOf',
    inputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'register',
    inputs: [
      { name: 'root', type: 'bytes32', internalType: 'bytes32' },
      { name: 'salt', type: 'bytes32', internalType: 'bytes32' },
      {
        name: 'shares',
        type: 'tuple',
        internalType: 'struct Shares',
        components: [
          { name: 'commitments', type: 'bytes32[3]', internalType: 'bytes32[3]' },
          { name: 'operators', type: 'address[3]', internalType: 'address[3]' },
          { name: 'threshold', type: 'uint8', internalType: 'uint8' },
        ],
      },
      { name: 'policyDigest', type: 'bytes32', internalType: 'bytes32' },
      { name: 'metadataHash', type: 'bytes32', internalType: 'bytes32' },
    ],
    outputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'revokeAll',
    inputs: [{ name: 'nonceMin', type: 'uint64', internalType: 'uint64' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'revokeGrant',
    inputs: [{ name: 'grant', type: 'bytes32', internalType: 'bytes32' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'revokedAt',
    inputs: [
      { name: 'owner', type: 'address', internalType: 'address' },
      { name: 'grant', type: 'bytes32', internalType: 'bytes32' },
    ],
    outputs: [{ name: 'time', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'sharesHashOf',
    inputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'AssetRegistered',
    inputs: [
      { name: 'asset', type: 'bytes32', indexed: true, internalType: 'AssetId' },
      { name: 'owner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'root', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      { name: 'salt', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      { name: 'commitments', type: 'bytes32[3]', indexed: false, internalType: 'bytes32[3]' },
      { name: 'operators', type: 'address[3]', indexed: false, internalType: 'address[3]' },
      { name: 'threshold', type: 'uint8', indexed: false, internalType: 'uint8' },
      { name: 'policyDigest', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      { name: 'metadataHash', type: 'bytes32', indexed: false, internalType: 'bytes32' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'GrantRevoked',
    inputs: [
      { name: 'owner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'grant', type: 'bytes32', indexed: true, internalType: 'bytes32' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'GrantsRevokedBelow',
    inputs: [
      { name: 'owner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'nonceMin', type: 'uint64', indexed: false, internalType: 'uint64' },
    ],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'AssetKnown',
    inputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
  },
  {
    type: 'error',
    name: 'AssetUnknown',
    inputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
  },
  {
    type: 'error',
    name: 'CommitmentIsZero',
    inputs: [{ name: 'share', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'NonceNotRaised',
    inputs: [
      { name: 'nonceMin', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'OperatorIsZeroOrRepeated',
    inputs: [
      { name: 'share', type: 'uint256', internalType: 'uint256' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  { type: 'error', name: 'RootIsZero', inputs: [] },
  {
    type: 'error',
    name: 'ThresholdOutOfRange',
    inputs: [
      { name: 'threshold', type: 'uint8', internalType: 'uint8' },
      { name: 'min', type: 'uint8', internalType: 'uint8' },
      { name: 'max', type: 'uint8', internalType: 'uint8' },
    ],
  },
] as const

/** The ABI of NodeRegistry. */
export const nodeRegistryAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'ledger_', type: 'address', internalType: 'contract ILedger' },
      { name: 'staking_', type: 'address', internalType: 'contract IStaking' },
      { name: 'committee_', type: 'address', internalType: 'contract ICommittee' },
      { name: 'apps_', type: 'address', internalType: 'contract IAppRegistry' },
      { name: 'stakeMinWei_', type: 'uint256', internalType: 'uint256' },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'BEACON_BLOCKS_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'NODES_PER_OPERATOR',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'URL_BYTES_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'admit',
    inputs: [
      {
        name: 'admission',
        type: 'tuple',
        internalType: 'struct Admission',
        components: [
          { name: 'operator', type: 'address', internalType: 'address' },
          { name: 'receiptKey', type: 'address', internalType: 'address' },
          { name: 'shareKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'machineId', type: 'bytes32', internalType: 'bytes32' },
          { name: 'measurement', type: 'bytes32', internalType: 'bytes32' },
          { name: 'tcb', type: 'uint8', internalType: 'uint8' },
          { name: 'tier', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'bundleDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'beacon', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'url', type: 'string', internalType: 'string' },
      { name: 'beaconBlock', type: 'uint256', internalType: 'uint256' },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
      { name: 'operatorSignature', type: 'bytes', internalType: 'bytes' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'apps',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IAppRegistry' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'begin',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'candidateAt',
    inputs: [
      { name: 'blockNumber', type: 'uint48', internalType: 'uint48' },
      { name: 'point', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'certified',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'committee',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ICommittee' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'finish',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'fits',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      {
        name: 'needs',
        type: 'tuple',
        internalType: 'struct Needs',
        components: [
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'seedBlock', type: 'uint64', internalType: 'uint64' },
        ],
      },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'floor',
    inputs: [],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct Collateral',
        components: [
          { name: 'sequence', type: 'uint64', internalType: 'uint64' },
          { name: 'tcbEvaluationDataNumber', type: 'uint32', internalType: 'uint32' },
          { name: 'rootCrlNumber', type: 'uint64', internalType: 'uint64' },
          { name: 'pckCrlNumber', type: 'uint64', internalType: 'uint64' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ledger',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'mayRefuse',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'measurementOf',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'nodesOf',
    inputs: [{ name: 'operator', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'address[]', internalType: 'address[]' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'operatorOf',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'raiseFloor',
    inputs: [
      {
        name: 'next',
        type: 'tuple',
        internalType: 'struct Floor',
        components: [
          { name: 'sequence', type: 'uint64', internalType: 'uint64' },
          { name: 'tcbEvaluationDataNumber', type: 'uint32', internalType: 'uint32' },
          { name: 'rootCrlNumber', type: 'uint64', internalType: 'uint64' },
          { name: 'pckCrlNumber', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'recordOf',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct NodeRecord',
        components: [
          { name: 'operator', type: 'address', internalType: 'address' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'tcb', type: 'uint8', internalType: 'uint8' },
          { name: 'tier', type: 'uint8', internalType: 'uint8' },
          { name: 'paused', type: 'bool', internalType: 'bool' },
          { name: 'retired', type: 'bool', internalType: 'bool' },
          { name: 'shareKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'machineId', type: 'bytes32', internalType: 'bytes32' },
          { name: 'measurement', type: 'bytes32', internalType: 'bytes32' },
          { name: 'admittedAt', type: 'uint64', internalType: 'uint64' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'capacity', type: 'uint16', internalType: 'uint16' },
          { name: 'running', type: 'uint16', internalType: 'uint16' },
          { name: 'leaf', type: 'uint16', internalType: 'uint16' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'retire',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'setCapacity',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'capacity', type: 'uint16', internalType: 'uint16' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'setPaused',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'paused', type: 'bool', internalType: 'bool' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'setUrl',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'url', type: 'string', internalType: 'string' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'stakeChanged',
    inputs: [{ name: 'operator', type: 'address', internalType: 'address' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'stakeMinWei',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'staking',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IStaking' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'sweep',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'totalAt',
    inputs: [{ name: 'blockNumber', type: 'uint48', internalType: 'uint48' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'urlOf',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
    outputs: [{ name: 'url', type: 'string', internalType: 'string' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'weightOf',
    inputs: [{ name: 'leaf', type: 'uint256', internalType: 'uint256' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'FloorRaised',
    inputs: [
      { name: 'sequence', type: 'uint64', indexed: true, internalType: 'uint64' },
      { name: 'tcbEvaluationDataNumber', type: 'uint32', indexed: false, internalType: 'uint32' },
      { name: 'rootCrlNumber', type: 'uint64', indexed: false, internalType: 'uint64' },
      { name: 'pckCrlNumber', type: 'uint64', indexed: false, internalType: 'uint64' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'MachineWeighed',
    inputs: [
      { name: 'leaf', type: 'uint256', indexed: true, internalType: 'uint256' },
      { name: 'machineId', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      { name: 'weightWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'NodeAdmitted',
    inputs: [
      { name: 'receiptKey', type: 'address', indexed: true, internalType: 'address' },
      { name: 'operator', type: 'address', indexed: true, internalType: 'address' },
      { name: 'machineId', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      {
        name: 'admission',
        type: 'tuple',
        indexed: false,
        internalType: 'struct Admission',
        components: [
          { name: 'operator', type: 'address', internalType: 'address' },
          { name: 'receiptKey', type: 'address', internalType: 'address' },
          { name: 'shareKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'machineId', type: 'bytes32', internalType: 'bytes32' },
          { name: 'measurement', type: 'bytes32', internalType: 'bytes32' },
          { name: 'tcb', type: 'uint8', internalType: 'uint8' },
          { name: 'tier', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'bundleDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'beacon', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'beaconBlock', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'NodeCapacitySet',
    inputs: [
      { name: 'receiptKey', type: 'address', indexed: true, internalType: 'address' },
      { name: 'capacity', type: 'uint16', indexed: false, internalType: 'uint16' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'NodePaused',
    inputs: [
      { name: 'receiptKey', type: 'address', indexed: true, internalType: 'address' },
      { name: 'paused', type: 'bool', indexed: false, internalType: 'bool' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'NodeRetired',
    inputs: [
      { name: 'receiptKey', type: 'address', indexed: true, internalType: 'address' },
      { name: 'operator', type: 'address', indexed: true, internalType: 'address' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'NodeUrlSet',
    inputs: [
      { name: 'receiptKey', type: 'address', indexed: true, internalType: 'address' },
      { name: 'url', type: 'string', indexed: false, internalType: 'string' },
    ],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'AdmissionExpired',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'AlreadyRetired',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'BeaconTooOld',
    inputs: [
      { name: 'beaconBlock', type: 'uint256', internalType: 'uint256' },
      { name: 'current', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'BeaconUnknown',
    inputs: [
      { name: 'beaconBlock', type: 'uint256', internalType: 'uint256' },
      { name: 'beacon', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  { type: 'error', name: 'CheckpointUnorderedInsertion', inputs: [] },
  { type: 'error', name: 'FloorLowered', inputs: [] },
  {
    type: 'error',
    name: 'FloorNotNext',
    inputs: [
      { name: 'sequence', type: 'uint64', internalType: 'uint64' },
      { name: 'expected', type: 'uint64', internalType: 'uint64' },
    ],
  },
  { type: 'error', name: 'KeyIsZero', inputs: [] },
  {
    type: 'error',
    name: 'KeyKnown',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'KeyUnknown',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'LeafOutOfRange',
    inputs: [
      { name: 'leaf', type: 'uint256', internalType: 'uint256' },
      { name: 'capacity', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'MachineTaken',
    inputs: [
      { name: 'machineId', type: 'bytes32', internalType: 'bytes32' },
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'MeasurementNotApproved',
    inputs: [{ name: 'measurement', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotOperator',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'OperatorDidNotSign',
    inputs: [{ name: 'operator', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'PointOutOfRange',
    inputs: [
      { name: 'point', type: 'uint256', internalType: 'uint256' },
      { name: 'total', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'PoolFull',
    inputs: [{ name: 'capacity', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'StakeBelowMinimum',
    inputs: [
      { name: 'operator', type: 'address', internalType: 'address' },
      { name: 'bondedWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'StillValid',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'TooManyNodes',
    inputs: [
      { name: 'operator', type: 'address', internalType: 'address' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'UrlTooLong',
    inputs: [
      { name: 'length', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
] as const

/** The ABI of GrantBook. */
export const grantBookAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'ledger_', type: 'address', internalType: 'contract ILedger' },
      { name: 'assets_', type: 'address', internalType: 'contract IAssetRegistry' },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'assets',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IAssetRegistry' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'giveBack',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'ledger',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'use',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      {
        name: 'order',
        type: 'tuple',
        internalType: 'struct Order',
        components: [
          { name: 'requester', type: 'address', internalType: 'address' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
          { name: 'assets', type: 'bytes32[]', internalType: 'AssetId[]' },
          { name: 'grants', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'recipientKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'replicas', type: 'uint8', internalType: 'uint8' },
          { name: 'feeWei', type: 'uint128', internalType: 'uint128' },
          { name: 'attemptSeconds', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptsMax', type: 'uint8', internalType: 'uint8' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      {
        name: 'grants',
        type: 'tuple[]',
        internalType: 'struct Grant[]',
        components: [
          { name: 'owner', type: 'address', internalType: 'address' },
          { name: 'asset', type: 'bytes32', internalType: 'AssetId' },
          { name: 'apps', type: 'bytes32[]', internalType: 'AppId[]' },
          { name: 'measurements', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'anyNode', type: 'bool', internalType: 'bool' },
          { name: 'operators', type: 'address[]', internalType: 'address[]' },
          { name: 'anyRequester', type: 'bool', internalType: 'bool' },
          { name: 'requesters', type: 'address[]', internalType: 'address[]' },
          { name: 'purpose', type: 'string', internalType: 'string' },
          { name: 'priceWei', type: 'uint128', internalType: 'uint128' },
          { name: 'usesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'notBefore', type: 'uint64', internalType: 'uint64' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'outputBytesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [
      {
        name: 'terms',
        type: 'tuple',
        internalType: 'struct Terms',
        components: [
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
          { name: 'anyNode', type: 'bool', internalType: 'bool' },
          { name: 'operators', type: 'address[]', internalType: 'address[]' },
          { name: 'measurements', type: 'bytes32[]', internalType: 'bytes32[]' },
          {
            name: 'owners',
            type: 'tuple[]',
            internalType: 'struct OwnerShare[]',
            components: [
              { name: 'owner', type: 'address', internalType: 'address' },
              { name: 'priceWei', type: 'uint96', internalType: 'uint96' },
            ],
          },
        ],
      },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'usesOf',
    inputs: [{ name: 'grant', type: 'bytes32', internalType: 'bytes32' }],
    outputs: [{ name: 'tasks', type: 'uint32', internalType: 'uint32' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'GrantUseReturned',
    inputs: [
      { name: 'grant', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'uses', type: 'uint32', indexed: false, internalType: 'uint32' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'GrantUsed',
    inputs: [
      { name: 'grant', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      { name: 'owner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'uses', type: 'uint32', indexed: false, internalType: 'uint32' },
      { name: 'usesMax', type: 'uint32', indexed: false, internalType: 'uint32' },
    ],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'AssetRepeated',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'AssetUnknownAt',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'FeeBelowPrices',
    inputs: [
      { name: 'ownersWei', type: 'uint256', internalType: 'uint256' },
      { name: 'pricesWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantExpired',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantForOtherAsset',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'GrantListOutOfRange',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'list', type: 'string', internalType: 'string' },
      { name: 'length', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantMismatch',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'ordered', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'GrantNotByOwner',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'grantor', type: 'address', internalType: 'address' },
      { name: 'owner', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'GrantNotYetValid',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'notBefore', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantOmitsApp',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'app', type: 'bytes32', internalType: 'AppId' },
    ],
  },
  {
    type: 'error',
    name: 'GrantOmitsRequester',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'requester', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'GrantPurposeTooLong',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'length', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantRevokedByOwner',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'GrantSignatureWrong',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'owner', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'GrantTcbFloorUnknown',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
      { name: 'max', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'GrantUsedUp',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'usesMax', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'NoMeasurementLeft',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'NoOperatorLeft',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
] as const

/** The ABI of Market. */
export const marketAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'ledger_', type: 'address', internalType: 'contract ILedger' },
      { name: 'staking_', type: 'address', internalType: 'contract IStaking' },
      { name: 'committee_', type: 'address', internalType: 'contract ICommittee' },
      { name: 'apps_', type: 'address', internalType: 'contract IAppRegistry' },
      { name: 'assets_', type: 'address', internalType: 'contract IAssetRegistry' },
      { name: 'grantBook_', type: 'address', internalType: 'contract IGrantBook' },
      { name: 'nodes_', type: 'address', internalType: 'contract INodeRegistry' },
      {
        name: 'config_',
        type: 'tuple',
        internalType: 'struct MarketConfig',
        components: [
          { name: 'feeMinWei', type: 'uint96', internalType: 'uint96' },
          { name: 'missWei', type: 'uint128', internalType: 'uint128' },
          { name: 'attemptSecondsMin', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptSecondsMax', type: 'uint32', internalType: 'uint32' },
          { name: 'orderSecondsMax', type: 'uint32', internalType: 'uint32' },
        ],
      },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'ASSETS_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ATTEMPTS_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint8', internalType: 'uint8' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'CANDIDATES_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'KEEPERS',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'SEED_BLOCKS',
    inputs: [],
    outputs: [{ name: '', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'accept',
    inputs: [
      { name: 'id', type: 'bytes32', internalType: 'TaskId' },
      { name: 'voters', type: 'uint32', internalType: 'uint32' },
      { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'addVoters',
    inputs: [
      { name: 'id', type: 'bytes32', internalType: 'TaskId' },
      { name: 'voters', type: 'uint32', internalType: 'uint32' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'allowedOf',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [
      { name: '', type: 'address[]', internalType: 'address[]' },
      { name: '', type: 'bytes32[]', internalType: 'bytes32[]' },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'apps',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IAppRegistry' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'assets',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IAssetRegistry' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'attemptOf',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', internalType: 'uint32' },
    ],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct Attempt',
        components: [
          { name: 'node', type: 'address', internalType: 'address' },
          { name: 'committee', type: 'uint64', internalType: 'uint64' },
          { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'close',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'committee',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ICommittee' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'config',
    inputs: [],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct MarketConfig',
        components: [
          { name: 'feeMinWei', type: 'uint96', internalType: 'uint96' },
          { name: 'missWei', type: 'uint128', internalType: 'uint128' },
          { name: 'attemptSecondsMin', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptSecondsMax', type: 'uint32', internalType: 'uint32' },
          { name: 'orderSecondsMax', type: 'uint32', internalType: 'uint32' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'draw',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [{ name: 'node', type: 'address', internalType: 'address' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'endAttempt',
    inputs: [
      { name: 'id', type: 'bytes32', internalType: 'TaskId' },
      { name: 'ending', type: 'uint8', internalType: 'enum Ending' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'giveUp',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'grantBook',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IGrantBook' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ledger',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'nodes',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract INodeRegistry' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ownersOf',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [
      {
        name: '',
        type: 'tuple[]',
        internalType: 'struct OwnerShare[]',
        components: [
          { name: 'owner', type: 'address', internalType: 'address' },
          { name: 'priceWei', type: 'uint96', internalType: 'uint96' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'place',
    inputs: [
      {
        name: 'order',
        type: 'tuple',
        internalType: 'struct Order',
        components: [
          { name: 'requester', type: 'address', internalType: 'address' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
          { name: 'assets', type: 'bytes32[]', internalType: 'AssetId[]' },
          { name: 'grants', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'recipientKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'replicas', type: 'uint8', internalType: 'uint8' },
          { name: 'feeWei', type: 'uint128', internalType: 'uint128' },
          { name: 'attemptSeconds', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptsMax', type: 'uint8', internalType: 'uint8' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      {
        name: 'grants',
        type: 'tuple[]',
        internalType: 'struct Grant[]',
        components: [
          { name: 'owner', type: 'address', internalType: 'address' },
          { name: 'asset', type: 'bytes32', internalType: 'AssetId' },
          { name: 'apps', type: 'bytes32[]', internalType: 'AppId[]' },
          { name: 'measurements', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'anyNode', type: 'bool', internalType: 'bool' },
          { name: 'operators', type: 'address[]', internalType: 'address[]' },
          { name: 'anyRequester', type: 'bool', internalType: 'bool' },
          { name: 'requesters', type: 'address[]', internalType: 'address[]' },
          { name: 'purpose', type: 'string', internalType: 'string' },
          { name: 'priceWei', type: 'uint128', internalType: 'uint128' },
          { name: 'usesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'notBefore', type: 'uint64', internalType: 'uint64' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'outputBytesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'grantSignatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [{ name: '', type: 'bytes32', internalType: 'TaskId' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'placeFor',
    inputs: [
      {
        name: 'order',
        type: 'tuple',
        internalType: 'struct Order',
        components: [
          { name: 'requester', type: 'address', internalType: 'address' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
          { name: 'assets', type: 'bytes32[]', internalType: 'AssetId[]' },
          { name: 'grants', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'recipientKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'replicas', type: 'uint8', internalType: 'uint8' },
          { name: 'feeWei', type: 'uint128', internalType: 'uint128' },
          { name: 'attemptSeconds', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptsMax', type: 'uint8', internalType: 'uint8' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      {
        name: 'grants',
        type: 'tuple[]',
        internalType: 'struct Grant[]',
        components: [
          { name: 'owner', type: 'address', internalType: 'address' },
          { name: 'asset', type: 'bytes32', internalType: 'AssetId' },
          { name: 'apps', type: 'bytes32[]', internalType: 'AppId[]' },
          { name: 'measurements', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'anyNode', type: 'bool', internalType: 'bool' },
          { name: 'operators', type: 'address[]', internalType: 'address[]' },
          { name: 'anyRequester', type: 'bool', internalType: 'bool' },
          { name: 'requesters', type: 'address[]', internalType: 'address[]' },
          { name: 'purpose', type: 'string', internalType: 'string' },
          { name: 'priceWei', type: 'uint128', internalType: 'uint128' },
          { name: 'usesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'notBefore', type: 'uint64', internalType: 'uint64' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'outputBytesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'grantSignatures', type: 'bytes[]', internalType: 'bytes[]' },
      { name: 'requesterSignature', type: 'bytes', internalType: 'bytes' },
    ],
    outputs: [{ name: '', type: 'bytes32', internalType: 'TaskId' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'post',
    inputs: [
      {
        name: 'posting',
        type: 'tuple',
        internalType: 'struct Posting',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'receiptDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'receiptSignatureHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'bundleDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'operatorSignature', type: 'bytes', internalType: 'bytes' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'refund',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'refundExpired',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'refuse',
    inputs: [
      {
        name: 'order',
        type: 'tuple',
        internalType: 'struct Order',
        components: [
          { name: 'requester', type: 'address', internalType: 'address' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
          { name: 'assets', type: 'bytes32[]', internalType: 'AssetId[]' },
          { name: 'grants', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'recipientKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'replicas', type: 'uint8', internalType: 'uint8' },
          { name: 'feeWei', type: 'uint128', internalType: 'uint128' },
          { name: 'attemptSeconds', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptsMax', type: 'uint8', internalType: 'uint8' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      {
        name: 'shares',
        type: 'tuple',
        internalType: 'struct Shares',
        components: [
          { name: 'commitments', type: 'bytes32[3]', internalType: 'bytes32[3]' },
          { name: 'operators', type: 'address[3]', internalType: 'address[3]' },
          { name: 'threshold', type: 'uint8', internalType: 'uint8' },
        ],
      },
      {
        name: 'refusals',
        type: 'tuple[]',
        internalType: 'struct Refusal[]',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'asset', type: 'bytes32', internalType: 'AssetId' },
          { name: 'grant', type: 'bytes32', internalType: 'bytes32' },
          { name: 'shareIndex', type: 'uint8', internalType: 'uint8' },
          { name: 'keeper', type: 'address', internalType: 'address' },
          { name: 'reason', type: 'uint8', internalType: 'uint8' },
          { name: 'time', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'staking',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IStaking' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'taskOf',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct Task',
        components: [
          { name: 'orderDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'requester', type: 'address', internalType: 'address' },
          { name: 'state', type: 'uint8', internalType: 'enum TaskState' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptsMax', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
          { name: 'node', type: 'address', internalType: 'address' },
          { name: 'attemptDeadline', type: 'uint64', internalType: 'uint64' },
          { name: 'attemptSeconds', type: 'uint32', internalType: 'uint32' },
          { name: 'seedBlock', type: 'uint64', internalType: 'uint64' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'postedAt', type: 'uint64', internalType: 'uint64' },
          { name: 'judgedAt', type: 'uint64', internalType: 'uint64' },
          { name: 'feeWei', type: 'uint96', internalType: 'uint96' },
          { name: 'committee', type: 'uint64', internalType: 'uint64' },
          { name: 'voters', type: 'uint32', internalType: 'uint32' },
          { name: 'anyNode', type: 'bool', internalType: 'bool' },
          { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'timeout',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'triedOf',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'node', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'Accepted',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
      { name: 'voters', type: 'uint32', indexed: false, internalType: 'uint32' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'AttemptEnded',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
      { name: 'node', type: 'address', indexed: true, internalType: 'address' },
      { name: 'ending', type: 'uint8', indexed: false, internalType: 'enum Ending' },
      { name: 'seedBlock', type: 'uint64', indexed: false, internalType: 'uint64' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Drawn',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
      { name: 'node', type: 'address', indexed: true, internalType: 'address' },
      { name: 'operator', type: 'address', indexed: false, internalType: 'address' },
      { name: 'attemptDeadline', type: 'uint64', indexed: false, internalType: 'uint64' },
      { name: 'candidate', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Placed',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'requester', type: 'address', indexed: true, internalType: 'address' },
      { name: 'seedBlock', type: 'uint64', indexed: false, internalType: 'uint64' },
      {
        name: 'order',
        type: 'tuple',
        indexed: false,
        internalType: 'struct Order',
        components: [
          { name: 'requester', type: 'address', internalType: 'address' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
          { name: 'assets', type: 'bytes32[]', internalType: 'AssetId[]' },
          { name: 'grants', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'recipientKeyHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'tags', type: 'uint32', internalType: 'uint32' },
          { name: 'replicas', type: 'uint8', internalType: 'uint8' },
          { name: 'feeWei', type: 'uint128', internalType: 'uint128' },
          { name: 'attemptSeconds', type: 'uint32', internalType: 'uint32' },
          { name: 'attemptsMax', type: 'uint8', internalType: 'uint8' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      {
        name: 'grants',
        type: 'tuple[]',
        indexed: false,
        internalType: 'struct Grant[]',
        components: [
          { name: 'owner', type: 'address', internalType: 'address' },
          { name: 'asset', type: 'bytes32', internalType: 'AssetId' },
          { name: 'apps', type: 'bytes32[]', internalType: 'AppId[]' },
          { name: 'measurements', type: 'bytes32[]', internalType: 'bytes32[]' },
          { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
          { name: 'tierMin', type: 'uint8', internalType: 'uint8' },
          { name: 'anyNode', type: 'bool', internalType: 'bool' },
          { name: 'operators', type: 'address[]', internalType: 'address[]' },
          { name: 'anyRequester', type: 'bool', internalType: 'bool' },
          { name: 'requesters', type: 'address[]', internalType: 'address[]' },
          { name: 'purpose', type: 'string', internalType: 'string' },
          { name: 'priceWei', type: 'uint128', internalType: 'uint128' },
          { name: 'usesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'notBefore', type: 'uint64', internalType: 'uint64' },
          { name: 'expiry', type: 'uint64', internalType: 'uint64' },
          { name: 'outputBytesMax', type: 'uint32', internalType: 'uint32' },
          { name: 'nonce', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'grantSignatures', type: 'bytes[]', indexed: false, internalType: 'bytes[]' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Posted',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
      { name: 'node', type: 'address', indexed: true, internalType: 'address' },
      { name: 'posting', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      {
        name: 'message',
        type: 'tuple',
        indexed: false,
        internalType: 'struct Posting',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'receiptDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'receiptSignatureHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'bundleDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'operatorSignature', type: 'bytes', indexed: false, internalType: 'bytes' },
      { name: 'committee', type: 'uint64', indexed: false, internalType: 'uint64' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Refunded',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'requester', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'ReleaseRefused',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
      { name: 'asset', type: 'bytes32', indexed: true, internalType: 'AssetId' },
      { name: 'reason', type: 'uint8', indexed: false, internalType: 'uint8' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'SeedMoved',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'seedBlock', type: 'uint64', indexed: false, internalType: 'uint64' },
      { name: 'lost', type: 'bool', indexed: false, internalType: 'bool' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Settled',
    inputs: [{ name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' }],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'AppNotListed',
    inputs: [{ name: 'app', type: 'bytes32', internalType: 'AppId' }],
  },
  {
    type: 'error',
    name: 'AssetsOutOfRange',
    inputs: [
      { name: 'count', type: 'uint256', internalType: 'uint256' },
      { name: 'min', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'AttemptMismatch',
    inputs: [
      { name: 'given', type: 'uint32', internalType: 'uint32' },
      { name: 'current', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'AttemptSecondsOutOfRange',
    inputs: [
      { name: 'seconds_', type: 'uint32', internalType: 'uint32' },
      { name: 'min', type: 'uint32', internalType: 'uint32' },
      { name: 'max', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'AttemptsOutOfRange',
    inputs: [
      { name: 'attempts', type: 'uint8', internalType: 'uint8' },
      { name: 'min', type: 'uint8', internalType: 'uint8' },
      { name: 'max', type: 'uint8', internalType: 'uint8' },
    ],
  },
  { type: 'error', name: 'ConfigOutOfRange', inputs: [] },
  {
    type: 'error',
    name: 'DeadlineNotPassed',
    inputs: [
      { name: 'deadline', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'DeadlinePassed',
    inputs: [
      { name: 'deadline', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'ECDSAInvalidSignature', inputs: [] },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureLength',
    inputs: [{ name: 'length', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureS',
    inputs: [{ name: 's', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'FeeOutOfRange',
    inputs: [
      { name: 'feeWei', type: 'uint128', internalType: 'uint128' },
      { name: 'min', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantsDoNotMatchAssets',
    inputs: [
      { name: 'grants', type: 'uint256', internalType: 'uint256' },
      { name: 'assets', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotDrawnOperator',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotExpired',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotKeeper',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'keeper', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotRequester',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'requester', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'OperatorDidNotSign',
    inputs: [{ name: 'operator', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'OrderExpired',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'OrderExpiryTooFar',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'OrderMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'expected', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  { type: 'error', name: 'RecipientKeyIsZero', inputs: [] },
  {
    type: 'error',
    name: 'RefusalMismatch',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'RefusalReasonUnknown',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'reason', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'RefusalsNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'shareIndex', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'RefusalsTooFew',
    inputs: [
      { name: 'given', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ReplicasNotOne',
    inputs: [{ name: 'replicas', type: 'uint8', internalType: 'uint8' }],
  },
  {
    type: 'error',
    name: 'RequesterDidNotSign',
    inputs: [{ name: 'requester', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'SeedNotReady',
    inputs: [
      { name: 'seedBlock', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'SharesMismatch',
    inputs: [
      { name: 'asset', type: 'bytes32', internalType: 'AssetId' },
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'expected', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'TaskKnown',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'WrongState',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'state', type: 'uint8', internalType: 'enum TaskState' },
      { name: 'expected', type: 'uint8', internalType: 'enum TaskState' },
    ],
  },
] as const

/** The ABI of Settlement. */
export const settlementAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'ledger_', type: 'address', internalType: 'contract ILedger' },
      { name: 'staking_', type: 'address', internalType: 'contract IStaking' },
      { name: 'committee_', type: 'address', internalType: 'contract ICommittee' },
      { name: 'nodes_', type: 'address', internalType: 'contract INodeRegistry' },
      { name: 'market_', type: 'address', internalType: 'contract IMarket' },
      {
        name: 'config_',
        type: 'tuple',
        internalType: 'struct SettlementConfig',
        components: [
          { name: 'judgeSeconds', type: 'uint64', internalType: 'uint64' },
          { name: 'challengeSeconds', type: 'uint64', internalType: 'uint64' },
          { name: 'forgedReceiptWei', type: 'uint128', internalType: 'uint128' },
          { name: 'equivocationWei', type: 'uint128', internalType: 'uint128' },
          { name: 'falseVoteWei', type: 'uint128', internalType: 'uint128' },
        ],
      },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'UNSETTLED_SECONDS',
    inputs: [],
    outputs: [{ name: '', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'committee',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ICommittee' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'config',
    inputs: [],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct SettlementConfig',
        components: [
          { name: 'judgeSeconds', type: 'uint64', internalType: 'uint64' },
          { name: 'challengeSeconds', type: 'uint64', internalType: 'uint64' },
          { name: 'forgedReceiptWei', type: 'uint128', internalType: 'uint128' },
          { name: 'equivocationWei', type: 'uint128', internalType: 'uint128' },
          { name: 'falseVoteWei', type: 'uint128', internalType: 'uint128' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'expireJudgement',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'join',
    inputs: [
      {
        name: 'vote',
        type: 'tuple',
        internalType: 'struct Vote',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
          { name: 'verdict', type: 'uint8', internalType: 'uint8' },
          { name: 'reason', type: 'uint8', internalType: 'uint8' },
          { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'judge',
    inputs: [
      {
        name: 'vote',
        type: 'tuple',
        internalType: 'struct Vote',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
          { name: 'verdict', type: 'uint8', internalType: 'uint8' },
          { name: 'reason', type: 'uint8', internalType: 'uint8' },
          { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'judgementOf',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [{ name: 'vote', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'ledger',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract ILedger' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'market',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IMarket' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'nodes',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract INodeRegistry' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'proveEquivocation',
    inputs: [
      {
        name: 'voteA',
        type: 'tuple',
        internalType: 'struct Vote',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
          { name: 'verdict', type: 'uint8', internalType: 'uint8' },
          { name: 'reason', type: 'uint8', internalType: 'uint8' },
          { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      {
        name: 'voteB',
        type: 'tuple',
        internalType: 'struct Vote',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
          { name: 'verdict', type: 'uint8', internalType: 'uint8' },
          { name: 'reason', type: 'uint8', internalType: 'uint8' },
          { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'signatures', type: 'bytes[2]', internalType: 'bytes[2]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'proveFalseVote',
    inputs: [
      {
        name: 'vote',
        type: 'tuple',
        internalType: 'struct Vote',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
          { name: 'verdict', type: 'uint8', internalType: 'uint8' },
          { name: 'reason', type: 'uint8', internalType: 'uint8' },
          { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'signature', type: 'bytes', internalType: 'bytes' },
      {
        name: 'posting',
        type: 'tuple',
        internalType: 'struct Posting',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'receiptDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'receiptSignatureHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'bundleDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'operatorSignature', type: 'bytes', internalType: 'bytes' },
      {
        name: 'receipt',
        type: 'tuple',
        internalType: 'struct Receipt',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'orderDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
          { name: 'binding', type: 'bytes32', internalType: 'bytes32' },
          { name: 'inputsRoot', type: 'bytes32', internalType: 'bytes32' },
          { name: 'outputDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'outputBytes', type: 'uint64', internalType: 'uint64' },
          { name: 'releasesRoot', type: 'bytes32', internalType: 'bytes32' },
          { name: 'checkpoint', type: 'bytes32', internalType: 'bytes32' },
          { name: 'time', type: 'uint64', internalType: 'uint64' },
          { name: 'nonce', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'receiptSignature', type: 'bytes', internalType: 'bytes' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'proveForgedReceipt',
    inputs: [
      {
        name: 'posting',
        type: 'tuple',
        internalType: 'struct Posting',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'receiptDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'receiptSignatureHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'bundleDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'operatorSignature', type: 'bytes', internalType: 'bytes' },
      {
        name: 'receipt',
        type: 'tuple',
        internalType: 'struct Receipt',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'orderDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'app', type: 'bytes32', internalType: 'AppId' },
          { name: 'binding', type: 'bytes32', internalType: 'bytes32' },
          { name: 'inputsRoot', type: 'bytes32', internalType: 'bytes32' },
          { name: 'outputDigest', type: 'bytes32', internalType: 'bytes32' },
          { name: 'outputBytes', type: 'uint64', internalType: 'uint64' },
          { name: 'releasesRoot', type: 'bytes32', internalType: 'bytes32' },
          { name: 'checkpoint', type: 'bytes32', internalType: 'bytes32' },
          { name: 'time', type: 'uint64', internalType: 'uint64' },
          { name: 'nonce', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'receiptSignature', type: 'bytes', internalType: 'bytes' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'proven',
    inputs: [{ name: 'proof', type: 'bytes32', internalType: 'bytes32' }],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'refundUnsettled',
    inputs: [{ name: 'id', type: 'bytes32', internalType: 'TaskId' }],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'settle',
    inputs: [
      { name: 'id', type: 'bytes32', internalType: 'TaskId' },
      { name: 'keepers', type: 'address[]', internalType: 'address[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'staking',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract IStaking' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'EquivocationProven',
    inputs: [
      { name: 'posting', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      { name: 'verifier', type: 'address', indexed: true, internalType: 'address' },
      { name: 'challenger', type: 'address', indexed: true, internalType: 'address' },
      { name: 'slashedWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'FalseVoteProven',
    inputs: [
      { name: 'posting', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      { name: 'verifier', type: 'address', indexed: true, internalType: 'address' },
      { name: 'challenger', type: 'address', indexed: true, internalType: 'address' },
      { name: 'slashedWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'ForgedReceiptProven',
    inputs: [
      { name: 'posting', type: 'bytes32', indexed: true, internalType: 'bytes32' },
      { name: 'operator', type: 'address', indexed: true, internalType: 'address' },
      { name: 'challenger', type: 'address', indexed: true, internalType: 'address' },
      { name: 'slashedWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'Judged',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
      { name: 'accepted', type: 'bool', indexed: false, internalType: 'bool' },
      { name: 'voteDigest', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      { name: 'voters', type: 'uint256', indexed: false, internalType: 'uint256' },
      {
        name: 'vote',
        type: 'tuple',
        indexed: false,
        internalType: 'struct Vote',
        components: [
          { name: 'task', type: 'bytes32', internalType: 'TaskId' },
          { name: 'attempt', type: 'uint32', internalType: 'uint32' },
          { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
          { name: 'verdict', type: 'uint8', internalType: 'uint8' },
          { name: 'reason', type: 'uint8', internalType: 'uint8' },
          { name: 'keepersHash', type: 'bytes32', internalType: 'bytes32' },
          { name: 'appraisalDigest', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'JudgementExpired',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'SettlementExpired',
    inputs: [
      { name: 'task', type: 'bytes32', indexed: true, internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', indexed: true, internalType: 'uint32' },
    ],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'AlreadyProven',
    inputs: [{ name: 'proof', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'AttemptUnknown',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'ChallengeNotOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'ConfigOutOfRange', inputs: [] },
  { type: 'error', name: 'ECDSAInvalidSignature', inputs: [] },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureLength',
    inputs: [{ name: 'length', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureS',
    inputs: [{ name: 's', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'JudgingNotOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'JudgingOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'KeepersMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'judged', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'NotAccepted',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'NotMember',
    inputs: [
      { name: 'committee', type: 'uint64', internalType: 'uint64' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotPosted',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'OperatorDidNotSign',
    inputs: [{ name: 'operator', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ReceiptIsGenuine',
    inputs: [{ name: 'node', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ReceiptMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'posted', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'ReceiptSignatureMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'posted', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'SettlingNotOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'SignersDiffer',
    inputs: [
      { name: 'a', type: 'address', internalType: 'address' },
      { name: 'b', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'UnbondingTooShort',
    inputs: [
      { name: 'unbondSeconds', type: 'uint64', internalType: 'uint64' },
      { name: 'neededSeconds', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'VoteForOther',
    inputs: [
      { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
      { name: 'expected', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'VoteIsTrue',
    inputs: [
      { name: 'verdict', type: 'uint8', internalType: 'uint8' },
      { name: 'reason', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'VoteMalformed',
    inputs: [
      { name: 'verdict', type: 'uint8', internalType: 'uint8' },
      { name: 'reason', type: 'uint8', internalType: 'uint8' },
    ],
  },
  { type: 'error', name: 'VotesAgree', inputs: [] },
  {
    type: 'error',
    name: 'VotesForDifferentPostings',
    inputs: [
      { name: 'a', type: 'bytes32', internalType: 'bytes32' },
      { name: 'b', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
] as const

/** The ABI of SpokeToken. */
export const spokeTokenAbi = [
  {
    type: 'constructor',
    inputs: [{ name: 'payout_', type: 'address', internalType: 'address' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'DOMAIN_SEPARATOR',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'allowance',
    inputs: [
      { name: 'owner', type: 'address', internalType: 'address' },
      { name: 'spender', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'approve',
    inputs: [
      { name: 'spender', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'balanceOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'decimals',
    inputs: [],
    outputs: [{ name: '', type: 'uint8', internalType: 'uint8' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'eip712Domain',
    inputs: [],
    outputs: [
      { name: 'fields', type: 'bytes1', internalType: 'bytes1' },
      { name: 'name', type: 'string', internalType: 'string' },
      { name: 'version', type: 'string', internalType: 'string' },
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'verifyingContract', type: 'address', internalType: 'address' },
      { name: 'salt', type: 'bytes32', internalType: 'bytes32' },
      { name: 'extensions', type: 'uint256[]', internalType: 'uint256[]' },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'mint',
    inputs: [
      { name: 'to', type: 'address', internalType: 'address' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'name',
    inputs: [],
    outputs: [{ name: '', type: 'string', internalType: 'string' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'nonces',
    inputs: [{ name: 'owner', type: 'address', internalType: 'address' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'payout',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'address' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'permit',
    inputs: [
      { name: 'owner', type: 'address', internalType: 'address' },
      { name: 'spender', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
      { name: 'deadline', type: 'uint256', internalType: 'uint256' },
      { name: 'v', type: 'uint8', internalType: 'uint8' },
      { name: 'r', type: 'bytes32', internalType: 'bytes32' },
      { name: 's', type: 'bytes32', internalType: 'bytes32' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'symbol',
    inputs: [],
    outputs: [{ name: '', type: 'string', internalType: 'string' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'totalSupply',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'transfer',
    inputs: [
      { name: 'to', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'transferFrom',
    inputs: [
      { name: 'from', type: 'address', internalType: 'address' },
      { name: 'to', type: 'address', internalType: 'address' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'nonpayable',
  },
  {
    type: 'event',
    name: 'Approval',
    inputs: [
      { name: 'owner', type: 'address', indexed: true, internalType: 'address' },
      { name: 'spender', type: 'address', indexed: true, internalType: 'address' },
      { name: 'value', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  { type: 'event', name: 'EIP712DomainChanged', inputs: [], anonymous: false },
  {
    type: 'event',
    name: 'Transfer',
    inputs: [
      { name: 'from', type: 'address', indexed: true, internalType: 'address' },
      { name: 'to', type: 'address', indexed: true, internalType: 'address' },
      { name: 'value', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  { type: 'error', name: 'ECDSAInvalidSignature', inputs: [] },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureLength',
    inputs: [{ name: 'length', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureS',
    inputs: [{ name: 's', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'ERC20InsufficientAllowance',
    inputs: [
      { name: 'spender', type: 'address', internalType: 'address' },
      { name: 'allowance', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ERC20InsufficientBalance',
    inputs: [
      { name: 'sender', type: 'address', internalType: 'address' },
      { name: 'balance', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ERC20InvalidApprover',
    inputs: [{ name: 'approver', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidReceiver',
    inputs: [{ name: 'receiver', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidSender',
    inputs: [{ name: 'sender', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidSpender',
    inputs: [{ name: 'spender', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC2612ExpiredSignature',
    inputs: [{ name: 'deadline', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ERC2612InvalidSigner',
    inputs: [
      { name: 'signer', type: 'address', internalType: 'address' },
      { name: 'owner', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'InvalidAccountNonce',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'currentNonce', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'InvalidShortString', inputs: [] },
  {
    type: 'error',
    name: 'NotPayout',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'payout', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'StringTooLong',
    inputs: [{ name: 'str', type: 'string', internalType: 'string' }],
  },
] as const

/** The ABI of SpokePayout. */
export const spokePayoutAbi = [
  {
    type: 'constructor',
    inputs: [
      { name: 'homeChainId_', type: 'uint256', internalType: 'uint256' },
      { name: 'genesisEpoch', type: 'uint64', internalType: 'uint64' },
      { name: 'genesis', type: 'address[]', internalType: 'address[]' },
    ],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'MEMBERS_MAX',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'claim',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'cumulativeWei', type: 'uint256', internalType: 'uint256' },
      { name: 'proof', type: 'bytes32[]', internalType: 'bytes32[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'claimedOf',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
    outputs: [{ name: 'amountWei', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'current',
    inputs: [],
    outputs: [
      {
        name: '',
        type: 'tuple',
        internalType: 'struct PayoutRoot',
        components: [
          { name: 'sequence', type: 'uint64', internalType: 'uint64' },
          { name: 'root', type: 'bytes32', internalType: 'bytes32' },
          { name: 'totalWei', type: 'uint128', internalType: 'uint128' },
          { name: 'committee', type: 'uint64', internalType: 'uint64' },
        ],
      },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'deployment',
    inputs: [],
    outputs: [{ name: '', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'eip712Domain',
    inputs: [],
    outputs: [
      { name: 'fields', type: 'bytes1', internalType: 'bytes1' },
      { name: 'name', type: 'string', internalType: 'string' },
      { name: 'version', type: 'string', internalType: 'string' },
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'verifyingContract', type: 'address', internalType: 'address' },
      { name: 'salt', type: 'bytes32', internalType: 'bytes32' },
      { name: 'extensions', type: 'uint256[]', internalType: 'uint256[]' },
    ],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'epoch',
    inputs: [],
    outputs: [{ name: '', type: 'uint64', internalType: 'uint64' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'handover',
    inputs: [
      {
        name: 'next',
        type: 'tuple',
        internalType: 'struct Handover',
        components: [
          { name: 'epoch', type: 'uint64', internalType: 'uint64' },
          { name: 'membersHash', type: 'bytes32', internalType: 'bytes32' },
        ],
      },
      { name: 'members', type: 'address[]', internalType: 'address[]' },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'homeChainId',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'isMember',
    inputs: [
      { name: 'epoch_', type: 'uint64', internalType: 'uint64' },
      { name: 'account', type: 'address', internalType: 'address' },
    ],
    outputs: [{ name: '', type: 'bool', internalType: 'bool' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'membersAt',
    inputs: [{ name: 'epoch_', type: 'uint64', internalType: 'uint64' }],
    outputs: [{ name: '', type: 'address[]', internalType: 'address[]' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'membersHashAt',
    inputs: [{ name: 'epoch', type: 'uint64', internalType: 'uint64' }],
    outputs: [{ name: 'membersHash', type: 'bytes32', internalType: 'bytes32' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'mintedWei',
    inputs: [],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'postRoot',
    inputs: [
      {
        name: 'next',
        type: 'tuple',
        internalType: 'struct PayoutRoot',
        components: [
          { name: 'sequence', type: 'uint64', internalType: 'uint64' },
          { name: 'root', type: 'bytes32', internalType: 'bytes32' },
          { name: 'totalWei', type: 'uint128', internalType: 'uint128' },
          { name: 'committee', type: 'uint64', internalType: 'uint64' },
        ],
      },
      { name: 'signatures', type: 'bytes[]', internalType: 'bytes[]' },
    ],
    outputs: [],
    stateMutability: 'nonpayable',
  },
  {
    type: 'function',
    name: 'quorumAt',
    inputs: [{ name: 'epoch_', type: 'uint64', internalType: 'uint64' }],
    outputs: [{ name: '', type: 'uint256', internalType: 'uint256' }],
    stateMutability: 'view',
  },
  {
    type: 'function',
    name: 'token',
    inputs: [],
    outputs: [{ name: '', type: 'address', internalType: 'contract SpokeToken' }],
    stateMutability: 'view',
  },
  {
    type: 'event',
    name: 'Claimed',
    inputs: [
      { name: 'account', type: 'address', indexed: true, internalType: 'address' },
      { name: 'amountWei', type: 'uint256', indexed: false, internalType: 'uint256' },
      { name: 'cumulativeWei', type: 'uint256', indexed: false, internalType: 'uint256' },
    ],
    anonymous: false,
  },
  { type: 'event', name: 'EIP712DomainChanged', inputs: [], anonymous: false },
  {
    type: 'event',
    name: 'HandedOver',
    inputs: [
      { name: 'epoch', type: 'uint64', indexed: true, internalType: 'uint64' },
      { name: 'membersHash', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      { name: 'members', type: 'address[]', indexed: false, internalType: 'address[]' },
    ],
    anonymous: false,
  },
  {
    type: 'event',
    name: 'RootPosted',
    inputs: [
      { name: 'sequence', type: 'uint64', indexed: true, internalType: 'uint64' },
      { name: 'root', type: 'bytes32', indexed: false, internalType: 'bytes32' },
      { name: 'totalWei', type: 'uint128', indexed: false, internalType: 'uint128' },
      { name: 'committee', type: 'uint64', indexed: false, internalType: 'uint64' },
    ],
    anonymous: false,
  },
  {
    type: 'error',
    name: 'CommitteeNotCurrent',
    inputs: [
      { name: 'committee', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  { type: 'error', name: 'ECDSAInvalidSignature', inputs: [] },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureLength',
    inputs: [{ name: 'length', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureS',
    inputs: [{ name: 's', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'EpochNotNext',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'expected', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'EpochUnknown',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  { type: 'error', name: 'InvalidShortString', inputs: [] },
  {
    type: 'error',
    name: 'MembersHashMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'signed', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'MembersNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'member', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'MembersOutOfRange',
    inputs: [
      { name: 'count', type: 'uint256', internalType: 'uint256' },
      { name: 'min', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotMember',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NothingToClaim',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'claimedWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ProofInvalid',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'cumulativeWei', type: 'uint256', internalType: 'uint256' },
      { name: 'root', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'QuorumNotReached',
    inputs: [
      { name: 'signers', type: 'uint256', internalType: 'uint256' },
      { name: 'quorum', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'SequenceNotRaised',
    inputs: [
      { name: 'sequence', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'SignersNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'StringTooLong',
    inputs: [{ name: 'str', type: 'string', internalType: 'string' }],
  },
  {
    type: 'error',
    name: 'TotalExceeded',
    inputs: [
      { name: 'mintedWei', type: 'uint256', internalType: 'uint256' },
      { name: 'totalWei', type: 'uint128', internalType: 'uint128' },
    ],
  },
  {
    type: 'error',
    name: 'TotalLowered',
    inputs: [
      { name: 'totalWei', type: 'uint128', internalType: 'uint128' },
      { name: 'current', type: 'uint128', internalType: 'uint128' },
    ],
  },
] as const

/** Every error that any contract can revert with, for reading one that another contract raised. */
export const errorsAbi = [
  { type: 'error', name: 'ECDSAInvalidSignature', inputs: [] },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureLength',
    inputs: [{ name: 'length', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ECDSAInvalidSignatureS',
    inputs: [{ name: 's', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'ERC20InsufficientAllowance',
    inputs: [
      { name: 'spender', type: 'address', internalType: 'address' },
      { name: 'allowance', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ERC20InsufficientBalance',
    inputs: [
      { name: 'sender', type: 'address', internalType: 'address' },
      { name: 'balance', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ERC20InvalidApprover',
    inputs: [{ name: 'approver', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidReceiver',
    inputs: [{ name: 'receiver', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidSender',
    inputs: [{ name: 'sender', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC20InvalidSpender',
    inputs: [{ name: 'spender', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ERC2612ExpiredSignature',
    inputs: [{ name: 'deadline', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'ERC2612InvalidSigner',
    inputs: [
      { name: 'signer', type: 'address', internalType: 'address' },
      { name: 'owner', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'InvalidAccountNonce',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'currentNonce', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'InvalidShortString', inputs: [] },
  {
    type: 'error',
    name: 'StringTooLong',
    inputs: [{ name: 'str', type: 'string', internalType: 'string' }],
  },
  {
    type: 'error',
    name: 'BalanceTooLow',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'balanceWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'BeneficiaryMismatch',
    inputs: [
      { name: 'beneficiary', type: 'address', internalType: 'address' },
      { name: 'role', type: 'uint8', internalType: 'enum Role' },
    ],
  },
  {
    type: 'error',
    name: 'EscrowEmpty',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'EscrowTaken',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'amountWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'ModuleMissing', inputs: [] },
  { type: 'error', name: 'ModulesAlreadySealed', inputs: [] },
  { type: 'error', name: 'NoSurplus', inputs: [] },
  {
    type: 'error',
    name: 'NotDeployer',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'deployer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotGovernance',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'governance', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotModuleOf',
    inputs: [{ name: 'caller', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'PaymentWithoutRole',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'PaymentsDoNotMatchEscrow',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'paidWei', type: 'uint256', internalType: 'uint256' },
      { name: 'escrowWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'RecipientIsZero', inputs: [] },
  { type: 'error', name: 'ReentrancyGuardReentrantCall', inputs: [] },
  {
    type: 'error',
    name: 'SafeERC20FailedOperation',
    inputs: [{ name: 'token', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'SpokeAlreadyOpen',
    inputs: [
      { name: 'chainId', type: 'uint256', internalType: 'uint256' },
      { name: 'payout', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'SpokeUnknown',
    inputs: [{ name: 'chainId', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'StakeTooLow',
    inputs: [
      { name: 'stakeWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'TreasuryTooLow',
    inputs: [
      { name: 'treasuryWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  { type: 'error', name: 'AmountIsZero', inputs: [] },
  {
    type: 'error',
    name: 'BondTooLow',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'bondedWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotModule',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'expected', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NothingUnbonding',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'SafeCastOverflowedUintDowncast',
    inputs: [
      { name: 'bits', type: 'uint8', internalType: 'uint8' },
      { name: 'value', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'StillUnbonding',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'unbondAt', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'UnbondSecondsOutOfRange',
    inputs: [
      { name: 'seconds_', type: 'uint64', internalType: 'uint64' },
      { name: 'min', type: 'uint64', internalType: 'uint64' },
      { name: 'max', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'EpochNotNext',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'expected', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'EpochUnknown',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'MembersHashMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'signed', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'MembersNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'member', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'MembersOutOfRange',
    inputs: [
      { name: 'count', type: 'uint256', internalType: 'uint256' },
      { name: 'min', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotBacked',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'stakeWei', type: 'uint256', internalType: 'uint256' },
      { name: 'stakeMinWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotMember',
    inputs: [
      { name: 'epoch', type: 'uint64', internalType: 'uint64' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'QuorumNotReached',
    inputs: [
      { name: 'signers', type: 'uint256', internalType: 'uint256' },
      { name: 'quorum', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'SignersNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'UrlTooLong',
    inputs: [
      { name: 'length', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'OwnableInvalidOwner',
    inputs: [{ name: 'owner', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'OwnableUnauthorizedAccount',
    inputs: [{ name: 'account', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'AssetKnown',
    inputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
  },
  {
    type: 'error',
    name: 'AssetUnknown',
    inputs: [{ name: 'asset', type: 'bytes32', internalType: 'AssetId' }],
  },
  {
    type: 'error',
    name: 'CommitmentIsZero',
    inputs: [{ name: 'share', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'NonceNotRaised',
    inputs: [
      { name: 'nonceMin', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'OperatorIsZeroOrRepeated',
    inputs: [
      { name: 'share', type: 'uint256', internalType: 'uint256' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  { type: 'error', name: 'RootIsZero', inputs: [] },
  {
    type: 'error',
    name: 'ThresholdOutOfRange',
    inputs: [
      { name: 'threshold', type: 'uint8', internalType: 'uint8' },
      { name: 'min', type: 'uint8', internalType: 'uint8' },
      { name: 'max', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'AdmissionExpired',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'AlreadyRetired',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'BeaconTooOld',
    inputs: [
      { name: 'beaconBlock', type: 'uint256', internalType: 'uint256' },
      { name: 'current', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'BeaconUnknown',
    inputs: [
      { name: 'beaconBlock', type: 'uint256', internalType: 'uint256' },
      { name: 'beacon', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  { type: 'error', name: 'CheckpointUnorderedInsertion', inputs: [] },
  { type: 'error', name: 'FloorLowered', inputs: [] },
  {
    type: 'error',
    name: 'FloorNotNext',
    inputs: [
      { name: 'sequence', type: 'uint64', internalType: 'uint64' },
      { name: 'expected', type: 'uint64', internalType: 'uint64' },
    ],
  },
  { type: 'error', name: 'KeyIsZero', inputs: [] },
  {
    type: 'error',
    name: 'KeyKnown',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'KeyUnknown',
    inputs: [{ name: 'receiptKey', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'LeafOutOfRange',
    inputs: [
      { name: 'leaf', type: 'uint256', internalType: 'uint256' },
      { name: 'capacity', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'MachineTaken',
    inputs: [
      { name: 'machineId', type: 'bytes32', internalType: 'bytes32' },
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'MeasurementNotApproved',
    inputs: [{ name: 'measurement', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'NotOperator',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'OperatorDidNotSign',
    inputs: [{ name: 'operator', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'PointOutOfRange',
    inputs: [
      { name: 'point', type: 'uint256', internalType: 'uint256' },
      { name: 'total', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'PoolFull',
    inputs: [{ name: 'capacity', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'StakeBelowMinimum',
    inputs: [
      { name: 'operator', type: 'address', internalType: 'address' },
      { name: 'bondedWei', type: 'uint256', internalType: 'uint256' },
      { name: 'neededWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'StillValid',
    inputs: [
      { name: 'receiptKey', type: 'address', internalType: 'address' },
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'TooManyNodes',
    inputs: [
      { name: 'operator', type: 'address', internalType: 'address' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'AssetRepeated',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'AssetUnknownAt',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'FeeBelowPrices',
    inputs: [
      { name: 'ownersWei', type: 'uint256', internalType: 'uint256' },
      { name: 'pricesWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantExpired',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantForOtherAsset',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'GrantListOutOfRange',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'list', type: 'string', internalType: 'string' },
      { name: 'length', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantMismatch',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'ordered', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'GrantNotByOwner',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'grantor', type: 'address', internalType: 'address' },
      { name: 'owner', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'GrantNotYetValid',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'notBefore', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantOmitsApp',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'app', type: 'bytes32', internalType: 'AppId' },
    ],
  },
  {
    type: 'error',
    name: 'GrantOmitsRequester',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'requester', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'GrantPurposeTooLong',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'length', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantRevokedByOwner',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'GrantSignatureWrong',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'owner', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'GrantTcbFloorUnknown',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'tcbFloor', type: 'uint8', internalType: 'uint8' },
      { name: 'max', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'GrantUsedUp',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'usesMax', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'NoMeasurementLeft',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'NoOperatorLeft',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'AppNotListed',
    inputs: [{ name: 'app', type: 'bytes32', internalType: 'AppId' }],
  },
  {
    type: 'error',
    name: 'AssetsOutOfRange',
    inputs: [
      { name: 'count', type: 'uint256', internalType: 'uint256' },
      { name: 'min', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'AttemptMismatch',
    inputs: [
      { name: 'given', type: 'uint32', internalType: 'uint32' },
      { name: 'current', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'AttemptSecondsOutOfRange',
    inputs: [
      { name: 'seconds_', type: 'uint32', internalType: 'uint32' },
      { name: 'min', type: 'uint32', internalType: 'uint32' },
      { name: 'max', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'AttemptsOutOfRange',
    inputs: [
      { name: 'attempts', type: 'uint8', internalType: 'uint8' },
      { name: 'min', type: 'uint8', internalType: 'uint8' },
      { name: 'max', type: 'uint8', internalType: 'uint8' },
    ],
  },
  { type: 'error', name: 'ConfigOutOfRange', inputs: [] },
  {
    type: 'error',
    name: 'DeadlineNotPassed',
    inputs: [
      { name: 'deadline', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'DeadlinePassed',
    inputs: [
      { name: 'deadline', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'FeeOutOfRange',
    inputs: [
      { name: 'feeWei', type: 'uint128', internalType: 'uint128' },
      { name: 'min', type: 'uint256', internalType: 'uint256' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'GrantsDoNotMatchAssets',
    inputs: [
      { name: 'grants', type: 'uint256', internalType: 'uint256' },
      { name: 'assets', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotDrawnOperator',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotExpired',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'NotKeeper',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'keeper', type: 'address', internalType: 'address' },
      { name: 'operator', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotRequester',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'requester', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'OrderExpired',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'OrderExpiryTooFar',
    inputs: [
      { name: 'expiry', type: 'uint64', internalType: 'uint64' },
      { name: 'max', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'OrderMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'expected', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  { type: 'error', name: 'RecipientKeyIsZero', inputs: [] },
  {
    type: 'error',
    name: 'RefusalMismatch',
    inputs: [{ name: 'position', type: 'uint256', internalType: 'uint256' }],
  },
  {
    type: 'error',
    name: 'RefusalReasonUnknown',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'reason', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'RefusalsNotAscending',
    inputs: [
      { name: 'position', type: 'uint256', internalType: 'uint256' },
      { name: 'shareIndex', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'RefusalsTooFew',
    inputs: [
      { name: 'given', type: 'uint256', internalType: 'uint256' },
      { name: 'needed', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ReplicasNotOne',
    inputs: [{ name: 'replicas', type: 'uint8', internalType: 'uint8' }],
  },
  {
    type: 'error',
    name: 'RequesterDidNotSign',
    inputs: [{ name: 'requester', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'SeedNotReady',
    inputs: [
      { name: 'seedBlock', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'SharesMismatch',
    inputs: [
      { name: 'asset', type: 'bytes32', internalType: 'AssetId' },
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'expected', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'TaskKnown',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'WrongState',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'state', type: 'uint8', internalType: 'enum TaskState' },
      { name: 'expected', type: 'uint8', internalType: 'enum TaskState' },
    ],
  },
  {
    type: 'error',
    name: 'AlreadyProven',
    inputs: [{ name: 'proof', type: 'bytes32', internalType: 'bytes32' }],
  },
  {
    type: 'error',
    name: 'AttemptUnknown',
    inputs: [
      { name: 'task', type: 'bytes32', internalType: 'TaskId' },
      { name: 'attempt', type: 'uint32', internalType: 'uint32' },
    ],
  },
  {
    type: 'error',
    name: 'ChallengeNotOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'JudgingNotOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'JudgingOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'KeepersMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'judged', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'NotAccepted',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'NotMember',
    inputs: [
      { name: 'committee', type: 'uint64', internalType: 'uint64' },
      { name: 'signer', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'NotPosted',
    inputs: [{ name: 'task', type: 'bytes32', internalType: 'TaskId' }],
  },
  {
    type: 'error',
    name: 'ReceiptIsGenuine',
    inputs: [{ name: 'node', type: 'address', internalType: 'address' }],
  },
  {
    type: 'error',
    name: 'ReceiptMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'posted', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'ReceiptSignatureMismatch',
    inputs: [
      { name: 'given', type: 'bytes32', internalType: 'bytes32' },
      { name: 'posted', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'SettlingNotOver',
    inputs: [
      { name: 'until', type: 'uint64', internalType: 'uint64' },
      { name: 'now_', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'SignersDiffer',
    inputs: [
      { name: 'a', type: 'address', internalType: 'address' },
      { name: 'b', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'UnbondingTooShort',
    inputs: [
      { name: 'unbondSeconds', type: 'uint64', internalType: 'uint64' },
      { name: 'neededSeconds', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'VoteForOther',
    inputs: [
      { name: 'posting', type: 'bytes32', internalType: 'bytes32' },
      { name: 'expected', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'VoteIsTrue',
    inputs: [
      { name: 'verdict', type: 'uint8', internalType: 'uint8' },
      { name: 'reason', type: 'uint8', internalType: 'uint8' },
    ],
  },
  {
    type: 'error',
    name: 'VoteMalformed',
    inputs: [
      { name: 'verdict', type: 'uint8', internalType: 'uint8' },
      { name: 'reason', type: 'uint8', internalType: 'uint8' },
    ],
  },
  { type: 'error', name: 'VotesAgree', inputs: [] },
  {
    type: 'error',
    name: 'VotesForDifferentPostings',
    inputs: [
      { name: 'a', type: 'bytes32', internalType: 'bytes32' },
      { name: 'b', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'NotPayout',
    inputs: [
      { name: 'caller', type: 'address', internalType: 'address' },
      { name: 'payout', type: 'address', internalType: 'address' },
    ],
  },
  {
    type: 'error',
    name: 'CommitteeNotCurrent',
    inputs: [
      { name: 'committee', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'NothingToClaim',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'claimedWei', type: 'uint256', internalType: 'uint256' },
    ],
  },
  {
    type: 'error',
    name: 'ProofInvalid',
    inputs: [
      { name: 'account', type: 'address', internalType: 'address' },
      { name: 'cumulativeWei', type: 'uint256', internalType: 'uint256' },
      { name: 'root', type: 'bytes32', internalType: 'bytes32' },
    ],
  },
  {
    type: 'error',
    name: 'SequenceNotRaised',
    inputs: [
      { name: 'sequence', type: 'uint64', internalType: 'uint64' },
      { name: 'current', type: 'uint64', internalType: 'uint64' },
    ],
  },
  {
    type: 'error',
    name: 'TotalExceeded',
    inputs: [
      { name: 'mintedWei', type: 'uint256', internalType: 'uint256' },
      { name: 'totalWei', type: 'uint128', internalType: 'uint128' },
    ],
  },
  {
    type: 'error',
    name: 'TotalLowered',
    inputs: [
      { name: 'totalWei', type: 'uint128', internalType: 'uint128' },
      { name: 'current', type: 'uint128', internalType: 'uint128' },
    ],
  },
] as const
