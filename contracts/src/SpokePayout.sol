// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Identifiers} from "./Identifiers.sol";
import {ISpokePayout} from "./interfaces/ISpokePayout.sol";
import {MemberSets} from "./MemberSets.sol";
import {Messages, PayoutRoot} from "./Messages.sol";
import {SpokeToken} from "./SpokeToken.sol";

/// @title Pays out on a spoke what was earned on the home chain.
/// @notice SETTLEMENT: the tree holds each account's cumulative earnings, so a claim can be made at
/// any time, once, from any newer tree. Always: minted <= the total of the current root, and that
/// total never falls.
///
/// ROLES: a quorum of the committee is trusted to sign only roots that the home chain's Ledger
/// owes, since this chain can't see it, and no cap bounds what they sign. The set and its epoch
/// follow the home committee by handovers that somebody has to bring here: until then the set
/// before stays in office here, also when its members have no stake left at home. Nobody else can
/// mint.
///
/// LIVENESS: a claim depends on nobody once its root is posted, and can't be paused. If the
/// committee stops signing, what was earned since the last root waits in the home chain's lockbox.
contract SpokePayout is ISpokePayout, EIP712, MemberSets {
    SpokeToken public immutable token;
    /// @inheritdoc ISpokePayout
    uint256 public immutable homeChainId;

    /// @inheritdoc ISpokePayout
    mapping(address account => uint256 amountWei) public claimedOf;
    /// @inheritdoc ISpokePayout
    uint256 public mintedWei;
    PayoutRoot private _current;

    constructor(uint256 homeChainId_, uint64 genesisEpoch, address[] memory genesis)
        EIP712("Cloister", "1")
        MemberSets(genesisEpoch, genesis)
    {
        homeChainId = homeChainId_;
        token = new SpokeToken(address(this));
    }

    /// @inheritdoc ISpokePayout
    function postRoot(PayoutRoot calldata next, bytes[] calldata signatures) external {
        PayoutRoot memory before = _current;
        require(next.sequence > before.sequence, SequenceNotRaised(next.sequence, before.sequence));
        require(next.totalWei >= before.totalWei, TotalLowered(next.totalWei, before.totalWei));
        require(next.committee == epoch, CommitteeNotCurrent(next.committee, epoch));
        _verify(epoch, _membersDigest(Messages.hash(next)), signatures);

        _current = next;
        emit RootPosted(next.sequence, next.root, next.totalWei, next.committee);
    }

    /// @inheritdoc ISpokePayout
    function claim(address account, uint256 cumulativeWei, bytes32[] calldata proof) external {
        bytes32 root = _current.root;
        bytes32 leaf = Identifiers.payoutLeaf(account, cumulativeWei);
        require(
            MerkleProof.verifyCalldata(proof, root, leaf),
            ProofInvalid(account, cumulativeWei, root)
        );
        uint256 claimedWei = claimedOf[account];
        require(cumulativeWei > claimedWei, NothingToClaim(account, claimedWei));
        uint256 amountWei = cumulativeWei - claimedWei;
        uint256 minted = mintedWei + amountWei;
        require(minted <= _current.totalWei, TotalExceeded(minted, _current.totalWei));

        claimedOf[account] = cumulativeWei;
        mintedWei = minted;
        emit Claimed(account, amountWei, cumulativeWei);

        token.mint(account, amountWei);
    }

    /// @inheritdoc ISpokePayout
    function current() external view returns (PayoutRoot memory) {
        return _current;
    }

    /// @inheritdoc ISpokePayout
    function deployment() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @dev Stake is on the home chain, which this one can't see, and no proof against a false root
    /// is taken there yet: a signature here costs its member nothing that could be shown on chain.
    function _requireBacked(address) internal view override {}

    function _membersDigest(bytes32 structHash) internal view override returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }
}
