// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Grant, Order, Posting, Refusal} from "../Messages.sol";
import {AppId, AssetId, Ending, TaskId, TaskState} from "../Types.sol";
import {Shares} from "./IAssetRegistry.sol";
import {IGrantBook} from "./IGrantBook.sol";

/// @dev A task: one replica of an order. `attempt` counts from 1; 0 before the first draw. The pool
/// of a draw is read after block `seedBlock - 2`. Of the last posting: `spentWei` where the task is
/// `metered`, zero elsewhere, since there the whole fee is spent; `outputCommitment` where the
/// order has several replicas, zero elsewhere.
struct Task {
    bytes32 orderDigest;
    address requester;
    TaskState state;
    uint32 attempt;
    uint8 attemptsMax;
    uint32 tags;
    uint8 tierMin;
    uint8 tcbFloor;
    address node;
    uint64 attemptDeadline;
    uint32 attemptSeconds;
    uint64 seedBlock;
    uint64 expiry;
    uint64 postedAt;
    uint64 judgedAt;
    uint96 feeWei;
    uint64 committee;
    uint32 voters;
    uint32 tees;
    uint8 replicas;
    uint8 replica;
    bool metered;
    bool isPrivate;
    bytes32 keepersHash;
    AppId app;
    uint96 spentWei;
    bytes32 outputCommitment;
}

/// @dev One attempt, kept for ever: what its operator signed can be judged at any time. `posting`
/// is zero if none was made; `committee` is the epoch of the set that judges it.
struct Attempt {
    address node;
    uint64 committee;
    bytes32 posting;
}

/// @dev Bounds of what may be ordered, and what silence costs.
struct MarketConfig {
    uint96 feeMinWei;
    uint128 missWei;
    uint32 attemptSecondsMin;
    uint32 attemptSecondsMax;
    uint32 orderSecondsMax;
}

/// @title Orders, the draw of a node, attempts and refunds.
interface IMarket {
    event Placed(
        TaskId indexed task,
        address indexed requester,
        uint64 seedBlock,
        Order order,
        Grant[] grants,
        bytes[] grantSignatures
    );
    /// @notice Another replica of the order whose own task is `first`.
    event ReplicaPlaced(TaskId indexed task, TaskId indexed first, uint8 replica);
    event Drawn(
        TaskId indexed task,
        uint32 indexed attempt,
        address indexed node,
        address operator,
        uint64 attemptDeadline,
        uint256 candidate
    );
    /// @notice No node was drawn: the seed block was too old (`lost`), or no candidate was
    /// eligible.
    event SeedMoved(TaskId indexed task, uint64 seedBlock, bool lost);
    event Posted(
        TaskId indexed task,
        uint32 indexed attempt,
        address indexed node,
        bytes32 posting,
        Posting message,
        bytes operatorSignature,
        uint64 committee
    );
    event ReleaseRefused(
        TaskId indexed task, uint32 indexed attempt, AssetId indexed asset, uint8 reason
    );
    event AttemptEnded(
        TaskId indexed task,
        uint32 indexed attempt,
        address indexed node,
        Ending ending,
        uint64 seedBlock
    );
    event Accepted(TaskId indexed task, uint32 indexed attempt, uint32 voters);
    event Settled(TaskId indexed task);
    event Refunded(TaskId indexed task, address indexed requester, uint256 amountWei);

    error ConfigOutOfRange();
    error NotRequester(address caller, address requester);
    error RequesterDidNotSign(address requester);
    error TaskKnown(TaskId task);
    error WrongState(TaskId task, TaskState state, TaskState expected);
    error AppNotListed(AppId app);
    error ReplicasOutOfRange(uint8 replicas, uint8 min, uint8 max);
    error ReplicasNotPossible(uint8 replicas);
    error VendorsTooFew(uint256 vendors, uint8 replicas);
    error TeesUnknown(uint32 tees);
    error UnitOutOfRange(uint128 unitWei, uint128 feeWei);
    error OrderPrivacyOutOfRange(uint64 epsilonMicros, uint64 deltaPicos);
    error SpentOutOfRange(uint128 spentWei, uint96 feeWei, bool metered);
    error OutputCommitmentIsZero();
    error RecipientKeyIsZero();
    error AssetsOutOfRange(uint256 count, uint256 min, uint256 max);
    error GrantsDoNotMatchAssets(uint256 grants, uint256 assets);
    error OrderExpired(uint64 expiry, uint256 now_);
    error OrderExpiryTooFar(uint64 expiry, uint256 max);
    error AttemptSecondsOutOfRange(uint32 seconds_, uint32 min, uint32 max);
    error AttemptsOutOfRange(uint8 attempts, uint8 min, uint8 max);
    error FeeOutOfRange(uint128 feeWei, uint256 min, uint256 max);
    error SeedNotReady(uint64 seedBlock, uint256 current);
    error OrderMismatch(bytes32 given, bytes32 expected);
    error AttemptMismatch(uint32 given, uint32 current);
    error DeadlinePassed(uint64 deadline, uint256 now_);
    error DeadlineNotPassed(uint64 deadline, uint256 now_);
    error OperatorDidNotSign(address operator);
    error NotExpired(uint64 expiry, uint256 now_);
    error SharesMismatch(AssetId asset, bytes32 given, bytes32 expected);
    error RefusalsTooFew(uint256 given, uint256 needed);
    error RefusalMismatch(uint256 position);
    error RefusalsNotAscending(uint256 position, uint8 shareIndex);
    error RefusalReasonUnknown(uint256 position, uint8 reason);
    error NotDrawnOperator(address caller, address operator);
    error NotKeeper(uint256 position, address keeper, address operator);

