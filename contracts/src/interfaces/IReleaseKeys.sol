// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RuntimeApproval} from "../Messages.sol";

/// @title Which enclave runtimes a release key has approved, and until when.
/// @notice A grant or keeper policy that names a release key accepts a measurement before the time
/// that stands here. Enclaves read it by storage proof: one slot for each key and measurement.
interface IReleaseKeys {
    event RuntimeApproved(
        address indexed releaseKey, bytes32 indexed measurement, uint64 approvedUntil
    );
    event RuntimeRevoked(address indexed releaseKey, bytes32 indexed measurement);

    error KeyDidNotSign(address releaseKey);
    error MeasurementIsZero();
    error ApprovalExpired(uint64 expiry, uint256 now_);
    error ApprovalNotLater(uint64 expiry, uint64 approvedUntil);
    error RuntimeIsRevoked(address releaseKey, bytes32 measurement);

    /// @notice Writes down what `releaseKey` signed (ERC-1271 included). Anybody may. An approval
    /// only ever gets longer; a measurement that its key revoked is never approved again, so an
    /// old signature can't bring it back.
    function approve(
        address releaseKey,
        RuntimeApproval calldata approval,
        bytes calldata signature
    ) external;

    /// @notice The caller's approval of a measurement ends in this block, for ever.
    function revoke(bytes32 measurement) external;

    /// @notice The approval holds while the time is below this; zero if there is none.
    function approvedUntil(address releaseKey, bytes32 measurement) external view returns (uint64);

    /// @notice Whether the key took its approval back.
    function revoked(address releaseKey, bytes32 measurement) external view returns (bool);
}
