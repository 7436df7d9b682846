// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who gets which part of a fee. Spec: docs/protocol.md section 7.
/// @dev Every share is rounded down and what is left over goes to the treasury, so that shares
/// always sum to the fee.
library FeeSplit {
    uint256 internal constant WHOLE = 1_000_000;
    uint256 internal constant OWNERS = 700_000;
    uint256 internal constant NODE = 200_000;
    uint256 internal constant KEEPERS = 40_000;
    uint256 internal constant VERIFIERS = 40_000;

    function partDown(uint256 feeWei, uint256 partsPerMillion) internal pure returns (uint256) {
        return feeWei * partsPerMillion / WHOLE;
    }

    /// @dev One owner's share of what all owners get: by price, or equal parts when every price is
    /// zero.
    function ownerDown(uint256 ownersWei, uint256 priceWei, uint256 pricesWei, uint256 count)
        internal
        pure
        returns (uint256)
    {
        return pricesWei == 0 ? ownersWei / count : ownersWei * priceWei / pricesWei;
    }
}