    /// @notice Places the caller's order: locks its fee, checks every grant, and starts the wait
    /// for the seed block. Each of its 1 to 3 replicas is a task with an equal part of the fee
    /// (what can't be divided goes with the first), drawn on a TEE of another vendor and of another
    /// operator than the others. @return the order's own task id, which its first replica has.
    function place(Order calldata order, Grant[] calldata grants, bytes[] calldata grantSignatures)
        external
        returns (TaskId);

    /// @notice The same for a requester that signed the order; anybody may send it.
    function placeFor(
        Order calldata order,
        Grant[] calldata grants,
        bytes[] calldata grantSignatures,
        bytes calldata requesterSignature
    ) external returns (TaskId);

    /// @notice Draws a node for a placed task, once its seed block is mined. Anybody may. When no
    /// node can be drawn the seed block moves and the zero address is returned.
    function draw(TaskId task) external returns (address node);

    /// @notice Posts what the node's enclave signed. `operatorSignature` is over the posting:
    /// without it nothing can be held against an operator, so without it nothing is posted. Anybody
    /// may send it, up to the attempt's deadline. What was spent is the whole fee, or where the
    /// task is metered at most that.
    function post(Posting calldata posting, bytes calldata operatorSignature) external;

    /// @notice The drawn node's operator ends its attempt by signed refusals of enough of one
    /// asset's keepers to make release impossible. If all of them blame the owner (reasons 1 to 3)
    /// the requester is refunded, else the next attempt begins.
    /// @param order the task's order; `position` is the asset's place in it.
    /// @param refusals ascending by share index, each signed by an admitted, unexpired receipt key
    /// of that share's operator, whatever became of its measurement.
    function refuse(
        Order calldata order,
        uint256 position,
        Shares calldata shares,
        Refusal[] calldata refusals,
        bytes[] calldata signatures
    ) external;

    /// @notice The drawn node's operator ends its attempt up to the deadline, without a reason that
    /// anybody could check and without a slash. The next attempt begins, or the requester is
    /// refunded when none is left.
    function giveUp(TaskId task) external;

    /// @notice Ends an attempt whose deadline passed in silence: the node pays `missWei` of its
    /// stake, 70 % burned and the rest to the treasury. Nobody else is paid, least of all the
    /// requester, whose own keepers may be why the node was silent. Anybody may.
    function timeout(TaskId task) external;

    /// @notice Refunds a placed task that nobody could be drawn for before its order expired, and
    /// with it the order's other replicas. If no node was ever drawn for any of them, its grants
    /// get their use back. Anybody may.
    function refundExpired(TaskId task) external;

    /// @notice Settlement only.
    function accept(TaskId task, uint32 voters, bytes32 keepersHash) external;

    /// @notice Settlement only: a posted or accepted attempt came to nothing.
    function endAttempt(TaskId task, Ending ending) external;

    /// @notice Settlement only: more verifiers stand with the judgement.
    function addVoters(TaskId task, uint32 voters) external;

    /// @notice Settlement only: nobody judged a posted task, or settled an accepted one, in time,
    /// or replicas differ. All replicas of the order are refunded.
    function refund(TaskId task) external;

    /// @notice Settlement only: the task's fee is about to be paid.
    function close(TaskId task) external;

    function taskOf(TaskId task) external view returns (Task memory);
    function attemptOf(TaskId task, uint32 attempt) external view returns (Attempt memory);
    /// @notice Who is paid for an order, and which nodes its grants leave, stands there.
    function grantBook() external view returns (IGrantBook);
    function triedOf(TaskId task, address node) external view returns (bool);
    function config() external view returns (MarketConfig memory);
}
