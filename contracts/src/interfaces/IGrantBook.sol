// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Grant, Order} from "../Messages.sol";
import {AppId, TaskId} from "../Types.sol";

/// @dev One asset's owner and the price of its grant.
struct OwnerShare {
    address owner;
    uint96 priceWei;
}

/// @dev What all grants of an order leave: which nodes, and who is to be paid.
struct Terms {
    uint8 tierMin;
    uint8 tcbFloor;
    bool anyNode;
    address[] operators;
    bytes32[] measurements;
    OwnerShare[] owners;
}

/// @title Decides whether grants cover an order, and counts how often each was used.
interface IGrantBook {
    event GrantUsed(bytes32 indexed grant, address indexed owner, uint32 uses, uint32 usesMax);
    event GrantUseReturned(bytes32 indexed grant, TaskId indexed task, uint32 uses);

    error AssetUnknownAt(uint256 position);
    error AssetRepeated(uint256 position);
    error GrantMismatch(uint256 position, bytes32 given, bytes32 ordered);
    error GrantForOtherAsset(uint256 position);
    error GrantNotByOwner(uint256 position, address grantor, address owner);
    error GrantRevokedByOwner(uint256 position);
    error GrantSignatureWrong(uint256 position, address owner);
    error GrantUsedUp(uint256 position, uint32 usesMax);
    error GrantListOutOfRange(uint256 position, string list, uint256 length);
    error GrantPurposeTooLong(uint256 position, uint256 length, uint256 max);
    error GrantTcbFloorUnknown(uint256 position, uint8 tcbFloor, uint8 max);
    error GrantNotYetValid(uint256 position, uint64 notBefore, uint256 now_);
    error GrantExpired(uint256 position, uint64 expiry, uint256 now_);
    error GrantOmitsApp(uint256 position, AppId app);
    error GrantOmitsRequester(uint256 position, address requester);
    error NoOperatorLeft(uint256 position);
    error NoMeasurementLeft(uint256 position);
    error FeeBelowPrices(uint256 ownersWei, uint256 pricesWei);

    /// @notice Market only: uses each grant once, for different assets. Reverts with the position
    /// of the first grant that does not cover the order.
    function use(
        TaskId task,
        Order calldata order,
        Grant[] calldata grants,
        bytes[] calldata signatures
    ) external returns (Terms memory);

    /// @notice Market only: takes back the uses of a task that no node was ever drawn for.
    function giveBack(TaskId task) external;

    /// @notice How many tasks were placed under a grant, without those given back.
    function usesOf(bytes32 grant) external view returns (uint32);
}
