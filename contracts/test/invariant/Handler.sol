// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Task} from "../../src/interfaces/IMarket.sol";
import {Grant, Messages, Order, Posting, Receipt, Refusal, Vote} from "../../src/Messages.sol";
import {TaskId, TaskState} from "../../src/Types.sol";
import {Network} from "../Network.sol";

/// @dev What was posted, and whether the node's key really signed it.
struct Posted {
    Posting posting;
    Receipt receipt;
    bytes signature;
    bool genuine;
}

/// @dev Moves tasks through their lives at random. Honest: operators 0 and 1, the first three
/// verifiers, owners, requesters. Dishonest: operator 2 and the last verifier. What must never
/// succeed, but did, is written into `breach`.
abstract contract TaskHandler is Network {
    TaskId[] public tasks;
    string public breach;
    uint256 public settledCount;
    uint256 public refundedCount;
    uint256 public silencesPaid;

    mapping(TaskId task => uint256) public endings;
    mapping(TaskId task => mapping(uint32 attempt => Posted)) internal posted;
    mapping(TaskId task => Order) internal orders;
    mapping(address node => uint256) internal enclaveKeys;
    uint256[3] internal currentKeys;

    constructor() {
        deploy();
        populate();
        for (uint256 i; i < 3; ++i) {
            currentKeys[i] = ENCLAVES + i;
            enclaveKeys[vm.addr(ENCLAVES + i)] = ENCLAVES + i;
            vm.prank(vm.addr(OPERATORS + i));
            nodes.setCapacity(vm.addr(ENCLAVES + i), 4);
        }
        ledger.openSpoke(31_338, address(1));
    }

    function requesterPlaces(uint256 who, uint256 fee, uint256 attempts, uint256 prices) public {
        if (tasks.length >= 12) return;
        Grant[] memory grants = grantsOf();
        grants[0].priceWei = uint128(within(prices, 0, 300));
        grants[1].priceWei = uint128(within(prices >> 64, 0, 300));
        Order memory order = orderOf(grants);
        order.requester = vm.addr(REQUESTER + who % 3);
        order.feeWei = uint128(within(fee, FEE_MIN, 100 ether));
        order.attemptsMax = uint8(within(attempts, 1, 3));
        if (ledger.balanceOf(order.requester) < order.feeWei) {
            ledger.depositFor(order.requester, order.feeWei);
        }
        TaskId task = place(order, grants);
        tasks.push(task);
        orders[task] = order;
    }

    function taskMoves(uint256 which, uint256 choice) public {
        if (tasks.length == 0) return;
        TaskId id = tasks[which % tasks.length];
        Task memory task = market.taskOf(id);
        if (task.state == TaskState.Placed) _movePlaced(id, task);
        else if (task.state == TaskState.Running) _moveRunning(id, task, choice);
        else if (task.state == TaskState.Posted) _movePosted(id, task, choice);
        else if (task.state == TaskState.Accepted) _settle(id, task);
        else _tryAgain(id);
    }

    /// @dev Forces every task to its end, as anybody could.
    function finish() public {
        for (uint256 i; i < tasks.length; ++i) {
            TaskId id = tasks[i];
            for (uint256 step; step < 8; ++step) {
                Task memory task = market.taskOf(id);
                if (task.state == TaskState.Settled || task.state == TaskState.Refunded) break;
                _pass(31 days);
                task = market.taskOf(id); // An honest node may have posted meanwhile.
                if (task.state == TaskState.Placed) market.refundExpired(id);
                else if (task.state == TaskState.Running) _timeout(id, task);
                else if (task.state == TaskState.Posted) settlement.expireJudgement(id);
                else _settle(id, task);
                _count(id);
            }
        }
    }

    function taskCount() external view returns (uint256) {
        return tasks.length;
    }

    function _movePlaced(TaskId id, Task memory task) private {
        if (block.timestamp >= task.expiry) {
            market.refundExpired(id);
            return _count(id);
        }
        vm.roll(vm.getBlockNumber() + 3);
        market.draw(id);
    }

    function _moveRunning(TaskId id, Task memory task, uint256 choice) private {
        bool honest = _honest(nodes.operatorOf(task.node));
        if (block.timestamp > task.attemptDeadline || (!honest && choice % 4 == 0)) {
            if (block.timestamp <= task.attemptDeadline) {
                _pass(task.attemptDeadline + 1 - block.timestamp);
            }
            _timeout(id, task);
        } else if (choice % 5 == 1) {
            _keepersRefuse(id, task, uint8(within(choice >> 8, 1, 8)));
        } else {
            _post(id, task, honest || choice % 4 == 1);
        }
        _count(id);
    }

    /// @dev Silence must not pay the requester: what it has and what is in its escrow stay the
    /// same.
    function _timeout(TaskId id, Task memory task) private {
        uint256 requesterWei = ledger.balanceOf(task.requester) + ledger.escrowOf(id);
        uint256 treasuryWei = ledger.treasury();
        address operator = nodes.operatorOf(task.node);
        uint256 stakeWei = staking.slashableOf(operator);
        market.timeout(id);
        uint256 takenWei = stakeWei - staking.slashableOf(operator);
        if (ledger.balanceOf(task.requester) + ledger.escrowOf(id) != requesterWei) {
            breach = "a timeout paid the requester";
        }
        if (ledger.treasury() != treasuryWei + takenWei * 3 / 10) {
            breach = "a timeout did not pay the treasury its part";
        }
        if (takenWei > 0) ++silencesPaid;
    }

    function _movePosted(TaskId id, Task memory task, uint256 choice) private {
        Posted memory post_ = posted[id][task.attempt];
        if (choice % 6 == 0) {
            _pass(JUDGE_SECONDS + 1);
            if (market.taskOf(id).state == TaskState.Posted) settlement.expireJudgement(id);
        } else if (!post_.genuine && choice % 2 == 0) {
            vm.prank(vm.addr(STRANGER));
            settlement.proveForgedReceipt(post_.posting, "", post_.receipt, post_.signature);
        } else if (!post_.genuine) {
            _judge(id, voteOf(id, 2, 1));
        } else {
            _judge(id, choice % 6 == 1 ? voteOf(id, 2, 4) : voteOf(id, 1, 0));
        }
        _count(id);
    }

    function _settle(TaskId id, Task memory task) private {
        uint256 until = task.judgedAt + CHALLENGE_SECONDS;
        if (block.timestamp <= until) {
            try settlement.settle(id, keepers()) {
                breach = "settled inside the challenge window";
            } catch {}
            _pass(until + 1 - block.timestamp);
        }
        settlement.settle(id, keepers());
        _count(id);
    }

    /// @dev A task that ended must not end again.
    function _tryAgain(TaskId id) private {
        try settlement.settle(id, keepers()) {
            breach = "settled after the end";
        } catch {}
        try market.refundExpired(id) {
            breach = "refunded after the end";
        } catch {}
        try market.timeout(id) {
            breach = "timed out after the end";
        } catch {}
        try settlement.expireJudgement(id) {
            breach = "expired after the end";
        } catch {}
    }

    function _post(TaskId id, Task memory task, bool genuine) internal {
        Posted storage post_ = posted[id][task.attempt];
        post_.receipt = receiptOf(id);
        uint256 signer = genuine ? enclaveKeys[task.node] : STRANGER;
        post_.signature = sign(signer, digestOf(Messages.hash(post_.receipt)));
        post_.posting = postingOf(id, post_.signature);
        post_.genuine = genuine;
        uint256 operatorKey = _operatorKey(nodes.operatorOf(task.node));
        market.post(post_.posting, sign(operatorKey, digestOf(Messages.hash(post_.posting))));
    }

    /// @dev Time passes, but honest nodes post in time.
    function _pass(uint256 seconds_) internal {
        for (uint256 i; i < tasks.length; ++i) {
            Task memory task = market.taskOf(tasks[i]);
            if (task.state != TaskState.Running) continue;
            if (block.timestamp > task.attemptDeadline) continue;
            if (!_honest(nodes.operatorOf(task.node))) continue;
            _post(tasks[i], task, true);
        }
        vm.warp(block.timestamp + seconds_);
        vm.roll(vm.getBlockNumber() + 1 + seconds_ / 12);
    }

    function _judge(TaskId id, Vote memory vote) private {
        bytes32 digest = digestOf(Messages.hash(vote));
        (bool enough, bytes[] memory signatures) = _honestQuorum(digest);
        if (enough && vote.task == id) settlement.judge(vote, signatures);
    }

    function _honestQuorum(bytes32 digest) internal view returns (bool, bytes[] memory) {
        return (true, quorum(digest, 3));
    }

    function _keepersRefuse(TaskId id, Task memory task, uint8 reason) private {
        Order memory order = orders[id];
        Refusal[] memory refusals = new Refusal[](2);
        bytes[] memory signatures = new bytes[](2);
        for (uint8 i; i < 2; ++i) {
            address keeper = vm.addr(currentKeys[i]);
            if (!nodes.certified(keeper)) return;
            refusals[i] = Refusal({
                task: id,
                attempt: task.attempt,
                asset: order.assets[0],
                grant: order.grants[0],
                shareIndex: i,
                keeper: keeper,
                reason: reason,
                time: uint64(block.timestamp)
            });
            signatures[i] = sign(currentKeys[i], digestOf(Messages.hash(refusals[i])));
        }
        market.refuse(order, 0, shares(), refusals, signatures);
    }

    function _count(TaskId id) internal {
        TaskState state = market.taskOf(id).state;
        if (endings[id] > 0) return;
        if (state == TaskState.Settled) (endings[id], settledCount) = (1, settledCount + 1);
        if (state == TaskState.Refunded) (endings[id], refundedCount) = (1, refundedCount + 1);
    }

    function _honest(address operator) internal pure returns (bool) {
        return operator == vm.addr(OPERATORS) || operator == vm.addr(OPERATORS + 1);
    }

    function _operatorKey(address operator) internal pure returns (uint256) {
        for (uint256 i; i < 3; ++i) {
            if (vm.addr(OPERATORS + i) == operator) return OPERATORS + i;
        }
        revert NotTrue("a known operator");
    }
}
