// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title A binary tree of weight sums that can be read as it stood after any past block.
/// @notice DRAW: node 1 is the root, node i has the children 2i and 2i+1, leaf l is node CAPACITY +
/// l. A point below the total belongs to the leaf in whose interval it falls, leaves in ascending
/// order. Always: a node's sum is the sum of its
/// children's, at every block.
/// @dev Every loop runs over the 11 levels of the tree. Weights fit into 208 bits: the token's
/// supply fits into 128.
library DrawPool {
    using Checkpoints for Checkpoints.Trace208;

    uint256 internal constant CAPACITY = 1_024;

    struct Pool {
        mapping(uint256 node => Checkpoints.Trace208) sums;
    }

    error LeafOutOfRange(uint256 leaf, uint256 capacity);
    error PointOutOfRange(uint256 point, uint256 total);

    /// @dev Gives a leaf a new weight, from this block on.
    function set(Pool storage self, uint256 leaf, uint208 weight) internal {
        require(leaf < CAPACITY, LeafOutOfRange(leaf, CAPACITY));
        uint256 node = CAPACITY + leaf;
        uint208 before = self.sums[node].latest();
        if (before == weight) return;

        uint48 current = uint48(block.number);
        for (; node > 0; node >>= 1) {
            Checkpoints.Trace208 storage sums = self.sums[node];
            sums.push(current, sums.latest() - before + weight);
        }
    }

    function weightOf(Pool storage self, uint256 leaf) internal view returns (uint256) {
        return self.sums[CAPACITY + leaf].latest();
    }

    function totalAt(Pool storage self, uint48 blockNumber) internal view returns (uint256) {
        return self.sums[1].upperLookupRecent(blockNumber);
    }

    /// @dev The leaf in whose interval `point` fell after block `blockNumber`.
    function leafAt(Pool storage self, uint48 blockNumber, uint256 point)
        internal
        view
        returns (uint256)
    {
        uint256 total = totalAt(self, blockNumber);
        require(point < total, PointOutOfRange(point, total));

        uint256 node = 1;
        while (node < CAPACITY) {
            node <<= 1;
            uint256 left = self.sums[node].upperLookupRecent(blockNumber);
            if (point >= left) {
                point -= left;
                ++node;
            }
        }
        return node - CAPACITY;
    }
}
