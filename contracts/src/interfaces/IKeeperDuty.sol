// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Order, Refusal, Release} from "../Messages.sol";
import {AssetId, TaskId} from "../Types.sol";
import {Shares} from "./IAssetRegistry.sol";

/// @dev How a demand stands.
enum DemandState {
    None,
    Open,
    Answered,
    Refused,
    Lapsed,
    Closed
}

/// @dev One keeper's duty to answer for one share in one attempt.
struct Demand {
    DemandState state;
    uint32 attempt;
    uint8 shareIndex;
    uint64 until;
    address asker;
    address operator;
    TaskId task;
    AssetId asset;
    bytes32 grant;
    bytes32 sharesHash;
}

/// @dev How long a keeper has, how long its silence can be held against it after that, what asking
/// costs (wei of the chain's own coin) and what silence costs (wei of the token).
struct DutyConfig {
    uint64 answerSeconds;
    uint64 lapseSeconds;
    uint128 depositWei;
    uint128 lapseWei;
}

/// @dev What a keeper's enclave gave. `deliverySignature` is its own over
/// `Delivery(release, keccak256(envelope))`.
struct KeeperAnswer {
    Release release;
    bytes signature;
    address countersigner;
    bytes countersignature;
    bytes envelope;
    bytes deliverySignature;
}

/// @title Keepers answer or sign a refusal in time, or lose part of their bond.
interface IKeeperDuty {
    /// @param requestDigest SHA-256 of the signed request, an object that the asker serves.
    event Demanded(
        bytes32 indexed demand,
        TaskId indexed task,
        address indexed operator,
        Demand made,
        bytes32 requestDigest
    );
    /// @notice All that the asker needs to go on: it is the answer that the keeper's host owed.
    event Answered(bytes32 indexed demand, TaskId indexed task, KeeperAnswer given);
    event RefusalGiven(
        bytes32 indexed demand, TaskId indexed task, Refusal refusal, bytes signature
    );
    event Lapsed(bytes32 indexed demand, address indexed operator, uint256 slashedWei);
    event DemandClosed(bytes32 indexed demand);
    event DutyPaid(address indexed account, uint256 amountWei);

    error DutyConfigOutOfRange();
    error StakeLeavesTooSoon(uint64 unbondSeconds, uint64 neededSeconds);
    error AttemptNotRunning(TaskId task, uint32 attempt);
    error MayNotDemand(address caller);
    error OrderDiffers(bytes32 given, bytes32 expected);
    error PositionOutOfRange(uint256 position, uint256 count);
    error SharesDiffer(bytes32 given, bytes32 expected);
    error ShareIndexOutOfRange(uint8 shareIndex);
    error DepositDiffers(uint256 given, uint256 expected);
    error TooLateToDemand(uint64 attemptDeadline, uint256 neededUntil);
    error AlreadyDemanded(bytes32 demand);
    error NotOpen(bytes32 demand, DemandState state);
    error AnswerTooLate(uint64 until, uint256 now_);
    error AnswerForOther(bytes32 demand);
    error NotByKeeper(address signer, address operator);
    error NotCountersigned(address countersigner);
    error EnvelopeOutOfRange(uint256 length);
    error WindowNotOver(uint64 until, uint256 now_);
    error CannotLapse(bytes32 demand);
    error NothingToPay(address account);
    error PayFailed(address account);

    /// @notice Demands a share of an asset for the task's running attempt from its keeper. Only the
    /// operator of the attempt's node and the requester may, once for each attempt and share, with
    /// the deposit as value.
    /// @param order the order that placed the task. @param position of the asset in it.
    /// @param shares the asset's keepers. @param requestDigest see `Demanded`.
    function demand(
        TaskId task,
        Order calldata order,
        uint256 position,
        Shares calldata shares,
        uint8 shareIndex,
        bytes32 requestDigest
    ) external payable returns (bytes32 id);

    /// @notice Answers with the release itself. Anybody may send it: everything in it is signed by
    /// the keeper's enclave. The deposit is then the keeper's operator's.
    /// @param shares the asset's keepers, as in the demand.
    function answer(bytes32 id, Shares calldata shares, KeeperAnswer calldata given) external;

    /// @notice Answers with a signed refusal. The deposit is then the keeper's operator's.
    function refuse(bytes32 id, Refusal calldata refusal, bytes calldata signature) external;

    /// @notice Takes `lapseWei` of a keeper's stake that let its time pass while the attempt ran,
    /// and gives the deposit back. Anybody may, for `lapseSeconds` after the window.
    function lapse(bytes32 id) external;

    /// @notice Ends a demand that came to nothing because the attempt ended first, or because
    /// nobody held the silence against the keeper in time: the deposit goes back. Anybody may.
    function close(bytes32 id) external;

    /// @notice Sends the caller what is its own here.
    function withdraw() external;

    function idOf(TaskId task, uint32 attempt, AssetId asset, uint8 shareIndex)
        external
        pure
        returns (bytes32);
    function demandOf(bytes32 id) external view returns (Demand memory);
    function owedOf(address account) external view returns (uint256 amountWei);
    function config() external view returns (DutyConfig memory);
}
