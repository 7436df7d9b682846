// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberSets} from "./IMemberSets.sol";

/// @title The verifiers whose quorum admits nodes, judges receipts and vouches for blocks.
interface ICommittee is IMemberSets {
    event Announced(address indexed member, string url);

    error NotBacked(address account, uint256 stakeWei, uint256 stakeMinWei);
    error UrlTooLong(uint256 length, uint256 max);

    /// @notice Says where the caller's verifier answers.
    function announce(string calldata url) external;

    /// @notice Reverts unless a quorum of the set of `epoch` signed `digest`, each with its minimum
    /// stake bonded. @param signatures ascending by signer.
    /// @return seats a bit for the position of each signer in `membersAt(epoch)`.
    function verify(uint64 epoch, bytes32 digest, bytes[] calldata signatures)
        external
        view
        returns (uint256 seats);

    function urlOf(address member) external view returns (string memory);
    function stakeMinWei() external view returns (uint256);
}
