// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Identifiers} from "../src/Identifiers.sol";
import {AppStatus} from "../src/interfaces/IAppRegistry.sol";
import {Asset, IAssetRegistry, Shares} from "../src/interfaces/IAssetRegistry.sol";
import {AssetId} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract RegistriesTest is Network {
    function setUp() public {
        deploy();
    }

    function testFuzz_an_asset_is_named_by_its_owner_root_and_salt(
        address owner,
        bytes32 root,
        bytes32 salt
    ) public {
        vm.assume(owner != address(0) && root != 0);
        vm.prank(owner);
        AssetId id = assets.register(root, salt, shares(), bytes32("policy"), bytes32("meta"));
        bytes32 expected = keccak256(
            abi.encode(keccak256("cloister/asset/1"), ledger.deployment(), owner, root, salt)
        );
        equal(AssetId.unwrap(id), expected, "id");
        Asset memory asset = assets.assetOf(id);
        equal(asset.owner, owner, "owner");
        equal(asset.root, root, "root");
        equal(asset.policyDigest, bytes32("policy"), "policy");
        Shares memory set = shares();
        equal(
            asset.sharesHash,
            keccak256(abi.encode(set.commitments, set.operators, uint8(2))),
            "shares"
        );
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.AssetKnown.selector, id));
        assets.register(root, salt, set, 0, 0);
    }

    function test_an_asset_needs_three_different_keepers_and_commitments() public {
        Shares memory set = shares();
        set.operators[2] = set.operators[0];
        registerFails(
            set,
            abi.encodeWithSelector(
                IAssetRegistry.OperatorIsZeroOrRepeated.selector, 2, set.operators[0]
            )
        );
        set = shares();
        set.operators[1] = address(0);
        registerFails(
            set,
            abi.encodeWithSelector(IAssetRegistry.OperatorIsZeroOrRepeated.selector, 1, address(0))
        );
        set = shares();
        set.commitments[1] = 0;
        registerFails(set, abi.encodeWithSelector(IAssetRegistry.CommitmentIsZero.selector, 1));
        set = shares();
        set.threshold = 1;
        registerFails(
            set, abi.encodeWithSelector(IAssetRegistry.ThresholdOutOfRange.selector, 1, 2, 2)
        );
    }

    function test_an_unknown_asset_and_an_empty_root_are_refused() public {
        AssetId id = AssetId.wrap(bytes32("nothing"));
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.AssetUnknown.selector, id));
        assets.assetOf(id);
        Shares memory set = shares();
        vm.expectRevert(IAssetRegistry.RootIsZero.selector);
        assets.register(0, 0, set, 0, 0);
    }

    function testFuzz_revocations_are_the_owners_own_and_stay(
        address owner,
        address other,
        bytes32 grant
    ) public {
        vm.assume(owner != other);
        vm.prank(owner);
        assets.revokeGrant(grant);
        uint64 time = assets.revokedAt(owner, grant);
        equal(time, block.timestamp, "time");
        isTrue(assets.isRevoked(owner, grant, 5), "revoked");
        isTrue(!assets.isRevoked(other, grant, 5), "not another's");
        vm.warp(block.timestamp + 1);
        vm.prank(owner);
        assets.revokeGrant(grant);
        equal(assets.revokedAt(owner, grant), time, "the first time stays");
    }

    function testFuzz_the_lowest_nonce_only_rises(uint64 first, uint64 second) public {
        vm.assume(first > 0);
        assets.revokeAll(first);
        isTrue(assets.isRevoked(address(this), bytes32("grant"), first - 1), "below");
        isTrue(!assets.isRevoked(address(this), bytes32("grant"), first), "at");
        if (second > first) return assets.revokeAll(second);
        vm.expectRevert(
            abi.encodeWithSelector(IAssetRegistry.NonceNotRaised.selector, second, first)
        );
        assets.revokeAll(second);
    }

    function testFuzz_only_governance_lists_apps_and_measurements(address caller) public {
        vm.assume(caller != address(this));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", caller));
        apps.setApp(APP, AppStatus.Denied);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSignature("OwnableUnauthorizedAccount(address)", caller));
        apps.setMeasurement(MEASUREMENT, false);
    }

    function test_the_deployment_is_the_ledgers_domain() public view {
        bytes32 expected = Identifiers.deployment(block.chainid, address(ledger));
        equal(ledger.deployment(), expected, "ledger");
        equal(assets.deployment(), expected, "asset registry");
        equal(market.deployment(), expected, "market");
        equal(settlement.deployment(), expected, "settlement");
    }

    function registerFails(Shares memory set, bytes memory reason) private {
        vm.expectRevert(reason);
        assets.register(bytes32("root"), 0, set, 0, 0);
    }
}
