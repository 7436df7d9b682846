// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGrantBook, Terms} from "../src/interfaces/IGrantBook.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {Grant, Messages, Order} from "../src/Messages.sol";
import {AssetId, TaskId} from "../src/Types.sol";
import {Network} from "./Network.sol";

/// @dev What grants of version 2 say, on the real contracts.
contract GrantsTest is Network {
    AssetId private second;

    function setUp() public {
        deploy();
        populate();
        vm.prank(vm.addr(OWNERS));
        second = assets.register(keccak256("second"), 0, shares(), 0, 0);
    }

    function test_a_grant_for_several_assets_is_used_once_and_paid_for_each() public {
        Grant[] memory grants = twice();
        grants[0].usesMax = grants[1].usesMax = 1;
        Order memory order = orderOf(grants);
        order.assets[1] = second;
        bytes[] memory signatures = signGrants(grants);
        signatures[1] = ""; // It was read at its first place.
        vm.prank(order.requester);
        TaskId id = market.place(order, grants, signatures);
        equal(grantBook.usesOf(order.grants[0]), 1, "uses");
        equal(grantBook.ownersOf(id).length, 2, "paid twice");
        equal(grantBook.ownersOf(id)[0].priceWei, 100, "first place");
        equal(grantBook.ownersOf(id)[1].priceWei, 100, "second place");
        vm.warp(order.expiry);
        market.refundExpired(id);
        equal(grantBook.usesOf(order.grants[0]), 0, "one use comes back");
    }

    function test_a_grant_at_two_places_is_charged_its_privacy_once() public {
        Grant[] memory grants = twice();
        for (uint256 i; i < 2; ++i) {
            makePrivate(grants[i], 1_000, 10);
        }
        Order memory order = orderOf(grants);
        order.assets[1] = second;
        (order.epsilonMicros, order.deltaPicos) = (600, 10);
        placeAs(order, grants);
        equal(grantBook.epsilonSpentOf(order.grants[0]), 600, "epsilon");
        equal(grantBook.deltaSpentOf(order.grants[0]), 10, "delta");
    }

    function test_both_places_of_a_grant_have_to_be_paid() public {
        Grant[] memory grants = twice();
        grants[0].priceWei = grants[1].priceWei = 0.4 ether;
        Order memory order = orderOf(grants);
        order.assets[1] = second;
        refuse(
            order,
            grants,
            abi.encodeWithSelector(IGrantBook.FeeBelowPrices.selector, 0.7 ether, 0.8 ether)
        );
    }

    function test_an_asset_that_its_grant_does_not_name_is_refused() public {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        order.assets[0] = second;
        refuse(order, two, abi.encodeWithSelector(IGrantBook.GrantForOtherAsset.selector, 0));
    }

    function test_a_grant_of_another_version_is_refused() public {
        for (uint8 version; version < 4; ++version) {
            if (version == 2) continue;
            Grant[] memory two = grantsOf();
            two[1].version = version;
            refuse(
                orderOf(two),
                two,
                abi.encodeWithSelector(IGrantBook.GrantVersionUnknown.selector, 1, version, 2)
            );
        }
    }

    function test_no_number_that_was_left_out_allows_anything() public {
        Grant[] memory two = grantsOf();
        two[0].tees = 0;
        refuseSet(two, "tees", 0);
        two[0].tees = 0x41;
        refuseSet(two, "tees", 0x41);
        two = grantsOf();
        two[0].outputFormats = 0;
        refuseSet(two, "outputFormats", 0);
        two[0].outputFormats = 0x40;
        refuseSet(two, "outputFormats", 0x40);
        two = grantsOf();
        two[0].ownersMin = 0;
        refuse(two, abi.encodeWithSelector(IGrantBook.GrantOwnersMinIsZero.selector, 0));
        two = grantsOf();
        two[0].usesMax = 0;
        refuse(two, abi.encodeWithSelector(IGrantBook.GrantUsedUp.selector, 0, 0));
        two = grantsOf();
        two[0].usesPerDay = 0;
        refuse(two, abi.encodeWithSelector(IGrantBook.GrantUsedUpToday.selector, 0, 0));
        two = grantsOf();
        two[0].assets = new AssetId[](0);
        Order memory order = orderOf(grantsOf());
        order.grants[0] = digestOf(Messages.hash(two[0]));
        refuse(
            order,
            two,
            abi.encodeWithSelector(IGrantBook.GrantListOutOfRange.selector, 0, "assets", 0)
        );
    }

    function test_measurements_and_a_release_key_exclude_one_another() public {
        Grant[] memory two = grantsOf();
        two[0].releaseKey = vm.addr(STRANGER);
        refuse(
            two,
            abi.encodeWithSelector(IGrantBook.GrantListOutOfRange.selector, 0, "measurements", 1)
        );
    }

    function test_privacy_is_said_in_full_or_not_at_all() public {
        refusePrivacy(false, 1, 0);
        refusePrivacy(false, 0, 1);
        refusePrivacy(true, 0, 0);
        refusePrivacy(true, 1, 1e12);
    }

    function test_orders_say_their_tees_and_their_privacy_well() public {
        Grant[] memory two = grantsOf();
        Order memory order = orderOf(two);
        uint32[3] memory bad = [uint32(0), 1, 0x40];
        for (uint256 i; i < 3; ++i) {
            order.tees = bad[i];
            refuse(order, two, abi.encodeWithSelector(IMarket.TeesUnknown.selector, bad[i]));
        }
        order.tees = 0x3e;
        order.deltaPicos = 1;
        refuse(order, two, abi.encodeWithSelector(IMarket.OrderPrivacyOutOfRange.selector, 0, 1));
        (order.epsilonMicros, order.deltaPicos) = (1, 1e12);
        refuse(order, two, abi.encodeWithSelector(IMarket.OrderPrivacyOutOfRange.selector, 1, 1e12));
    }

    function test_only_tees_that_all_allow_are_drawn() public {
        for (uint256 i; i < 6; ++i) {
            Grant[] memory two = grantsOf();
            (two[0].tees, two[1].tees) = (0x0c, 0x18);
            TaskId id = place(orderOf(two), two);
            equal(market.taskOf(id).tees, 0x08, "left");
            address node = draw(id);
            if (node == address(0)) continue;
            equal(nodes.teeOf(node), 3, "SEV-SNP alone");
            vm.prank(operatorOf(id));
            market.giveUp(id);
        }
        Grant[] memory none = grantsOf();
        (none[0].tees, none[1].tees) = (0x0c, 0x30);
        refuse(none, abi.encodeWithSelector(IGrantBook.NoTeeLeft.selector, 1));
        Order memory order = orderOf(grantsOf());
        none = grantsOf();
        none[0].tees = 0x20;
        order = orderOf(none);
        order.tees = 0x1e;
        refuse(order, none, abi.encodeWithSelector(IGrantBook.NoTeeLeft.selector, 0));
    }

    function test_a_grant_is_used_no_more_often_in_a_day_than_it_says() public {
        vm.warp(uint256(20_900) * 1 days); // The first second of a UTC day.
        Grant[] memory two = grantsOf();
        two[0].usesPerDay = 2;
        bytes32 grant = digestOf(Messages.hash(two[0]));
        place(orderOf(two), two);
        vm.warp(block.timestamp + 1 days - 1);
        place(orderOf(two), two);
        equal(grantBook.usesToday(grant), 2, "today");
        refuse(two, abi.encodeWithSelector(IGrantBook.GrantUsedUpToday.selector, 0, 2));
        vm.warp(block.timestamp + 1);
        equal(grantBook.usesToday(grant), 0, "a new day");
        place(orderOf(two), two);
        equal(grantBook.usesToday(grant), 1, "today");
        equal(grantBook.usesOf(grant), 3, "in all");
    }

    function test_a_use_comes_back_to_its_own_day_only() public {
        vm.warp(uint256(20_900) * 1 days);
        Grant[] memory two = grantsOf();
        two[0].usesPerDay = 1;
        Order memory order = orderOf(two);
        order.expiry = uint64(block.timestamp + 10);
        TaskId id = place(order, two);
        vm.warp(order.expiry);
        market.refundExpired(id);
        order = orderOf(two);
        order.expiry = uint64(block.timestamp + 1 days);
        id = place(order, two); // On the same day again.
        vm.warp(order.expiry);
        place(orderOf(two), two);
        market.refundExpired(id);
        equal(grantBook.usesToday(order.grants[0]), 1, "the new day's use stays");
        equal(grantBook.usesOf(order.grants[0]), 1, "in all");
    }

    function test_data_is_pooled_with_as_many_other_owners_as_its_owner_asks() public {
        Grant[] memory two = grantsOf();
        two[0].ownersMin = 2;
        place(orderOf(two), two);
        two[0].ownersMin = 3;
        refuse(two, abi.encodeWithSelector(IGrantBook.OwnersTooFew.selector, 0, 2, 3));
        // Another asset of the same owner does not help.
        Grant[] memory grants = twice();
        grants[0].ownersMin = grants[1].ownersMin = 2;
        Order memory order = orderOf(grants);
        order.assets[1] = second;
        refuse(order, grants, abi.encodeWithSelector(IGrantBook.OwnersTooFew.selector, 0, 1, 2));
    }

    function test_the_requester_hides_nobody_and_needs_nobody_for_its_own_data() public {
        // The second owner asks itself: it does not count for the first, nor bind itself.
        Grant[] memory two = grantsOf();
        two[0].ownersMin = 2;
        two[1].ownersMin = 9;
        Order memory order = orderOf(two);
        order.requester = vm.addr(OWNERS + 1);
        ledger.depositFor(order.requester, 1 ether);
        refuse(order, two, abi.encodeWithSelector(IGrantBook.OwnersTooFew.selector, 0, 1, 2));
        two[0].ownersMin = 1;
        order = orderOf(two);
        order.requester = vm.addr(OWNERS + 1);
        place(order, two);
    }

    function test_terms_are_what_all_grants_leave() public {
        Grant[] memory two = grantsOf();
        (two[0].tierMin, two[1].tcbFloor) = (1, 3);
        two[0].tcbFloor = 4;
        two[1].tees = 0x1c;
        two[0].measurements = new bytes32[](0);
        two[0].releaseKey = vm.addr(STRANGER);
        two[1].anyNode = false;
        two[1].operators = new address[](1);
        two[1].operators[0] = vm.addr(OPERATORS);
        Terms memory terms = grantBook.termsOf(place(orderOf(two), two));
        equal(terms.tierMin, 1, "tier");
        equal(terms.tcbFloor, 3, "floor");
        equal(terms.tees, 0x1c, "tees");
        isTrue(!terms.anyNode && terms.operators[0] == vm.addr(OPERATORS), "operators");
        isTrue(!terms.anyMeasurement && terms.measurements[0] == MEASUREMENT, "measurements");
        isTrue(terms.releaseKeys.length == 1 && terms.releaseKeys[0] == vm.addr(STRANGER), "keys");
        equal(terms.owners[1].owner, vm.addr(OWNERS + 1), "owners");
    }

    /// @dev One grant of the first owner for two assets, twice.
    function twice() private view returns (Grant[] memory grants) {
        grants = new Grant[](2);
        for (uint256 i; i < 2; ++i) {
            grants[i] = grantOf(0);
            grants[i].assets = new AssetId[](2);
            (grants[i].assets[0], grants[i].assets[1]) = (assetIds[0], second);
        }
    }

    /// @dev Places an order whose grants are all the first owner's.
    function placeAs(Order memory order, Grant[] memory grants) private returns (TaskId) {
        bytes[] memory signatures = new bytes[](grants.length);
        for (uint256 i; i < grants.length; ++i) {
            signatures[i] = sign(OWNERS, order.grants[i]);
        }
        vm.prank(order.requester);
        return market.place(order, grants, signatures);
    }

    function refuseSet(Grant[] memory list, string memory name, uint32 bits) private {
        refuse(list, abi.encodeWithSelector(IGrantBook.GrantSetUnknown.selector, 0, name, bits));
    }

    function refusePrivacy(bool required, uint64 epsilon, uint64 delta) private {
        Grant[] memory two = grantsOf();
        two[0].privacyRequired = required;
        (two[0].epsilonMicros, two[0].deltaPicos) = (epsilon, delta);
        refuse(
            two,
            abi.encodeWithSelector(
                IGrantBook.GrantPrivacyOutOfRange.selector, 0, required, epsilon, delta
            )
        );
    }

    function refuse(Grant[] memory list, bytes memory reason) private {
        refuse(orderOf(list), list, reason);
    }

    function refuse(Order memory order, Grant[] memory list, bytes memory reason) private {
        bytes[] memory signatures = signGrants(list);
        vm.prank(order.requester);
        vm.expectRevert(reason);
        market.place(order, list, signatures);
    }

    function makePrivate(Grant memory grant, uint64 epsilonMicros, uint64 deltaPicos) private pure {
        grant.privacyRequired = true;
        (grant.epsilonMicros, grant.deltaPicos) = (epsilonMicros, deltaPicos);
    }
}
