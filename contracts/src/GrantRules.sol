// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Grant, Order} from "./Messages.sol";
import {IGrantBook, Terms} from "./interfaces/IGrantBook.sol";
import {AppId} from "./Types.sol";

/// @title What a grant must say to cover an order, and which nodes all grants of an order leave.
/// @notice An empty list never means "do not check". Every loop is bounded by LIST_MAX.
library GrantRules {
    uint256 internal constant LIST_MAX = 16;
    uint256 internal constant PURPOSE_BYTES_MAX = 200;
    uint8 internal constant TCB_FLOOR_MAX = 5;

    /// @dev Reverts unless `grant` is well formed and covers `order` now.
    function check(uint256 position, Grant calldata grant, Order calldata order) internal view {
        _checkForm(position, grant);
        require(
            block.timestamp >= grant.notBefore,
            IGrantBook.GrantNotYetValid(position, grant.notBefore, block.timestamp)
        );
        require(
            block.timestamp < grant.expiry,
            IGrantBook.GrantExpired(position, grant.expiry, block.timestamp)
        );
        require(_hasApp(grant.apps, order.app), IGrantBook.GrantOmitsApp(position, order.app));
        require(
            grant.anyRequester || _has(grant.requesters, order.requester),
            IGrantBook.GrantOmitsRequester(position, order.requester)
        );
    }

    /// @dev What an order alone asks of a node: nothing is excluded yet.
    function begin(Order calldata order) internal pure returns (Terms memory terms) {
        terms.tierMin = order.tierMin;
        terms.tcbFloor = TCB_FLOOR_MAX;
        terms.anyNode = true;
    }

    /// @dev Leaves only what `grant` allows too. Reverts when nothing is left, naming the grant
    /// that left nothing.
    function narrow(Terms memory terms, uint256 position, Grant calldata grant) internal pure {
        if (grant.tierMin > terms.tierMin) terms.tierMin = grant.tierMin;
        if (grant.tcbFloor < terms.tcbFloor) terms.tcbFloor = grant.tcbFloor;

        terms.measurements = position == 0
            ? grant.measurements
            : _commonWords(terms.measurements, grant.measurements);
        require(terms.measurements.length > 0, IGrantBook.NoMeasurementLeft(position));

        if (grant.anyNode) return;
        terms.operators =
            terms.anyNode ? grant.operators : _commonAddresses(terms.operators, grant.operators);
        terms.anyNode = false;
        require(terms.operators.length > 0, IGrantBook.NoOperatorLeft(position));
    }

    function _checkForm(uint256 position, Grant calldata grant) private pure {
        _checkList(position, "apps", grant.apps.length, false);
        _checkList(position, "measurements", grant.measurements.length, false);
        _checkList(position, "operators", grant.operators.length, grant.anyNode);
        _checkList(position, "requesters", grant.requesters.length, grant.anyRequester);
        uint256 length = bytes(grant.purpose).length;
        require(
            length <= PURPOSE_BYTES_MAX,
            IGrantBook.GrantPurposeTooLong(position, length, PURPOSE_BYTES_MAX)
        );
        require(
            grant.tcbFloor <= TCB_FLOOR_MAX,
            IGrantBook.GrantTcbFloorUnknown(position, grant.tcbFloor, TCB_FLOOR_MAX)
        );
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

    function _has(address[] calldata list, address wanted) private pure returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
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
