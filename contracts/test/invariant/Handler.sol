// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket, Task} from "../../src/interfaces/IMarket.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Grant, Messages, Order, Posting, Receipt, Refusal, Vote} from "../../src/Messages.sol";
import {TaskId, TaskState} from "../../src/Types.sol";
import {Network} from "../Network.sol";
import {Vm} from "../Vm.sol";

/// @dev What was posted, and whether the node's key really signed it.
struct Posted {
    Posting posting;
    Receipt receipt;
    bytes signature;
    bool genuine;
}

/// @dev Moves tasks through their lives at random. Honest: operators 0 and 1, the first verifier,
/// owners, requesters. Dishonest: operator 2. The other verifiers are for sale: they sign what is
/// true, and sometimes, three of four, what is not. What must never succeed, but did, is written
/// into `breach`.
abstract contract TaskHandler is Network {
    TaskId[] public tasks;
    string public breach;
    uint256 public settledCount;
    uint256 public refundedCount;
    mapping(string what => uint256) public reached;

    /// @dev How often the Market said that a task is settled or refunded.
    mapping(TaskId task => uint256) public endings;
    mapping(address honest => uint256) public honestStakeWei;
    mapping(TaskId task => mapping(uint32 attempt => Posted)) internal posted;
    mapping(TaskId task => mapping(uint32 attempt => bool)) internal keepersSilent;
    mapping(TaskId task => Vote) internal judged;
    mapping(TaskId task => Order) internal orders;
    mapping(address node => uint256) internal enclaveKeys;
    uint256[3] internal currentKeys;

    /// @dev Reads from the logs what ended, so that no second ending goes unseen.
    modifier counted() {
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != address(market)) continue;
            bool isSettled = logs[i].topics[0] == IMarket.Settled.selector;
            if (!isSettled && logs[i].topics[0] != IMarket.Refunded.selector) continue;
            ++endings[TaskId.wrap(logs[i].topics[1])];
            if (isSettled) ++settledCount;
            else ++refundedCount;
        }
    }

    constructor() {
        deploy();
        populate();
        for (uint256 i; i < 3; ++i) {
            currentKeys[i] = ENCLAVES + i;
            enclaveKeys[vm.addr(ENCLAVES + i)] = ENCLAVES + i;
            vm.prank(vm.addr(OPERATORS + i));
            nodes.setCapacity(vm.addr(ENCLAVES + i), 4);
            if (i < 2) honestStakeWei[vm.addr(OPERATORS + i)] = NODE_STAKE;
        }
        honestStakeWei[vm.addr(verifierKeys[0])] = VERIFIER_STAKE;
        bond(vm.addr(OPERATORS + 2), 3 * NODE_STAKE); // Who cheats is drawn most often.
        ledger.openSpoke(31_338, address(1));
    }

    function requesterPlaces(uint256 who, uint256 fee, uint256 attempts, uint256 prices)
        public
        counted
    {
        if (tasks.length >= 24) return;
        Grant[] memory grants = _grants(prices);
        Order memory order = orderOf(grants);
        order.requester = vm.addr(REQUESTER + who % 3);
        order.feeWei = uint128(within(fee, FEE_MIN, 100 ether));
        order.attemptsMax = uint8(within(attempts, 1, 3));
        if (ledger.balanceOf(order.requester) < order.feeWei) {
            ledger.depositFor(order.requester, order.feeWei);
        }
        TaskId task;
        if (attempts >> 8 & 1 == 0) {
            task = place(order, grants);
        } else {
            bytes[] memory signatures = signGrants(grants);
            bytes memory own = sign(REQUESTER + who % 3, digestOf(Messages.hash(order)));
            vm.prank(vm.addr(STRANGER));
            task = market.placeFor(order, grants, signatures, own);
            ++reached["placed for another"];
        }
        tasks.push(task);
        orders[task] = order;
    }

    function taskMoves(uint256 which, uint256 choice) public counted {
        if (tasks.length == 0) return;
        TaskId id = tasks[which % tasks.length];
        Task memory task = market.taskOf(id);
        if (task.state == TaskState.Placed) _movePlaced(id, task);
        else if (task.state == TaskState.Running) _moveRunning(id, task, choice);
        else if (task.state == TaskState.Posted) _movePosted(id, task, choice);
        else if (task.state == TaskState.Accepted) _moveAccepted(id, task, choice);
        else _tryAgain(id);
    }

    /// @dev Forces every task to its end, as anybody could.
    function finish() public counted {
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
            }
        }
    }

    function taskCount() external view returns (uint256) {
        return tasks.length;
    }

    function _movePlaced(TaskId id, Task memory task) private {
        if (block.timestamp >= task.expiry) {
            uint256 uses = grantBook.usesOf(orders[id].grants[0]);
            market.refundExpired(id);
            uint256 returned = uses - grantBook.usesOf(orders[id].grants[0]);
            if (returned != (task.attempt == 0 ? 1 : 0)) breach = "a use is not where it belongs";
            return;
        }
        vm.roll(vm.getBlockNumber() + 3);
        market.draw(id);
    }

    function _moveRunning(TaskId id, Task memory task, uint256 choice) private {
        address operator = nodes.operatorOf(task.node);
        bool willing = _honest(operator) && !keepersSilent[id][task.attempt];
        if (block.timestamp > task.attemptDeadline || (!willing && choice % 4 == 0)) {
            if (block.timestamp <= task.attemptDeadline) {
                _pass(task.attemptDeadline + 1 - block.timestamp);
            }
            _timeout(id, task);
        } else if (choice % 7 == 1) {
            _keepersRefuse(id, task, uint8(within(choice >> 8, 1, 8)));
        } else if (choice % 7 == 2 || keepersSilent[id][task.attempt]) {
            vm.prank(operator);
            market.giveUp(id);
            ++reached["given up"];
        } else if (choice % 7 == 3) {
            keepersSilent[id][task.attempt] = true;
        } else {
            _post(id, task, _honest(operator) || choice % 4 == 1);
            // Often at once: most other moves take longer than judging may.
            if (choice >> 16 & 1 == 0) _movePosted(id, market.taskOf(id), choice >> 24);
        }
    }

    /// @dev Silence must not pay the requester: what it has and what is in its escrow stay the
    /// same. An honest node may pay for silent keepers, and for nothing else.
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
        if (takenWei > 0) ++reached["silence paid"];
        if (_honest(operator) && takenWei > 0) {
            if (takenWei > MISS) breach = "silence cost more than it may";
            // Nothing is taken off unless keepers were silent: then the invariant sees it.
            if (!keepersSilent[id][task.attempt]) return;
            bond(operator, takenWei);
            ++reached["paid for silent keepers"];
        }
    }

    function _movePosted(TaskId id, Task memory task, uint256 choice) private {
        Posted memory post_ = posted[id][task.attempt];
        bool four = committee.membersAt(task.committee).length == 4;
        if (block.timestamp > task.postedAt + JUDGE_SECONDS || choice % 8 == 0) {
            _pass(JUDGE_SECONDS + 1);
            settlement.expireJudgement(id);
        } else if (!post_.genuine && choice % 3 == 0) {
            vm.prank(vm.addr(STRANGER));
            settlement.proveForgedReceipt(post_.posting, "", post_.receipt, post_.signature);
        } else if (!post_.genuine && choice % 3 == 1 && four) {
            _judge(id, voteOf(id, 1, 0), 1);
            ++reached["accepted forgeries"];
        } else if (!post_.genuine) {
            _judge(id, voteOf(id, 2, 1), 0);
        } else if (choice % 8 == 2 && four) {
            Vote memory vote = voteOf(id, 1, 0);
            vote.keepersHash = keccak256(abi.encode("no list", choice));
            _judge(id, vote, 1);
            ++reached["keepers that are no list"];
        } else {
            _judge(id, choice % 8 == 1 ? voteOf(id, 2, 4) : voteOf(id, 1, 0), 0);
        }
    }

    function _moveAccepted(TaskId id, Task memory task, uint256 choice) private {
        if (choice % 3 == 0) {
            Vote memory vote = judged[id];
            bytes32 digest = digestOf(Messages.hash(vote));
            uint256 count = committee.membersAt(task.committee).length;
            if (posted[id][task.attempt].genuine && vote.keepersHash == _keepersHash()) {
                settlement.join(vote, _signed(digest, 0, count));
                ++reached["joined"];
            }
        } else if (task.keepersHash != _keepersHash() && choice % 8 != 1) {
            _mustFail(
                address(settlement),
                abi.encodeCall(settlement.settle, (id, keepers())),
                block.timestamp > task.judgedAt + CHALLENGE_SECONDS
                    ? ISettlement.KeepersMismatch.selector
                    : ISettlement.ChallengeNotOver.selector
            );
        } else {
            _settle(id, task);
        }
    }

    function _settle(TaskId id, Task memory task) private {
        uint256 until = task.judgedAt + CHALLENGE_SECONDS;
        bytes memory call_ = abi.encodeCall(settlement.settle, (id, keepers()));
        if (block.timestamp <= until) {
            _mustFail(address(settlement), call_, ISettlement.ChallengeNotOver.selector);
            _pass(until + 1 - block.timestamp);
        }
        if (task.keepersHash == _keepersHash()) {
            settlement.settle(id, keepers());
            if (!posted[id][task.attempt].genuine) ++reached["settled forgeries"];
            return;
        }
        _mustFail(address(settlement), call_, ISettlement.KeepersMismatch.selector);
        until += 30 days;
        if (block.timestamp <= until) {
            _mustFail(
                address(settlement),
                abi.encodeCall(settlement.refundUnsettled, (id)),
                ISettlement.SettlingNotOver.selector
            );
            _pass(until + 1 - block.timestamp);
        }
        settlement.refundUnsettled(id);
        ++reached["refunded unsettled"];
    }

    /// @dev A task that ended must not end again.
    function _tryAgain(TaskId id) private {
        address target = address(settlement);
        bytes4 reason = ISettlement.NotAccepted.selector;
        _mustFail(target, abi.encodeCall(settlement.settle, (id, keepers())), reason);
        _mustFail(target, abi.encodeCall(settlement.refundUnsettled, (id)), reason);
        reason = ISettlement.NotPosted.selector;
        _mustFail(target, abi.encodeCall(settlement.expireJudgement, (id)), reason);
        target = address(market);
        reason = IMarket.WrongState.selector;
        _mustFail(target, abi.encodeCall(market.refundExpired, (id)), reason);
        _mustFail(target, abi.encodeCall(market.timeout, (id)), reason);
        _mustFail(target, abi.encodeCall(market.giveUp, (id)), reason);
        _mustFail(target, abi.encodeCall(market.draw, (id)), reason);
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

    /// @dev Time passes, but honest nodes post in time if their keepers answer.
    function _pass(uint256 seconds_) internal {
        for (uint256 i; i < tasks.length; ++i) {
            Task memory task = market.taskOf(tasks[i]);
            if (task.state != TaskState.Running) continue;
            if (block.timestamp > task.attemptDeadline) continue;
            if (!_honest(nodes.operatorOf(task.node))) continue;
            if (keepersSilent[tasks[i]][task.attempt]) continue;
            _post(tasks[i], task, true);
        }
        vm.warp(block.timestamp + seconds_);
        vm.roll(vm.getBlockNumber() + 1 + seconds_ / 12);
    }

    function _judge(TaskId id, Vote memory vote, uint256 first) private {
        judged[id] = vote;
        settlement.judge(vote, _signed(digestOf(Messages.hash(vote)), first, first + 3));
    }

    /// @dev Signatures of verifiers [first, end), who bond what they lack before they sign.
    function _signed(bytes32 digest, uint256 first, uint256 end)
        internal
        returns (bytes[] memory signatures)
    {
        signatures = new bytes[](end - first);
        for (uint256 i = first; i < end; ++i) {
            address member = vm.addr(verifierKeys[i]);
            uint256 bondedWei = staking.bondedOf(member);
            if (bondedWei < VERIFIER_STAKE) bond(member, VERIFIER_STAKE - bondedWei);
            signatures[i - first] = sign(verifierKeys[i], digest);
        }
    }

    function _keepersRefuse(TaskId id, Task memory task, uint8 reason) private {
        Order memory order = orders[id];
        Refusal[] memory refusals = new Refusal[](2);
        bytes[] memory signatures = new bytes[](2);
        for (uint8 i; i < 2; ++i) {
            address keeper = vm.addr(currentKeys[i]);
            if (!nodes.mayRefuse(keeper, vm.addr(OPERATORS + i))) return;
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
        bool approved = apps.approved(MEASUREMENT);
        if (reason == 4) apps.setMeasurement(MEASUREMENT, false); // Refusals count all the same.
        vm.prank(nodes.operatorOf(task.node));
        market.refuse(order, 0, shares(), refusals, signatures);
        ++reached["refused by keepers"];
        if (reason == 4) {
            apps.setMeasurement(MEASUREMENT, approved);
            ++reached["refused by unapproved keepers"];
        }
    }

    /// @dev Tries as a stranger what must fail, and for which reason.
    function _mustFail(address target, bytes memory data, bytes4 reason) internal {
        vm.prank(vm.addr(STRANGER));
        (bool done, bytes memory answer) = target.call(data);
        if (done) breach = "an attack succeeded";
        else if (bytes4(answer) != reason) breach = "an attack failed for another reason";
        else ++reached["attacks refused"];
    }

    function _grants(uint256 prices) internal view returns (Grant[] memory grants) {
        grants = grantsOf();
        for (uint256 i; i < 2; ++i) {
            grants[i].priceWei = uint128(within(prices >> (64 * i), 0, 300));
            grants[i].nonce = 7 + assets.nonceMinOf(grants[i].owner);
        }
    }

    function _keepersHash() private pure returns (bytes32) {
        return keccak256(abi.encodePacked(keepers()));
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
