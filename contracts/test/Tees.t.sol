// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Tees} from "../src/Tees.sol";
import {Test} from "./Vm.sol";

contract TeesTest is Test {
    function testFuzz_sets_and_vendors(uint32 set) public pure {
        bool named = set & ~uint32(0x3e) == 0 && set != 0;
        isTrue(Tees.wellFormed(set) == named, "well formed");
        uint256 vendors =
            (set & 0x06 != 0 ? 1 : 0) + (set >> 3 & 1) + (set >> 4 & 1) + (set >> 5 & 1);
        equal(Tees.vendors(set), vendors, "vendors");
    }

    function test_sgx_and_tdx_are_one_vendors() public pure {
        equal(Tees.sameVendor(1), 0x06, "sgx");
        equal(Tees.sameVendor(2), 0x06, "tdx");
        equal(Tees.sameVendor(3), 0x08, "snp");
        equal(Tees.sameVendor(4), 0x10, "nitro");
        equal(Tees.sameVendor(5), 0x20, "cca");
        isTrue(!Tees.known(0) && Tees.known(1) && Tees.known(5) && !Tees.known(6), "numbers");
    }
}
