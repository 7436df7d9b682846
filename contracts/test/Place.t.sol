// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AppStatus} from "../src/interfaces/IAppRegistry.sol";
import {IGrantBook} from "../src/interfaces/IGrantBook.sol";
import {ILedger} from "../src/interfaces/ILedger.sol";
import {IMarket, Task} from "../src/interfaces/IMarket.sol";
import {Grant, Messages, Order} from "../src/Messages.sol";
import {AppId, TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract PlaceTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_an_order_that_all_grants_cover_is_placed() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        TaskId id = place(offer, two);

        Task memory task = market.taskOf(id);
        equal(uint256(task.state), uint256(TaskState.Placed), "state");
        equal(task.orderDigest, digestOf(Messages.hash(offer)), "order digest");
        equal(task.seedBlock, vm.getBlockNumber() + 2, "seed block");
        equal(task.attempt, 0, "no attempt yet");
        equal(ledger.escrowOf(id), offer.feeWei, "escrow");
        equal(grantBook.usesOf(offer.grants[1]), 1, "one use");
        equal(grantBook.ownersOf(id)[1].priceWei, 200, "price");
    }

    function test_anybody_may_send_an_order_that_its_requester_signed() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        bytes memory signature = sign(REQUESTER, digestOf(Messages.hash(offer)));
        bytes[] memory signatures = signGrants(two);
        vm.prank(vm.addr(STRANGER));
        TaskId id = market.placeFor(offer, two, signatures, signature);
        equal(market.taskOf(id).requester, offer.requester, "requester");
    }

    function test_an_order_that_a_stranger_signed_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        bytes memory signature = sign(STRANGER, digestOf(Messages.hash(offer)));
        bytes[] memory signatures = signGrants(two);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.RequesterDidNotSign.selector, offer.requester)
        );
        market.placeFor(offer, two, signatures, signature);
    }

    function test_nobody_places_for_another_without_a_signature() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        bytes[] memory signatures = signGrants(two);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.NotRequester.selector, address(this), offer.requester)
        );
        market.place(offer, two, signatures);
    }

    function test_one_order_is_one_task() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        TaskId id = place(offer, two);
        refuse(offer, two, abi.encodeWithSelector(IMarket.TaskKnown.selector, id));
    }

    function test_a_fee_that_the_requester_does_not_have_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        offer.feeWei = 2_000 ether;
        refuse(
            offer,
            two,
            abi.encodeWithSelector(
                ILedger.BalanceTooLow.selector, offer.requester, 1_000 ether, 2_000 ether
            )
        );
    }

    function test_prices_above_the_owners_part_are_refused() public {
        Grant[] memory two = grantsOf();
        two[0].priceWei = 0.7 ether;
        Order memory offer = orderOf(two);
        refuse(
            offer,
            two,
            abi.encodeWithSelector(
                IGrantBook.FeeBelowPrices.selector, 0.7 ether, 0.7 ether + uint256(200)
            )
        );
    }

    function test_prices_of_the_whole_owners_part_are_met() public {
        Grant[] memory two = grantsOf();
        two[0].priceWei = 0.7 ether - 200;
        place(orderOf(two), two);
    }

    function test_orders_out_of_bounds_are_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        for (uint8 replicas; replicas <= 4; replicas += 4) {
            offer.replicas = replicas;
            refuse(
                offer,
                two,
                abi.encodeWithSelector(IMarket.ReplicasOutOfRange.selector, replicas, 1, 3)
            );
        }
        offer.replicas = 1;
        offer.recipientKeyHash = 0;
        refuse(offer, two, abi.encodeWithSelector(IMarket.RecipientKeyIsZero.selector));
        offer.recipientKeyHash = keccak256("recipient");
        offer.attemptsMax = 9;
        refuse(offer, two, abi.encodeWithSelector(IMarket.AttemptsOutOfRange.selector, 9, 1, 8));
        offer.attemptsMax = 2;
        offer.attemptSeconds = 59;
        refuse(
            offer,
            two,
            abi.encodeWithSelector(IMarket.AttemptSecondsOutOfRange.selector, 59, 60, 1 days)
        );
        offer.attemptSeconds = 60;
        offer.feeWei = 999;
        refuse(
            offer,
            two,
            abi.encodeWithSelector(
                IMarket.FeeOutOfRange.selector, 999, 1_000, uint256(type(uint96).max)
            )
        );
        offer.feeWei = 1 ether;
        offer.expiry = uint64(block.timestamp);
        refuse(
            offer,
            two,
            abi.encodeWithSelector(IMarket.OrderExpired.selector, block.timestamp, block.timestamp)
        );
        offer.expiry = uint64(block.timestamp + 30 days + 1);
        refuse(
            offer,
            two,
            abi.encodeWithSelector(
                IMarket.OrderExpiryTooFar.selector, offer.expiry, block.timestamp + 30 days
            )
        );
    }

    function test_an_app_that_is_not_listed_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        apps.setApp(APP, AppStatus.Denied);
        refuse(offer, two, abi.encodeWithSelector(IMarket.AppNotListed.selector, APP));
    }

    function test_a_grant_that_is_not_the_ordered_one_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        bytes32 ordered = offer.grants[1];
        two[1].priceWei = 0;
        refuse(
            offer,
            two,
            abi.encodeWithSelector(
                IGrantBook.GrantMismatch.selector, 1, digestOf(Messages.hash(two[1])), ordered
            )
        );
    }

    function test_a_grant_for_another_asset_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        vm.prank(vm.addr(OWNERS));
        offer.assets[0] = assets.register(keccak256("another"), 0, shares(), 0, 0);
        refuse(offer, two, abi.encodeWithSelector(IGrantBook.GrantForOtherAsset.selector, 0));
    }

    function test_an_asset_stands_in_an_order_once() public {
        Grant[] memory three = new Grant[](3);
        (three[0], three[1], three[2]) = (grantOf(0), grantOf(1), grantOf(0));
        three[2].nonce = 8; // Another grant for the same asset.
        Order memory offer = orderOf(three);
        bytes[] memory signatures = signGrants(three);
        signatures[2] = sign(OWNERS, offer.grants[2]);
        vm.prank(offer.requester);
        vm.expectRevert(abi.encodeWithSelector(IGrantBook.AssetRepeated.selector, 2));
        market.place(offer, three, signatures);
    }

    function test_a_task_that_nobody_was_drawn_for_gives_its_uses_back() public {
        Grant[] memory two = grantsOf();
        two[0].usesMax = 1;
        Order memory offer = orderOf(two);
        TaskId id = place(offer, two);
        refuse(orderOf(two), two, abi.encodeWithSelector(IGrantBook.GrantUsedUp.selector, 0, 1));
        vm.warp(offer.expiry);
        market.refundExpired(id);
        equal(grantBook.usesOf(offer.grants[0]), 0, "first grant");
        equal(grantBook.usesOf(offer.grants[1]), 0, "second grant");
        place(orderOf(two), two);
        equal(grantBook.usesOf(offer.grants[0]), 1, "used again");
    }

    function test_a_task_that_somebody_was_drawn_for_has_used_its_grants() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        offer.expiry = uint64(block.timestamp + 3_000);
        TaskId id = place(offer, two);
        draw(id);
        vm.prank(operatorOf(id));
        market.giveUp(id);
        vm.warp(offer.expiry);
        market.refundExpired(id);
        equal(grantBook.usesOf(offer.grants[0]), 1, "used");
    }

    function testFuzz_only_the_market_uses_grants_and_gives_uses_back(address caller) public {
        vm.assume(caller != address(market));
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        TaskId id = place(offer, two);
        bytes memory reason = notModule(caller, address(market));
        bytes memory use = abi.encodeCall(IGrantBook.use, (id, offer, two, signGrants(two)));
        callFails(caller, address(grantBook), use, reason);
        callFails(caller, address(grantBook), abi.encodeCall(IGrantBook.giveBack, (id)), reason);
    }

    function test_a_grant_by_somebody_else_is_refused() public {
        Grant[] memory two = grantsOf();
        two[1].owner = vm.addr(STRANGER);
        refuse(
            orderOf(two),
            two,
            abi.encodeWithSelector(
                IGrantBook.GrantNotByOwner.selector, 1, vm.addr(STRANGER), vm.addr(OWNERS + 1)
            )
        );
    }

    function test_a_grant_with_a_strangers_signature_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        bytes[] memory signatures = signGrants(two);
        signatures[1] = sign(STRANGER, digestOf(Messages.hash(two[1])));
        vm.prank(offer.requester);
        vm.expectRevert(
            abi.encodeWithSelector(IGrantBook.GrantSignatureWrong.selector, 1, vm.addr(OWNERS + 1))
        );
        market.place(offer, two, signatures);
    }

    function test_a_revoked_grant_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        vm.prank(vm.addr(STRANGER));
        assets.revokeGrant(offer.grants[1]); // A stranger's revocation says nothing about the
        // owner's grant.
        place(offer, two);

        offer = orderOf(two);
        vm.prank(vm.addr(OWNERS + 1));
        assets.revokeGrant(offer.grants[1]);
        refuse(offer, two, abi.encodeWithSelector(IGrantBook.GrantRevokedByOwner.selector, 1));
    }

    function test_grants_below_the_owners_lowest_nonce_are_refused() public {
        Grant[] memory two = grantsOf();
        Order memory offer = orderOf(two);
        vm.prank(vm.addr(OWNERS));
        assets.revokeAll(7);
        place(offer, two);

        offer = orderOf(two);
        vm.prank(vm.addr(OWNERS));
        assets.revokeAll(8);
        refuse(offer, two, abi.encodeWithSelector(IGrantBook.GrantRevokedByOwner.selector, 0));
    }

    function test_a_grant_is_used_no_more_often_than_it_says() public {
        Grant[] memory two = grantsOf();
        two[1].usesMax = 1;
        place(orderOf(two), two);
        refuse(orderOf(two), two, abi.encodeWithSelector(IGrantBook.GrantUsedUp.selector, 1, 1));
    }

    function test_a_grant_outside_its_time_is_refused() public {
        Grant[] memory two = grantsOf();
        two[0].notBefore = uint64(block.timestamp + 1);
        refuse(
            orderOf(two),
            two,
            abi.encodeWithSelector(
                IGrantBook.GrantNotYetValid.selector, 0, block.timestamp + 1, block.timestamp
            )
        );
        two[0].notBefore = 0;
        two[0].expiry = uint64(block.timestamp);
        refuse(
            orderOf(two),
            two,
            abi.encodeWithSelector(
                IGrantBook.GrantExpired.selector, 0, block.timestamp, block.timestamp
            )
        );
    }

    function test_an_empty_list_never_means_do_not_check() public {
        Grant[] memory two = grantsOf();
        two[0].anyNode = false;
        refuseList(two, "operators", 0);
        two[0].anyNode = true;
        two[0].operators = new address[](1);
        refuseList(two, "operators", 1);
        two = grantsOf();
        two[0].anyRequester = false;
        refuseList(two, "requesters", 0);
        two = grantsOf();
        two[0].apps = new AppId[](0);
        refuseList(two, "apps", 0);
        two = grantsOf();
        two[0].measurements = new bytes32[](0);
        refuseList(two, "measurements", 0);
        two[0].measurements = new bytes32[](17);
        refuseList(two, "measurements", 17);
    }

    function test_a_grant_for_other_apps_or_requesters_is_refused() public {
        Grant[] memory two = grantsOf();
        two[1].apps[0] = AppId.wrap(keccak256("another app"));
        refuse(orderOf(two), two, abi.encodeWithSelector(IGrantBook.GrantOmitsApp.selector, 1, APP));
        two = grantsOf();
        two[1].anyRequester = false;
        two[1].requesters = new address[](1);
        two[1].requesters[0] = vm.addr(STRANGER);
        refuse(
            orderOf(two),
            two,
            abi.encodeWithSelector(IGrantBook.GrantOmitsRequester.selector, 1, vm.addr(REQUESTER))
        );
    }

    function test_grants_that_leave_no_node_are_refused() public {
        Grant[] memory two = grantsOf();
        for (uint256 i; i < 2; ++i) {
            two[i].anyNode = false;
            two[i].operators = new address[](1);
            two[i].operators[0] = vm.addr(OPERATORS + i);
        }
        refuse(orderOf(two), two, abi.encodeWithSelector(IGrantBook.NoOperatorLeft.selector, 1));
        two = grantsOf();
        two[1].measurements[0] = keccak256("another runtime");
        refuse(orderOf(two), two, abi.encodeWithSelector(IGrantBook.NoMeasurementLeft.selector, 1));
    }

    function refuseList(Grant[] memory list, string memory name, uint256 length) private {
        refuse(
            orderOf(list),
            list,
            abi.encodeWithSelector(IGrantBook.GrantListOutOfRange.selector, 0, name, length)
        );
    }

    function refuse(Order memory offer, Grant[] memory list, bytes memory reason) private {
        bytes[] memory signatures = signGrants(list);
        vm.prank(offer.requester);
        vm.expectRevert(reason);
        market.place(offer, list, signatures);
    }
}
