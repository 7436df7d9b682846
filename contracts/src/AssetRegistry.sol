// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Deployed} from "./Deployed.sol";
import {Identifiers} from "./Identifiers.sol";
import {Asset, IAssetRegistry, Shares} from "./interfaces/IAssetRegistry.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {AssetId} from "./Types.sol";

/// @title Sealed objects, who keeps the shares of their keys, and which grants were revoked.
/// @notice ROLES: each owner decides about its own assets and grants alone; nobody else has a say.
/// The contract holds no secret and no ciphertext: `root` is the digest of the sealed object.
///
/// LIVENESS: a revocation works in the block that holds it and can't be undone or paused. Enclaves
/// read it by storage proof, so each fact they need is one slot.
contract AssetRegistry is IAssetRegistry, Deployed {
    uint8 public constant THRESHOLD = 2;

    mapping(AssetId asset => Asset) private _assets;
    /// @inheritdoc IAssetRegistry
    mapping(address owner => mapping(bytes32 grant => uint64 time)) public revokedAt;
    /// @inheritdoc IAssetRegistry
    mapping(address owner => uint64 nonce) public nonceMinOf;

    constructor(ILedger ledger_) Deployed(ledger_) {}

    /// @inheritdoc IAssetRegistry
    function register(
        bytes32 root,
        bytes32 salt,
        Shares calldata shares,
        bytes32 policyDigest,
        bytes32 metadataHash
    ) external returns (AssetId asset) {
        require(root != 0, RootIsZero());
        _checkShares(shares);
        asset = Identifiers.asset(deployment(), msg.sender, root, salt);
        require(_assets[asset].owner == address(0), AssetKnown(asset));

        _assets[asset] = Asset({
            owner: msg.sender,
            registeredAt: uint64(block.timestamp),
            root: root,
            sharesHash: Identifiers.shares(shares.commitments, shares.operators, shares.threshold),
            policyDigest: policyDigest,
            metadataHash: metadataHash
        });
        emit AssetRegistered(
            asset,
            msg.sender,
            root,
            salt,
            shares.commitments,
            shares.operators,
            shares.threshold,
            policyDigest,
            metadataHash
        );
    }

    /// @inheritdoc IAssetRegistry
    function revokeGrant(bytes32 grant) external {
        if (revokedAt[msg.sender][grant] != 0) return;
        revokedAt[msg.sender][grant] = uint64(block.timestamp);
        emit GrantRevoked(msg.sender, grant);
    }

    /// @inheritdoc IAssetRegistry
    function revokeAll(uint64 nonceMin) external {
        uint64 current = nonceMinOf[msg.sender];
        require(nonceMin > current, NonceNotRaised(nonceMin, current));
        nonceMinOf[msg.sender] = nonceMin;
        emit GrantsRevokedBelow(msg.sender, nonceMin);
    }

    /// @inheritdoc IAssetRegistry
    function assetOf(AssetId asset) external view returns (Asset memory found) {
        found = _assets[asset];
        require(found.owner != address(0), AssetUnknown(asset));
    }

    /// @inheritdoc IAssetRegistry
    function ownerOf(AssetId asset) external view returns (address) {
        return _assets[asset].owner;
    }

    /// @inheritdoc IAssetRegistry
    function sharesHashOf(AssetId asset) external view returns (bytes32) {
        return _assets[asset].sharesHash;
    }

    /// @inheritdoc IAssetRegistry
    function isRevoked(address owner, bytes32 grant, uint64 nonce) external view returns (bool) {
        return revokedAt[owner][grant] != 0 || nonce < nonceMinOf[owner];
    }

    function _checkShares(Shares calldata shares) private pure {
        require(
            shares.threshold == THRESHOLD,
            ThresholdOutOfRange(shares.threshold, THRESHOLD, THRESHOLD)
        );
        for (uint256 i; i < 3; ++i) {
            address operator = shares.operators[i];
            require(shares.commitments[i] != 0, CommitmentIsZero(i));
            require(operator != address(0), OperatorIsZeroOrRepeated(i, operator));
            for (uint256 j; j < i; ++j) {
                require(operator != shares.operators[j], OperatorIsZeroOrRepeated(i, operator));
            }
        }
    }
}
