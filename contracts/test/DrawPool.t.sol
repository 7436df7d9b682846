// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DrawPool} from "../src/DrawPool.sol";
import {Identifiers} from "../src/Identifiers.sol";
import {TaskId} from "../src/Types.sol";
import {Test} from "./Vm.sol";

/// @dev Every function of the library from outside.
contract Pool {
    using DrawPool for DrawPool.Pool;

    DrawPool.Pool private pool;

    function set(uint256 leaf, uint208 weight) external {
        pool.set(leaf, weight);
    }

    function weightOf(uint256 leaf) external view returns (uint256) {
        return pool.weightOf(leaf);
    }

    function totalAt(uint48 blockNumber) external view returns (uint256) {
        return pool.totalAt(blockNumber);
    }

    function leafAt(uint48 blockNumber, uint256 point) external view returns (uint256) {
        return pool.leafAt(blockNumber, point);
    }
}

contract DrawPoolTest is Test {
    Pool private pool;

    function setUp() public {
        pool = new Pool();
        vm.roll(100);
    }

    function test_draws_choose_the_leaves_of_the_vectors() public {
        string memory json = vm.readFile("packages/protocol/test/vectors/draw.json");
        uint256 count;
        for (; vm.keyExistsJson(json, at_(count, "")); ++count) {
            pool = new Pool();
            checkDraw(json, count);
        }
        equal(count, 4, "pools in the vectors");
    }

    function checkDraw(string memory json, uint256 index) private {
        uint256[] memory weights = vm.parseJsonUintArray(json, at_(index, ".weights"));
        for (uint256 leaf; leaf < weights.length; ++leaf) {
            pool.set(leaf, uint208(weights[leaf]));
        }
        bytes32 seed = Identifiers.drawSeed(
            vm.parseJsonBytes32(json, at_(index, ".blockHash")),
            TaskId.wrap(vm.parseJsonBytes32(json, at_(index, ".task"))),
            vm.parseJsonUint(json, at_(index, ".attempt"))
        );
        equal(seed, vm.parseJsonBytes32(json, at_(index, ".seed")), "seed");
        uint256 total = pool.totalAt(100);
        equal(total, vm.parseJsonUint(json, at_(index, ".total")), "total");

        uint256[] memory points = vm.parseJsonUintArray(json, at_(index, ".points"));
        uint256[] memory leaves = vm.parseJsonUintArray(json, at_(index, ".leaves"));
        equal(points.length, 32, "candidates");
        for (uint256 i; i < points.length; ++i) {
            uint256 point = Identifiers.drawPoint(seed, i, total);
            equal(point, points[i], "point");
            equal(pool.leafAt(100, point), leaves[i], "leaf");
        }
    }

    /// @dev Against the plain version: lay the weights end to end and walk.
    function testFuzz_the_leaf_is_the_one_a_walk_finds(
        uint32[12] memory weights,
        uint16[12] memory leaves,
        uint256 any
    ) public {
        uint256[1_024] memory plain;
        uint256 total;
        for (uint256 i; i < weights.length; ++i) {
            uint256 leaf = leaves[i] % 1_024;
            total = total - plain[leaf] + weights[i];
            plain[leaf] = weights[i];
            pool.set(leaf, weights[i]);
        }
        equal(pool.totalAt(100), total, "total is the sum of the leaves");
        if (total == 0) return;

        uint256 point = any % total;
        uint256 end;
        uint256 expected;
        for (; end + plain[expected] <= point; ++expected) {
            end += plain[expected];
        }
        equal(pool.leafAt(100, point), expected, "leaf");
    }

    function testFuzz_the_past_does_not_change(uint64 before, uint64 later, uint256 any) public {
        vm.assume(before > 0);
        pool.set(3, before);
        pool.set(900, 1);
        vm.roll(101);
        pool.set(3, later);
        pool.set(0, later);

        equal(pool.totalAt(99), 0, "total before");
        equal(pool.totalAt(100), uint256(before) + 1, "total as it was");
        equal(pool.totalAt(101), uint256(later) * 2 + 1, "total as it is");
        uint256 point = any % (uint256(before) + 1);
        equal(pool.leafAt(100, point), point < before ? 3 : 900, "leaf as it was");
    }

    function test_a_leaf_past_the_capacity_is_refused() public {
        vm.expectRevert(
            abi.encodeWithSelector(DrawPool.LeafOutOfRange.selector, uint256(1_024), uint256(1_024))
        );
        pool.set(1_024, 1);
    }

    function test_a_point_past_the_total_is_refused() public {
        pool.set(1, 5);
        vm.expectRevert(
            abi.encodeWithSelector(DrawPool.PointOutOfRange.selector, uint256(5), uint256(5))
        );
        pool.leafAt(100, 5);
    }

    function at_(uint256 index, string memory key) private pure returns (string memory) {
        return string.concat("$[", vm.toString(index), "]", key);
    }
}
