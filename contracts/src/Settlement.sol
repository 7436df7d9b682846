// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Deployed} from "./Deployed.sol";
import {FeeSplit} from "./FeeSplit.sol";
import {Identifiers} from "./Identifiers.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {OwnerShare} from "./interfaces/IGrantBook.sol";
import {ILedger, Payment} from "./interfaces/ILedger.sol";
import {IMarket, Task} from "./interfaces/IMarket.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {ISettlement, SettlementConfig} from "./interfaces/ISettlement.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Messages, Vote} from "./Messages.sol";
import {Proofs} from "./Proofs.sol";
import {Ending, Role, TaskId, TaskState} from "./Types.sol";

/// @title Judgements, the challenge window, proofs, and the split of a fee.
/// @notice SETTLEMENT: money moves only for an accepted task, after its challenge window, once; the
/// shares sum to the fee exactly, each rounded down and the dust the treasury's. Of a metered task
/// what was spent is shared out and the rest goes back in the same settlement. A task that comes to
/// nothing is refunded in full. Replicas are paid all at once, if their output commitments are
/// equal, or all refunded.
///
/// ROLES: a quorum of the committee decides what is accepted, never who loses stake. Stake goes by
/// proof alone (see Proofs).
/// LIVENESS: without a judgement anybody can have the requester refunded after `judgeSeconds`, and
/// without a settlement UNSETTLED_SECONDS after the challenge window.
/// Nothing here can be paused.
contract Settlement is Proofs {
    uint8 internal constant ACCEPT = 1;
    uint8 internal constant REFUSE = 2;
    uint8 internal constant REASON_MAX = 6;

    /// @notice How long after its challenge window an accepted task can only be settled.
    uint64 public constant UNSETTLED_SECONDS = 30 days;

    /// @inheritdoc ISettlement
    mapping(TaskId task => bytes32 vote) public judgementOf;

    constructor(
        ILedger ledger_,
        IStaking staking_,
        ICommittee committee_,
        INodeRegistry nodes_,
        IMarket market_,
        SettlementConfig memory config_
    ) Deployed(ledger_) Proofs(staking_, committee_, nodes_, market_, config_) {}

    /// @inheritdoc ISettlement
    function judge(Vote calldata vote, bytes[] calldata signatures) external {
        TaskId id = vote.task;
        Task memory task = market.taskOf(id);
        require(task.state == TaskState.Posted, NotPosted(id));
        // Later, the stake behind the posting and the votes may leave before a challenge ends.
        uint64 until = task.postedAt + _config.judgeSeconds;
        require(block.timestamp <= until, JudgingOver(until, block.timestamp));
        bytes32 posting = market.attemptOf(id, task.attempt).posting;
        require(
            vote.attempt == task.attempt && vote.posting == posting,
            VoteForOther(vote.posting, posting)
        );
        bool accepted = _checkForm(vote);
        bytes32 digest = _digest(Messages.hash(vote));
        uint256 voters = committee.verify(task.committee, digest, signatures);

        if (accepted) judgementOf[id] = digest;
        emit Judged(id, vote.attempt, accepted, digest, voters, vote);

        if (accepted) market.accept(id, uint32(voters), vote.keepersHash);
        else market.endAttempt(id, Ending.RefusedByVerifiers);
    }

    /// @inheritdoc ISettlement
    function join(Vote calldata vote, bytes[] calldata signatures) external {
        TaskId id = vote.task;
        Task memory task = market.taskOf(id);
        require(task.state == TaskState.Accepted, NotAccepted(id));
        bytes32 digest = _digest(Messages.hash(vote));
        require(digest == judgementOf[id], VoteForOther(digest, judgementOf[id]));
        uint256 voters = committee.verify(task.committee, digest, signatures);

        market.addVoters(id, uint32(voters));
    }

    /// @inheritdoc ISettlement
    function settle(TaskId id, address[] calldata keepers) external {
        Task[] memory tasks = _unchallenged(id);
        require(tasks.length == 1, ReplicasMismatch(1, uint8(tasks.length)));
        _pay(id, tasks[0], keepers);
    }

    /// @inheritdoc ISettlement
    function settleReplicas(TaskId first, address[][] calldata keepers) external {
        Task[] memory tasks = _unchallenged(first);
        uint256 count = tasks.length;
        require(keepers.length == count, ReplicasMismatch(keepers.length, uint8(count)));
        for (uint256 i = 1; i < count; ++i) {
            if (tasks[i].outputCommitment == tasks[0].outputCommitment) continue;
            emit ReplicasDiffer(first);
            return market.refund(first);
        }
        for (uint256 i; i < count; ++i) {
            _pay(Identifiers.replica(first, i), tasks[i], keepers[i]);
        }
    }

    /// @inheritdoc ISettlement
    function expireJudgement(TaskId id) external {
        Task memory task = market.taskOf(id);
        require(task.state == TaskState.Posted, NotPosted(id));
        uint64 until = task.postedAt + _config.judgeSeconds;
        require(block.timestamp > until, JudgingNotOver(until, block.timestamp));

        emit JudgementExpired(id, task.attempt);
        market.refund(id);
    }

    /// @inheritdoc ISettlement
    function refundUnsettled(TaskId id) external {
        (Task[] memory tasks, uint64 judgedAt) = _accepted(id);
        uint64 until = judgedAt + _config.challengeSeconds + UNSETTLED_SECONDS;
        require(block.timestamp > until, SettlingNotOver(until, block.timestamp));

        emit SettlementExpired(id, tasks[0].attempt);
        market.refund(id);
    }

    /// @dev All replicas of an order, which must be accepted, and when the last of them was.
    function _accepted(TaskId first) private view returns (Task[] memory tasks, uint64 judgedAt) {
        uint256 count = market.taskOf(first).replicas;
        require(count > 0, NotAccepted(first));
        tasks = new Task[](count);
        for (uint256 i; i < count; ++i) {
            TaskId id = Identifiers.replica(first, i);
            tasks[i] = market.taskOf(id);
            require(tasks[i].state == TaskState.Accepted, NotAccepted(id));
            if (tasks[i].judgedAt > judgedAt) judgedAt = tasks[i].judgedAt;
        }
    }

    /// @dev The same, when the last one's challenge window is over.
    function _unchallenged(TaskId first) private view returns (Task[] memory) {
        (Task[] memory tasks, uint64 judgedAt) = _accepted(first);
        uint64 until = judgedAt + _config.challengeSeconds;
        require(block.timestamp > until, ChallengeNotOver(until, block.timestamp));
        return tasks;
    }

    function _pay(TaskId id, Task memory task, address[] calldata keepers) private {
        bytes32 given = Identifiers.keepers(keepers);
        require(given == task.keepersHash, KeepersMismatch(given, task.keepersHash));

        Payment[] memory payments = _split(id, task, keepers);
        market.close(id);
        ledger.payEscrow(id, payments);
    }

    function _checkForm(Vote calldata vote) private pure returns (bool accepted) {
        accepted = vote.verdict == ACCEPT;
        bool fine = accepted
            ? vote.reason == 0 && vote.keepersHash != 0
            : vote.verdict == REFUSE && vote.reason > 0 && vote.reason <= REASON_MAX
                && vote.keepersHash == 0;
        require(fine, VoteMalformed(vote.verdict, vote.reason));
    }

    /// @dev Every part of what was spent, each rounded down; the treasury's holds all the dust, and
    /// the last payment is what comes back to the requester, if anything does.
    function _split(TaskId id, Task memory task, address[] calldata keepers)
        private
        view
        returns (Payment[] memory payments)
    {
        OwnerShare[] memory owners = market.grantBook().ownersOf(Identifiers.task(task.orderDigest));
        address[] memory verifiers = _standing(id, task);
        uint256 spentWei = task.metered ? task.spentWei : task.feeWei;
        uint256 count = owners.length + 1 + keepers.length + verifiers.length;
        payments = new Payment[](spentWei < task.feeWei ? count + 2 : count + 1);

        uint256 paidWei = _payOwners(payments, owners, spentWei);
        uint256 next = owners.length;
        uint256 partWei = FeeSplit.partDown(spentWei, FeeSplit.NODE);
        payments[next++] = Payment(nodes.operatorOf(task.node), Role.Node, partWei);
        paidWei += partWei;
        partWei = FeeSplit.partDown(spentWei, FeeSplit.KEEPERS);
        paidWei += _payEqually(payments, next, keepers, Role.Keeper, partWei);
        next += keepers.length;
        partWei = FeeSplit.partDown(spentWei, FeeSplit.VERIFIERS);
        paidWei += _payEqually(payments, next, verifiers, Role.Verifier, partWei);

        payments[count] = Payment(address(ledger), Role.Treasury, spentWei - paidWei);
        if (spentWei == task.feeWei) return payments;
        payments[count + 1] = Payment(task.requester, Role.Requester, task.feeWei - spentWei);
    }

    function _payOwners(Payment[] memory payments, OwnerShare[] memory owners, uint256 feeWei)
        private
        pure
        returns (uint256 paidWei)
    {
        uint256 ownersWei = FeeSplit.partDown(feeWei, FeeSplit.OWNERS);
        uint256 pricesWei;
        for (uint256 i; i < owners.length; ++i) {
            pricesWei += owners[i].priceWei;
        }
        for (uint256 i; i < owners.length; ++i) {
            uint256 shareWei =
                FeeSplit.ownerDown(ownersWei, owners[i].priceWei, pricesWei, owners.length);
            payments[i] = Payment(owners[i].owner, Role.Owner, shareWei);
            paidWei += shareWei;
        }
    }

    function _payEqually(
        Payment[] memory payments,
        uint256 start,
        address[] memory accounts,
        Role role,
        uint256 amountWei
    ) private pure returns (uint256 paidWei) {
        if (accounts.length == 0) return 0;
        uint256 eachWei = amountWei / accounts.length;
        for (uint256 i; i < accounts.length; ++i) {
            payments[start + i] = Payment(accounts[i], role, eachWei);
        }
        return eachWei * accounts.length;
    }

    /// @dev The members whose vote stands: they signed the judgement, and nothing was proven
    /// against them for this posting.
    function _standing(TaskId id, Task memory task)
        private
        view
        returns (address[] memory standing)
    {
        bytes32 posting = market.attemptOf(id, task.attempt).posting;
        address[] memory members = committee.membersAt(task.committee);
        uint256 kept;
        for (uint256 i; i < members.length; ++i) {
            if (task.voters & (1 << i) == 0) continue;
            if (_fallen[_verifierProof(members[i], posting)]) continue;
            members[kept++] = members[i];
        }
        standing = new address[](kept);
        for (uint256 i; i < kept; ++i) {
            standing[i] = members[i];
        }
    }
}
