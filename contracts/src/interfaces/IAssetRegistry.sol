// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetId} from "../Types.sol";

/// @dev `sharesHash` is `keccak256(abi.encode(bytes32[3] commitments, address[3] operators, uint8
/// threshold))`.
struct Asset {
    address owner;
    uint64 registeredAt;
    bytes32 root;
    bytes32 sharesHash;
    bytes32 policyDigest;
    bytes32 metadataHash;
}

/// @dev The preimage of an asset's `sharesHash`.
struct Shares {
    bytes32[3] commitments;
    address[3] operators;
    uint8 threshold;
}

/// @title Sealed objects, who keeps the shares of their keys, and which grants were revoked.
interface IAssetRegistry {
    event AssetRegistered(
        AssetId indexed asset,
        address indexed owner,
        bytes32 root,
        bytes32 salt,
        bytes32[3] commitments,
        address[3] operators,
        uint8 threshold,
        bytes32 policyDigest,
        bytes32 metadataHash
    );
    event GrantRevoked(address indexed owner, bytes32 indexed grant);
    event GrantsRevokedBelow(address indexed owner, uint64 nonceMin);

    error AssetKnown(AssetId asset);
    error AssetUnknown(AssetId asset);
    error RootIsZero();
    error CommitmentIsZero(uint256 share);
    error OperatorIsZeroOrRepeated(uint256 share, address operator);
    error ThresholdOutOfRange(uint8 threshold, uint8 min, uint8 max);
    error NonceNotRaised(uint64 nonceMin, uint64 current);

    /// @notice Registers the caller's sealed object. Share i is kept by `shares.operators[i]`;
    /// `policyDigest` is the digest of the owner's KeeperPolicy. Nothing of it can be changed
    /// later.
    function register(
        bytes32 root,
        bytes32 salt,
        Shares calldata shares,
        bytes32 policyDigest,
        bytes32 metadataHash
    ) external returns (AssetId asset);

    /// @notice Revokes one grant of the caller's, for ever. No other owner's grant is touched.
    function revokeGrant(bytes32 grant) external;

    /// @notice Revokes every grant of the caller's whose nonce is below `nonceMin`.
    function revokeAll(uint64 nonceMin) external;

    function assetOf(AssetId asset) external view returns (Asset memory);
    function ownerOf(AssetId asset) external view returns (address);

    /// @notice What proves an asset's keepers; zero if there is no such asset.
    function sharesHashOf(AssetId asset) external view returns (bytes32);

    /// @notice When the owner revoked the grant; 0 if never.
    function revokedAt(address owner, bytes32 grant) external view returns (uint64);
    function nonceMinOf(address owner) external view returns (uint64);
    function isRevoked(address owner, bytes32 grant, uint64 nonce) external view returns (bool);
}
