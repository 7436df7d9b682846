// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CloisterToken} from "../../src/CloisterToken.sol";
import {Identifiers} from "../../src/Identifiers.sol";
import {IGrantBook} from "../../src/interfaces/IGrantBook.sol";
import {Attempt, IMarket, Task} from "../../src/interfaces/IMarket.sol";
import {INodeRegistry, NodeRecord} from "../../src/interfaces/INodeRegistry.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Ledger} from "../../src/Ledger.sol";
import {Market} from "../../src/Market.sol";
import {
    Floor,
    Grant,
    Handover,
    Messages,
    Order,
    Posting,
    Refusal,
    Vote
} from "../../src/Messages.sol";
import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {Staking} from "../../src/Staking.sol";
import {Offence, TaskId, TaskState} from "../../src/Types.sol";
import {Posted, TaskHandler} from "./Handler.sol";

/// @dev Everything else that happens: money and stake move, machines come and go, and strangers, a
/// dishonest operator and a lying verifier try what they must not be able to do.
contract Handler is TaskHandler {
    uint256 public donatedWei;

    uint256 private nextEnclave = 0xa000;
    address[] private accounts;

    constructor() {
        for (uint256 i; i < 3; ++i) {
            accounts.push(vm.addr(OPERATORS + i));
            accounts.push(vm.addr(REQUESTER + i));
        }
        for (uint256 i; i < 4; ++i) {
            accounts.push(vm.addr(verifierKeys[i]));
        }
        for (uint256 i; i < 2; ++i) {
            accounts.push(vm.addr(OWNERS + i));
        }
        accounts.push(vm.addr(STRANGER));
        accounts.push(address(this));
    }

    function moneyMoves(uint256 who, uint256 amount, uint256 choice) public {
        address account = accounts[who % accounts.length];
        uint256 balanceWei = ledger.balanceOf(account);
        if (choice % 5 == 0) {
            ledger.depositFor(account, within(amount, 0, 100 ether));
        } else if (choice % 5 == 1) {
            vm.prank(account);
            ledger.withdraw(within(amount, 0, balanceWei));
        } else if (choice % 5 == 2) {
            vm.prank(account);
            ledger.setPayoutChain(amount % 2 == 0 ? 31_338 : 0);
        } else if (choice % 5 == 3) {
            uint256 gift = within(amount, 1, 1 ether);
            require(token.transfer(address(ledger), gift));
            donatedWei += gift;
        } else if (donatedWei > 0) {
            ledger.absorbSurplus();
            donatedWei = 0;
        }
    }

    function timePasses(uint256 seconds_) public counted {
        // Now and then so long that nodes expire.
        _pass(seconds_ % 150 == 0 ? 31 days : within(seconds_, 1, 3 hours));
    }

    function stakeMoves(uint256 who, uint256 amount, uint256 choice) public {
        bool isOperator = who % 7 < 3;
        address account =
            isOperator ? vm.addr(OPERATORS + who % 7) : vm.addr(verifierKeys[who % 7 - 3]);
        if (choice % 3 == 0) {
            uint256 amountWei = within(amount, 1, 50 ether);
            bond(account, amountWei);
            if (honestStakeWei[account] > 0) honestStakeWei[account] += amountWei;
        } else if (choice % 3 == 1) {
            // The honest keep what they need in order to take part.
            uint256 keptWei =
                honestStakeWei[account] == 0 ? 0 : isOperator ? NODE_STAKE : VERIFIER_STAKE;
            uint256 freeWei = staking.bondedOf(account) - keptWei;
            if (freeWei == 0) return;
            vm.prank(account);
            staking.requestUnbond(within(amount, 1, freeWei));
        } else if (staking.stakeOf(account).unbondingWei > 0) {
            if (block.timestamp < staking.stakeOf(account).unbondAt) return;
            uint256 before = staking.slashableOf(account);
            vm.prank(account);
            staking.finishUnbond();
            if (honestStakeWei[account] > 0) {
                honestStakeWei[account] -= before - staking.slashableOf(account);
            }
        }
    }

    function machineMoves(uint256 which, uint256 choice) public {
        uint256 i = which % 3;
        address operator = vm.addr(OPERATORS + i);
        address node = vm.addr(currentKeys[i]);
        NodeRecord memory record = nodes.recordOf(node);
        if (choice % 8 < 3) {
            vm.prank(operator);
            nodes.setPaused(node, choice % 8 == 0 && i != 0);
        } else if (choice % 8 == 3 && !record.retired) {
            vm.prank(operator);
            nodes.retire(node);
            ++reached["retired"];
        } else if (!record.retired && block.timestamp >= record.expiry) {
            nodes.sweep(node);
            ++reached["swept"];
        } else if (!record.retired && choice % 8 == 4) {
            _mustFail(
                address(nodes),
                abi.encodeCall(nodes.sweep, (node)),
                INodeRegistry.StillValid.selector
            );
        } else if (staking.bondedOf(operator) >= NODE_STAKE && apps.approved(MEASUREMENT)) {
            uint256 key = ++nextEnclave;
            vm.roll(vm.getBlockNumber() + 1);
            _signed(0, 0, 3); // The members bond what they lack.
            admit(OPERATORS + i, key, bytes32(i + 1));
            currentKeys[i] = key;
            enclaveKeys[vm.addr(key)] = key;
            vm.prank(operator);
            nodes.setCapacity(vm.addr(key), 4);
        }
    }

    /// @dev The committee hands over to three or four members, and raises the collateral floor;
    /// governance takes its approval away, most often for a short time.
    function officialsAct(uint256 choice) public {
        if (choice % 3 == 0) {
            uint64 epoch = committee.epoch() + 1;
            address[] memory members = new address[](epoch % 4 == 3 ? 3 : 4);
            for (uint256 i; i < members.length; ++i) {
                members[i] = vm.addr(verifierKeys[i]);
            }
            Handover memory next = Handover(epoch, Identifiers.members(members));
            _signed(0, 0, 4); // The members bond what they lack.
            committee.handover(next, members, _signed(digestOf(Messages.hash(next)), 0, 3));
            ++reached["handed over"];
        } else if (choice % 3 == 1) {
            Floor memory next = Floor(nodes.floor().sequence + 1, 17, 3, 4);
            bytes[] memory signatures = _signed(digestOf(Messages.hash(next)), 0, 3);
            nodes.raiseFloor(next, signatures);
            ++reached["floor raised"];
            _mustFail(
                address(nodes),
                abi.encodeCall(nodes.raiseFloor, (next, signatures)),
                INodeRegistry.FloorNotNext.selector
            );
        } else {
            apps.setMeasurement(MEASUREMENT, choice % 4 != 0);
            if (choice % 4 == 0) ++reached["measurement withdrawn"];
        }
    }

    /// @dev An owner revokes, and nobody can place an order under what it revoked.
    function ownerRevokes(uint256 which, uint256 choice) public {
        uint256 i = which % 2;
        Grant[] memory grants = _grants(choice);
        grants[i].purpose = "revoked"; // No other order stands on this grant.
        Order memory order = orderOf(grants);
        vm.prank(grants[i].owner);
        if (choice % 2 == 0) assets.revokeGrant(order.grants[i]);
        else assets.revokeAll(grants[i].nonce + 1);
        bytes memory own = sign(REQUESTER, digestOf(Messages.hash(order)));
        _mustFail(
            address(market),
            abi.encodeCall(market.placeFor, (order, grants, signGrants(grants), own)),
            IGrantBook.GrantRevokedByOwner.selector
        );
        ++reached[choice % 2 == 0 ? "grant revoked" : "grants revoked"];
    }

    /// @dev A stranger posts a bad receipt in a node's name, ends its attempt, and replays what
    /// others posted.
    function strangerPosts(uint256 which, uint256 other) public counted {
        if (tasks.length == 0) return;
        TaskId id = tasks[which % tasks.length];
        Task memory task = market.taskOf(id);
        if (task.state == TaskState.Running) _strangerMeddles(id, task);

        Posted memory old = posted[tasks[other % tasks.length]][1];
        if (old.posting.attempt == 0) return;
        bytes32 oldDigest = _digest(old);
        Attempt memory first = market.attemptOf(old.posting.task, 1);
        if (first.posting != oldDigest) return;
        bytes memory signature = sign(_operatorKey(nodes.operatorOf(first.node)), oldDigest);
        bool runs = market.taskOf(old.posting.task).state == TaskState.Running;
        _mustFail(
            address(market),
            abi.encodeCall(market.post, (old.posting, signature)),
            runs ? IMarket.AttemptMismatch.selector : IMarket.WrongState.selector
        );
    }

    /// @dev A stranger claims that a genuine receipt is forged, and that honest votes are false.
    function strangerAccuses(uint256 which, uint256 attempt_, uint256 seed) public counted {
        (bool found, Posted memory post_) = _find(which, attempt_);
        if (!found || !post_.genuine) return;
        bytes memory other = sign(STRANGER, bytes32(seed));
        address target = address(settlement);
        _mustFail(
            target,
            abi.encodeCall(
                settlement.proveForgedReceipt, (post_.posting, "", post_.receipt, post_.signature)
            ),
            ISettlement.ReceiptIsGenuine.selector
        );
        _mustFail(
            target,
            abi.encodeCall(
                settlement.proveForgedReceipt, (post_.posting, "", post_.receipt, other)
            ),
            ISettlement.ReceiptSignatureMismatch.selector
        );
        Vote memory vote = _vote(post_, 1, 0);
        bytes memory signature = sign(verifierKeys[0], digestOf(Messages.hash(vote)));
        _mustFail(
            target,
            abi.encodeCall(
                settlement.proveFalseVote,
                (vote, signature, post_.posting, "", post_.receipt, post_.signature)
            ),
            ISettlement.VoteIsTrue.selector
        );
        _mustFail(
            target,
            abi.encodeCall(settlement.proveEquivocation, (vote, vote, [signature, signature])),
            ISettlement.VotesAgree.selector
        );
        Vote memory lie = _vote(post_, 2, 1);
        bytes memory forged = sign(STRANGER, digestOf(Messages.hash(lie)));
        _mustFail(
            target,
            abi.encodeCall(settlement.proveEquivocation, (vote, lie, [signature, forged])),
            ISettlement.SignersDiffer.selector
        );
    }

    /// @dev A verifier for sale lies about a posting or signs twice, and is proven to, at any time.
    function liarIsCaught(uint256 which, uint256 attempt_, bool twice) public counted {
        (bool found, Posted memory post_) = _find(which, attempt_);
        if (!found) return;
        uint256 key = verifierKeys[1 + attempt_ / 3 % 3];
        address liar = vm.addr(key);
        bytes32 digest = _digest(post_);
        TaskId id = post_.posting.task;
        if (!committee.isMember(market.attemptOf(id, post_.posting.attempt).committee, liar)) {
            return;
        }
        Vote memory lie = post_.genuine ? _vote(post_, 2, 1) : _vote(post_, 1, 0);
        bytes memory signature = sign(key, digestOf(Messages.hash(lie)));
        TaskState state = market.taskOf(id).state;
        if (twice) {
            if (settlement.proven(keccak256(abi.encode(liar, digest)))) return;
            Vote memory truth = post_.genuine ? _vote(post_, 1, 0) : _vote(post_, 2, 1);
            bytes memory second = sign(key, digestOf(Messages.hash(truth)));
            vm.prank(vm.addr(STRANGER));
            settlement.proveEquivocation(lie, truth, [signature, second]);
            ++reached["equivocations"];
        } else {
            if (settlement.proven(keccak256(abi.encode(liar, digest, Offence.FalseVote)))) return;
            vm.prank(vm.addr(STRANGER));
            settlement.proveFalseVote(
                lie, signature, post_.posting, "", post_.receipt, post_.signature
            );
            ++reached["false votes"];
            if (!post_.genuine) _forgeryIsOver(id, digest);
        }
        if (state == TaskState.Settled) ++reached["proofs after settlement"];
    }

    /// @dev The next forger is proven to be one, whatever has become of its task.
    function forgerIsCaught(uint256 which) public counted {
        for (uint256 i; i < 3 * tasks.length; ++i) {
            (, Posted memory post_) = _find(which % tasks.length + i / 3, i % 3);
            bytes32 digest = _digest(post_);
            if (post_.posting.attempt == 0 || post_.genuine || settlement.proven(digest)) continue;
            TaskId id = post_.posting.task;
            TaskState state = market.taskOf(id).state;
            vm.prank(vm.addr(STRANGER));
            settlement.proveForgedReceipt(post_.posting, "", post_.receipt, post_.signature);
            _forgeryIsOver(id, digest);
            ++reached["forgeries proven"];
            if (state == TaskState.Settled) ++reached["proofs after settlement"];
            return;
        }
    }

    /// @dev Sums of balances, escrows, stakes and lockboxes, taken account by account.
    function sums() external view returns (uint256 balances, uint256 escrows, uint256 stakes) {
        for (uint256 i; i < accounts.length; ++i) {
            balances += ledger.balanceOf(accounts[i]);
            stakes += staking.slashableOf(accounts[i]);
        }
        for (uint256 i; i < tasks.length; ++i) {
            escrows += ledger.escrowOf(tasks[i]);
        }
    }

    function owedWei() external view returns (uint256 sum) {
        for (uint256 i; i < accounts.length; ++i) {
            sum += ledger.owedOf(31_338, accounts[i]);
        }
    }

    function parts() external view returns (CloisterToken, Ledger, Staking, NodeRegistry, Market) {
        return (token, ledger, staking, nodes, market);
    }

    function honestAccounts() external view returns (address[3] memory) {
        return [vm.addr(OPERATORS), vm.addr(OPERATORS + 1), vm.addr(verifierKeys[0])];
    }

    /// @dev What a proof showed to be forged is neither judged nor paid any more.
    function _forgeryIsOver(TaskId id, bytes32 digest) private {
        Task memory task = market.taskOf(id);
        bool open = task.state == TaskState.Posted || task.state == TaskState.Accepted;
        if (open && market.attemptOf(id, task.attempt).posting == digest) {
            breach = "a proven forgery is still open";
        }
    }

    function _strangerMeddles(TaskId id, Task memory task) private {
        Posting memory posting = postingOf(id, sign(STRANGER, keccak256("junk")));
        bytes32 digest = digestOf(Messages.hash(posting));
        address target = address(market);
        bytes4 reason = block.timestamp > task.attemptDeadline
            ? IMarket.DeadlinePassed.selector
            : IMarket.OperatorDidNotSign.selector;
        _mustFail(target, abi.encodeCall(market.post, (posting, sign(STRANGER, digest))), reason);
        if (nodes.operatorOf(task.node) != vm.addr(OPERATORS + 2)) {
            bytes memory signature = sign(OPERATORS + 2, digest);
            _mustFail(target, abi.encodeCall(market.post, (posting, signature)), reason);
        }
        reason = IMarket.NotDrawnOperator.selector;
        _mustFail(target, abi.encodeCall(market.giveUp, (id)), reason);
        (Refusal[] memory refusals, bytes[] memory signatures) = refusalsOf(id, orders[id], 0, 4);
        _mustFail(
            target,
            abi.encodeCall(market.refuse, (orders[id], 0, shares(), refusals, signatures)),
            reason
        );
    }

    function _find(uint256 which, uint256 attempt_) private view returns (bool, Posted memory) {
        if (tasks.length == 0) return (false, posted[TaskId.wrap(0)][0]);
        TaskId id = tasks[which % tasks.length];
        Posted memory post_ = posted[id][uint32(within(attempt_, 1, 3))];
        return (post_.posting.attempt > 0, post_);
    }

    function _vote(Posted memory post_, uint8 verdict, uint8 reason)
        private
        view
        returns (Vote memory vote)
    {
        vote.task = post_.posting.task;
        vote.attempt = post_.posting.attempt;
        vote.posting = _digest(post_);
        (vote.verdict, vote.reason) = (verdict, reason);
        if (verdict == 1) vote.keepersHash = keccak256("keepers");
    }

    function _digest(Posted memory post_) private view returns (bytes32) {
        return digestOf(Messages.hash(post_.posting));
    }
}
