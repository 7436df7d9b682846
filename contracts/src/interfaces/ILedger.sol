// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Offence, Role, TaskId} from "../Types.sol";

/// @dev One part of a settled fee. For `Role.Treasury` the account is not read.
struct Payment {
    address account;
    Role role;
    uint256 amountWei;
}

/// @dev The contracts that may move money, and between which buckets.
struct Modules {
    address staking;
    address nodeRegistry;
    address market;
    address settlement;
    address keeperDuty;
}

/// @title The only holder of funds on the home chain.
/// @notice Money is in exactly one bucket: an account's balance, a task's escrow, stake, a spoke's
/// lockbox, the treasury.
interface ILedger {
    event ModulesSealed(
        address staking,
        address nodeRegistry,
        address market,
        address settlement,
        address keeperDuty
    );
    event Deposited(address indexed from, address indexed account, uint256 amountWei);
    event Withdrawn(address indexed account, address indexed to, uint256 amountWei);
    event PayoutChainSet(address indexed account, uint256 indexed chainId);
    event SpokeOpened(uint256 indexed chainId, address payout);
    event EscrowLocked(TaskId indexed task, address indexed requester, uint256 amountWei);
    event EscrowRefunded(TaskId indexed task, address indexed requester, uint256 amountWei);
    /// @notice One part of a fee was paid. `chainId` is the home chain's, or that of the spoke
    /// where it can be claimed.
    event Paid(
        TaskId indexed task,
        address indexed account,
        Role indexed role,
        uint256 chainId,
        uint256 amountWei
    );
    /// @notice What `account` may claim on spoke `chainId`, in total, from the beginning.
    event Owed(uint256 indexed chainId, address indexed account, uint256 cumulativeWei);
    event StakeLocked(address indexed account, uint256 amountWei);
    event StakeReleased(address indexed account, uint256 amountWei);
    /// @notice Stake was taken. For `Role.Treasury` the beneficiary is the zero address.
    event StakeSlashed(
        address indexed account,
        address indexed beneficiary,
        Role role,
        Offence offence,
        uint256 burnedWei,
        uint256 rewardWei
    );
    event TreasurySpent(address indexed to, uint256 amountWei);
    event SurplusAbsorbed(uint256 amountWei);

    error NotDeployer(address caller, address deployer);
    error NotGovernance(address caller, address governance);
    error NotModuleOf(address caller);
    error ModulesAlreadySealed();
    error ModuleMissing();
    error BalanceTooLow(address account, uint256 balanceWei, uint256 neededWei);
    error EscrowTaken(TaskId task, uint256 amountWei);
    error EscrowEmpty(TaskId task);
    error PaymentsDoNotMatchEscrow(TaskId task, uint256 paidWei, uint256 escrowWei);
    error PaymentWithoutRole(uint256 position);
    error BeneficiaryMismatch(address beneficiary, Role role);
    error StakeTooLow(uint256 stakeWei, uint256 neededWei);
    error TreasuryTooLow(uint256 treasuryWei, uint256 neededWei);
    error SpokeUnknown(uint256 chainId);
    error SpokeAlreadyOpen(uint256 chainId, address payout);
    error RecipientIsZero();
    error NoSurplus();

    /// @notice Moves `amountWei` tokens from the caller into the caller's balance.
    function deposit(uint256 amountWei) external;

    /// @notice The same, into the balance of `account`.
    function depositFor(address account, uint256 amountWei) external;

    /// @notice The same as `deposit`, with an ERC-2612 permit instead of an approval. A permit that
    /// somebody else has already submitted does not stop the deposit.
    function depositWithPermit(uint256 amountWei, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Moves `amountWei` of the caller's balance to the caller's address. Can never be
    /// paused.
    function withdraw(uint256 amountWei) external;

    /// @notice The same, to the address `to`.
    function withdrawTo(address to, uint256 amountWei) external;

    /// @notice Chooses where the caller is paid from now on: 0 or the home chain's id is here, else
    /// an open spoke.
    function setPayoutChain(uint256 chainId) external;

    /// @notice Names the SpokePayout of a spoke, once and for ever. Governance only.
    function openSpoke(uint256 chainId, address payout) external;

    /// @notice Spends from the treasury into an account's balance. Governance only.
    function spendTreasury(address to, uint256 amountWei) external;

    /// @notice Books tokens that were sent here without a deposit as the treasury's.
    function absorbSurplus() external;

    /// @notice Names the modules, once and for ever. Deployer only.
    function sealModules(Modules calldata modules_) external;

    /// @notice Market only: locks a fee.
    function lockEscrow(TaskId task, address requester, uint256 amountWei) external;

    /// @notice Market only: gives the whole escrow of a task back to its requester's home balance.
    function refundEscrow(TaskId task, address requester) external returns (uint256 amountWei);

    /// @notice Settlement only: pays the whole escrow of a task; the payments must sum to it
    /// exactly.
    function payEscrow(TaskId task, Payment[] calldata payments) external;

    /// @notice Staking only.
    function lockStake(address account, uint256 amountWei) external;

    /// @notice Staking only.
    function releaseStake(address account, uint256 amountWei) external;

    /// @notice Staking only: takes stake away; 70 % (rounded up) is burned, the rest goes to the
    /// beneficiary's home balance or, for `Role.Treasury` and the zero address, to the treasury.
    function slashStake(
        address account,
        uint256 amountWei,
        address beneficiary,
        Role role,
        Offence offence
    ) external;

    function modules() external view returns (Modules memory);
    function balanceOf(address account) external view returns (uint256);
    function escrowOf(TaskId task) external view returns (uint256);
    function lockboxOf(uint256 chainId) external view returns (uint256);
    function owedOf(uint256 chainId, address account) external view returns (uint256);
    function payoutChainOf(address account) external view returns (uint256);
    function spokePayoutOf(uint256 chainId) external view returns (address);
    function treasury() external view returns (uint256);

    /// @notice The sum of all buckets.
    function totalWei() external view returns (uint256);

    /// @notice The sums of each kind of bucket.
    function totals()
        external
        view
        returns (
            uint256 balances,
            uint256 escrows,
            uint256 stakes,
            uint256 lockboxes,
            uint256 treasury_
        );

    function deployment() external view returns (bytes32);
}
