// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {Deployed} from "./Deployed.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {Attempt, IMarket, Task} from "./interfaces/IMarket.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {ISettlement, SettlementConfig} from "./interfaces/ISettlement.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Messages, Posting, Receipt, Vote} from "./Messages.sol";
import {Ending, Offence, Role, TaskState} from "./Types.sol";

/// @title Proofs that cost stake. Anybody may bring one; each takes stake once.
/// @notice ROLES: nobody is trusted. What an operator loses, it signed itself: its posting commits
/// to a receipt digest and to the exact signature bytes, so a stranger can't make an honest
/// operator's posting look forged. What a verifier loses, it signed too.
///
/// LIVENESS: a proof takes what stake there is, bonded or unbonding; 70 % of it is burned (see
/// Ledger). One that found nothing to take is not spent. Ending a forged attempt and striking a
/// verifier's vote need no stake.
abstract contract Proofs is ISettlement, Deployed {
    IStaking public immutable staking;
    ICommittee public immutable committee;
    INodeRegistry public immutable nodes;
    IMarket public immutable market;

    /// @inheritdoc ISettlement
    mapping(bytes32 proof => bool) public proven;

    SettlementConfig internal _config;

    /// @dev Whether a verifier's vote on a posting was proven bad, by `_verifierProof`.
    mapping(bytes32 vote => bool) internal _fallen;

    constructor(
        IStaking staking_,
        ICommittee committee_,
        INodeRegistry nodes_,
        IMarket market_,
        SettlementConfig memory config_
    ) {
        require(config_.judgeSeconds > 0 && config_.challengeSeconds > 0, ConfigOutOfRange());
        // Stake that leaves when an attempt begins must still be there when its challenge window
        // ends.
        uint64 needed =
            market_.config().attemptSecondsMax + config_.judgeSeconds + config_.challengeSeconds;
        uint64 unbondSeconds = staking_.unbondSeconds();
        require(unbondSeconds >= needed, UnbondingTooShort(unbondSeconds, needed));
        staking = staking_;
        committee = committee_;
        nodes = nodes_;
        market = market_;
        _config = config_;
    }

    /// @inheritdoc ISettlement
    function proveForgedReceipt(
        Posting calldata posting,
        bytes calldata operatorSignature,
        Receipt calldata receipt,
        bytes calldata receiptSignature
    ) external {
        bytes32 digest = _digest(Messages.hash(posting));
        (address node, address operator) = _signedPosting(posting, digest, operatorSignature);
        require(!_genuine(posting, node, receipt, receiptSignature), ReceiptIsGenuine(node));

        bool ended = _endForged(posting, digest);
        uint256 slashedWei =
            _slash(digest, ended, operator, _config.forgedReceiptWei, Offence.ForgedReceipt);
        emit ForgedReceiptProven(digest, operator, msg.sender, slashedWei);
    }

    /// @inheritdoc ISettlement
    function proveEquivocation(
        Vote calldata voteA,
        Vote calldata voteB,
        bytes[2] calldata signatures
    ) external {
        require(
            voteA.posting == voteB.posting, VotesForDifferentPostings(voteA.posting, voteB.posting)
        );
        bytes32 digestA = _digest(Messages.hash(voteA));
        bytes32 digestB = _digest(Messages.hash(voteB));
        require(digestA != digestB, VotesAgree());
        address verifier = ECDSA.recoverCalldata(digestA, signatures[0]);
        address other = ECDSA.recoverCalldata(digestB, signatures[1]);
        require(verifier == other, SignersDiffer(verifier, other));
        _checkMember(voteA, verifier);

        bytes32 proof = _verifierProof(verifier, voteA.posting);
        _fallen[proof] = true;
        uint256 slashedWei =
            _slash(proof, false, verifier, _config.equivocationWei, Offence.Equivocation);
        emit EquivocationProven(voteA.posting, verifier, msg.sender, slashedWei);
    }

    /// @inheritdoc ISettlement
    function proveFalseVote(
        Vote calldata vote,
        bytes calldata signature,
        Posting calldata posting,
        bytes calldata operatorSignature,
        Receipt calldata receipt,
        bytes calldata receiptSignature
    ) external {
        bytes32 digest = _digest(Messages.hash(posting));
        require(vote.posting == digest, VoteForOther(vote.posting, digest));
        address verifier = ECDSA.recoverCalldata(_digest(Messages.hash(vote)), signature);
        _checkMember(vote, verifier);
        (address node,) = _signedPosting(posting, digest, operatorSignature);
        bool genuine = _genuine(posting, node, receipt, receiptSignature);
        require(
            genuine ? vote.verdict == 2 && vote.reason == 1 : vote.verdict == 1,
            VoteIsTrue(vote.verdict, vote.reason)
        );

        bool ended = !genuine && _endForged(posting, digest);
        _fallen[_verifierProof(verifier, digest)] = true;
        bytes32 proof = keccak256(abi.encode(verifier, digest, Offence.FalseVote));
        uint256 slashedWei = _slash(proof, ended, verifier, _config.falseVoteWei, Offence.FalseVote);
        emit FalseVoteProven(digest, verifier, msg.sender, slashedWei);
    }

    /// @inheritdoc ISettlement
    function config() external view returns (SettlementConfig memory) {
        return _config;
    }

    /// @dev Names what a verifier signed about a posting, and its equivocation there.
    function _verifierProof(address verifier, bytes32 posting) internal pure returns (bytes32) {
        return keccak256(abi.encode(verifier, posting));
    }

    /// @dev The node that ran the posting's attempt, and its operator, who signed the posting: on
    /// chain, or else as shown.
    function _signedPosting(Posting calldata posting, bytes32 digest, bytes calldata signature)
        private
        view
        returns (address node, address operator)
    {
        Attempt memory attempt = market.attemptOf(posting.task, posting.attempt);
        node = attempt.node;
        require(node != address(0), AttemptUnknown(posting.task, posting.attempt));
        operator = nodes.operatorOf(node);
        require(
            attempt.posting == digest
                || SignatureChecker.isValidSignatureNowCalldata(operator, digest, signature),
            OperatorDidNotSign(operator)
        );
    }

    /// @dev Whether the node's key signed the receipt that the posting commits to.
    function _genuine(
        Posting calldata posting,
        address node,
        Receipt calldata receipt,
        bytes calldata signature
    ) private view returns (bool) {
        bytes32 digest = _digest(Messages.hash(receipt));
        require(digest == posting.receiptDigest, ReceiptMismatch(digest, posting.receiptDigest));
        bytes32 hash = keccak256(signature);
        require(
            hash == posting.receiptSignatureHash,
            ReceiptSignatureMismatch(hash, posting.receiptSignatureHash)
        );
        (address signer, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        return err == ECDSA.RecoverError.NoError && signer == node;
    }

    /// @dev Reverts unless the vote is about a posting on chain and `signer` sat in the set that
    /// judges it.
    function _checkMember(Vote calldata vote, address signer) private view {
        Attempt memory attempt = market.attemptOf(vote.task, vote.attempt);
        require(
            attempt.posting != 0 && attempt.posting == vote.posting,
            VoteForOther(vote.posting, attempt.posting)
        );
        require(committee.isMember(attempt.committee, signer), NotMember(attempt.committee, signer));
    }

    /// @dev Ends the attempt if the forged posting is the one on chain and not paid for yet.
    function _endForged(Posting calldata posting, bytes32 digest) private returns (bool ended) {
        Task memory task = market.taskOf(posting.task);
        bool open = task.state == TaskState.Posted || task.state == TaskState.Accepted;
        ended = open && task.attempt == posting.attempt
            && market.attemptOf(posting.task, posting.attempt).posting == digest;
        if (ended) market.endAttempt(posting.task, Ending.Forged);
    }

    /// @dev Takes stake once per proof. A spent proof is refused unless it `ended` an attempt: its
    /// posting may have been proven forged before it came on chain.
    function _slash(bytes32 proof, bool ended, address account, uint256 amountWei, Offence offence)
        private
        returns (uint256 takenWei)
    {
        if (proven[proof]) {
            require(ended, AlreadyProven(proof));
            return 0;
        }
        proven[proof] = true;
        takenWei = staking.slash(account, amountWei, msg.sender, Role.Challenger, offence);
        if (takenWei == 0) proven[proof] = false;
    }
}
