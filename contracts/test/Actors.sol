// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Shares} from "../src/interfaces/IAssetRegistry.sol";
import {Test} from "./Vm.sol";

/// @dev Who acts in a test's network: each group's keys are small numbers from one on.
abstract contract Actors is Test {
    uint256 internal constant OPERATORS = 0x100;
    uint256 internal constant ENCLAVES = 0x200;
    uint256 internal constant VERIFIERS = 0x300;
    uint256 internal constant OWNERS = 0x400;
    uint256 internal constant REQUESTER = 0x500;
    uint256 internal constant STRANGER = 0x600;

    /// @dev Keepers are the three operators.
    function shares() internal pure returns (Shares memory set) {
        set.threshold = 2;
        for (uint256 i; i < 3; ++i) {
            set.commitments[i] = keccak256(abi.encode("commitment", i));
            set.operators[i] = vm.addr(OPERATORS + i);
        }
    }

    /// @dev The two keepers that released, sorted.
    function keepers() internal pure returns (address[] memory list) {
        list = new address[](2);
        (address a, address b) = (vm.addr(OPERATORS), vm.addr(OPERATORS + 1));
        (list[0], list[1]) = a < b ? (a, b) : (b, a);
    }

    function keyOf(address node) internal pure returns (uint256) {
        for (uint256 i; i < 16; ++i) {
            if (vm.addr(ENCLAVES + i) == node) return ENCLAVES + i;
        }
        revert NotTrue("a known node");
    }
}
