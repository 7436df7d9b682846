// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Deployed} from "./Deployed.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {MemberSets} from "./MemberSets.sol";

/// @title The verifiers whose quorum admits nodes, judges receipts and vouches for blocks.
/// @notice ROLES: a quorum of the current set is trusted to appraise evidence honestly; one honest
/// challenger can prove a false vote, which costs the voter its stake. The deployer names the first
/// set and has no say afterwards.
///
/// LIVENESS: a member whose bonded stake is below the minimum does not count until it bonds again;
/// stake that is unbonding can still be slashed, but backs nothing new. If less than a quorum is
/// left, nothing is judged: posted tasks are refunded after their judging time, and no money is
/// stuck.
contract Committee is ICommittee, Deployed, MemberSets {
    uint256 public constant URL_BYTES_MAX = 200;

    IStaking public immutable staking;
    /// @inheritdoc ICommittee
    uint256 public immutable stakeMinWei;

    /// @inheritdoc ICommittee
    mapping(address member => string url) public urlOf;

    constructor(ILedger ledger_, IStaking staking_, address[] memory genesis, uint256 stakeMinWei_)
        Deployed(ledger_)
        MemberSets(0, genesis)
    {
        staking = staking_;
        stakeMinWei = stakeMinWei_;
    }

    /// @inheritdoc ICommittee
    function announce(string calldata url) external {
        require(bytes(url).length <= URL_BYTES_MAX, UrlTooLong(bytes(url).length, URL_BYTES_MAX));
        urlOf[msg.sender] = url;
        emit Announced(msg.sender, url);
    }

    /// @inheritdoc ICommittee
    function verify(uint64 epoch_, bytes32 digest, bytes[] calldata signatures)
        external
        view
        returns (uint256 seats)
    {
        return _verify(epoch_, digest, signatures);
    }

    function _requireBacked(address account) internal view override {
        // Stake that is leaving may be gone before anybody can prove what its owner signs now.
        uint256 stakeWei = staking.bondedOf(account);
        require(stakeWei >= stakeMinWei, NotBacked(account, stakeWei, stakeMinWei));
    }

    function _membersDigest(bytes32 structHash) internal view override returns (bytes32) {
        return _digest(structHash);
    }
}
