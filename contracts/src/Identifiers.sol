// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetId, TaskId} from "./Types.sol";

/// @title How things are named. Spec: docs/protocol.md section 2.
library Identifiers {
    bytes32 private constant DOMAIN = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME = keccak256("Cloister");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant ASSET = keccak256("cloister/asset/1");
    bytes32 private constant TASK = keccak256("cloister/task/1");
    bytes32 private constant REPLICA = keccak256("cloister/replica/1");

    /// @dev The EIP-712 domain separator of `verifyingContract` on `chainId`.
    function deployment(uint256 chainId, address verifyingContract)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(DOMAIN, NAME, VERSION, chainId, verifyingContract));
    }

    function asset(bytes32 deployment_, address owner, bytes32 root, bytes32 salt)
        internal
        pure
        returns (AssetId)
    {
        return AssetId.wrap(keccak256(abi.encode(ASSET, deployment_, owner, root, salt)));
    }

    function task(bytes32 orderDigest) internal pure returns (TaskId) {
        return TaskId.wrap(keccak256(abi.encode(TASK, orderDigest)));
    }

    /// @dev The tasks of one order: the first has the order's own task id.
    function replica(TaskId task_, uint256 position) internal pure returns (TaskId) {
        if (position == 0) return task_;
        return TaskId.wrap(keccak256(abi.encode(REPLICA, task_, position)));
    }

    function members(address[] memory list) internal pure returns (bytes32) {
        return keccak256(abi.encode(list));
    }

    function keepers(address[] memory operators) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(operators));
    }

    /// @dev The one slot that proves an asset's keepers and share commitments.
    function shares(bytes32[3] memory commitments, address[3] memory operators, uint8 threshold)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(commitments, operators, threshold));
    }

    function drawSeed(bytes32 blockHash, TaskId task_, uint256 attempt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(blockHash, task_, attempt));
    }

    function drawPoint(bytes32 seed, uint256 candidate, uint256 total)
        internal
        pure
        returns (uint256)
    {
        return uint256(keccak256(abi.encode(seed, candidate))) % total;
    }

    /// @dev The payout tree's leaf, hashed twice so that no inner node can pass for one.
    function payoutLeaf(address account, uint256 cumulativeWei) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(account, cumulativeWei))));
    }
}
