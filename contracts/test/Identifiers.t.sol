// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FeeSplit} from "../src/FeeSplit.sol";
import {Identifiers} from "../src/Identifiers.sol";
import {AssetId, TaskId} from "../src/Types.sol";
import {Test} from "./Vm.sol";

/// @dev Identifiers and the fee split against the vectors that TypeScript is checked against.
contract IdentifiersTest is Test {
    string private json;

    function setUp() public {
        json = vm.readFile("packages/protocol/test/vectors/ids.json");
    }

    function test_assets_and_tasks_are_named_as_in_the_vectors() public view {
        AssetId asset = Identifiers.asset(
            word(".asset.deployment"),
            vm.parseJsonAddress(json, ".asset.owner"),
            word(".asset.root"),
            word(".asset.salt")
        );
        equal(AssetId.unwrap(asset), word(".asset.id"), "asset");
        TaskId task = Identifiers.task(word(".task.orderDigest"));
        equal(TaskId.unwrap(task), word(".task.id"), "task");
        bytes32[] memory ids = vm.parseJsonBytes32Array(json, ".replicas.ids");
        task = TaskId.wrap(word(".replicas.task"));
        for (uint256 i; i < 3; ++i) {
            equal(TaskId.unwrap(Identifiers.replica(task, i)), ids[i], "replica");
        }
    }

    function test_lists_are_hashed_as_in_the_vectors() public view {
        address[] memory members = vm.parseJsonAddressArray(json, ".members.list");
        equal(Identifiers.members(members), word(".members.hash"), "members");
        equal(Identifiers.keepers(members), word(".keepers.hash"), "keepers");

        bytes32[] memory commitments = vm.parseJsonBytes32Array(json, ".shares.commitments");
        address[] memory operators = vm.parseJsonAddressArray(json, ".shares.operators");
        bytes32 shares = Identifiers.shares(
            [commitments[0], commitments[1], commitments[2]],
            [operators[0], operators[1], operators[2]],
            uint8(vm.parseJsonUint(json, ".shares.threshold"))
        );
        equal(shares, word(".shares.hash"), "shares");
    }

    function test_payout_leaves_are_hashed_as_in_the_vectors() public view {
        bytes32 leaf = Identifiers.payoutLeaf(
            vm.parseJsonAddress(json, ".payoutLeaf.account"),
            vm.parseJsonUint(json, ".payoutLeaf.cumulativeWei")
        );
        equal(leaf, word(".payoutLeaf.hash"), "leaf");
    }

    function test_fees_are_split_as_in_the_vectors() public {
        json = vm.readFile("packages/protocol/test/vectors/split.json");
        uint256 count;
        for (; vm.keyExistsJson(json, string.concat("$[", vm.toString(count), "]")); ++count) {
            checkSplit(string.concat("$[", vm.toString(count), "]"));
        }
        isTrue(count >= 5, "five splits or more");
    }

    function testFuzz_shares_never_exceed_the_fee(uint96 feeWei, uint96 a, uint96 b) public pure {
        uint256 owners = FeeSplit.partDown(feeWei, FeeSplit.OWNERS);
        uint256 sum = FeeSplit.ownerDown(owners, a, uint256(a) + b, 2)
            + FeeSplit.ownerDown(owners, b, uint256(a) + b, 2)
            + FeeSplit.partDown(feeWei, FeeSplit.NODE) + FeeSplit.partDown(feeWei, FeeSplit.KEEPERS)
            + FeeSplit.partDown(feeWei, FeeSplit.VERIFIERS);
        isTrue(sum <= feeWei, "shares fit into the fee");
        isTrue(sum + feeWei / 50 + 5 >= feeWei, "only the treasury's part and dust are left");
    }

    function testFuzz_an_owner_gets_at_least_its_price(uint96 feeWei, uint96 a, uint96 b)
        public
        pure
    {
        uint256 owners = FeeSplit.partDown(feeWei, FeeSplit.OWNERS);
        uint256 prices = uint256(a) + b;
        if (prices == 0 || prices > owners) return;
        isTrue(FeeSplit.ownerDown(owners, a, prices, 2) >= a, "price is met");
    }

    function checkSplit(string memory at_) private view {
        uint256 feeWei = number(at_, ".feeWei");
        uint256[] memory prices = vm.parseJsonUintArray(json, string.concat(at_, ".pricesWei"));
        uint256[] memory expected = vm.parseJsonUintArray(json, string.concat(at_, ".ownersWei"));
        uint256 owners = FeeSplit.partDown(feeWei, FeeSplit.OWNERS);
        uint256 sum;
        for (uint256 i; i < prices.length; ++i) {
            sum += prices[i];
        }
        for (uint256 i; i < prices.length; ++i) {
            uint256 got = FeeSplit.ownerDown(owners, prices[i], sum, prices.length);
            equal(got, expected[i], "owner");
        }
        equal(FeeSplit.partDown(feeWei, FeeSplit.NODE), number(at_, ".nodeWei"), "node");
        equal(
            FeeSplit.partDown(feeWei, FeeSplit.KEEPERS) / number(at_, ".keepers"),
            number(at_, ".keeperWei"),
            "keeper"
        );
        equal(
            FeeSplit.partDown(feeWei, FeeSplit.VERIFIERS) / number(at_, ".verifiers"),
            number(at_, ".verifierWei"),
            "verifier"
        );
    }

    function number(string memory at_, string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(at_, key));
    }

    function word(string memory key) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, key);
    }
}
