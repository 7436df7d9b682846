// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Deployed} from "./Deployed.sol";
import {ILedger, Modules} from "./interfaces/ILedger.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IStaking, Stake} from "./interfaces/IStaking.sol";
import {Offence, Role} from "./Types.sol";

/// @title Stake of node operators and verifiers.
/// @notice ROLES: an account bonds and unbonds its own stake. Market slashes for a
/// node's silence, KeeperDuty for a keeper's, Settlement for what is proven; nobody else can, and
/// no vote can. Most of a slash is burned (see
/// Ledger).
///
/// LIVENESS: unbonding waits `unbondSeconds`, bounded by constants, then depends on nobody. Stake
/// can be slashed until it has left. Every change tells the NodeRegistry, so that the draw pool
/// follows the stake at once.
contract Staking is IStaking, Deployed {
    using SafeCast for uint256;

    uint64 public constant UNBOND_SECONDS_MAX = 90 days;

    /// @inheritdoc IStaking
    uint64 public immutable unbondSeconds;

    mapping(address account => Stake) private _stakes;

    constructor(ILedger ledger_, uint64 unbondSeconds_) Deployed(ledger_) {
        require(
            unbondSeconds_ > 0 && unbondSeconds_ <= UNBOND_SECONDS_MAX,
            UnbondSecondsOutOfRange(unbondSeconds_, 1, UNBOND_SECONDS_MAX)
        );
        unbondSeconds = unbondSeconds_;
    }

    /// @inheritdoc IStaking
    function bond(uint256 amountWei) external {
        require(amountWei > 0, AmountIsZero());

        Stake storage stake = _stakes[msg.sender];
        stake.bondedWei += amountWei.toUint128();
        emit Bonded(msg.sender, amountWei, stake.bondedWei);

        ledger.lockStake(msg.sender, amountWei);
        _announce(msg.sender);
    }

    /// @inheritdoc IStaking
    function requestUnbond(uint256 amountWei) external {
        Stake storage stake = _stakes[msg.sender];
        require(amountWei > 0, AmountIsZero());
        require(amountWei <= stake.bondedWei, BondTooLow(msg.sender, stake.bondedWei, amountWei));

        uint128 amount = amountWei.toUint128();
        stake.bondedWei -= amount;
        stake.unbondingWei += amount;
        stake.unbondAt = uint64(block.timestamp) + unbondSeconds;
        emit UnbondRequested(msg.sender, amountWei, stake.unbondAt);

        _announce(msg.sender);
    }

    /// @inheritdoc IStaking
    function finishUnbond() external {
        Stake storage stake = _stakes[msg.sender];
        uint256 amountWei = stake.unbondingWei;
        require(amountWei > 0, NothingUnbonding(msg.sender));
        require(block.timestamp >= stake.unbondAt, StillUnbonding(msg.sender, stake.unbondAt));

        stake.unbondingWei = 0;
        stake.unbondAt = 0;
        emit Unbonded(msg.sender, amountWei);

        ledger.releaseStake(msg.sender, amountWei);
    }

    /// @inheritdoc IStaking
    function slash(
        address account,
        uint256 amountWei,
        address beneficiary,
        Role role,
        Offence offence
    ) external returns (uint256 takenWei) {
        Modules memory modules = ledger.modules();
        if (msg.sender != modules.market && msg.sender != modules.keeperDuty) {
            _onlyModule(modules.settlement);
        }

        Stake storage stake = _stakes[account];
        uint256 fromBonded = Math.min(amountWei, stake.bondedWei);
        uint256 fromUnbonding = Math.min(amountWei - fromBonded, stake.unbondingWei);
        takenWei = fromBonded + fromUnbonding;
        if (takenWei == 0) return 0;

        stake.bondedWei -= uint128(fromBonded);
        stake.unbondingWei -= uint128(fromUnbonding);
        emit Slashed(account, beneficiary, offence, takenWei);

        ledger.slashStake(account, takenWei, beneficiary, role, offence);
        _announce(account);
    }

    /// @inheritdoc IStaking
    function stakeOf(address account) external view returns (Stake memory) {
        return _stakes[account];
    }

    /// @inheritdoc IStaking
    function bondedOf(address account) external view returns (uint256) {
        return _stakes[account].bondedWei;
    }

    /// @inheritdoc IStaking
    function slashableOf(address account) external view returns (uint256) {
        Stake storage stake = _stakes[account];
        return uint256(stake.bondedWei) + stake.unbondingWei;
    }

    function _announce(address account) private {
        INodeRegistry(ledger.modules().nodeRegistry).stakeChanged(account);
    }
}
