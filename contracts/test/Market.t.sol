// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AppStatus} from "../src/interfaces/IAppRegistry.sol";
import {Shares} from "../src/interfaces/IAssetRegistry.sol";
import {IMarket, Task} from "../src/interfaces/IMarket.sol";
import {Grant, Messages, Order, Posting, Refusal} from "../src/Messages.sol";
import {Ending, Offence, Role, TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract MarketTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_a_task_runs_from_order_to_settlement() public {
        TaskId task = place();
        address node = draw(task);
        post(task, keyOf(node));
        judge(task, 1, 0);
        settle(task);

        equal(uint256(market.taskOf(task).state), uint256(TaskState.Settled), "state");
        equal(ledger.escrowOf(task), 0, "escrow is empty");
        equal(token.balanceOf(address(ledger)), ledger.totalWei(), "buckets");
    }

    function test_nothing_is_drawn_before_the_seed_block_is_mined() public {
        TaskId task = place();
        uint64 seedBlock = market.taskOf(task).seedBlock;
        vm.roll(seedBlock);
        vm.expectRevert(abi.encodeWithSelector(IMarket.SeedNotReady.selector, seedBlock, seedBlock));
        market.draw(task);
        vm.roll(seedBlock + 1);
        isTrue(market.draw(task) != address(0), "drawn");
    }

    function test_a_seed_that_is_gone_moves() public {
        TaskId task = place();
        vm.roll(vm.getBlockNumber() + 9_000); // Past EIP-2935's window.
        equal(market.draw(task), address(0), "nobody");
        Task memory current = market.taskOf(task);
        equal(current.seedBlock, vm.getBlockNumber() + 2, "moved");
        equal(uint256(current.state), uint256(TaskState.Placed), "still placed");
        isTrue(draw(task) != address(0), "drawn with the new seed");
    }

    function test_a_node_that_joined_after_the_order_is_not_drawn() public {
        retireAll();
        vm.roll(vm.getBlockNumber() + 1);
        TaskId task = place();
        vm.roll(vm.getBlockNumber() + 1);
        admit(OPERATORS, ENCLAVES + 8, bytes32(uint256(8)));
        vm.roll(vm.getBlockNumber() + 2);
        equal(market.draw(task), address(0), "nobody stood in the pool");
        equal(draw(task), vm.addr(ENCLAVES + 8), "the next seed sees it");
    }

    function test_paused_and_full_nodes_are_skipped() public {
        for (uint256 i; i < 2; ++i) {
            vm.prank(vm.addr(OPERATORS + i));
            nodes.setPaused(vm.addr(ENCLAVES + i), true);
        }
        equal(draw(place()), vm.addr(ENCLAVES + 2), "the one that is left");
        equal(draw(place()), address(0), "which is full now");
        vm.prank(vm.addr(OPERATORS + 2));
        nodes.setCapacity(vm.addr(ENCLAVES + 2), 2);
        equal(draw(place()), vm.addr(ENCLAVES + 2), "and has room again");
    }

    function test_a_task_that_needs_more_than_any_node_has_waits() public {
        Grant[] memory grants = grantsOf();
        Order memory order = orderOf(grants);
        order.tags = 3;
        equal(draw(place(order, grants)), address(0), "no node has both tags");
        order = orderOf(grants);
        order.tierMin = 2;
        equal(draw(place(order, grants)), address(0), "no node is of tier 2");
    }

    function test_only_operators_that_every_grant_names_are_drawn() public {
        for (uint256 i; i < 6; ++i) {
            Grant[] memory grants = grantsOf();
            grants[0].anyNode = false;
            grants[0].operators = new address[](2);
            grants[0].operators[0] = vm.addr(OPERATORS + 1);
            grants[0].operators[1] = vm.addr(OPERATORS + 2);
            grants[1].anyNode = false;
            grants[1].operators = new address[](1);
            grants[1].operators[0] = vm.addr(OPERATORS + 1);
            TaskId task = place(orderOf(grants), grants);
            equal(draw(task), vm.addr(ENCLAVES + 1), "the operator in both");
            post(task, ENCLAVES + 1);
        }
    }

    function test_a_measurement_that_governance_withdrew_is_not_drawn() public {
        TaskId task = place();
        apps.setMeasurement(MEASUREMENT, false);
        equal(draw(task), address(0), "nobody");
    }

    function test_a_denied_app_is_not_drawn_for() public {
        TaskId task = place();
        apps.setApp(APP, AppStatus.Denied);
        vm.roll(vm.getBlockNumber() + 3);
        vm.expectRevert(abi.encodeWithSelector(IMarket.AppNotListed.selector, APP));
        market.draw(task);
    }

    function test_a_key_is_tried_once_per_task() public {
        TaskId task = place();
        address first = draw(task);
        vm.warp(block.timestamp + 601);
        market.timeout(task);
        for (uint256 i; i < 3; ++i) {
            if (vm.addr(ENCLAVES + i) == first) continue;
            vm.prank(vm.addr(OPERATORS + i));
            nodes.setPaused(vm.addr(ENCLAVES + i), true);
        }
        equal(draw(task), address(0), "the one that is not paused was tried");
    }

    function test_a_posting_that_the_operator_did_not_sign_is_refused() public {
        TaskId task = place();
        address node = draw(task);
        bytes memory receiptSignature = sign(STRANGER, digestOf(Messages.hash(receiptOf(task))));
        Posting memory posting = postingOf(task, receiptSignature);
        bytes memory signature = sign(STRANGER, digestOf(Messages.hash(posting)));
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.OperatorDidNotSign.selector, nodes.operatorOf(node))
        );
        market.post(posting, signature);
    }

    function test_a_posting_for_another_attempt_is_refused() public {
        TaskId task = place();
        draw(task);
        Posting memory posting = postingOf(task, "");
        posting.attempt = 2;
        vm.expectRevert(abi.encodeWithSelector(IMarket.AttemptMismatch.selector, 2, 1));
        market.post(posting, "");
    }

    function test_a_posting_after_the_deadline_is_refused_and_the_silence_costs() public {
        TaskId task = place();
        address node = draw(task);
        uint64 deadline = market.taskOf(task).attemptDeadline;
        vm.warp(deadline);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.DeadlineNotPassed.selector, deadline, deadline)
        );
        market.timeout(task);

        vm.warp(deadline + 1);
        Posting memory posting = postingOf(task, "");
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.DeadlinePassed.selector, deadline, deadline + 1)
        );
        market.post(posting, "");

        address operator = nodes.operatorOf(node);
        uint256 supplyWei = token.totalSupply();
        uint256 requesterWei = ledger.balanceOf(vm.addr(REQUESTER));
        market.timeout(task);
        equal(staking.bondedOf(operator), NODE_STAKE - MISS, "stake");
        equal(token.totalSupply(), supplyWei - MISS * 7 / 10, "burned");
        equal(ledger.treasury(), MISS * 3 / 10, "to the treasury");
        equal(ledger.balanceOf(vm.addr(REQUESTER)), requesterWei, "nothing to the requester");
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");
        equal(nodes.recordOf(node).running, 0, "node is free");
    }

    function test_silence_on_the_last_attempt_refunds() public {
        Grant[] memory grants = grantsOf();
        Order memory order = orderOf(grants);
        order.attemptsMax = 1;
        TaskId task = place(order, grants);
        draw(task);
        vm.warp(block.timestamp + 601);
        market.timeout(task);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Refunded), "state");
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "the fee and no more");
        equal(ledger.treasury(), MISS * 3 / 10, "to the treasury");
    }

    /// @dev A requester whose own keepers never answer makes every node silent, and earns nothing.
    function testFuzz_silence_pays_the_treasury_alone(uint96 left, uint96 before) public {
        TaskId task = place();
        address operator = nodes.operatorOf(draw(task));
        uint256 leftWei = within(left, 0, 2 * MISS);
        uint256 earlierWei = within(before, 0, 100 ether);
        if (earlierWei > 0) {
            require(token.transfer(address(ledger), earlierWei));
            ledger.absorbSurplus();
        }
        vm.prank(address(settlement));
        staking.slash(
            operator, NODE_STAKE - leftWei, address(7), Role.Challenger, Offence.ForgedReceipt
        );
        (uint256 balances, uint256 escrows, uint256 stakes, uint256 lockboxes,) = ledger.totals();
        uint256 supplyWei = token.totalSupply();
        uint256 requesterWei = ledger.balanceOf(vm.addr(REQUESTER));

        vm.warp(market.taskOf(task).attemptDeadline + 1);
        vm.prank(vm.addr(REQUESTER));
        market.timeout(task);

        uint256 takenWei = leftWei < MISS ? leftWei : MISS;
        uint256 rewardWei = takenWei * 3 / 10;
        equal(ledger.balanceOf(vm.addr(REQUESTER)), requesterWei, "nothing to the requester");
        equal(ledger.balanceOf(address(0)), 0, "nothing to nobody");
        equal(ledger.treasury(), earlierWei + rewardWei, "30 %, rounded down, to the treasury");
        equal(token.totalSupply(), supplyWei - (takenWei - rewardWei), "the rest is burned");
        equal(staking.slashableOf(operator), leftWei - takenWei, "stake");
        (uint256 balances2, uint256 escrows2, uint256 stakes2, uint256 lockboxes2,) =
            ledger.totals();
        equal(balances2, balances, "balances");
        equal(escrows2, escrows, "escrows");
        equal(stakes2, stakes - takenWei, "stakes");
        equal(lockboxes2, lockboxes, "lockboxes");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function test_a_placed_task_is_refunded_at_its_expiry_and_not_before() public {
        TaskId task = place();
        uint64 expiry = market.taskOf(task).expiry;
        vm.warp(expiry - 1);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotExpired.selector, expiry, expiry - 1));
        market.refundExpired(task);
        vm.warp(expiry);
        market.refundExpired(task);
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "refund");
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarket.WrongState.selector, task, TaskState.Refunded, TaskState.Placed
            )
        );
        market.refundExpired(task);
    }

    function test_two_refusals_that_blame_the_owner_refund_at_once() public {
        (TaskId task, Order memory order) = running();
        refuse(task, order, 1);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Refunded), "state");
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "refund");
        equal(staking.bondedOf(vm.addr(OPERATORS)), NODE_STAKE, "nobody is slashed");
    }

    function test_two_refusals_that_blame_the_node_start_the_next_attempt() public {
        (TaskId task, Order memory order) = running();
        address node = market.taskOf(task).node;
        refuse(task, order, 4);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "state");
        equal(staking.bondedOf(nodes.operatorOf(node)), NODE_STAKE, "no stake");
        isTrue(draw(task) != node, "another node");
    }

    function test_refusals_count_only_from_two_different_keepers_of_this_attempt() public {
        (TaskId task, Order memory order) = running();
        address operator = operatorOf(task);
        (Refusal[] memory refusals, bytes[] memory signatures) = refusalsOf(task, order, 0, 1);

        refusals[1] = refusals[0];
        signatures[1] = signatures[0];
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IMarket.RefusalsNotAscending.selector, 1, 0));
        market.refuse(order, 0, shares(), refusals, signatures);

        (refusals, signatures) = refusalsOf(task, order, 0, 1);
        refusals[1].attempt = 2;
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IMarket.RefusalMismatch.selector, 1));
        market.refuse(order, 0, shares(), refusals, signatures);

        (refusals, signatures) = refusalsOf(task, order, 0, 1);
        signatures[0] = signatures[1];
        vm.prank(operator);
        vm.expectPartialRevert(IMarket.NotKeeper.selector);
        market.refuse(order, 0, shares(), refusals, signatures);

        (refusals, signatures) = refusalsOf(task, order, 0, 1);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IMarket.RefusalMismatch.selector, 0));
        market.refuse(order, 1, shares(), refusals, signatures);
    }

    function test_keepers_that_the_asset_does_not_name_refuse_nothing() public {
        (TaskId task, Order memory order) = running();
        address operator = operatorOf(task);
        (Refusal[] memory refusals, bytes[] memory signatures) = refusalsOf(task, order, 0, 1);
        Shares memory others = shares();
        others.operators[2] = vm.addr(STRANGER);
        vm.prank(operator);
        vm.expectPartialRevert(IMarket.SharesMismatch.selector);
        market.refuse(order, 0, others, refusals, signatures);
    }

    function testFuzz_only_settlement_judges_and_closes(address caller) public {
        vm.assume(caller != address(settlement));
        TaskId task = place();
        run(task);
        // Each in a state in which Settlement may call it.
        settlementAlone(caller, abi.encodeCall(IMarket.accept, (task, 1, bytes32(0))));
        settlementAlone(caller, abi.encodeCall(IMarket.refund, (task)));
        settlementAlone(caller, abi.encodeCall(IMarket.endAttempt, (task, Ending.Forged)));
        judge(task, 1, 0);
        settlementAlone(caller, abi.encodeCall(IMarket.addVoters, (task, 15)));
        settlementAlone(caller, abi.encodeCall(IMarket.endAttempt, (task, Ending.Forged)));
        settlementAlone(caller, abi.encodeCall(IMarket.refund, (task)));
        settlementAlone(caller, abi.encodeCall(IMarket.close, (task)));
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Accepted), "state");
    }

    function settlementAlone(address caller, bytes memory data) private {
        callFails(caller, address(market), data, notModule(caller, address(settlement)));
    }

    function running() private returns (TaskId task, Order memory order) {
        Grant[] memory grants = grantsOf();
        order = orderOf(grants);
        task = place(order, grants);
        draw(task);
    }

    function retireAll() private {
        for (uint256 i; i < 3; ++i) {
            vm.prank(vm.addr(OPERATORS + i));
            nodes.retire(vm.addr(ENCLAVES + i));
        }
    }
}
