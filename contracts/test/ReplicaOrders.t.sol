// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrantBook} from "../src/interfaces/IGrantBook.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {Grant, Order} from "../src/Messages.sol";
import {Network} from "./Network.sol";

/// @dev Which orders can have several replicas.
contract ReplicaOrdersTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_orders_for_which_there_are_too_few_vendors_are_refused() public {
        // SGX and TDX are one vendor's.
        placeFails(2, 0x06, abi.encodeWithSelector(IMarket.VendorsTooFew.selector, 1, 2));
        placeFails(3, 0x0e, abi.encodeWithSelector(IMarket.VendorsTooFew.selector, 2, 3));
        Grant[] memory two = grantsOf();
        two[1].tees = 0x08; // The order allows all, a grant one.
        Order memory order = orderOf(two);
        order.replicas = 2;
        bytes[] memory signatures = signGrants(two);
        vm.prank(order.requester);
        vm.expectRevert(abi.encodeWithSelector(IMarket.VendorsTooFew.selector, 1, 2));
        market.place(order, two, signatures);
    }

    function test_what_cannot_agree_has_one_replica() public {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        order.replicas = 2;
        order.unitWei = 10_000;
        bytes memory reason = abi.encodeWithSelector(IMarket.ReplicasNotPossible.selector, 2);
        placeFails(order, two, reason);
        order.unitWei = 0;
        order.epsilonMicros = 1;
        placeFails(order, two, reason);
        order.epsilonMicros = 0;
        place(order, two);
    }

    function test_each_replicas_part_covers_minimum_and_prices() public {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        (order.replicas, order.feeWei) = (3, 2_999);
        uint256 max = type(uint96).max;
        placeFails(
            order, two, abi.encodeWithSelector(IMarket.FeeOutOfRange.selector, 2_999, 3_000, max)
        );
        two[1].priceWei = 601;
        order = orderOf(two);
        (order.replicas, order.feeWei) = (3, 3_002);
        placeFails(order, two, abi.encodeWithSelector(IGrantBook.FeeBelowPrices.selector, 700, 701));
        order.feeWei = 3_006;
        place(order, two);
    }

    function placeFails(uint8 replicas, uint32 tees, bytes memory reason) private {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        (order.replicas, order.tees) = (replicas, tees);
        placeFails(order, two, reason);
    }

    function placeFails(Order memory order, Grant[] memory grants, bytes memory reason) private {
        bytes[] memory signatures = signGrants(grants);
        vm.prank(order.requester);
        vm.expectRevert(reason);
        market.place(order, grants, signatures);
    }
}
