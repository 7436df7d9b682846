// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Handover} from "../Messages.sol";

/// @title A committee, one set of members per epoch, each chosen by a quorum of the set before.
interface IMemberSets {
    event HandedOver(uint64 indexed epoch, bytes32 membersHash, address[] members);

    error MembersOutOfRange(uint256 count, uint256 min, uint256 max);
    error MembersNotAscending(uint256 position, address member);
    error EpochNotNext(uint64 epoch, uint64 expected);
    error EpochUnknown(uint64 epoch, uint64 current);
    error MembersHashMismatch(bytes32 given, bytes32 signed);
    error NotMember(uint64 epoch, address signer);
    error SignersNotAscending(uint256 position, address signer);
    error QuorumNotReached(uint256 signers, uint256 quorum);

    /// @notice Hands over to the next set. Signed by a quorum of the current one; anybody may
    /// submit it. @param members the next set, ascending by address, without repeats.
    /// @param signatures over the Handover, ascending by signer.
    function handover(
        Handover calldata next,
        address[] calldata members,
        bytes[] calldata signatures
    ) external;

    /// @notice The current epoch. The home committee begins with 0, a spoke with the epoch it was
    /// deployed in.
    function epoch() external view returns (uint64);
    function membersHashAt(uint64 epoch) external view returns (bytes32);
    function membersAt(uint64 epoch) external view returns (address[] memory);
    function isMember(uint64 epoch, address account) external view returns (bool);

    /// @notice `floor(2n/3) + 1` of the n members of `epoch`.
    function quorumAt(uint64 epoch) external view returns (uint256);
}
