// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title TEEs by number (1 SGX, 2 TDX, 3 SEV-SNP, 4 Nitro, 5 Arm CCA) and sets of them: bit n of a
/// set stands for TEE n. Spec: docs/protocol.md section 4.
library Tees {
    uint8 internal constant LAST = 5;
    uint32 internal constant ALL = 0x3e;

    /// @dev SGX and TDX are both Intel's; every other TEE is the only one of its vendor here.
    uint32 private constant INTEL = 0x06;

    function known(uint8 tee) internal pure returns (bool) {
        return tee > 0 && tee <= LAST;
    }

    /// @dev At least one TEE, and no bit without a name.
    function wellFormed(uint32 set) internal pure returns (bool) {
        return set != 0 && set & ~ALL == 0;
    }

    function has(uint32 set, uint8 tee) internal pure returns (bool) {
        return set >> tee & 1 == 1;
    }

    /// @dev All TEEs of the vendor of `tee`.
    function sameVendor(uint8 tee) internal pure returns (uint32) {
        uint32 one = uint32(1) << tee;
        return one & INTEL == 0 ? one : INTEL;
    }

    /// @dev How many vendors a set has.
    function vendors(uint32 set) internal pure returns (uint256 count) {
        if (set & INTEL != 0) count = 1;
        for (uint8 tee = 3; tee <= LAST; ++tee) {
            if (has(set, tee)) ++count;
        }
    }
}
