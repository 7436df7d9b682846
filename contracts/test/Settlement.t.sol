// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberSets} from "../src/interfaces/IMemberSets.sol";
import {ISettlement, SettlementConfig} from "../src/interfaces/ISettlement.sol";
import {Grant, Messages, Order, Vote} from "../src/Messages.sol";
import {Settlement} from "../src/Settlement.sol";
import {TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract SettlementTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_a_fee_goes_to_everybody_in_their_parts() public {
        TaskId task = place();
        run(task);
        address node = market.taskOf(task).node;
        judge(task, 1, 0);
        address operator = nodes.operatorOf(node);
        address other = keepers()[0] == operator ? keepers()[1] : keepers()[0];
        settle(task);

        // 1 ether at prices 100 and 200: 0.7 in thirds, rounded down; the dust is the treasury's.
        equal(ledger.balanceOf(vm.addr(OWNERS)), 233_333_333_333_333_333, "first owner");
        equal(ledger.balanceOf(vm.addr(OWNERS + 1)), 466_666_666_666_666_666, "second owner");
        equal(ledger.balanceOf(other), 0.02 ether, "keeper");
        for (uint256 i; i < 4; ++i) {
            uint256 expected = i < 3 ? uint256(0.04 ether) / 3 : 0;
            equal(ledger.balanceOf(vm.addr(verifierKeys[i])), expected, "verifier");
        }
        equal(ledger.treasury(), 0.02 ether + 2, "treasury and dust");
        isTrue(ledger.balanceOf(operator) >= 0.2 ether, "node");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function testFuzz_every_fee_is_paid_to_the_wei(uint96 anyFee) public {
        Grant[] memory grants = grantsOf();
        Order memory order = orderOf(grants);
        order.feeWei = uint128(within(anyFee, 1_000, 1_000 ether));
        TaskId task = place(order, grants);
        run(task);
        judge(task, 1, 0);
        settle(task);
        equal(ledger.escrowOf(task), 0, "escrow");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function test_nothing_is_paid_inside_the_challenge_window_nor_twice() public {
        TaskId task = place();
        run(task);
        judge(task, 1, 0);
        uint64 until = uint64(block.timestamp) + CHALLENGE_SECONDS;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ChallengeNotOver.selector, until, until));
        settlement.settle(task, keepers());
        vm.warp(until + 1);
        settlement.settle(task, keepers());
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAccepted.selector, task));
        settlement.settle(task, keepers());
    }

    function test_keepers_that_were_not_judged_are_not_paid() public {
        TaskId task = place();
        run(task);
        judge(task, 1, 0);
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        address[] memory others = keepers();
        others[0] = vm.addr(STRANGER);
        vm.expectPartialRevert(ISettlement.KeepersMismatch.selector);
        settlement.settle(task, others);
    }

    function test_less_than_a_quorum_judges_nothing() public {
        TaskId task = place();
        run(task);
        Vote memory vote = voteOf(task, 1, 0);
        bytes[] memory signatures = quorum(digestOf(Messages.hash(vote)), 2);
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.QuorumNotReached.selector, 2, 3));
        settlement.judge(vote, signatures);

        signatures = quorum(digestOf(Messages.hash(vote)), 3);
        signatures[2] = signatures[1];
        vm.expectPartialRevert(IMemberSets.SignersNotAscending.selector);
        settlement.judge(vote, signatures);

        signatures[2] = sign(STRANGER, digestOf(Messages.hash(vote)));
        vm.expectPartialRevert(IMemberSets.NotMember.selector);
        settlement.judge(vote, signatures);
    }

    function test_votes_on_another_posting_or_malformed_judge_nothing() public {
        TaskId task = place();
        run(task);
        Vote memory vote = voteOf(task, 1, 0);
        vote.posting = keccak256("another posting");
        judgeFails(vote, ISettlement.VoteForOther.selector);
        vote = voteOf(task, 1, 1);
        judgeFails(vote, ISettlement.VoteMalformed.selector);
        vote = voteOf(task, 2, 0);
        judgeFails(vote, ISettlement.VoteMalformed.selector);
        vote = voteOf(task, 2, 7);
        judgeFails(vote, ISettlement.VoteMalformed.selector);
        vote = voteOf(task, 3, 1);
        judgeFails(vote, ISettlement.VoteMalformed.selector);
        vote = voteOf(task, 1, 0);
        vote.keepersHash = 0;
        judgeFails(vote, ISettlement.VoteMalformed.selector);
    }

    function test_a_refused_receipt_costs_no_stake_and_is_tried_again() public {
        TaskId task = place();
        run(task);
        address operator = nodes.operatorOf(market.taskOf(task).node);
        judge(task, 2, 3);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Placed), "next attempt");
        equal(staking.bondedOf(operator), NODE_STAKE, "stake");
        run(task);
        judge(task, 2, 5);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Refunded), "none left");
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "refund");
    }

    function test_a_posting_that_nobody_judges_is_refunded() public {
        TaskId task = place();
        run(task);
        uint64 until = uint64(block.timestamp) + JUDGE_SECONDS;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.JudgingNotOver.selector, until, until));
        settlement.expireJudgement(task);
        vm.warp(until + 1);
        settlement.expireJudgement(task);
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "refund");
    }

    function test_a_member_that_was_left_out_can_join_and_is_paid() public {
        TaskId task = place();
        run(task);
        Vote memory vote = judge(task, 1, 0);
        settlement.join(vote, quorum(digestOf(Messages.hash(vote)), 4));
        settle(task);
        for (uint256 i; i < 4; ++i) {
            address member = vm.addr(verifierKeys[i]);
            equal(ledger.balanceOf(member), 0.01 ether, "verifier");
        }
    }

    function test_a_judgement_cannot_be_joined_with_another_vote() public {
        TaskId task = place();
        run(task);
        judge(task, 1, 0);
        Vote memory vote = voteOf(task, 1, 0);
        vote.appraisalDigest = keccak256("another appraisal");
        bytes[] memory signatures = quorum(digestOf(Messages.hash(vote)), 4);
        vm.expectPartialRevert(ISettlement.VoteForOther.selector);
        settlement.join(vote, signatures);
    }

    function test_an_unbacked_member_does_not_count() public {
        TaskId task = place();
        run(task);
        Vote memory vote = voteOf(task, 1, 0);
        address member = vm.addr(verifierKeys[0]);
        vm.prank(member);
        staking.requestUnbond(VERIFIER_STAKE);
        // Still slashable, but perhaps not for as long as the vote can be challenged.
        equal(staking.slashableOf(member), VERIFIER_STAKE, "slashable");
        bytes[] memory signatures = quorum(digestOf(Messages.hash(vote)), 3);
        vm.expectRevert(
            abi.encodeWithSignature(
                "NotBacked(address,uint256,uint256)", member, uint256(0), VERIFIER_STAKE
            )
        );
        settlement.judge(vote, signatures);

        bond(member, VERIFIER_STAKE);
        settlement.judge(vote, signatures);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Accepted), "counts again");
    }

    function test_nobody_judges_after_the_judging_time() public {
        TaskId task = place();
        run(task);
        TaskId other = place();
        run(other);
        uint64 until = uint64(block.timestamp) + JUDGE_SECONDS;
        vm.warp(until);
        judge(other, 1, 0);
        vm.warp(until + 1);
        Vote memory vote = voteOf(task, 1, 0);
        bytes[] memory signatures = quorum(digestOf(Messages.hash(vote)), 3);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.JudgingOver.selector, until, until + 1));
        settlement.judge(vote, signatures);
        settlement.expireJudgement(task);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Refunded), "refunded");
    }

    function test_a_task_whose_judged_keepers_are_no_list_is_refunded_late() public {
        TaskId task = place();
        run(task);
        Vote memory vote = voteOf(task, 1, 0);
        vote.keepersHash = keccak256("no list");
        settlement.judge(vote, quorum(digestOf(Messages.hash(vote)), 3));
        uint64 until = uint64(block.timestamp) + CHALLENGE_SECONDS + 30 days;
        vm.warp(until);
        vm.expectPartialRevert(ISettlement.KeepersMismatch.selector);
        settlement.settle(task, keepers());
        vm.expectRevert(abi.encodeWithSelector(ISettlement.SettlingNotOver.selector, until, until));
        settlement.refundUnsettled(task);
        vm.warp(until + 1);
        vm.prank(vm.addr(STRANGER));
        settlement.refundUnsettled(task);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Refunded), "state");
        equal(ledger.balanceOf(vm.addr(REQUESTER)), 1_000 ether, "refund");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAccepted.selector, task));
        settlement.refundUnsettled(task);
    }

    function test_only_an_accepted_task_is_refunded_for_want_of_settlement() public {
        TaskId task = place();
        run(task);
        vm.warp(block.timestamp + 60 days);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAccepted.selector, task));
        settlement.refundUnsettled(task);
    }

    function test_stake_must_outlast_attempt_judging_and_challenge() public {
        SettlementConfig memory config = settlement.config();
        config.challengeSeconds = UNBOND_SECONDS;
        vm.expectPartialRevert(ISettlement.UnbondingTooShort.selector);
        new Settlement(ledger, staking, committee, nodes, market, config);
    }

    function judgeFails(Vote memory vote, bytes4 reason) private {
        bytes[] memory signatures = quorum(digestOf(Messages.hash(vote)), 3);
        vm.expectPartialRevert(reason);
        settlement.judge(vote, signatures);
    }
}
