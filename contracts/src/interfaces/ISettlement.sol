// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Posting, Receipt, Vote} from "../Messages.sol";
import {TaskId} from "../Types.sol";

/// @dev How long judging and challenging take, and what each proven offence costs.
struct SettlementConfig {
    uint64 judgeSeconds;
    uint64 challengeSeconds;
    uint128 forgedReceiptWei;
    uint128 equivocationWei;
    uint128 falseVoteWei;
}

/// @title Judgements, the challenge window, proofs, and the split of a fee.
interface ISettlement {
    event Judged(
        TaskId indexed task,
        uint32 indexed attempt,
        bool accepted,
        bytes32 voteDigest,
        uint256 voters,
        Vote vote
    );
    event JudgementExpired(TaskId indexed task, uint32 indexed attempt);
    event SettlementExpired(TaskId indexed task, uint32 indexed attempt);
    /// @notice The replicas of an order were accepted with different outputs: all are refunded.
    event ReplicasDiffer(TaskId indexed first);
    event ForgedReceiptProven(
        bytes32 indexed posting,
        address indexed operator,
        address indexed challenger,
        uint256 slashedWei
    );
    event EquivocationProven(
        bytes32 indexed posting,
        address indexed verifier,
        address indexed challenger,
        uint256 slashedWei
    );
    event FalseVoteProven(
        bytes32 indexed posting,
        address indexed verifier,
        address indexed challenger,
        uint256 slashedWei
    );

    error ConfigOutOfRange();
    error UnbondingTooShort(uint64 unbondSeconds, uint64 neededSeconds);
    error NotPosted(TaskId task);
    error NotAccepted(TaskId task);
    error ReplicasMismatch(uint256 given, uint8 replicas);
    error VoteForOther(bytes32 posting, bytes32 expected);
    error VoteMalformed(uint8 verdict, uint8 reason);
    error JudgingNotOver(uint64 until, uint256 now_);
    error JudgingOver(uint64 until, uint256 now_);
    error SettlingNotOver(uint64 until, uint256 now_);
    error ChallengeNotOver(uint64 until, uint256 now_);
    error KeepersMismatch(bytes32 given, bytes32 judged);
    error AttemptUnknown(TaskId task, uint32 attempt);
    error OperatorDidNotSign(address operator);
    error ReceiptMismatch(bytes32 given, bytes32 posted);
    error ReceiptSignatureMismatch(bytes32 given, bytes32 posted);
    error ReceiptIsGenuine(address node);
    error VotesAgree();
    error VotesForDifferentPostings(bytes32 a, bytes32 b);
    error SignersDiffer(address a, address b);
    error NotMember(uint64 committee, address signer);
    error VoteIsTrue(uint8 verdict, uint8 reason);
    error AlreadyProven(bytes32 proof);

    /// @notice Judges a posting by a quorum of equal votes of the set that was in office when it
    /// was posted, up to `judgeSeconds` after that. Anybody may send it. Accepted: the challenge
    /// window begins. Refused: the next attempt, or a refund when none is left.
    /// @param signatures over the vote, ascending by signer.
    function judge(Vote calldata vote, bytes[] calldata signatures) external;

    /// @notice Adds members that signed the same accepting vote but were left out, until the fee is
    /// paid. @param signatures a quorum over the vote, ascending by signer.
    function join(Vote calldata vote, bytes[] calldata signatures) external;

    /// @notice Pays an accepted task of an order without further replicas after its challenge
    /// window: of a metered task what was spent, and the requester gets the rest back. Anybody may.
    /// @param keepers the operators of the keepers that released, sorted, as judged.
    function settle(TaskId task, address[] calldata keepers) external;

    /// @notice Pays all replicas of an order at once, when all are accepted and the challenge
    /// window of the last is over, or refunds them all where their output commitments differ.
    /// Anybody may.
    /// @param first the order's own task. @param keepers for each replica as in `settle`.
    function settleReplicas(TaskId first, address[][] calldata keepers) external;

    /// @notice Refunds a task that was posted but not judged in time. No stake is touched. Anybody
    /// may.
    function expireJudgement(TaskId task) external;

    /// @notice Refunds an order whose task (all of its replicas) was accepted but not settled
    /// within 30 days after the (last) challenge window: the judged keepers' hash may be that of no
    /// list,
    /// and then nobody can settle. Anybody may. @param task the order's own task.
    function refundUnsettled(TaskId task) external;

    /// @notice Proves that an operator signed a posting whose receipt was not signed by its node's
    /// key. The attempt, if it is still posted or accepted, comes to nothing. A proof is spent when
    /// it took stake; a spent one still ends an attempt. Can never be paused.
    /// @param operatorSignature may be empty if the posting is on chain.
    function proveForgedReceipt(
        Posting calldata posting,
        bytes calldata operatorSignature,
        Receipt calldata receipt,
        bytes calldata receiptSignature
    ) external;

    /// @notice Proves that a verifier signed two different votes for one posting. Whether or not
    /// stake is left, its vote stands no more.
    function proveEquivocation(
        Vote calldata voteA,
        Vote calldata voteB,
        bytes[2] calldata signatures
    ) external;

    /// @notice Proves that a verifier accepted a receipt that the node's key did not sign, or
    /// refused (reason 1) one that it did. Its vote stands no more, and the attempt of a receipt
    /// that is forged ends as by `proveForgedReceipt`. @param operatorSignature may be empty if the
    /// posting is on chain.
    function proveFalseVote(
        Vote calldata vote,
        bytes calldata signature,
        Posting calldata posting,
        bytes calldata operatorSignature,
        Receipt calldata receipt,
        bytes calldata receiptSignature
    ) external;

    /// @notice Whether stake was taken for this: the posting's digest (forgery),
    /// `keccak256(abi.encode(verifier, posting))` (equivocation) or
    /// `keccak256(abi.encode(verifier, posting, Offence.FalseVote))`.
    function proven(bytes32 proof) external view returns (bool);

    /// @notice The first accepting vote of a task's current judgement: the digest that `join`
    /// compares with.
    function judgementOf(TaskId task) external view returns (bytes32);
    function config() external view returns (SettlementConfig memory);
}
