// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Identifiers} from "../../src/Identifiers.sol";
import {IMarket, Task} from "../../src/interfaces/IMarket.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Messages, Order, Posting, Receipt, Refusal, Vote} from "../../src/Messages.sol";
import {TaskId, TaskState} from "../../src/Types.sol";
import {OrderHandler} from "./Orders.sol";

/// @dev What was posted, and whether the node's key really signed it.
struct Posted {
    Posting posting;
    Receipt receipt;
    bytes signature;
    bool genuine;
}

/// @dev Moves tasks through their lives at random. Honest: operators 0 and 1, the first verifier,
/// owners, requesters. Dishonest: operator 2. The other verifiers are for sale: they sign what is
/// true, and sometimes, three of four, what is not. Apps are not always deterministic: now and then
/// a replica's output differs.
abstract contract TaskHandler is OrderHandler {
    mapping(address honest => uint256) public honestStakeWei;
    mapping(TaskId task => mapping(uint32 attempt => Posted)) internal posted;
    mapping(TaskId task => mapping(uint32 attempt => bool)) internal keepersSilent;
    mapping(TaskId task => Vote) internal judged;
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
            if (i < 2) honestStakeWei[vm.addr(OPERATORS + i)] = NODE_STAKE;
        }
        honestStakeWei[vm.addr(verifierKeys[0])] = VERIFIER_STAKE;
        bond(vm.addr(OPERATORS + 2), 3 * NODE_STAKE); // Who cheats is drawn most often.
        ledger.openSpoke(31_338, address(1));
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
                else if (task.replicas == 1) _settle(id, task);
                else if (!_settleReplicas(task)) break; // Another replica will end it.
            }
        }
    }

    function _movePlaced(TaskId id, Task memory task) private {
        if (block.timestamp >= task.expiry) {
            bool drawn;
            for (uint256 i; i < task.replicas; ++i) {
                drawn = drawn || market.taskOf(Identifiers.replica(_first(task), i)).attempt > 0;
            }
            uint256 uses = grantBook.usesOf(orders[id].grants[0]);
            market.refundExpired(id);
            uint256 returned = uses - grantBook.usesOf(orders[id].grants[0]);
            if (returned != (drawn ? 0 : 1)) breach = "a use is not where it belongs";
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
            _keepersRefuse(id, task, choice >> 8 & 1 == 0 ? 4 : uint8(within(choice >> 9, 1, 8)));
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
        uint256 requesterWei = _requesterWei(task);
        uint256 treasuryWei = ledger.treasury();
        address operator = nodes.operatorOf(task.node);
        uint256 stakeWei = staking.slashableOf(operator);
        market.timeout(id);
        uint256 takenWei = stakeWei - staking.slashableOf(operator);
        if (_requesterWei(task) != requesterWei) breach = "a timeout paid the requester";
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
        } else if (task.replicas > 1) {
            _settleReplicas(task);
        } else if (task.keepersHash != _keepersHash() && choice % 2 != 1) {
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

    /// @dev All replicas of an order are paid or refunded together, when all are accepted. Returns
    /// whether they were.
    function _settleReplicas(Task memory task) private returns (bool) {
        TaskId first = _first(task);
        address[][] memory lists = new address[][](task.replicas);
        bytes memory call_ = abi.encodeCall(settlement.settleReplicas, (first, lists));
        (uint256 until, bool equal_, bool listed) = (0, true, true);
        for (uint256 i; i < task.replicas; ++i) {
            Task memory each = market.taskOf(Identifiers.replica(first, i));
            if (each.state != TaskState.Accepted) {
                _mustFail(address(settlement), call_, ISettlement.NotAccepted.selector);
                return false;
            }
            if (each.judgedAt + CHALLENGE_SECONDS > until) {
                until = each.judgedAt + CHALLENGE_SECONDS;
            }
            equal_ = equal_ && each.outputCommitment == task.outputCommitment;
            listed = listed && each.keepersHash == _keepersHash();
            lists[i] = keepers();
        }
        call_ = abi.encodeCall(settlement.settleReplicas, (first, lists));
        if (block.timestamp <= until) {
            _mustFail(address(settlement), call_, ISettlement.ChallengeNotOver.selector);
            _pass(until + 1 - block.timestamp);
        }
        if (equal_ && !listed) {
            _mustFail(address(settlement), call_, ISettlement.KeepersMismatch.selector);
            _pass(30 days);
            settlement.refundUnsettled(first);
            return true;
        }
        settlement.settleReplicas(first, lists);
        ++reached[equal_ ? "replicas settled" : "replicas differ"];
        return true;
    }

    /// @dev What a requester has, and what is in escrow for its order.
    function _requesterWei(Task memory task) private view returns (uint256 sumWei) {
        sumWei = ledger.balanceOf(task.requester);
        for (uint256 i; i < task.replicas; ++i) {
            sumWei += ledger.escrowOf(Identifiers.replica(_first(task), i));
        }
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
        bytes32 word = keccak256(abi.encode(id, task.attempt));
        commitment = uint256(word) % 4 == 0 ? word : task.orderDigest;
        spentWei = uint128(within(uint256(word) >> 8, 0, task.feeWei));
        if (task.metered) ++reached["metered"];
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

    function _first(Task memory task) private pure returns (TaskId) {
        return Identifiers.task(task.orderDigest);
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
