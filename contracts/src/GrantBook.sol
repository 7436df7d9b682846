// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {Deployed} from "./Deployed.sol";
import {FeeSplit} from "./FeeSplit.sol";
import {GrantRules} from "./GrantRules.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IGrantBook, OwnerShare, Terms} from "./interfaces/IGrantBook.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {Grant, Messages, Order} from "./Messages.sol";
import {TaskId} from "./Types.sol";

/// @title Decides whether grants cover an order, and counts how often each was used.
/// @notice ROLES: Market alone uses grants. A grant is its owner's signature (ERC-1271 included)
/// over its digest in this deployment; nothing here widens one.
///
/// LIVENESS: a use counts when its task is placed. It is given back only if no node was ever drawn:
/// then no keeper can have released anything. Otherwise it is not, so that nobody can get more uses
/// than the owner signed by letting tasks fail.
contract GrantBook is IGrantBook, Deployed {
    using GrantRules for Terms;

    IAssetRegistry public immutable assets;

    /// @inheritdoc IGrantBook
    mapping(bytes32 grant => uint32 tasks) public usesOf;

    mapping(TaskId task => bytes32[] grants) private _usedBy;

    constructor(ILedger ledger_, IAssetRegistry assets_) Deployed(ledger_) {
        assets = assets_;
    }

    /// @inheritdoc IGrantBook
    function use(
        TaskId task,
        Order calldata order,
        Grant[] calldata grants,
        bytes[] calldata signatures
    ) external returns (Terms memory terms) {
        _onlyModule(ledger.modules().market);
        _usedBy[task] = order.grants;
        terms = GrantRules.begin(order);
        terms.owners = new OwnerShare[](grants.length);
        uint256 pricesWei;
        for (uint256 i; i < grants.length; ++i) {
            Grant calldata grant = grants[i];
            _useOne(i, order, grant, signatures[i]);
            terms.narrow(i, grant);
            pricesWei += grant.priceWei;
            // The sum is checked below against part of a fee that fits into 96 bits, so a cut price
            // can't get through.
            terms.owners[i] = OwnerShare(grant.owner, uint96(grant.priceWei));
        }
        uint256 ownersWei = FeeSplit.partDown(order.feeWei, FeeSplit.OWNERS);
        require(pricesWei <= ownersWei, FeeBelowPrices(ownersWei, pricesWei));
    }

    /// @inheritdoc IGrantBook
    function giveBack(TaskId task) external {
        _onlyModule(ledger.modules().market);
        bytes32[] memory grants = _usedBy[task];
        delete _usedBy[task];
        for (uint256 i; i < grants.length; ++i) {
            uint32 uses = usesOf[grants[i]] - 1;
            usesOf[grants[i]] = uses;
            emit GrantUseReturned(grants[i], task, uses);
        }
    }

    function _useOne(
        uint256 position,
        Order calldata order,
        Grant calldata grant,
        bytes calldata signature
    ) private {
        bytes32 digest = _digest(Messages.hash(grant));
        require(
            digest == order.grants[position],
            GrantMismatch(position, digest, order.grants[position])
        );
        require(grant.asset == order.assets[position], GrantForOtherAsset(position));
        for (uint256 i; i < position; ++i) {
            require(!(order.assets[i] == grant.asset), AssetRepeated(position));
        }
        address owner = assets.ownerOf(grant.asset);
        require(owner != address(0), AssetUnknownAt(position));
        require(grant.owner == owner, GrantNotByOwner(position, grant.owner, owner));
        require(!assets.isRevoked(owner, digest, grant.nonce), GrantRevokedByOwner(position));
        GrantRules.check(position, grant, order);
        require(
            SignatureChecker.isValidSignatureNowCalldata(owner, digest, signature),
            GrantSignatureWrong(position, owner)
        );

        uint32 uses = usesOf[digest];
        require(uses < grant.usesMax, GrantUsedUp(position, grant.usesMax));
        usesOf[digest] = uses + 1;
        emit GrantUsed(digest, owner, uses + 1, grant.usesMax);
    }
}
