// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Identifiers} from "./Identifiers.sol";
import {IMemberSets} from "./interfaces/IMemberSets.sol";
import {Handover, Messages} from "./Messages.sol";

/// @title A committee, one set of members per epoch, each chosen by a quorum of the set before.
/// @dev Past sets stay, so that what they signed can be judged for ever. Members are plain keys;
/// signatures are ECDSA with low s, and uniqueness is by seat: signers must come in the ascending
/// order of the members.
abstract contract MemberSets is IMemberSets {
    uint256 public constant MEMBERS_MAX = 32;

    /// @inheritdoc IMemberSets
    uint64 public epoch;
    /// @inheritdoc IMemberSets
    mapping(uint64 epoch => bytes32 membersHash) public membersHashAt;

    mapping(uint64 epoch => address[]) private _members;
    /// @dev A member's position in its set, plus one.
    mapping(uint64 epoch => mapping(address member => uint256)) private _seats;

    constructor(uint64 genesisEpoch, address[] memory genesis) {
        epoch = genesisEpoch;
        _seat(genesisEpoch, genesis);
    }

    /// @inheritdoc IMemberSets
    function handover(
        Handover calldata next,
        address[] calldata members,
        bytes[] calldata signatures
    ) external {
        uint64 current = epoch;
        require(next.epoch == current + 1, EpochNotNext(next.epoch, current + 1));
        bytes32 given = Identifiers.members(members);
        require(given == next.membersHash, MembersHashMismatch(given, next.membersHash));
        for (uint256 i; i < members.length; ++i) {
            _requireBacked(members[i]);
        }
        _verify(current, _membersDigest(Messages.hash(next)), signatures);

        epoch = next.epoch;
        _seat(next.epoch, members);
    }

    /// @inheritdoc IMemberSets
    function membersAt(uint64 epoch_) external view returns (address[] memory) {
        return _members[epoch_];
    }

    /// @inheritdoc IMemberSets
    function isMember(uint64 epoch_, address account) external view returns (bool) {
        return _seats[epoch_][account] != 0;
    }

    /// @inheritdoc IMemberSets
    function quorumAt(uint64 epoch_) public view returns (uint256) {
        return _members[epoch_].length * 2 / 3 + 1;
    }

    /// @dev Reverts unless a quorum of backed members of `epoch_` signed `digest`.
    /// @return seats a bit for the position of each signer in its set.
    function _verify(uint64 epoch_, bytes32 digest, bytes[] calldata signatures)
        internal
        view
        returns (uint256 seats)
    {
        require(epoch_ <= epoch, EpochUnknown(epoch_, epoch));
        uint256 quorum = quorumAt(epoch_);
        require(signatures.length >= quorum, QuorumNotReached(signatures.length, quorum));

        uint256 last;
        for (uint256 i; i < signatures.length; ++i) {
            address signer = ECDSA.recoverCalldata(digest, signatures[i]);
            uint256 seat = _seats[epoch_][signer];
            require(seat != 0, NotMember(epoch_, signer));
            require(seat > last, SignersNotAscending(i, signer));
            _requireBacked(signer);
            last = seat;
            seats |= 1 << (seat - 1);
        }
    }

    /// @dev Reverts unless the account's signature can cost it something.
    function _requireBacked(address account) internal view virtual;

    /// @dev The EIP-712 digest under the domain of the chain that this set signs for.
    function _membersDigest(bytes32 structHash) internal view virtual returns (bytes32);

    function _seat(uint64 epoch_, address[] memory members) private {
        require(
            members.length > 0 && members.length <= MEMBERS_MAX,
            MembersOutOfRange(members.length, 1, MEMBERS_MAX)
        );
        address last;
        for (uint256 i; i < members.length; ++i) {
            require(members[i] > last, MembersNotAscending(i, members[i]));
            last = members[i];
            _seats[epoch_][last] = i + 1;
        }
        _members[epoch_] = members;
        bytes32 membersHash = Identifiers.members(members);
        membersHashAt[epoch_] = membersHash;
        emit HandedOver(epoch_, membersHash, members);
    }
}
