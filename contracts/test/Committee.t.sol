// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Committee} from "../src/Committee.sol";
import {Identifiers} from "../src/Identifiers.sol";
import {ICommittee} from "../src/interfaces/ICommittee.sol";
import {IMemberSets} from "../src/interfaces/IMemberSets.sol";
import {Handover, Messages, Vote} from "../src/Messages.sol";
import {TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract CommitteeTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_quorums_are_more_than_two_thirds() public {
        uint8[6] memory expected = [1, 2, 3, 3, 4, 5];
        for (uint256 n = 1; n <= 6; ++n) {
            address[] memory members = new address[](n);
            for (uint256 i; i < n; ++i) {
                members[i] = address(uint160(i + 1));
            }
            Committee other = new Committee(ledger, staking, members, 0);
            equal(other.quorumAt(0), expected[n - 1], "quorum");
        }
    }

    function test_members_ascend_without_repeats_and_are_bounded() public {
        address[] memory members = new address[](2);
        (members[0], members[1]) = (address(2), address(2));
        vm.expectRevert(
            abi.encodeWithSelector(IMemberSets.MembersNotAscending.selector, 1, address(2))
        );
        new Committee(ledger, staking, members, 0);
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.MembersOutOfRange.selector, 0, 1, 32));
        new Committee(ledger, staking, new address[](0), 0);
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.MembersOutOfRange.selector, 33, 1, 32));
        new Committee(ledger, staking, new address[](33), 0);
    }

    function testFuzz_seats_are_those_of_the_signers(uint8 mask, bytes32 digest) public {
        uint256 wanted = mask & 15;
        uint256 count;
        for (uint256 i; i < 4; ++i) {
            count += wanted >> i & 1;
        }
        bytes[] memory signatures = new bytes[](count);
        uint256 next;
        for (uint256 i; i < 4; ++i) {
            if (wanted >> i & 1 == 1) signatures[next++] = sign(verifierKeys[i], digest);
        }
        if (count < 3) {
            vm.expectRevert(abi.encodeWithSelector(IMemberSets.QuorumNotReached.selector, count, 3));
            committee.verify(0, digest, signatures);
        } else {
            equal(committee.verify(0, digest, signatures), wanted, "seats");
        }
    }

    function test_a_malleable_signature_is_refused() public {
        bytes32 digest = keccak256("digest");
        bytes[] memory signatures = quorum(digest, 3);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(verifierKeys[0], digest);
        uint256 n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        signatures[0] = abi.encodePacked(r, bytes32(n - uint256(s)), v == 27 ? uint8(28) : 27);
        vm.expectPartialRevert(bytes4(keccak256("ECDSAInvalidSignatureS(bytes32)")));
        committee.verify(0, digest, signatures);
    }

    function test_a_quorum_hands_over_to_bonded_members() public {
        address[] memory members = new address[](1);
        members[0] = vm.addr(STRANGER);
        Handover memory next = Handover(1, Identifiers.members(members));
        bytes[] memory signatures = quorum(digestOf(Messages.hash(next)), 3);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICommittee.NotBacked.selector, members[0], uint256(0), VERIFIER_STAKE
            )
        );
        committee.handover(next, members, signatures);

        bond(members[0], VERIFIER_STAKE);
        vm.prank(members[0]);
        staking.requestUnbond(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICommittee.NotBacked.selector, members[0], VERIFIER_STAKE - 1, VERIFIER_STAKE
            )
        );
        committee.handover(next, members, signatures);
        bond(members[0], 1);
        committee.handover(next, members, signatures);
        equal(committee.epoch(), 1, "epoch");
        equal(committee.membersHashAt(1), next.membersHash, "hash");
        isTrue(!committee.isMember(1, vm.addr(VERIFIERS)), "the old set is out");
        isTrue(committee.isMember(0, vm.addr(VERIFIERS)), "and is remembered");
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.EpochNotNext.selector, 1, 2));
        committee.handover(next, members, signatures);
    }

    function test_a_handover_needs_its_own_members_and_a_quorum() public {
        address[] memory members = new address[](1);
        members[0] = vm.addr(verifierKeys[0]);
        Handover memory next = Handover(1, Identifiers.members(members));
        bytes[] memory signatures = quorum(digestOf(Messages.hash(next)), 3);
        address[] memory others = new address[](1);
        others[0] = vm.addr(verifierKeys[1]);
        vm.expectPartialRevert(IMemberSets.MembersHashMismatch.selector);
        committee.handover(next, others, signatures);
        signatures = quorum(digestOf(Messages.hash(next)), 2);
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.QuorumNotReached.selector, 2, 3));
        committee.handover(next, members, signatures);
    }

    function test_the_set_in_office_at_the_posting_judges_it() public {
        TaskId task = place();
        run(task);
        address[] memory members = new address[](1);
        members[0] = vm.addr(verifierKeys[3]);
        Handover memory next = Handover(1, Identifiers.members(members));
        committee.handover(next, members, quorum(digestOf(Messages.hash(next)), 3));

        Vote memory vote = voteOf(task, 1, 0);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = sign(verifierKeys[3], digestOf(Messages.hash(vote)));
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.QuorumNotReached.selector, 1, 3));
        settlement.judge(vote, signatures);
        judge(task, 1, 0);
        equal(uint256(market.taskOf(task).state), uint256(TaskState.Accepted), "accepted");
    }

    function test_an_unknown_epoch_verifies_nothing() public {
        bytes[] memory signatures = quorum(keccak256("digest"), 3);
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.EpochUnknown.selector, 1, 0));
        committee.verify(1, keccak256("digest"), signatures);
    }

    function test_members_say_where_they_answer() public {
        committee.announce("http://127.0.0.1:1");
        isTrue(bytes(committee.urlOf(address(this))).length > 0, "announced");
        vm.expectRevert(abi.encodeWithSelector(ICommittee.UrlTooLong.selector, 201, 200));
        committee.announce(string(new bytes(201)));
    }
}
