// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CloisterToken} from "../../src/CloisterToken.sol";
import {Task} from "../../src/interfaces/IMarket.sol";
import {Ledger} from "../../src/Ledger.sol";
import {Market} from "../../src/Market.sol";
import {Messages, Posting, Vote} from "../../src/Messages.sol";
import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {Staking} from "../../src/Staking.sol";
import {TaskId, TaskState} from "../../src/Types.sol";
import {Posted, TaskHandler} from "./Handler.sol";

/// @dev Everything else that happens: money and stake move, machines come and go, and strangers, a
/// dishonest operator and a lying verifier try what they must not be able to do.
contract Handler is TaskHandler {
    uint256 public donatedWei;
    uint256 public liesProven;
    uint256 public attacksRefused;

    mapping(address honest => uint256) public honestStakeWei;
    uint256 private nextEnclave = 0xa000;
    address[] private accounts;

    constructor() {
        for (uint256 i; i < 3; ++i) {
            accounts.push(vm.addr(OPERATORS + i));
            accounts.push(vm.addr(REQUESTER + i));
        }
        for (uint256 i; i < 4; ++i) {
            accounts.push(vm.addr(verifierKeys[i]));
            if (i < 3) honestStakeWei[vm.addr(verifierKeys[i])] = VERIFIER_STAKE;
        }
        for (uint256 i; i < 2; ++i) {
            accounts.push(vm.addr(OWNERS + i));
            honestStakeWei[vm.addr(OPERATORS + i)] = NODE_STAKE;
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

    function timePasses(uint256 seconds_) public {
        _pass(within(seconds_, 1, 3 hours));
    }

    function stakeMoves(uint256 who, uint256 amount, uint256 choice) public {
        address account =
            who % 5 < 3 ? vm.addr(OPERATORS + who % 5) : vm.addr(verifierKeys[who % 5 - 1]);
        if (choice % 3 == 0) {
            uint256 amountWei = within(amount, 1, 50 ether);
            bond(account, amountWei);
            if (honestStakeWei[account] > 0) honestStakeWei[account] += amountWei;
        } else if (choice % 3 == 1) {
            // The honest keep what they need in order to take part.
            uint256 keptWei =
                honestStakeWei[account] == 0 ? 0 : who % 5 < 3 ? NODE_STAKE : VERIFIER_STAKE;
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
        address node = vm.addr(currentKeys[i]);
        if (choice % 3 < 2) {
            vm.prank(vm.addr(OPERATORS + i));
            nodes.setPaused(node, choice % 3 == 0 && i != 0);
        } else if (staking.bondedOf(vm.addr(OPERATORS + i)) >= NODE_STAKE) {
            uint256 key = ++nextEnclave;
            vm.roll(vm.getBlockNumber() + 1);
            admit(OPERATORS + i, key, bytes32(i + 1));
            currentKeys[i] = key;
            enclaveKeys[vm.addr(key)] = key;
            vm.prank(vm.addr(OPERATORS + i));
            nodes.setCapacity(vm.addr(key), 4);
        }
    }

    /// @dev A stranger posts a bad receipt in a node's name, and replays what others posted.
    function strangerPosts(uint256 which, uint256 other) public {
        if (tasks.length == 0) return;
        TaskId id = tasks[which % tasks.length];
        Task memory task = market.taskOf(id);
        bytes memory junk = sign(STRANGER, keccak256("junk"));
        Posting memory posting = postingOf(id, junk);
        bytes32 digest = digestOf(Messages.hash(posting));
        if (task.state == TaskState.Running) {
            bool foreign = nodes.operatorOf(task.node) != vm.addr(OPERATORS + 2);
            _mustFail(
                address(market), abi.encodeCall(market.post, (posting, sign(STRANGER, digest)))
            );
            if (foreign) {
                _mustFail(
                    address(market),
                    abi.encodeCall(market.post, (posting, sign(OPERATORS + 2, digest)))
                );
            }
        }
        Posted memory old = posted[tasks[other % tasks.length]][1];
        if (old.posting.attempt == 0) return;
        bytes32 oldDigest = digestOf(Messages.hash(old.posting));
        uint256 operatorKey =
            _operatorKey(nodes.operatorOf(market.attemptOf(old.posting.task, 1).node));
        if (market.attemptOf(old.posting.task, 1).posting == oldDigest) {
            bytes memory signature = sign(operatorKey, oldDigest);
            _mustFail(address(market), abi.encodeCall(market.post, (old.posting, signature)));
        }
    }

    /// @dev A stranger claims that a genuine receipt is forged, and that honest votes are false.
    function strangerAccuses(uint256 which, uint256 attempt_, uint256 seed) public {
        (bool found, Posted memory post_) = _find(which, attempt_);
        if (!found || !post_.genuine) return;
        bytes memory other = sign(STRANGER, bytes32(seed));
        _mustFail(
            address(settlement),
            abi.encodeCall(
                settlement.proveForgedReceipt, (post_.posting, "", post_.receipt, post_.signature)
            )
        );
        _mustFail(
            address(settlement),
            abi.encodeCall(settlement.proveForgedReceipt, (post_.posting, "", post_.receipt, other))
        );
        Vote memory vote = _vote(post_, 1, 0);
        bytes memory signature = sign(verifierKeys[0], digestOf(Messages.hash(vote)));
        _mustFail(
            address(settlement),
            abi.encodeCall(
                settlement.proveFalseVote,
                (vote, signature, post_.posting, "", post_.receipt, post_.signature)
            )
        );
        _mustFail(
            address(settlement),
            abi.encodeCall(settlement.proveEquivocation, (vote, vote, [signature, signature]))
        );
        Vote memory lie = _vote(post_, 2, 1);
        bytes memory forged = sign(STRANGER, digestOf(Messages.hash(lie)));
        _mustFail(
            address(settlement),
            abi.encodeCall(settlement.proveEquivocation, (vote, lie, [signature, forged]))
        );
    }

    /// @dev The last verifier lies about a posting or signs twice, and is proven to.
    function liarIsCaught(uint256 which, uint256 attempt_, bool twice) public {
        (bool found, Posted memory post_) = _find(which, attempt_);
        if (!found) return;
        uint256 liar = verifierKeys[3];
        if (settlement.proven(keccak256(abi.encode(vm.addr(liar), _digest(post_))))) return;
        Vote memory lie = post_.genuine ? _vote(post_, 2, 1) : _vote(post_, 1, 0);
        bytes memory signature = sign(liar, digestOf(Messages.hash(lie)));
        vm.prank(vm.addr(STRANGER));
        if (twice) {
            Vote memory truth = post_.genuine ? _vote(post_, 1, 0) : _vote(post_, 2, 1);
            bytes memory second = sign(liar, digestOf(Messages.hash(truth)));
            settlement.proveEquivocation(lie, truth, [signature, second]);
        } else {
            settlement.proveFalseVote(
                lie, signature, post_.posting, "", post_.receipt, post_.signature
            );
        }
        ++liesProven;
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

    function honestAccounts() external view returns (address[5] memory) {
        return [
            vm.addr(OPERATORS),
            vm.addr(OPERATORS + 1),
            vm.addr(verifierKeys[0]),
            vm.addr(verifierKeys[1]),
            vm.addr(verifierKeys[2])
        ];
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

    function _mustFail(address target, bytes memory data) private {
        vm.prank(vm.addr(STRANGER));
        (bool done,) = target.call(data);
        if (done) breach = "an attack succeeded";
        else ++attacksRefused;
    }
}
