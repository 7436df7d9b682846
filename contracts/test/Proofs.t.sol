// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Messages, Posting, Receipt, Vote} from "../src/Messages.sol";
import {Offence, Role, TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract ProofsTest is Network {
    address private challenger;

    function setUp() public {
        deploy();
        populate();
        challenger = vm.addr(STRANGER);
    }

    function test_a_forged_receipt_costs_its_operator_and_the_task_is_done_again() public {
        (TaskId task, Posting memory posting, bytes memory signature) = posted(STRANGER);
        address operator = nodes.operatorOf(market.taskOf(task).node);
        Receipt memory receipt = receiptOf(task);
        uint256 supplyWei = token.totalSupply();

        vm.prank(challenger);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
        equal(staking.bondedOf(operator), NODE_STAKE - FORGED, "stake");
        equal(token.totalSupply(), supplyWei - FORGED * 7 / 10, "burned");
        equal(ledger.balanceOf(challenger), FORGED * 3 / 10, "to the challenger");
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");

        vm.expectPartialRevert(ISettlement.AlreadyProven.selector);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
    }

    function test_bytes_that_are_no_signature_are_a_forgery_too() public {
        TaskId task = place();
        draw(task);
        bytes memory junk = hex"1234";
        Posting memory posting = postingOf(task, junk);
        uint256 operatorKey = keyOf(market.taskOf(task).node) - ENCLAVES + OPERATORS;
        market.post(posting, sign(operatorKey, digestOf(Messages.hash(posting))));
        settlement.proveForgedReceipt(posting, "", receiptOf(task), junk);
        isTrue(settlement.proven(digestOf(Messages.hash(posting))), "proven");
    }

    function test_a_forgery_that_was_accepted_is_not_paid() public {
        (TaskId task, Posting memory posting, bytes memory signature) = posted(STRANGER);
        Receipt memory receipt = receiptOf(task);
        judge(task, 1, 0);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAccepted.selector, task));
        settlement.settle(task, keepers());
    }

    function test_a_forgery_is_proven_after_settlement_and_while_unbonding() public {
        (TaskId task, Posting memory posting, bytes memory signature) = posted(STRANGER);
        address operator = nodes.operatorOf(market.taskOf(task).node);
        Receipt memory receipt = receiptOf(task);
        judge(task, 1, 0);
        vm.prank(operator);
        staking.requestUnbond(NODE_STAKE);
        settle(task);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
        equal(staking.slashableOf(operator), NODE_STAKE - FORGED, "stake");
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Settled), "state stays");
    }

    function test_a_genuine_receipt_is_no_forgery() public {
        TaskId task = place();
        (Posting memory posting, bytes memory signature) = run(task);
        Receipt memory receipt = receiptOf(task);
        vm.expectPartialRevert(ISettlement.ReceiptIsGenuine.selector);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
    }

    function testFuzz_nobody_can_frame_an_operator(uint256 anyKey, bytes32 digest) public {
        TaskId task = place();
        (Posting memory posting,) = run(task);
        Receipt memory receipt = receiptOf(task);
        bytes memory signature = sign(within(anyKey, 1, 1 << 200), digest);
        // Other signature bytes for the operator's own posting.
        vm.expectPartialRevert(ISettlement.ReceiptSignatureMismatch.selector);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
        // Another posting in the operator's name.
        posting.receiptSignatureHash = keccak256(signature);
        vm.expectPartialRevert(ISettlement.OperatorDidNotSign.selector);
        settlement.proveForgedReceipt(posting, signature, receipt, signature);
    }

    function test_a_posting_that_never_reached_the_chain_is_held_against_its_signer_only() public {
        TaskId task = place();
        address node = draw(task);
        bytes memory forged = sign(STRANGER, digestOf(Messages.hash(receiptOf(task))));
        Posting memory posting = postingOf(task, forged);
        Receipt memory receipt = receiptOf(task);
        bytes32 digest = digestOf(Messages.hash(posting));
        vm.expectPartialRevert(ISettlement.OperatorDidNotSign.selector);
        settlement.proveForgedReceipt(posting, sign(STRANGER, digest), receipt, forged);
        settlement.proveForgedReceipt(
            posting, sign(keyOf(node) - ENCLAVES + OPERATORS, digest), receipt, forged
        );
        equal(staking.bondedOf(nodes.operatorOf(node)), NODE_STAKE - FORGED, "stake");
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Running), "attempt goes on");
    }

    function test_two_votes_on_one_posting_cost_the_verifier() public {
        TaskId task = place();
        run(task);
        Vote memory a = voteOf(task, 1, 0);
        Vote memory b = voteOf(task, 2, 3);
        bytes[2] memory signatures = both(VERIFIERS, a, b);
        vm.prank(challenger);
        settlement.proveEquivocation(a, b, signatures);
        equal(staking.bondedOf(vm.addr(VERIFIERS)), VERIFIER_STAKE - EQUIVOCATED, "stake");
        equal(ledger.balanceOf(challenger), EQUIVOCATED * 3 / 10, "to the challenger");
        vm.expectPartialRevert(ISettlement.AlreadyProven.selector);
        settlement.proveEquivocation(a, b, signatures);
    }

    function test_one_vote_two_signers_or_two_postings_are_no_equivocation() public {
        TaskId task = place();
        run(task);
        Vote memory a = voteOf(task, 1, 0);
        bytes[2] memory signatures = both(VERIFIERS, a, a);
        vm.expectRevert(ISettlement.VotesAgree.selector);
        settlement.proveEquivocation(a, a, signatures);

        Vote memory b = voteOf(task, 2, 3);
        signatures[1] = sign(VERIFIERS + 1, digestOf(Messages.hash(b)));
        vm.expectPartialRevert(ISettlement.SignersDiffer.selector);
        settlement.proveEquivocation(a, b, signatures);

        b.posting = keccak256("another posting");
        signatures = both(VERIFIERS, a, b);
        vm.expectPartialRevert(ISettlement.VotesForDifferentPostings.selector);
        settlement.proveEquivocation(a, b, signatures);
    }

    function test_a_stranger_cannot_equivocate() public {
        TaskId task = place();
        run(task);
        Vote memory a = voteOf(task, 1, 0);
        Vote memory b = voteOf(task, 2, 3);
        bytes[2] memory signatures = both(OPERATORS, a, b);
        vm.expectPartialRevert(ISettlement.NotMember.selector);
        settlement.proveEquivocation(a, b, signatures);
    }

    function test_accepting_a_forgery_is_a_false_vote() public {
        (TaskId task, Posting memory posting, bytes memory signature) = posted(STRANGER);
        Vote memory vote = voteOf(task, 1, 0);
        prove(VERIFIERS, vote, posting, receiptOf(task), signature);
        equal(staking.bondedOf(vm.addr(VERIFIERS)), VERIFIER_STAKE - FALSE_VOTE, "stake");
    }

    function test_calling_a_genuine_receipt_forged_is_a_false_vote() public {
        TaskId task = place();
        (Posting memory posting, bytes memory signature) = run(task);
        prove(VERIFIERS, voteOf(task, 2, 1), posting, receiptOf(task), signature);
        equal(staking.bondedOf(vm.addr(VERIFIERS)), VERIFIER_STAKE - FALSE_VOTE, "stake");
    }

    function test_true_votes_and_other_reasons_are_not_false() public {
        TaskId task = place();
        (Posting memory posting, bytes memory signature) = run(task);
        Receipt memory receipt = receiptOf(task);
        proveFails(voteOf(task, 1, 0), posting, receipt, signature);
        for (uint8 reason = 2; reason <= 6; ++reason) {
            proveFails(voteOf(task, 2, reason), posting, receipt, signature);
        }
        (task, posting, signature) = posted(STRANGER);
        receipt = receiptOf(task);
        proveFails(voteOf(task, 2, 1), posting, receipt, signature);
    }

    function test_a_verifier_that_was_proven_false_is_not_paid_for_that_judgement() public {
        TaskId task = place();
        (Posting memory posting, bytes memory signature) = run(task);
        Receipt memory receipt = receiptOf(task);
        Vote memory truth = judge(task, 1, 0);
        Vote memory lie = voteOf(task, 2, 1);
        prove(verifierKeys[0], lie, posting, receipt, signature);
        bytes[2] memory signatures = both(verifierKeys[1], truth, lie);
        settlement.proveEquivocation(truth, lie, signatures);
        settle(task);
        equal(ledger.balanceOf(vm.addr(verifierKeys[0])), 0, "false vote");
        equal(ledger.balanceOf(vm.addr(verifierKeys[1])), 0, "equivocation");
        equal(ledger.balanceOf(vm.addr(verifierKeys[2])), 0.04 ether, "standing");
    }

    function test_a_false_vote_for_a_forgery_ends_its_attempt() public {
        for (uint256 i; i < 2; ++i) {
            (TaskId task, Posting memory posting, bytes memory signature) = posted(STRANGER);
            Receipt memory receipt = receiptOf(task);
            Vote memory vote = voteOf(task, 1, 0);
            if (i == 1) judge(task, 1, 0);
            prove(verifierKeys[3 - i], vote, posting, receipt, signature);
            equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");
            equal(market.taskOf(task).voters, 0, "no voters are left");
            // What the operator signed is still held against it.
            address operator = nodes.operatorOf(market.attemptOf(task, 1).node);
            uint256 stakeWei = staking.slashableOf(operator);
            settlement.proveForgedReceipt(posting, "", receipt, signature);
            isTrue(staking.slashableOf(operator) < stakeWei, "the operator pays");
        }
    }

    function test_a_false_vote_against_a_genuine_receipt_ends_nothing() public {
        TaskId task = place();
        (Posting memory posting, bytes memory signature) = run(task);
        Receipt memory receipt = receiptOf(task);
        judge(task, 1, 0);
        prove(verifierKeys[0], voteOf(task, 2, 1), posting, receipt, signature);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Accepted), "state");
    }

    function test_a_forgery_that_is_not_the_one_on_chain_ends_nothing() public {
        TaskId task = place();
        run(task);
        Receipt memory receipt = receiptOf(task);
        receipt.outputDigest = keccak256("another output");
        bytes memory forged = sign(STRANGER, digestOf(Messages.hash(receipt)));
        Posting memory other = postingOf(task, forged);
        other.receiptDigest = digestOf(Messages.hash(receipt));
        uint256 operatorKey = keyOf(market.taskOf(task).node) - ENCLAVES + OPERATORS;
        bytes memory signature = sign(operatorKey, digestOf(Messages.hash(other)));
        settlement.proveForgedReceipt(other, signature, receipt, forged);
        equal(staking.bondedOf(vm.addr(operatorKey)), NODE_STAKE - FORGED, "its signer pays");
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Posted), "the task goes on");
    }

    function test_a_forgery_that_was_proven_before_it_was_posted_still_ends_its_attempt() public {
        TaskId task = place();
        draw(task);
        Receipt memory receipt = receiptOf(task);
        bytes memory forged = sign(STRANGER, digestOf(Messages.hash(receipt)));
        Posting memory posting = postingOf(task, forged);
        uint256 operatorKey = keyOf(market.taskOf(task).node) - ENCLAVES + OPERATORS;
        bytes memory signature = sign(operatorKey, digestOf(Messages.hash(posting)));
        settlement.proveForgedReceipt(posting, signature, receipt, forged);
        market.post(posting, signature);
        settlement.proveForgedReceipt(posting, "", receipt, forged);
        equal(staking.bondedOf(vm.addr(operatorKey)), NODE_STAKE - FORGED, "it pays once");
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");
    }

    function test_a_proof_that_took_nothing_is_not_spent() public {
        (TaskId task, Posting memory posting, bytes memory signature) = posted(STRANGER);
        Receipt memory receipt = receiptOf(task);
        Vote memory vote = judge(task, 1, 0);
        address operator = operatorOf(task);
        address verifier = vm.addr(verifierKeys[0]);
        empty(operator);
        empty(verifier);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
        prove(verifierKeys[0], vote, posting, receipt, signature);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "the attempt ends");
        isTrue(!settlement.proven(digestOf(Messages.hash(posting))), "not spent");

        bond(operator, NODE_STAKE);
        bond(verifier, VERIFIER_STAKE);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
        prove(verifierKeys[0], vote, posting, receipt, signature);
        equal(staking.bondedOf(operator), NODE_STAKE - FORGED, "operator");
        equal(staking.bondedOf(verifier), VERIFIER_STAKE - FALSE_VOTE, "verifier");
        vm.expectPartialRevert(ISettlement.AlreadyProven.selector);
        settlement.proveForgedReceipt(posting, "", receipt, signature);
    }

    function test_a_liar_without_stake_is_not_paid_either() public {
        TaskId task = place();
        (Posting memory posting, bytes memory signature) = run(task);
        Receipt memory receipt = receiptOf(task);
        judge(task, 1, 0);
        empty(vm.addr(verifierKeys[0]));
        prove(verifierKeys[0], voteOf(task, 2, 1), posting, receipt, signature);
        settle(task);
        equal(ledger.balanceOf(vm.addr(verifierKeys[0])), 0, "its vote does not stand");
    }

    function test_a_false_vote_and_an_equivocation_are_two_offences() public {
        TaskId task = place();
        (Posting memory posting, bytes memory signature) = run(task);
        Receipt memory receipt = receiptOf(task);
        address verifier = vm.addr(VERIFIERS);
        bond(verifier, VERIFIER_STAKE);
        Vote memory lie = voteOf(task, 2, 1);
        Vote memory truth = voteOf(task, 1, 0);
        settlement.proveEquivocation(lie, truth, both(VERIFIERS, lie, truth));
        prove(VERIFIERS, lie, posting, receipt, signature);
        equal(
            staking.bondedOf(verifier),
            2 * VERIFIER_STAKE - EQUIVOCATED - FALSE_VOTE,
            "pays for both"
        );
        bytes memory voteSignature = sign(VERIFIERS, digestOf(Messages.hash(lie)));
        vm.expectPartialRevert(ISettlement.AlreadyProven.selector);
        settlement.proveFalseVote(lie, voteSignature, posting, "", receipt, signature);
    }

    function empty(address account) private {
        vm.prank(address(settlement));
        staking.slash(
            account, type(uint128).max, address(7), Role.Challenger, Offence.ForgedReceipt
        );
    }

    function posted(uint256 signerKey)
        private
        returns (TaskId task, Posting memory posting, bytes memory signature)
    {
        task = place();
        draw(task);
        (posting, signature) = post(task, signerKey);
    }

    function both(uint256 key, Vote memory a, Vote memory b)
        private
        view
        returns (bytes[2] memory signatures)
    {
        signatures[0] = sign(key, digestOf(Messages.hash(a)));
        signatures[1] = sign(key, digestOf(Messages.hash(b)));
    }

    function prove(
        uint256 key,
        Vote memory vote,
        Posting memory posting,
        Receipt memory receipt,
        bytes memory signature
    ) private {
        bytes memory voteSignature = sign(key, digestOf(Messages.hash(vote)));
        settlement.proveFalseVote(vote, voteSignature, posting, "", receipt, signature);
    }

    function proveFails(
        Vote memory vote,
        Posting memory posting,
        Receipt memory receipt,
        bytes memory signature
    ) private {
        bytes memory voteSignature = sign(VERIFIERS, digestOf(Messages.hash(vote)));
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.VoteIsTrue.selector, vote.verdict, vote.reason)
        );
        settlement.proveFalseVote(vote, voteSignature, posting, "", receipt, signature);
    }
}
