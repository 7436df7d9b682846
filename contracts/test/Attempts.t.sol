// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarket} from "../src/interfaces/IMarket.sol";
import {Grant, Messages, Order, Refusal} from "../src/Messages.sol";
import {TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

/// @dev How an attempt ends before its deadline, and whose keepers' word counts.
contract AttemptsTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_only_the_drawn_nodes_operator_shows_refusals() public {
        (TaskId task, Order memory order) = running(1 days);
        (Refusal[] memory refusals, bytes[] memory signatures) = refusalsOf(task, order, 0, 4);
        address operator = operatorOf(task);
        bytes memory data =
            abi.encodeCall(IMarket.refuse, (order, 0, shares(), refusals, signatures));
        address[3] memory others = [vm.addr(STRANGER), order.requester, vm.addr(OPERATORS)];
        if (others[2] == operator) others[2] = vm.addr(OPERATORS + 1);
        for (uint256 i; i < 3; ++i) {
            callFails(
                others[i],
                address(market),
                data,
                abi.encodeWithSelector(IMarket.NotDrawnOperator.selector, others[i], operator)
            );
        }
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Running), "it runs on");
    }

    function test_a_refusal_counts_though_governance_withdrew_the_keepers_measurement() public {
        (TaskId task, Order memory order) = running(1 days);
        apps.setMeasurement(MEASUREMENT, false);
        refuse(task, order, 4);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");
    }

    function test_a_refusal_counts_though_its_keeper_has_a_newer_key() public {
        (TaskId task, Order memory order) = running(1 days);
        admit(OPERATORS, ENCLAVES + 9, bytes32(uint256(1)));
        isTrue(!nodes.certified(vm.addr(ENCLAVES)), "the old key is retired");
        refuse(task, order, 4);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");
    }

    function test_refusals_by_keys_that_keep_nothing_do_not_count() public {
        (TaskId task, Order memory order) = running(1 days);
        // Share 0 is the first operator's: another's enclave, and a key that nobody admitted.
        uint256[2] memory keys = [ENCLAVES + 2, STRANGER];
        for (uint256 i; i < 2; ++i) {
            (Refusal[] memory refusals, bytes[] memory signatures) = refusalsOf(task, order, 0, 4);
            refusals[0].keeper = vm.addr(keys[i]);
            signatures[0] = sign(keys[i], digestOf(Messages.hash(refusals[0])));
            notKeeper(task, order, refusals, signatures);
        }
        // The keeper's name under another key's signature.
        (Refusal[] memory named, bytes[] memory signed) = refusalsOf(task, order, 0, 4);
        signed[0] = sign(STRANGER, digestOf(Messages.hash(named[0])));
        notKeeper(task, order, named, signed);
    }

    function test_refusals_by_expired_keys_do_not_count() public {
        uint64 expiry = nodes.recordOf(vm.addr(ENCLAVES)).expiry;
        vm.warp(expiry - 300);
        (TaskId task, Order memory order) = running(1 days);
        (Refusal[] memory refusals, bytes[] memory signatures) = refusalsOf(task, order, 0, 4);
        vm.warp(expiry);
        notKeeper(task, order, refusals, signatures);
        vm.warp(expiry - 1);
        refuse(task, order, 4);
    }

    function test_a_node_that_gives_up_before_the_deadline_pays_nothing() public {
        (TaskId task,) = running(1 days);
        address node = market.taskOf(task).node;
        address operator = operatorOf(task);
        vm.warp(market.taskOf(task).attemptDeadline);
        vm.prank(operator);
        market.giveUp(task);
        equal(staking.bondedOf(operator), NODE_STAKE, "stake");
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");
        equal(nodes.recordOf(node).running, 0, "node is free");
        isTrue(draw(task) != node, "another node");
        vm.prank(operatorOf(task));
        market.giveUp(task);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Refunded), "none left");
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "the whole fee");
    }

    function test_nobody_else_gives_up_and_nobody_after_the_deadline() public {
        (TaskId task,) = running(1 days);
        address operator = operatorOf(task);
        bytes memory data = abi.encodeCall(IMarket.giveUp, (task));
        address stranger = vm.addr(STRANGER);
        bytes memory reason =
            abi.encodeWithSelector(IMarket.NotDrawnOperator.selector, stranger, operator);
        callFails(stranger, address(market), data, reason);
        uint64 deadline = market.taskOf(task).attemptDeadline;
        vm.warp(deadline + 1);
        reason = abi.encodeWithSelector(IMarket.DeadlinePassed.selector, deadline, deadline + 1);
        callFails(operator, address(market), data, reason);
        market.timeout(task);
        equal(staking.bondedOf(operator), NODE_STAKE - MISS, "silence costs");
    }

    function test_what_was_posted_is_not_given_up() public {
        (TaskId task,) = running(1 days);
        address operator = operatorOf(task);
        post(task, keyOf(market.taskOf(task).node));
        callFails(
            operator,
            address(market),
            abi.encodeCall(IMarket.giveUp, (task)),
            abi.encodeWithSelector(
                IMarket.WrongState.selector, task, TaskState.Posted, TaskState.Running
            )
        );
    }

    function test_an_attempt_that_ends_after_the_orders_expiry_is_the_last() public {
        for (uint256 i; i < 2; ++i) {
            (TaskId task,) = running(500);
            uint256 at_ = market.taskOf(task).expiry - (i == 0 ? 1 : 0);
            vm.warp(at_);
            vm.prank(operatorOf(task));
            market.giveUp(task);
            TaskState expected = i == 0 ? TaskState.Placed : TaskState.Refunded;
            equal(uint256(market.taskOf(task).state), uint256(expected), "state");
        }
    }

    function running(uint64 seconds_) private returns (TaskId task, Order memory order) {
        Grant[] memory grants = grantsOf();
        order = orderOf(grants);
        order.expiry = uint64(block.timestamp) + seconds_;
        task = place(order, grants);
        draw(task);
    }

    function notKeeper(
        TaskId task,
        Order memory order,
        Refusal[] memory refusals,
        bytes[] memory signatures
    ) private {
        vm.prank(operatorOf(task));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarket.NotKeeper.selector, 0, refusals[0].keeper, vm.addr(OPERATORS)
            )
        );
        market.refuse(order, 0, shares(), refusals, signatures);
    }
}
