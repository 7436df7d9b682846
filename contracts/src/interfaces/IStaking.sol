// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Offence, Role} from "../Types.sol";

/// @dev What one account has at stake. Both parts can be slashed.
struct Stake {
    uint128 bondedWei;
    uint128 unbondingWei;
    uint64 unbondAt;
}

/// @title Stake of node operators and verifiers.
interface IStaking {
    event Bonded(address indexed account, uint256 amountWei, uint256 bondedWei);
    event UnbondRequested(address indexed account, uint256 amountWei, uint64 unbondAt);
    event Unbonded(address indexed account, uint256 amountWei);
    event Slashed(
        address indexed account,
        address indexed beneficiary,
        Offence indexed offence,
        uint256 amountWei
    );

    error AmountIsZero();
    error BondTooLow(address account, uint256 bondedWei, uint256 neededWei);
    error UnbondSecondsOutOfRange(uint64 seconds_, uint64 min, uint64 max);
    error NothingUnbonding(address account);
    error StillUnbonding(address account, uint64 unbondAt);

    /// @notice Moves `amountWei` of the caller's Ledger balance into the caller's stake.
    function bond(uint256 amountWei) external;

    /// @notice Starts to take `amountWei` out. The wait starts anew for everything that is
    /// unbonding already.
    function requestUnbond(uint256 amountWei) external;

    /// @notice Moves what finished unbonding into the caller's Ledger balance. Can never be paused.
    function finishUnbond() external;

    /// @notice Market, Settlement and KeeperDuty only: takes at most `amountWei` from `account`,
    /// bonded stake first. The beneficiary is the zero address exactly for `Role.Treasury`.
    /// @return takenWei what was really taken: less when the stake is smaller.
    function slash(
        address account,
        uint256 amountWei,
        address beneficiary,
        Role role,
        Offence offence
    ) external returns (uint256 takenWei);

    function stakeOf(address account) external view returns (Stake memory);

    /// @notice What gives weight and the right to take part.
    function bondedOf(address account) external view returns (uint256);

    /// @notice What can still be slashed: bonded and unbonding.
    function slashableOf(address account) external view returns (uint256);

    function unbondSeconds() external view returns (uint64);
}
