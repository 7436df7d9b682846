// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {Deployed} from "./Deployed.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IReleaseKeys} from "./interfaces/IReleaseKeys.sol";
import {Messages, RuntimeApproval} from "./Messages.sol";

/// @title Which enclave runtimes a release key has approved, and until when.
/// @notice ROLES: each key speaks for itself alone; an owner chooses the key that it trusts by
/// naming it in a grant. Governance has no say here, though a runtime it does not approve is not
/// drawn either.
///
/// LIVENESS: a revocation works in the block that holds it and depends on nobody. It does not undo
/// a release that was made before.
contract ReleaseKeys is IReleaseKeys, Deployed {
    /// @inheritdoc IReleaseKeys
    mapping(address releaseKey => mapping(bytes32 measurement => uint64 time)) public approvedUntil;
    /// @inheritdoc IReleaseKeys
    mapping(address releaseKey => mapping(bytes32 measurement => bool)) public revoked;

    constructor(ILedger ledger_) Deployed(ledger_) {}

    /// @inheritdoc IReleaseKeys
    function approve(
        address releaseKey,
        RuntimeApproval calldata approval,
        bytes calldata signature
    ) external {
        (bytes32 measurement, uint64 expiry) = (approval.measurement, approval.expiry);
        require(measurement != 0, MeasurementIsZero());
        require(!revoked[releaseKey][measurement], RuntimeIsRevoked(releaseKey, measurement));
        require(expiry > block.timestamp, ApprovalExpired(expiry, block.timestamp));
        uint64 current = approvedUntil[releaseKey][measurement];
        require(expiry > current, ApprovalNotLater(expiry, current));
        require(
            SignatureChecker.isValidSignatureNowCalldata(
                releaseKey, _digest(Messages.hash(approval)), signature
            ),
            KeyDidNotSign(releaseKey)
        );

        approvedUntil[releaseKey][measurement] = expiry;
        emit RuntimeApproved(releaseKey, measurement, expiry);
    }

    /// @inheritdoc IReleaseKeys
    function revoke(bytes32 measurement) external {
        require(!revoked[msg.sender][measurement], RuntimeIsRevoked(msg.sender, measurement));

        revoked[msg.sender][measurement] = true;
        approvedUntil[msg.sender][measurement] = 0;
        emit RuntimeRevoked(msg.sender, measurement);
    }
}
