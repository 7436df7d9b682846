// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Identifiers} from "../src/Identifiers.sol";
import {IMarket, Task} from "../src/interfaces/IMarket.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Grant, Messages, Order, Posting, Receipt, Refusal} from "../src/Messages.sol";
import {TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

/// @dev Orders that several nodes of different vendors run, to compare what comes out.
contract ReplicasTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_a_fee_is_divided_exactly_and_replicas_have_ids_of_their_own() public {
        (TaskId[3] memory ids, Order memory order) = placed(3, 1 ether);
        bytes32 domain = keccak256("cloister/replica/1");
        equal(TaskId.unwrap(ids[0]), TaskId.unwrap(Identifiers.task(digestOf(order))), "first");
        for (uint256 i = 1; i < 3; ++i) {
            bytes32 id = keccak256(abi.encode(domain, ids[0], i));
            equal(TaskId.unwrap(ids[i]), id, "replica");
        }
        equal(ledger.escrowOf(ids[0]), 333_333_333_333_333_334, "first part");
        equal(ledger.escrowOf(ids[1]), 333_333_333_333_333_333, "second part");
        equal(ledger.escrowOf(ids[2]), 333_333_333_333_333_333, "third part");
        equal(ledger.balanceOf(order.requester), 999 ether, "requester");
        equal(grantBook.usesOf(order.grants[0]), 1, "one use for all replicas");
        equal(market.taskOf(ids[2]).replica, 2, "position");
        equal(market.taskOf(ids[2]).orderDigest, digestOf(order), "order");
    }

    function test_replicas_run_on_different_vendors_by_different_operators() public {
        for (uint256 round; round < 6; ++round) {
            (TaskId[3] memory ids,) = placed(3, 1 ether);
            uint256 seen;
            for (uint256 i; i < 3; ++i) {
                address node = drawn(ids[i]);
                seen |= 1 << nodes.teeOf(node);
            }
            equal(seen, (1 << 2) | (1 << 3) | (1 << 4), "one node on each vendor's TEE");
            ended(ids, round);
        }
    }

    function test_two_nodes_of_one_operator_do_not_run_two_replicas() public {
        // The first operator's other machine is another vendor's.
        aloneWithASecond(OPERATORS, bytes32(uint256(54)));
        isTrue(nodes.teeOf(vm.addr(ENCLAVES + 8)) != nodes.teeOf(vm.addr(ENCLAVES)), "vendors");
    }

    function test_two_nodes_of_one_vendor_do_not_run_two_replicas() public {
        aloneWithASecond(OPERATORS + 3, bytes32(uint256(55)));
        equal(nodes.teeOf(vm.addr(ENCLAVES + 8)), nodes.teeOf(vm.addr(ENCLAVES)), "one vendor");
    }

    /// @dev Leaves the first node and a new one: each is drawn for a replica, but not both.
    function aloneWithASecond(uint256 operatorKey, bytes32 machineId) private {
        bond(vm.addr(operatorKey), NODE_STAKE);
        admit(operatorKey, ENCLAVES + 8, machineId);
        for (uint256 i = 1; i < 3; ++i) {
            vm.prank(vm.addr(OPERATORS + i));
            nodes.setPaused(vm.addr(ENCLAVES + i), true);
        }
        (TaskId[3] memory ids,) = placed(2, 1 ether);
        drawn(ids[0]);
        for (uint256 i; i < 4; ++i) {
            isTrue(draw(ids[1]) == address(0), "not the other");
        }
        TaskId other = place();
        drawn(other); // Nothing else keeps it from being drawn.
    }

    function test_a_replica_that_ended_frees_its_vendor() public {
        (TaskId[3] memory ids,) = placed(2, 1 ether);
        vm.prank(vm.addr(OPERATORS + 2));
        nodes.setPaused(vm.addr(ENCLAVES + 2), true);
        address first = drawn(ids[0]);
        vm.prank(operatorOf(ids[0]));
        market.giveUp(ids[0]);
        // It may not be drawn for the first replica again, but for the second.
        address second = drawn(ids[1]);
        address again = draw(ids[0]);
        isTrue(again != first && again != second, "another vendor's");
    }

    function test_equal_replicas_are_paid_together() public {
        (TaskId[3] memory ids,) = placed(3, 1 ether);
        address[][] memory all = accepted(ids, 3);
        uint256 totalWei = ledger.totalWei();
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        settlement.settleReplicas(ids[0], all);
        for (uint256 i; i < 3; ++i) {
            equal(uint256(market.taskOf(ids[i]).state), uint256(TaskState.Settled), "settled");
            equal(ledger.escrowOf(ids[i]), 0, "escrow");
        }
        equal(ledger.totalWei(), totalWei, "all buckets");
        // A third of 0.7 ether by prices, three times.
        equal(ledger.balanceOf(vm.addr(OWNERS)), 233_333_333_333_333_331, "owner");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAccepted.selector, ids[0]));
        settlement.settleReplicas(ids[0], all);
    }

    function testFuzz_replicas_pay_or_return_every_wei(uint96 fee, bool three, bool differ) public {
        uint256 count = three ? 3 : 2;
        uint128 feeWei = uint128(within(fee, 3_000, 1_000 ether));
        (TaskId[3] memory ids,) = placed(uint8(count), feeWei);
        address[][] memory all = new address[][](count);
        for (uint256 i; i < count; ++i) {
            commitment = keccak256(abi.encode(differ ? i : 0));
            all[i] = acceptOne(ids[i]);
        }
        uint256 totalWei = ledger.totalWei();
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        settlement.settleReplicas(ids[0], all);
        TaskState expected = differ ? TaskState.Refunded : TaskState.Settled;
        for (uint256 i; i < count; ++i) {
            equal(uint256(market.taskOf(ids[i]).state), uint256(expected), "state");
        }
        (, uint256 escrows,,,) = ledger.totals();
        equal(escrows, 0, "escrows");
        equal(ledger.totalWei(), totalWei, "all buckets");
        uint256 leftWei = differ ? 1_000 ether : 1_000 ether - feeWei;
        equal(ledger.balanceOf(vm.addr(REQUESTER)), leftWei, "requester");
        for (uint256 i; i < 3; ++i) {
            equal(staking.bondedOf(vm.addr(OPERATORS + i)), NODE_STAKE, "no stake is taken");
        }
    }

    function test_nothing_is_settled_before_all_are_accepted_and_unchallenged() public {
        settledLast(0);
        settledLast(1);
    }

    function settledLast(uint256 last) private {
        (TaskId[3] memory ids,) = placed(2, 1 ether);
        address[][] memory all = new address[][](2);
        all[1 - last] = acceptOne(ids[1 - last]);
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAccepted.selector, ids[last]));
        settlement.settleReplicas(ids[0], all);
        all[last] = acceptOne(ids[last]);
        vm.expectPartialRevert(ISettlement.ChallengeNotOver.selector);
        settlement.settleReplicas(ids[0], all);
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ReplicasMismatch.selector, 1, 2));
        settlement.settle(ids[0], all[0]);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ReplicasMismatch.selector, 0, 2));
        settlement.settleReplicas(ids[0], new address[][](0));
        // A replica's own id is nobody's order.
        vm.expectPartialRevert(ISettlement.NotAccepted.selector);
        settlement.settleReplicas(ids[1], all);
        settlement.settleReplicas(ids[0], all);
    }

    function test_a_replica_that_comes_to_nothing_ends_all_without_a_slash() public {
        (TaskId[3] memory ids,) = placed(3, 1 ether);
        acceptOne(ids[0]);
        address running = drawn(ids[1]);
        run(ids[2]);
        uint256 stakeWei = ledger.totalWei();
        for (uint256 attempt; attempt < 2; ++attempt) {
            judge(ids[2], 2, 3);
            if (attempt == 0) reuse(ids[2]);
        }
        for (uint256 i; i < 3; ++i) {
            equal(uint256(market.taskOf(ids[i]).state), uint256(TaskState.Refunded), "refunded");
        }
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "the whole fee");
        equal(ledger.totalWei(), stakeWei, "all buckets");
        equal(nodes.recordOf(running).running, 0, "the node is free");
        equal(staking.bondedOf(nodes.operatorOf(running)), NODE_STAKE, "and pays nothing");
        vm.warp(block.timestamp + 2 days);
        vm.expectPartialRevert(IMarket.WrongState.selector);
        market.timeout(ids[1]);
    }

    function test_a_silent_replicas_node_alone_pays_for_its_silence() public {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        (order.replicas, order.attemptsMax) = (2, 1);
        TaskId first = place(order, two);
        TaskId second = Identifiers.replica(first, 1);
        drawn(first);
        address silent = drawn(second);
        vm.warp(market.taskOf(second).attemptDeadline + 1);
        market.timeout(second);
        equal(uint256(market.taskOf(first).state), uint256(TaskState.Refunded), "both");
        equal(ledger.balanceOf(order.requester), 1_000 ether, "refund");
        for (uint256 i; i < 3; ++i) {
            bool isSilent = nodes.operatorOf(silent) == vm.addr(OPERATORS + i);
            uint256 expected = isSilent ? NODE_STAKE - MISS : NODE_STAKE;
            equal(staking.bondedOf(vm.addr(OPERATORS + i)), expected, "stake");
            equal(nodes.recordOf(vm.addr(ENCLAVES + i)).running, 0, "free");
        }
    }

    function test_uses_come_back_only_if_no_replica_was_drawn() public {
        for (uint256 i; i < 2; ++i) {
            (TaskId[3] memory ids, Order memory order) = placed(2, 1 ether);
            uint256 uses = grantBook.usesOf(order.grants[0]);
            if (i == 1) {
                drawn(ids[1]);
                vm.prank(operatorOf(ids[1]));
                market.giveUp(ids[1]);
            }
            vm.warp(order.expiry);
            market.refundExpired(ids[0]);
            equal(grantBook.usesOf(order.grants[0]), uses - 1 + i, "uses");
            equal(uint256(market.taskOf(ids[1]).state), uint256(TaskState.Refunded), "both");
        }
    }

    function test_a_forgery_among_replicas_is_done_again_before_any_is_paid() public {
        (TaskId[3] memory ids,) = placed(2, 1 ether);
        address[][] memory all = new address[][](2);
        all[0] = acceptOne(ids[0]);
        drawn(ids[1]);
        (Posting memory posting, bytes memory signature) = post(ids[1], STRANGER);
        Receipt memory receipt = receiptOf(ids[1]);
        judge(ids[1], 1, 0);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAccepted.selector, ids[1]));
        settlement.settleReplicas(ids[0], all);
        all[1] = acceptOne(ids[1]);
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        settlement.settleReplicas(ids[0], all);
    }

    function test_replicas_that_nobody_can_settle_are_refunded_late_and_together() public {
        (TaskId[3] memory ids,) = placed(2, 1 ether);
        accepted(ids, 2);
        uint256 until = block.timestamp + CHALLENGE_SECONDS + 30 days;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.SettlingNotOver.selector, until, until));
        settlement.refundUnsettled(ids[0]);
        vm.warp(until + 1);
        settlement.refundUnsettled(ids[0]);
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "refund");
        equal(uint256(market.taskOf(ids[1]).state), uint256(TaskState.Refunded), "both");
    }

    function test_a_replica_says_what_it_produced() public {
        (TaskId[3] memory ids,) = placed(2, 1 ether);
        drawn(ids[0]);
        commitment = 0;
        Posting memory posting = postingOf(ids[0], "");
        uint256 operatorKey = keyOf(market.taskOf(ids[0]).node) - ENCLAVES + OPERATORS;
        bytes memory signature = sign(operatorKey, digestOf(Messages.hash(posting)));
        vm.expectRevert(abi.encodeWithSelector(IMarket.OutputCommitmentIsZero.selector));
        market.post(posting, signature);
    }

    function test_keepers_refuse_one_replica_alone() public {
        (TaskId[3] memory ids, Order memory order) = placed(2, 1 ether);
        drawn(ids[0]);
        drawn(ids[1]);
        refuse(ids[1], order, 4);
        equal(uint256(market.taskOf(ids[0]).state), uint256(TaskState.Running), "runs on");
        equal(uint256(market.taskOf(ids[1]).state), uint256(TaskState.Placed), "next attempt");
    }

    function test_refusals_for_another_order_or_none_are_refused() public {
        (TaskId[3] memory ids, Order memory order) = placed(2, 1 ether);
        drawn(ids[1]);
        (Refusal[] memory list, bytes[] memory signatures) = refusalsOf(ids[1], order, 0, 4);
        bytes32 ordered = digestOf(order);
        ++order.nonce;
        address operator = operatorOf(ids[1]);
        callFails(
            operator,
            address(market),
            abi.encodeCall(IMarket.refuse, (order, 0, shares(), list, signatures)),
            abi.encodeWithSelector(IMarket.OrderMismatch.selector, digestOf(order), ordered)
        );
        list = new Refusal[](0);
        callFails(
            operator,
            address(market),
            abi.encodeCall(IMarket.refuse, (order, 0, shares(), list, signatures)),
            abi.encodeWithSelector(IMarket.RefusalsTooFew.selector, 0, 1)
        );
    }

    function placed(uint8 replicas, uint128 feeWei)
        private
        returns (TaskId[3] memory ids, Order memory order)
    {
        Grant[] memory two = grantsOf();
        order = orderOf(two);
        (order.replicas, order.feeWei) = (replicas, feeWei);
        ids[0] = place(order, two);
        for (uint256 i = 1; i < 3; ++i) {
            ids[i] = Identifiers.replica(ids[0], i);
        }
    }

    /// @dev Draws until somebody is found: at most 32 candidates are tried at a time.
    function drawn(TaskId id) private returns (address node) {
        for (uint256 i; i < 8 && node == address(0); ++i) {
            node = draw(id);
        }
        isTrue(node != address(0), "somebody is drawn");
    }

    function acceptOne(TaskId id) private returns (address[] memory) {
        address node = drawn(id);
        post(id, keyOf(node));
        judge(id, 1, 0);
        return keepers();
    }

    function accepted(TaskId[3] memory ids, uint256 count)
        private
        returns (address[][] memory all)
    {
        all = new address[][](count);
        for (uint256 i; i < count; ++i) {
            all[i] = acceptOne(ids[i]);
        }
    }

    /// @dev Another attempt, by a machine that has not tried: a new key for the vendor that is
    /// free.
    function reuse(TaskId id) private {
        for (uint256 i; i < 3; ++i) {
            if (!market.triedOf(id, vm.addr(ENCLAVES + i))) continue;
            admit(OPERATORS + i, ENCLAVES + 12, bytes32(i + 1));
            address node = drawn(id);
            bytes memory signature = sign(ENCLAVES + 12, digestOf(Messages.hash(receiptOf(id))));
            equal(node, vm.addr(ENCLAVES + 12), "the vendor that is left");
            Posting memory posting = postingOf(id, signature);
            market.post(posting, sign(OPERATORS + i, digestOf(Messages.hash(posting))));
            return;
        }
    }

    /// @dev Leaves nodes free for the next round.
    function ended(TaskId[3] memory ids, uint256 round) private {
        address requester = market.taskOf(ids[0]).requester;
        for (uint256 i; i < 3; ++i) {
            Task memory task = market.taskOf(ids[i]);
            if (task.state != TaskState.Running) continue;
            vm.prank(operatorOf(ids[i]));
            market.giveUp(ids[i]);
        }
        vm.warp(market.taskOf(ids[0]).expiry + round);
        market.refundExpired(ids[round % 3]);
        equal(ledger.balanceOf(requester), 1_000 ether, "refund");
    }

    function digestOf(Order memory order) private view returns (bytes32) {
        return digestOf(Messages.hash(order));
    }
}
