// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Messages, Posting, Receipt, Vote} from "../src/Messages.sol";
import {TaskId, TaskState} from "../src/Types.sol";
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
        (TaskId task, Posting memory posting, bytes memory signature) = posted(STRANGER);
        Receipt memory receipt = receiptOf(task);
        Vote memory vote = judge(task, 1, 0);
        prove(verifierKeys[0], vote, posting, receipt, signature);
        settle(task);
        equal(ledger.balanceOf(vm.addr(verifierKeys[0])), 0, "proven");
        equal(ledger.balanceOf(vm.addr(verifierKeys[1])), 0.02 ether, "standing");
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
