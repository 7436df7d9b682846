// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PayoutRoot} from "../Messages.sol";
import {IMemberSets} from "./IMemberSets.sol";

/// @title Pays out on a spoke what was earned on the home chain.
interface ISpokePayout is IMemberSets {
    event RootPosted(uint64 indexed sequence, bytes32 root, uint128 totalWei, uint64 committee);
    event Claimed(address indexed account, uint256 amountWei, uint256 cumulativeWei);

    error SequenceNotRaised(uint64 sequence, uint64 current);
    error TotalLowered(uint128 totalWei, uint128 current);
    error CommitteeNotCurrent(uint64 committee, uint64 current);
    error ProofInvalid(address account, uint256 cumulativeWei, bytes32 root);
    error NothingToClaim(address account, uint256 claimedWei);
    error TotalExceeded(uint256 mintedWei, uint128 totalWei);

    /// @notice Posts a newer payout tree, signed by a quorum of the current set under this chain's
    /// domain. @param signatures ascending by signer.
    function postRoot(PayoutRoot calldata next, bytes[] calldata signatures) external;

    /// @notice Mints to `account` what it earned and has not claimed yet. Anybody may send it. Can
    /// never be paused. @param cumulativeWei all that the account earned for this spoke, from the
    /// beginning.
    function claim(address account, uint256 cumulativeWei, bytes32[] calldata proof) external;

    function claimedOf(address account) external view returns (uint256);
    function current() external view returns (PayoutRoot memory);
    function mintedWei() external view returns (uint256);
    function homeChainId() external view returns (uint256);
    function deployment() external view returns (bytes32);
}
