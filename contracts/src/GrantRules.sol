// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FeeSplit} from "./FeeSplit.sol";
import {Grant, Order} from "./Messages.sol";
import {GrantFacts, IGrantBook, OwnerShare, Terms} from "./interfaces/IGrantBook.sol";
import {Tees} from "./Tees.sol";
import {AppId, AssetId} from "./Types.sol";

/// @title What a grant must say to cover an order, and which nodes all grants of an order leave.
/// @notice An empty list or a zero never means "do not check". Every loop is bounded by LIST_MAX.
library GrantRules {
    uint8 internal constant VERSION = 2;
    uint256 internal constant LIST_MAX = 16;
    uint256 internal constant PURPOSE_BYTES_MAX = 200;
    uint8 internal constant TCB_FLOOR_MAX = 5;
    /// @dev bytes, JSON, CSV, ONNX, safetensors, text.
    uint32 internal constant OUTPUT_FORMATS = 0x3f;
    /// @dev A delta of one would allow anything.
    uint64 internal constant DELTA_PICOS_END = 1e12;

    /// @dev Reverts unless `grant` is well formed, in force, and covers `order` at `position`: the
    /// first rule that is broken, in this order, says why.
    function check(
        uint256 position,
        Grant calldata grant,
        Order calldata order,
        GrantFacts memory facts
    ) internal pure {
        _checkLists(position, grant);
        _checkNumbers(position, grant);
        _checkStanding(position, grant, facts);
        require(
            _hasAsset(grant.assets, order.assets[position]), IGrantBook.GrantForOtherAsset(position)
        );
        require(_hasApp(grant.apps, order.app), IGrantBook.GrantOmitsApp(position, order.app));
        require(
            grant.anyRequester || _has(grant.requesters, order.requester),
            IGrantBook.GrantOmitsRequester(position, order.requester)
        );
        _checkLeft(position, grant, order, facts);
    }

    /// @dev How many different owners an order's data comes from, the requester not counted: its
    /// data does not hide anybody's from it.
    function ownersOf(address requester, Grant[] calldata grants)
        internal
        pure
        returns (uint256 owners)
    {
        for (uint256 i; i < grants.length; ++i) {
            address owner = grants[i].owner;
            bool counts = owner != requester;
            for (uint256 j; counts && j < i; ++j) {
                counts = grants[j].owner != owner;
            }
            if (counts) ++owners;
        }
    }

    /// @dev Reverts unless the owners' part of one replica's fee, or of one unit where the order is
    /// metered, covers the prices: each place of an asset is paid for.
    function checkPrices(Order calldata order, OwnerShare[] memory owners) internal pure {
        uint256 pricesWei;
        for (uint256 i; i < owners.length; ++i) {
            pricesWei += owners[i].priceWei;
        }
        uint256 paidWei = order.unitWei > 0 ? order.unitWei : order.feeWei / order.replicas;
        uint256 ownersWei = FeeSplit.partDown(paidWei, FeeSplit.OWNERS);
        require(pricesWei <= ownersWei, IGrantBook.FeeBelowPrices(ownersWei, pricesWei));
    }

    /// @dev What an order alone asks of a node: nothing else is excluded yet.
    function begin(Order calldata order) internal pure returns (Terms memory terms) {
        terms.tierMin = order.tierMin;
        terms.tcbFloor = TCB_FLOOR_MAX;
        terms.tees = order.tees;
        terms.anyNode = true;
        terms.anyMeasurement = true;
        terms.owners = new OwnerShare[](order.assets.length);
    }

    /// @dev Leaves only what `grant` allows too. Reverts when nothing is left, naming the grant
    /// that left nothing.
    function narrow(Terms memory terms, uint256 position, Grant calldata grant) internal pure {
        if (grant.tierMin > terms.tierMin) terms.tierMin = grant.tierMin;
        if (grant.tcbFloor < terms.tcbFloor) terms.tcbFloor = grant.tcbFloor;
        terms.tees &= grant.tees;
        require(terms.tees != 0, IGrantBook.NoTeeLeft(position));

        if (grant.releaseKey != address(0)) {
            terms.releaseKeys = _with(terms.releaseKeys, grant.releaseKey);
        } else {
            terms.measurements = terms.anyMeasurement
                ? grant.measurements
                : _commonWords(terms.measurements, grant.measurements);
            terms.anyMeasurement = false;
            require(terms.measurements.length > 0, IGrantBook.NoMeasurementLeft(position));
        }

        if (grant.anyNode) return;
        terms.operators =
            terms.anyNode ? grant.operators : _commonAddresses(terms.operators, grant.operators);
        terms.anyNode = false;
        require(terms.operators.length > 0, IGrantBook.NoOperatorLeft(position));
    }

    function _checkLists(uint256 position, Grant calldata grant) private pure {
        require(
            grant.version == VERSION,
            IGrantBook.GrantVersionUnknown(position, grant.version, VERSION)
        );
        _checkList(position, "assets", grant.assets.length, false);
        _checkList(position, "apps", grant.apps.length, false);
        bool byKey = grant.releaseKey != address(0);
        _checkList(position, "measurements", grant.measurements.length, byKey);
        require(
            grant.tcbFloor <= TCB_FLOOR_MAX,
            IGrantBook.GrantTcbFloorUnknown(position, grant.tcbFloor, TCB_FLOOR_MAX)
        );
        require(
            Tees.wellFormed(grant.tees), IGrantBook.GrantSetUnknown(position, "tees", grant.tees)
        );
        _checkList(position, "operators", grant.operators.length, grant.anyNode);
        _checkList(position, "requesters", grant.requesters.length, grant.anyRequester);
        uint256 length = bytes(grant.purpose).length;
        require(
            length <= PURPOSE_BYTES_MAX,
            IGrantBook.GrantPurposeTooLong(position, length, PURPOSE_BYTES_MAX)
        );
    }

    function _checkNumbers(uint256 position, Grant calldata grant) private pure {
        require(grant.usesMax > 0, IGrantBook.GrantUsedUp(position, 0));
        require(grant.usesPerDay > 0, IGrantBook.GrantUsedUpToday(position, 0));
        require(
            grant.expiry > grant.notBefore,
            IGrantBook.GrantNeverValid(position, grant.notBefore, grant.expiry)
        );
        require(grant.ownersMin > 0, IGrantBook.GrantOwnersMinIsZero(position));
        uint32 formats = grant.outputFormats;
        require(
            formats != 0 && formats & ~OUTPUT_FORMATS == 0,
            IGrantBook.GrantSetUnknown(position, "outputFormats", formats)
        );
        (uint64 epsilon, uint64 delta) = (grant.epsilonMicros, grant.deltaPicos);
        bool fine = grant.privacyRequired
            ? epsilon > 0 && delta < DELTA_PICOS_END
            : epsilon == 0 && delta == 0;
        require(
            fine, IGrantBook.GrantPrivacyOutOfRange(position, grant.privacyRequired, epsilon, delta)
        );
    }

    function _checkStanding(uint256 position, Grant calldata grant, GrantFacts memory facts)
        private
        pure
    {
        address owner = facts.owner;
        require(owner != address(0), IGrantBook.AssetUnknownAt(position));
        require(grant.owner == owner, IGrantBook.GrantNotByOwner(position, grant.owner, owner));
        require(facts.signed, IGrantBook.GrantSignatureWrong(position, owner));
        require(!facts.revoked, IGrantBook.GrantRevokedByOwner(position));
        require(
            facts.time >= grant.notBefore,
            IGrantBook.GrantNotYetValid(position, grant.notBefore, facts.time)
        );
        require(
            facts.time < grant.expiry, IGrantBook.GrantExpired(position, grant.expiry, facts.time)
        );
    }

    /// @dev What is left of a grant must be enough for one more order, and so must the other
    /// owners.
    function _checkLeft(
        uint256 position,
        Grant calldata grant,
        Order calldata order,
        GrantFacts memory facts
    ) private pure {
        require(facts.uses < grant.usesMax, IGrantBook.GrantUsedUp(position, grant.usesMax));
        require(
            facts.usesToday < grant.usesPerDay,
            IGrantBook.GrantUsedUpToday(position, grant.usesPerDay)
        );
        require(
            facts.owners >= grant.ownersMin || grant.owner == order.requester,
            IGrantBook.OwnersTooFew(position, facts.owners, grant.ownersMin)
        );
        require(order.tees & grant.tees != 0, IGrantBook.NoTeeLeft(position));
        if (!grant.privacyRequired) return;
        require(order.epsilonMicros > 0, IGrantBook.OrderIsNotPrivate(position));
        uint64 epsilonLeft = _leftOf(grant.epsilonMicros, facts.epsilonSpentMicros);
        uint64 deltaLeft = _leftOf(grant.deltaPicos, facts.deltaSpentPicos);
        require(
            order.epsilonMicros <= epsilonLeft && order.deltaPicos <= deltaLeft,
            IGrantBook.PrivacyBudgetExceeded(position, epsilonLeft, deltaLeft)
        );
    }

    function _leftOf(uint64 max, uint64 spent) private pure returns (uint64) {
        return spent < max ? max - spent : 0;
    }

    function _checkList(uint256 position, string memory list, uint256 length, bool any)
        private
        pure
    {
        bool fine = any ? length == 0 : length > 0 && length <= LIST_MAX;
        require(fine, IGrantBook.GrantListOutOfRange(position, list, length));
    }

    function _hasApp(AppId[] calldata list, AppId wanted) private pure returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }

    function _hasAsset(AssetId[] calldata list, AssetId wanted) private pure returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }

    function _has(address[] calldata list, address wanted) private pure returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }

    /// @dev The list and one more key, unless it is there already.
    function _with(address[] memory list, address key) private pure returns (address[] memory) {
        address[] memory longer = new address[](list.length + 1);
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == key) return list;
            longer[i] = list[i];
        }
        longer[list.length] = key;
        return longer;
    }

    function _commonAddresses(address[] memory a, address[] calldata b)
        private
        pure
        returns (address[] memory common)
    {
        uint256 kept;
        for (uint256 i; i < a.length; ++i) {
            if (_has(b, a[i])) a[kept++] = a[i];
        }
        common = new address[](kept);
        for (uint256 i; i < kept; ++i) {
            common[i] = a[i];
        }
    }

    function _commonWords(bytes32[] memory a, bytes32[] calldata b)
        private
        pure
        returns (bytes32[] memory common)
    {
        uint256 kept;
        for (uint256 i; i < a.length; ++i) {
            for (uint256 j; j < b.length; ++j) {
                if (a[i] != b[j]) continue;
                a[kept++] = a[i];
                break;
            }
        }
        common = new bytes32[](kept);
        for (uint256 i; i < kept; ++i) {
            common[i] = a[i];
        }
    }
}
