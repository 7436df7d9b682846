// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrantUse, IGrantBook} from "../src/interfaces/IGrantBook.sol";
import {Grant, Messages, Order} from "../src/Messages.sol";
import {TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";
import {Vm} from "./Vm.sol";

/// @dev What leaves with an output: privacy budgets, and outputs that their owners look at first.
contract PrivacyTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_privacy_is_charged_to_each_grant_that_asks_for_it() public {
        Grant[] memory two = grantsOf();
        makePrivate(two[0], 1_000, 50);
        Order memory order = orderOf(two);
        refuse(order, two, abi.encodeWithSelector(IGrantBook.OrderIsNotPrivate.selector, 0));
        (order.epsilonMicros, order.deltaPicos) = (600, 20);
        place(order, two);
        GrantUse memory used = grantBook.useOf(order.grants[0]);
        equal(used.epsilonMicros, 600, "epsilon");
        equal(used.deltaPicos, 20, "delta");
        equal(used.epsilonMaxMicros, 1_000, "of");
        equal(used.deltaMaxPicos, 50, "of");
        equal(grantBook.epsilonSpentOf(order.grants[1]), 0, "not private");

        order = privateOrder(two, 401, 0);
        bytes4 reason = IGrantBook.PrivacyBudgetExceeded.selector;
        refuse(order, two, abi.encodeWithSelector(reason, 0, 400, 30));
        order = privateOrder(two, 400, 31);
        refuse(order, two, abi.encodeWithSelector(reason, 0, 400, 30));
        order = privateOrder(two, type(uint64).max, 0);
        refuse(order, two, abi.encodeWithSelector(reason, 0, 400, 30));
        place(privateOrder(two, 400, 30), two);
        order = privateOrder(two, 1, 0);
        refuse(order, two, abi.encodeWithSelector(reason, 0, 0, 0));
    }

    function test_privacy_comes_back_only_if_nobody_was_drawn() public {
        Grant[] memory two = grantsOf();
        makePrivate(two[1], 1_000, 50);
        for (uint256 i; i < 2; ++i) {
            Order memory order = privateOrder(two, 700, 30);
            order.attemptsMax = 1;
            TaskId id = place(order, two);
            if (i == 0) {
                vm.warp(order.expiry);
                market.refundExpired(id);
            } else {
                draw(id);
                vm.prank(operatorOf(id));
                market.giveUp(id);
            }
            equal(grantBook.epsilonSpentOf(order.grants[1]), 700 * i, "epsilon");
            equal(grantBook.deltaSpentOf(order.grants[1]), 30 * i, "delta");
        }
    }

    function test_every_further_attempt_is_charged_however_the_one_before_ended() public {
        Grant[] memory two = grantsOf();
        makePrivate(two[0], 1_400, 70);
        Order memory order = privateOrder(two, 400, 20);
        order.attemptsMax = 8;
        TaskId id = place(order, two);
        draw(id);
        refuse(id, order, 4); // A keeper may have released before it refused.
        equal(grantBook.epsilonSpentOf(order.grants[0]), 800, "once more");
        draw(id);
        vm.prank(operatorOf(id));
        market.giveUp(id);
        equal(grantBook.epsilonSpentOf(order.grants[0]), 1_200, "and again");
        equal(grantBook.deltaSpentOf(order.grants[0]), 60, "and again");
        equal(uint256(market.taskOf(id).state), uint256(TaskState.Placed), "next attempt");
        draw(id);
        vm.recordLogs();
        vm.prank(operatorOf(id));
        market.giveUp(id);
        equal(logged(IGrantBook.PrivacyUsedUp.selector), 1, "said");
        equal(uint256(market.taskOf(id).state), uint256(TaskState.Refunded), "no budget is left");
        equal(grantBook.epsilonSpentOf(order.grants[0]), 1_200, "never more than granted");
        equal(ledger.balanceOf(order.requester), 1_000 ether, "refund");
    }

    function test_another_attempt_is_charged_to_all_private_grants_or_to_none() public {
        Grant[] memory two = grantsOf();
        makePrivate(two[0], 10_000, 0);
        makePrivate(two[1], 700, 0);
        TaskId id = place(privateOrder(two, 400, 0), two);
        draw(id);
        vm.prank(operatorOf(id));
        market.giveUp(id);
        for (uint256 i; i < 2; ++i) {
            equal(grantBook.epsilonSpentOf(digestOf(Messages.hash(two[i]))), 400, "epsilon");
        }
        equal(uint256(market.taskOf(id).state), uint256(TaskState.Refunded), "refunded");
    }

    /// @dev Orders, attempts and expiries in any sequence: the sums stay those of what happened,
    /// and within the grant.
    function testFuzz_a_budget_is_never_overspent(uint256[12] calldata moves) public {
        Grant[] memory two = grantsOf();
        makePrivate(two[0], 5_000, 300);
        bytes32 grant = digestOf(Messages.hash(two[0]));
        (uint256 epsilon, uint256 delta) = (0, 0);
        for (uint256 i; i < moves.length; ++i) {
            uint64 more = uint64(within(moves[i], 1, 1_500));
            uint64 also = uint64(within(moves[i] >> 64, 0, 90));
            Order memory order = privateOrder(two, more, also);
            order.expiry = uint64(block.timestamp + 1_000);
            bool fits_ = epsilon + more <= 5_000 && delta + also <= 300;
            (bool done, TaskId id) = tryPlace(order, two);
            isTrue(done == fits_, "placed exactly if it fits");
            if (!done) continue;
            (epsilon, delta) = (epsilon + more, delta + also);
            if (moves[i] >> 128 & 1 == 0) {
                vm.warp(order.expiry);
                market.refundExpired(id);
                (epsilon, delta) = (epsilon - more, delta - also);
            } else {
                draw(id);
                vm.prank(operatorOf(id));
                market.giveUp(id);
                bool again = epsilon + more <= 5_000 && delta + also <= 300;
                TaskState state = again ? TaskState.Placed : TaskState.Refunded;
                equal(uint256(market.taskOf(id).state), uint256(state), "next attempt or refund");
                if (again) (epsilon, delta) = (epsilon + more, delta + also);
            }
            equal(grantBook.epsilonSpentOf(grant), epsilon, "epsilon");
            equal(grantBook.deltaSpentOf(grant), delta, "delta");
            isTrue(epsilon <= 5_000 && delta <= 300, "within the grant");
        }
    }

    function testFuzz_only_the_market_charges_again(address caller) public {
        vm.assume(caller != address(market));
        callFails(
            caller,
            address(grantBook),
            abi.encodeCall(IGrantBook.chargeAgain, (TaskId.wrap(0))),
            notModule(caller, address(market))
        );
    }

    function test_an_owner_lets_an_output_go_once_it_is_posted() public {
        TaskId id = place();
        address owner = vm.addr(OWNERS + 1);
        address book = address(grantBook);
        bytes memory envelope = new bytes(1_200);
        bytes memory early = abi.encodeCall(IGrantBook.approveOutput, (id, 1, envelope));
        bytes memory reason = abi.encodeWithSelector(IGrantBook.OutputNotPosted.selector, id);
        callFails(owner, book, early, reason);
        draw(id);
        callFails(owner, book, early, reason);
        post(id, keyOf(market.taskOf(id).node));
        vm.recordLogs();
        vm.prank(owner);
        grantBook.approveOutput(id, 1, envelope);
        equal(logged(IGrantBook.OutputApproved.selector), 1, "event");

        reason =
            abi.encodeWithSelector(IGrantBook.NotGrantOwner.selector, 0, owner, vm.addr(OWNERS));
        callFails(owner, book, abi.encodeCall(IGrantBook.approveOutput, (id, 0, envelope)), reason);
        reason = abi.encodeWithSelector(IGrantBook.PositionUnknown.selector, 2, 2);
        callFails(owner, book, abi.encodeCall(IGrantBook.approveOutput, (id, 2, envelope)), reason);
        uint256[2] memory lengths = [uint256(0), 4_097];
        for (uint256 i; i < 2; ++i) {
            envelope = new bytes(lengths[i]);
            reason =
                abi.encodeWithSelector(IGrantBook.EnvelopeOutOfRange.selector, lengths[i], 4_096);
            callFails(
                owner, book, abi.encodeCall(IGrantBook.approveOutput, (id, 1, envelope)), reason
            );
        }
        judge(id, 2, 3); // Refused: what was posted is nobody's output any more.
        envelope = new bytes(1);
        reason = abi.encodeWithSelector(IGrantBook.OutputNotPosted.selector, id);
        callFails(owner, book, abi.encodeCall(IGrantBook.approveOutput, (id, 1, envelope)), reason);
    }

    function makePrivate(Grant memory grant, uint64 epsilonMicros, uint64 deltaPicos) private pure {
        grant.privacyRequired = true;
        (grant.epsilonMicros, grant.deltaPicos) = (epsilonMicros, deltaPicos);
    }

    function privateOrder(Grant[] memory grants, uint64 epsilonMicros, uint64 deltaPicos)
        private
        returns (Order memory order)
    {
        order = orderOf(grants);
        (order.epsilonMicros, order.deltaPicos) = (epsilonMicros, deltaPicos);
    }

    function tryPlace(Order memory order, Grant[] memory grants)
        private
        returns (bool done, TaskId id)
    {
        bytes[] memory signatures = signGrants(grants);
        vm.prank(order.requester);
        try market.place(order, grants, signatures) returns (TaskId placed) {
            return (true, placed);
        } catch {
            return (false, id);
        }
    }

    function logged(bytes32 selector) private returns (uint256 count) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == selector) ++count;
        }
    }

    function refuse(Order memory order, Grant[] memory list, bytes memory reason) private {
        bytes[] memory signatures = signGrants(list);
        vm.prank(order.requester);
        vm.expectRevert(reason);
        market.place(order, list, signatures);
    }
}
