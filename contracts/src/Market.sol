// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {Deployed} from "./Deployed.sol";
import {Identifiers} from "./Identifiers.sol";
import {IAppRegistry} from "./interfaces/IAppRegistry.sol";
import {IAssetRegistry, Shares} from "./interfaces/IAssetRegistry.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {IGrantBook} from "./interfaces/IGrantBook.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {Attempt, IMarket, MarketConfig, Task} from "./interfaces/IMarket.sol";
import {INodeRegistry, Needs} from "./interfaces/INodeRegistry.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Messages, Order, Posting, Refusal} from "./Messages.sol";
import {OrderDesk} from "./OrderDesk.sol";
import {Tees} from "./Tees.sol";
import {Ending, Offence, Role, TaskId, TaskState} from "./Types.sol";

/// @title Orders, the draw of a node, attempts and refunds.
/// @notice DRAW: the seed is the hash of a block that is mined after the order (or after the end of
/// the attempt before), and the pool is read as it stood when the order was placed (or that attempt
/// ended), so neither requester nor caller nor operator can
/// choose. When the seed block moves, so does the block of the pool. The block's proposer can
/// withhold its block at a cost; the draw spreads work, it is never what keeps data secret.
/// SETTLEMENT: a task's fee is in escrow from Placed to Settled or Refunded, and each of these two
/// is entered at most once. Replicas of one order enter it together.
/// ROLES: nobody is trusted here. Anybody may draw, post what an operator signed, time out and
/// refund; only the drawn node's operator ends its running attempt, by refusals or by giving up.
/// Settlement alone judges and closes. Governance can keep apps and measurements from new attempts,
/// nothing else.
///
/// LIVENESS: Placed ends by a draw or at the order's expiry; Running by a posting, refusals, giving
/// up or the deadline; Posted by a judgement or the judging time; Accepted by settlement or, where
/// nobody can settle, by a late refund. Each has a way that depends on nobody but the caller.
contract Market is OrderDesk {
    uint256 public constant CANDIDATES_MAX = 32;
    uint256 public constant KEEPERS = 3;

    INodeRegistry public immutable nodes;
    IStaking public immutable staking;
    ICommittee public immutable committee;

    constructor(
        ILedger ledger_,
        IStaking staking_,
        ICommittee committee_,
        IAppRegistry apps_,
        IAssetRegistry assets_,
        IGrantBook grantBook_,
        INodeRegistry nodes_,
        MarketConfig memory config_
    ) Deployed(ledger_) OrderDesk(apps_, assets_, grantBook_, config_) {
        staking = staking_;
        committee = committee_;
        nodes = nodes_;
    }

    modifier onlySettlement() {
        _onlySettlement();
        _;
    }

    /// @inheritdoc IMarket
    function draw(TaskId id) external returns (address node) {
        Task storage task = _inState(id, TaskState.Placed);
        uint64 seedBlock = task.seedBlock;
        require(block.number > seedBlock, SeedNotReady(seedBlock, block.number));
        require(block.timestamp < task.expiry, OrderExpired(task.expiry, block.timestamp));
        _checkListed(task.app);

        bytes32 seedHash = Blockhash.blockHash(seedBlock);
        uint32 attempt = task.attempt + 1;
        uint256 candidate;
        if (seedHash != 0) {
            (node, candidate) = _pick(id, task, Identifiers.drawSeed(seedHash, id, attempt));
        }
        if (node == address(0)) {
            task.seedBlock = uint64(block.number) + SEED_BLOCKS;
            emit SeedMoved(id, task.seedBlock, seedHash == 0);
            return node;
        }

        uint64 deadline = uint64(block.timestamp) + task.attemptSeconds;
        task.state = TaskState.Running;
        task.attempt = attempt;
        task.node = node;
        task.attemptDeadline = deadline;
        _attempts[id][attempt].node = node;
        _tried[id][node] = true;
        emit Drawn(id, attempt, node, nodes.operatorOf(node), deadline, candidate);

        nodes.begin(node);
    }

    /// @inheritdoc IMarket
    function post(Posting calldata posting, bytes calldata operatorSignature) external {
        TaskId id = posting.task;
        Task storage task = _inState(id, TaskState.Running);
        uint32 attempt = task.attempt;
        address node = task.node;
        require(posting.attempt == attempt, AttemptMismatch(posting.attempt, attempt));
        require(
            block.timestamp <= task.attemptDeadline,
            DeadlinePassed(task.attemptDeadline, block.timestamp)
        );
        bytes32 digest = _digest(Messages.hash(posting));
        address operator = nodes.operatorOf(node);
        require(
            SignatureChecker.isValidSignatureNowCalldata(operator, digest, operatorSignature),
            OperatorDidNotSign(operator)
        );

        _checkResult(task, posting);

        uint64 epoch = committee.epoch();
        task.state = TaskState.Posted;
        task.postedAt = uint64(block.timestamp);
        task.committee = epoch;
        if (task.metered) task.spentWei = uint96(posting.spentWei);
        if (task.replicas > 1) task.outputCommitment = posting.outputCommitment;
        Attempt storage record = _attempts[id][attempt];
        record.posting = digest;
        record.committee = epoch;
        emit Posted(id, attempt, node, digest, posting, operatorSignature, epoch);

        nodes.finish(node);
    }

    /// @inheritdoc IMarket
    function refuse(
        Order calldata order,
        uint256 position,
        Shares calldata shares,
        Refusal[] calldata refusals,
        bytes[] calldata signatures
    ) external {
        require(refusals.length > 0, RefusalsTooFew(0, 1));
        TaskId id = refusals[0].task;
        Task storage task = _ownAttempt(id);
        bytes32 orderDigest = _digest(Messages.hash(order));
        require(orderDigest == task.orderDigest, OrderMismatch(orderDigest, task.orderDigest));
        bool byOwner =
            _checkRefusals(task.attempt, id, order, position, shares, refusals, signatures);

        nodes.finish(task.node);
        _end(id, task, Ending.RefusedByKeepers, byOwner);
    }

    /// @inheritdoc IMarket
    function giveUp(TaskId id) external {
        Task storage task = _ownAttempt(id);
        require(
            block.timestamp <= task.attemptDeadline,
            DeadlinePassed(task.attemptDeadline, block.timestamp)
        );

        nodes.finish(task.node);
        _end(id, task, Ending.GivenUp, false);
    }

    /// @inheritdoc IMarket
    function timeout(TaskId id) external {
        Task storage task = _inState(id, TaskState.Running);
        require(
            block.timestamp > task.attemptDeadline,
            DeadlineNotPassed(task.attemptDeadline, block.timestamp)
        );
        address node = task.node;
        _end(id, task, Ending.Silent, false);

        nodes.finish(node);
        staking.slash(
            nodes.operatorOf(node), _config.missWei, address(0), Role.Treasury, Offence.Silence
        );
    }

    /// @inheritdoc IMarket
    function refundExpired(TaskId id) external {
        Task storage task = _inState(id, TaskState.Placed);
        require(block.timestamp >= task.expiry, NotExpired(task.expiry, block.timestamp));
        _refund(id, task);
    }

    /// @inheritdoc IMarket
    function accept(TaskId id, uint32 voters, bytes32 keepersHash) external onlySettlement {
        Task storage task = _inState(id, TaskState.Posted);
        task.state = TaskState.Accepted;
        task.judgedAt = uint64(block.timestamp);
        task.voters = voters;
        task.keepersHash = keepersHash;
        emit Accepted(id, task.attempt, voters);
    }

    /// @inheritdoc IMarket
    function addVoters(TaskId id, uint32 voters) external onlySettlement {
        Task storage task = _inState(id, TaskState.Accepted);
        task.voters |= voters;
        emit Accepted(id, task.attempt, task.voters);
    }

    /// @inheritdoc IMarket
    function endAttempt(TaskId id, Ending ending) external onlySettlement {
        Task storage task = _postedOrAccepted(id);
        task.judgedAt = 0;
        task.voters = 0;
        task.keepersHash = 0;
        _end(id, task, ending, false);
    }

    /// @inheritdoc IMarket
    function refund(TaskId id) external onlySettlement {
        _refund(id, _postedOrAccepted(id));
    }

    /// @inheritdoc IMarket
    function close(TaskId id) external onlySettlement {
        _inState(id, TaskState.Accepted).state = TaskState.Settled;
        emit Settled(id);
    }

    function _inState(TaskId id, TaskState expected) private view returns (Task storage task) {
        task = _tasks[id];
        require(task.state == expected, WrongState(id, task.state, expected));
    }

    function _postedOrAccepted(TaskId id) private view returns (Task storage task) {
        task = _tasks[id];
        if (task.state != TaskState.Accepted) _inState(id, TaskState.Posted);
    }

    /// @dev A running task whose drawn node is the caller's.
    function _ownAttempt(TaskId id) private view returns (Task storage task) {
        task = _inState(id, TaskState.Running);
        address operator = nodes.operatorOf(task.node);
        require(msg.sender == operator, NotDrawnOperator(msg.sender, operator));
    }

    function _onlySettlement() private view {
        _onlyModule(ledger.modules().settlement);
    }

    /// @dev Reverts unless the posting spends what the order allows, and says what it produced
    /// where that is compared.
    function _checkResult(Task storage task, Posting calldata posting) private view {
        (uint128 spentWei, uint96 feeWei, bool metered) =
            (posting.spentWei, task.feeWei, task.metered);
        require(
            metered ? spentWei <= feeWei : spentWei == feeWei,
            SpentOutOfRange(spentWei, feeWei, metered)
        );
        require(task.replicas == 1 || posting.outputCommitment != 0, OutputCommitmentIsZero());
    }

    /// @dev The first eligible candidate; the zero address when there is none among CANDIDATES_MAX.
    function _pick(TaskId id, Task storage task, bytes32 seed)
        private
        view
        returns (address, uint256)
    {
        uint48 snapshot = uint48(task.seedBlock - SEED_BLOCKS);
        uint256 total = nodes.totalAt(snapshot);
        if (total == 0) return (address(0), 0);

        Needs memory needs =
            Needs(task.tierMin, task.tcbFloor, task.tees, task.tags, task.seedBlock);
        TaskId first = Identifiers.task(task.orderDigest);
        address[3] memory taken = _leaveToSiblings(first, task, needs);
        for (uint256 i; i < CANDIDATES_MAX; ++i) {
            address node = nodes.candidateAt(snapshot, Identifiers.drawPoint(seed, i, total));
            if (node == address(0) || _tried[id][node] || !nodes.fits(node, needs)) continue;
            address operator = nodes.operatorOf(node);
            if (operator == taken[0] || operator == taken[1] || operator == taken[2]) continue;
            if (grantBook.allows(first, operator, nodes.measurementOf(node))) return (node, i);
        }
        return (address(0), 0);
    }

    /// @dev Takes the vendors on which other replicas run or ran out of `needs`, and names their
    /// operators.
    function _leaveToSiblings(TaskId first, Task storage task, Needs memory needs)
        private
        view
        returns (address[3] memory operators)
    {
        for (uint256 i; i < task.replicas; ++i) {
            address node = _tasks[Identifiers.replica(first, i)].node;
            if (i == task.replica || node == address(0)) continue;
            needs.tees &= ~Tees.sameVendor(nodes.teeOf(node));
            operators[i] = nodes.operatorOf(node);
        }
    }

    /// @dev Reverts unless the refusals make release impossible. True if each of them blames the
    /// owner.
    function _checkRefusals(
        uint32 attempt,
        TaskId id,
        Order calldata order,
        uint256 position,
        Shares calldata shares,
        Refusal[] calldata refusals,
        bytes[] calldata signatures
    ) private returns (bool byOwner) {
        _checkShares(order, position, shares);
        uint256 needed = KEEPERS - shares.threshold + 1;
        require(
            refusals.length >= needed && refusals.length == signatures.length,
            RefusalsTooFew(refusals.length, needed)
        );

        byOwner = true;
        for (uint256 i; i < refusals.length; ++i) {
            Refusal calldata refusal = refusals[i];
            require(
                refusal.task == id && refusal.attempt == attempt
                    && refusal.asset == order.assets[position]
                    && refusal.grant == order.grants[position] && refusal.shareIndex < KEEPERS,
                RefusalMismatch(i)
            );
            require(
                i == 0 || refusal.shareIndex > refusals[i - 1].shareIndex,
                RefusalsNotAscending(i, refusal.shareIndex)
            );
            require(
                refusal.reason > 0 && refusal.reason <= 8, RefusalReasonUnknown(i, refusal.reason)
            );
            _checkKeeper(i, refusal, shares.operators[refusal.shareIndex], signatures[i]);
            byOwner = byOwner && refusal.reason <= 3;
            emit ReleaseRefused(id, attempt, refusal.asset, refusal.reason);
        }
    }

    function _checkShares(Order calldata order, uint256 position, Shares calldata shares)
        private
        view
    {
        bytes32 given = Identifiers.shares(shares.commitments, shares.operators, shares.threshold);
        bytes32 expected = assets.sharesHashOf(order.assets[position]);
        require(given == expected, SharesMismatch(order.assets[position], given, expected));
    }

    function _checkKeeper(
        uint256 position,
        Refusal calldata refusal,
        address operator,
        bytes calldata signature
    ) private view {
        address keeper = refusal.keeper;
        address signer = ECDSA.recoverCalldata(_digest(Messages.hash(refusal)), signature);
        require(
            signer == keeper && nodes.mayRefuse(keeper, operator),
            NotKeeper(position, keeper, operator)
        );
    }

    /// @dev Ends an attempt: the next one waits for a new seed, or the requester is refunded when
    /// none is left.
    function _end(TaskId id, Task storage task, Ending ending, bool last) private {
        uint64 seedBlock = uint64(block.number) + SEED_BLOCKS;
        bool again = !last && task.attempt < task.attemptsMax && block.timestamp < task.expiry
            && _mayRepeat(task);
        emit AttemptEnded(id, task.attempt, task.node, ending, again ? seedBlock : 0);
        if (!again) return _refund(id, task);

        task.state = TaskState.Placed;
        task.seedBlock = seedBlock;
        task.node = address(0);
        task.attemptDeadline = 0;
        task.postedAt = 0;
    }

    /// @dev Where privacy is counted, every further attempt is charged, however the one before
    /// ended: that keepers refused does not show that no keeper had released before.
    function _mayRepeat(Task storage task) private returns (bool) {
        if (!task.isPrivate) return true;
        return grantBook.chargeAgain(Identifiers.task(task.orderDigest));
    }

    /// @dev Refunds all replicas of the order of task `id`, whose own attempt is over.
    function _refund(TaskId id, Task storage task) private {
        TaskId first = Identifiers.task(task.orderDigest);
        address requester = task.requester;
        uint256 count = task.replicas;
        bool drawn;
        for (uint256 i; i < count; ++i) {
            TaskId each = Identifiers.replica(first, i);
            Task storage replica = _tasks[each];
            if (replica.attempt > 0) drawn = true;
            if (replica.state == TaskState.Running && !(each == id)) nodes.finish(replica.node);
            replica.state = TaskState.Refunded;
            emit Refunded(each, requester, ledger.refundEscrow(each, requester));
        }
        // No node was ever drawn, so no keeper was ever asked: the grants were not used.
        if (!drawn) grantBook.giveBack(first);
    }
}
