// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Grant, Order} from "../Messages.sol";
import {AppId, TaskId} from "../Types.sol";

/// @dev One asset's owner and the price of its grant.
struct OwnerShare {
    address owner;
    uint96 priceWei;
}

/// @dev What an order and all its grants leave: which nodes, and who is to be paid. `operators` is
/// empty exactly if `anyNode`, `measurements` exactly if `anyMeasurement`; every release key has to
/// approve a node's measurement too.
struct Terms {
    uint8 tierMin;
    uint8 tcbFloor;
    uint32 tees;
    bool anyNode;
    bool anyMeasurement;
    address[] operators;
    bytes32[] measurements;
    address[] releaseKeys;
    OwnerShare[] owners;
}

/// @dev What of the terms the draw compares with a node's record.
struct Bounds {
    uint8 tierMin;
    uint8 tcbFloor;
    uint32 tees;
}

/// @dev What has been used of a grant: tasks in all, tasks on the last UTC day (days since 1970)
/// that it was used on, and privacy (1e-6 and 1e-12). The last two are a private grant's whole
/// budget, written down when it is first used; zero for others.
struct GrantUse {
    uint32 tasks;
    uint32 day;
    uint32 tasksThatDay;
    uint64 epsilonMicros;
    uint64 deltaPicos;
    uint64 epsilonMaxMicros;
    uint64 deltaMaxPicos;
}

/// @dev What the rules ask besides grant and order: the asset's registered owner, whether it signed
/// the grant or revoked it, the time, how many owners other than the requester the order's data
/// comes from, and what was used before.
struct GrantFacts {
    address owner;
    bool signed;
    bool revoked;
    uint256 time;
    uint256 owners;
    uint32 uses;
    uint32 usesToday;
    uint64 epsilonSpentMicros;
    uint64 deltaSpentPicos;
}

/// @title Decides whether grants cover an order, and counts what was used of each.
interface IGrantBook {
    event GrantUsed(
        bytes32 indexed grant,
        address indexed owner,
        TaskId indexed task,
        uint32 uses,
        uint32 usesMax
    );
    event GrantUseReturned(bytes32 indexed grant, TaskId indexed task, uint32 uses);
    /// @notice A task may spend this of a grant's privacy budget; the last two are the sums so far.
    event PrivacyCharged(
        bytes32 indexed grant,
        TaskId indexed task,
        uint64 epsilonMicros,
        uint64 deltaPicos,
        uint64 epsilonSpentMicros,
        uint64 deltaSpentPicos
    );
    event PrivacyReturned(
        bytes32 indexed grant,
        TaskId indexed task,
        uint64 epsilonSpentMicros,
        uint64 deltaSpentPicos
    );
    /// @notice No budget is left for another attempt of the task.
    event PrivacyUsedUp(bytes32 indexed grant, TaskId indexed task);
    /// @notice An owner looked at an output and lets its recipient have it: `envelope` holds the
    /// owner's part of the output's key, sealed to the recipient.
    event OutputApproved(
        TaskId indexed task,
        uint32 indexed attempt,
        address indexed owner,
        uint256 position,
        bytes envelope
    );

    error AssetUnknownAt(uint256 position);
    error AssetRepeated(uint256 position);
    error GrantMismatch(uint256 position, bytes32 given, bytes32 ordered);
    error GrantForOtherAsset(uint256 position);
    error GrantNotByOwner(uint256 position, address grantor, address owner);
    error GrantRevokedByOwner(uint256 position);
    error GrantSignatureWrong(uint256 position, address owner);
    error GrantVersionUnknown(uint256 position, uint8 version, uint8 expected);
    error GrantUsedUp(uint256 position, uint32 usesMax);
    error GrantUsedUpToday(uint256 position, uint32 usesPerDay);
    error GrantListOutOfRange(uint256 position, string list, uint256 length);
    error GrantSetUnknown(uint256 position, string set, uint32 bits);
    error GrantPurposeTooLong(uint256 position, uint256 length, uint256 max);
    error GrantTcbFloorUnknown(uint256 position, uint8 tcbFloor, uint8 max);
    error GrantOwnersMinIsZero(uint256 position);
    error GrantPrivacyOutOfRange(
        uint256 position, bool required, uint64 epsilonMicros, uint64 deltaPicos
    );
    error GrantNeverValid(uint256 position, uint64 notBefore, uint64 expiry);
    error GrantNotYetValid(uint256 position, uint64 notBefore, uint256 now_);
    error GrantExpired(uint256 position, uint64 expiry, uint256 now_);
    error GrantOmitsApp(uint256 position, AppId app);
    error GrantOmitsRequester(uint256 position, address requester);
    error OrderIsNotPrivate(uint256 position);
    error PrivacyBudgetExceeded(uint256 position, uint64 epsilonLeftMicros, uint64 deltaLeftPicos);
    error OwnersTooFew(uint256 position, uint256 owners, uint8 ownersMin);
    error NoOperatorLeft(uint256 position);
    error NoMeasurementLeft(uint256 position);
    error NoTeeLeft(uint256 position);
    error FeeBelowPrices(uint256 ownersWei, uint256 pricesWei);
    error PositionUnknown(uint256 position, uint256 count);
    error NotGrantOwner(uint256 position, address caller, address owner);
    error OutputNotPosted(TaskId task);
    error EnvelopeOutOfRange(uint256 length, uint256 max);

    /// @notice Market only: uses each grant once, for different assets, and charges the order's
    /// privacy to each that asks for privacy. Reverts with the position of the first grant that
    /// does not cover the order. @param task the order's own task id: its first replica.
    function use(
        TaskId task,
        Order calldata order,
        Grant[] calldata grants,
        bytes[] calldata signatures
    ) external returns (Bounds memory);

    /// @notice Market only: charges the order's privacy once more, for another attempt. False, and
    /// nothing is charged, if one of the grants has too little left.
    function chargeAgain(TaskId task) external returns (bool);

    /// @notice Market only: takes back the uses of an order that no node was ever drawn for.
    function giveBack(TaskId task) external;

    /// @notice The owner of the asset at `position` lets the output of a posted attempt go: with
    /// `envelope` (1 to 4,096 bytes) the recipient can make the output's key. Only an event.
    /// @param task any replica of the order.
    function approveOutput(TaskId task, uint256 position, bytes calldata envelope) external;

    /// @notice Whether every grant of the order allows a node of this operator and measurement now.
    function allows(TaskId task, address operator, bytes32 measurement) external view returns (bool);

    /// @notice What an order and its grants leave, by the order's own task id.
    function termsOf(TaskId task) external view returns (Terms memory);

    /// @notice Who is paid for the order's assets, by the order's own task id.
    function ownersOf(TaskId task) external view returns (OwnerShare[] memory);

    /// @notice All that was used of a grant, without what was given back.
    function useOf(bytes32 grant) external view returns (GrantUse memory);

    /// @notice How many tasks were placed under a grant.
    function usesOf(bytes32 grant) external view returns (uint32);

    /// @notice How many tasks were placed under a grant on the current UTC day.
    function usesToday(bytes32 grant) external view returns (uint32);

    /// @notice How much epsilon (1e-6) was charged to a grant.
    function epsilonSpentOf(bytes32 grant) external view returns (uint64);

    /// @notice How much delta (1e-12) was charged to a grant.
    function deltaSpentOf(bytes32 grant) external view returns (uint64);
}
