// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrantBook} from "../src/interfaces/IGrantBook.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {Grant, Messages, Order, Posting} from "../src/Messages.sol";
import {TaskId} from "../src/Types.sol";
import {Network} from "./Network.sol";

/// @dev Orders that are paid by what was used of them.
contract MeteredTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_what_was_not_spent_comes_back_in_the_same_settlement() public {
        TaskId id = run(1 ether, 0.1 ether, 0.3 ether);
        settle(id);
        // 0.3 ether at prices 100 and 200, as 1 ether is split elsewhere.
        equal(ledger.balanceOf(vm.addr(OWNERS)), 0.07 ether, "first owner");
        equal(ledger.balanceOf(vm.addr(OWNERS + 1)), 0.14 ether, "second owner");
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether - 0.3 ether, "requester");
        equal(ledger.escrowOf(id), 0, "escrow");
        equal(market.taskOf(id).spentWei, 0.3 ether, "spent");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function testFuzz_a_metered_fee_is_paid_or_returned_to_the_wei(uint96 fee, uint96 spent)
        public
    {
        uint256 feeWei = within(fee, 1_000, 1_000 ether);
        uint256 spent_ = within(spent, 0, feeWei);
        TaskId id = run(feeWei, 1_000, spent_);
        uint256 totalWei = ledger.totalWei();
        settle(id);
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether - spent_, "requester");
        equal(ledger.escrowOf(id), 0, "escrow");
        equal(ledger.totalWei(), totalWei, "all buckets");
        (, uint256 escrows,,,) = ledger.totals();
        equal(escrows, 0, "escrows");
    }

    function test_a_session_that_spent_nothing_pays_nobody() public {
        TaskId id = run(1 ether, 0.1 ether, 0);
        settle(id);
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "requester");
        equal(ledger.treasury(), 0, "treasury");
        equal(ledger.balanceOf(vm.addr(OWNERS)), 0, "owner");
    }

    function test_the_rest_comes_back_at_home_though_the_requester_is_paid_elsewhere() public {
        ledger.openSpoke(31_338, address(1));
        vm.prank(vm.addr(REQUESTER));
        ledger.setPayoutChain(31_338);
        TaskId id = run(1 ether, 0.1 ether, 0.3 ether);
        settle(id);
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether - 0.3 ether, "at home");
        equal(ledger.owedOf(31_338, vm.addr(REQUESTER)), 0, "on the spoke");
    }

    function test_more_than_the_fee_is_never_spent() public {
        TaskId id = placed(1 ether, 0.1 ether);
        draw(id);
        spentWei = 1 ether + 1;
        postFails(id, true);
        spentWei = 1 ether;
        post(id, keyOf(market.taskOf(id).node));
        equal(market.taskOf(id).spentWei, 1 ether, "the whole fee");
    }

    function test_a_plain_task_spends_its_whole_fee_no_more_and_no_less() public {
        TaskId id = place();
        draw(id);
        for (uint128 i; i < 2; ++i) {
            Posting memory posting = postingOf(id, "");
            posting.spentWei = 1 ether - 1 + 2 * i;
            postFails(posting, false);
        }
        post(id, keyOf(market.taskOf(id).node));
    }

    function test_prices_are_met_by_each_unit() public {
        Grant[] memory two = grantsOf();
        two[0].priceWei = 70_000 - 200;
        Order memory order = orderOf(two);
        order.unitWei = 100_000;
        place(order, two);

        order = orderOf(two);
        order.unitWei = 99_999;
        bytes[] memory signatures = signGrants(two);
        vm.prank(order.requester);
        vm.expectRevert(abi.encodeWithSelector(IGrantBook.FeeBelowPrices.selector, 69_999, 70_000));
        market.place(order, two, signatures);
    }

    function test_a_unit_costs_no_more_than_the_whole_fee() public {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        order.unitWei = 1 ether + 1;
        bytes[] memory signatures = signGrants(two);
        vm.prank(order.requester);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.UnitOutOfRange.selector, 1 ether + 1, 1 ether)
        );
        market.place(order, two, signatures);
    }

    function test_a_metered_task_that_comes_to_nothing_is_refunded_in_full() public {
        TaskId id = placed(1 ether, 0.1 ether);
        spentWei = 0.9 ether;
        run(id);
        judge(id, 2, 3);
        run(id);
        judge(id, 2, 3);
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "refund");
    }

    function placed(uint256 feeWei, uint128 unitWei) private returns (TaskId) {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        order.feeWei = uint128(feeWei);
        order.unitWei = unitWei;
        return place(order, two);
    }

    /// @dev Up to the judgement.
    function run(uint256 feeWei, uint128 unitWei, uint256 spent) private returns (TaskId id) {
        id = placed(feeWei, unitWei);
        spentWei = uint128(spent);
        run(id);
        judge(id, 1, 0);
    }

    function postFails(TaskId id, bool metered) private {
        postFails(postingOf(id, ""), metered);
    }

    function postFails(Posting memory posting, bool metered) private {
        uint256 operatorKey = keyOf(market.taskOf(posting.task).node) - ENCLAVES + OPERATORS;
        bytes memory signature = sign(operatorKey, digestOf(Messages.hash(posting)));
        vm.expectRevert(
            abi.encodeWithSelector(
                IMarket.SpentOutOfRange.selector, posting.spentWei, 1 ether, metered
            )
        );
        market.post(posting, signature);
    }
}
