// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TaskId} from "../src/Types.sol";
import {Network} from "./Network.sol";

/// @dev What an operator does once the seed can be known changes no draw.
contract SteeringTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_a_pause_counts_only_before_the_seed_block() public {
        for (uint64 before; before < 3; ++before) {
            TaskId task = place();
            vm.roll(market.taskOf(task).seedBlock - before);
            for (uint256 i; i < 3; ++i) {
                pause(i, true);
            }
            vm.roll(market.taskOf(task).seedBlock + 1);
            address node = market.draw(task);
            if (before == 0) isTrue(node != address(0), "too late: it is drawn");
            else equal(node, address(0), "in time: it is not");
            for (uint256 i; i < 3; ++i) {
                pause(i, false);
            }
            vm.roll(vm.getBlockNumber() + 1);
        }
    }

    /// @dev Whatever operators do after the seed block, the draw is the one that it would have
    /// been.
    function testFuzz_pauses_and_capacities_after_the_seed_change_no_draw(
        uint256 calls,
        bytes32 seedHash
    ) public {
        for (uint256 i; i < 3; ++i) {
            if (calls >> i & 1 == 1) pause(i, true);
        }
        TaskId task = place();
        uint64 seedBlock = market.taskOf(task).seedBlock;
        vm.roll(seedBlock + 1);
        vm.setBlockhash(seedBlock, seedHash);
        (bool done, bytes memory answer) =
            address(this).call(abi.encodeCall(this.drawAndRevert, (task)));
        isTrue(!done, "only tried");

        for (uint256 i; i < 12; ++i) {
            uint256 call_ = uint256(keccak256(abi.encode(calls, i)));
            address node = vm.addr(ENCLAVES + call_ % 3);
            if (call_ & 256 == 0) {
                pause(call_ % 3, call_ & 512 == 0);
            } else {
                vm.prank(vm.addr(OPERATORS + call_ % 3));
                nodes.setCapacity(node, uint16(call_ >> 16) % 3);
            }
            if (call_ & 1024 == 0) vm.roll(vm.getBlockNumber() + 1);
        }
        vm.setBlockhash(seedBlock, seedHash);
        equal(keccak256(abi.encode(market.draw(task))), keccak256(answer), "the same node");
    }

    function test_a_renewed_key_takes_part_in_draws_that_are_under_way() public {
        (, TaskId task) = onlyTheFirstFits();
        vm.roll(vm.getBlockNumber() + 1);
        admit(OPERATORS, ENCLAVES + 9, bytes32(uint256(1)));
        vm.roll(vm.getBlockNumber() + 2);
        equal(market.draw(task), vm.addr(ENCLAVES + 9), "the machine's new key");
    }

    function test_a_renewed_key_does_not_lift_a_pause_for_draws_under_way() public {
        pause(0, true);
        (, TaskId task) = onlyTheFirstFits();
        vm.roll(market.taskOf(task).seedBlock + 1);
        admit(OPERATORS, ENCLAVES + 9, bytes32(uint256(1)));
        equal(market.draw(task), address(0), "as it was before the seed");
        equal(draw(task), vm.addr(ENCLAVES + 9), "the next seed sees it");
    }

    function test_a_retired_keys_pause_says_nothing_about_whoever_has_its_leaf() public {
        vm.prank(vm.addr(OPERATORS));
        nodes.retire(vm.addr(ENCLAVES));
        bond(vm.addr(STRANGER), NODE_STAKE);
        admit(STRANGER, ENCLAVES + 9, bytes32(uint256(9)));
        equal(
            nodes.recordOf(vm.addr(ENCLAVES + 9)).leaf,
            nodes.recordOf(vm.addr(ENCLAVES)).leaf,
            "the same leaf"
        );
        pause(0, true);
        vm.prank(vm.addr(OPERATORS));
        nodes.setCapacity(vm.addr(ENCLAVES), 0);
        (, TaskId task) = onlyTheFirstFits();
        equal(draw(task), vm.addr(ENCLAVES + 9), "the new machine");
    }

    function drawAndRevert(TaskId task) external {
        address node = market.draw(task);
        assembly ("memory-safe") {
            mstore(0, node)
            revert(0, 32)
        }
    }

    function onlyTheFirstFits() private returns (address node, TaskId task) {
        pause(1, true);
        pause(2, true);
        return (vm.addr(ENCLAVES), place());
    }

    function pause(uint256 i, bool paused) private {
        vm.prank(vm.addr(OPERATORS + i));
        nodes.setPaused(vm.addr(ENCLAVES + i), paused);
    }
}
