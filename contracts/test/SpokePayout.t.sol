// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Identifiers} from "../src/Identifiers.sol";
import {IMemberSets} from "../src/interfaces/IMemberSets.sol";
import {ISpokePayout} from "../src/interfaces/ISpokePayout.sol";
import {Handover, Messages, PayoutRoot} from "../src/Messages.sol";
import {SpokePayout} from "../src/SpokePayout.sol";
import {SpokeToken} from "../src/SpokeToken.sol";
import {Test} from "./Vm.sol";

contract SpokePayoutTest is Test {
    SpokePayout private payout;
    SpokeToken private token;
    uint256[3] private keys;

    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);

    function setUp() public {
        payout = new SpokePayout(31_337, 5, membersOf(1));
        token = payout.token();
    }

    function testFuzz_each_account_gets_what_it_earned_once(uint64 a, uint64 b, uint64 more)
        public
    {
        vm.assume(a > 0 && b > 0 && more > 0);
        post(1, a, b, uint128(a) + b);
        payout.claim(ALICE, a, proofFor(BOB, b));
        equal(token.balanceOf(ALICE), a, "first claim");
        vm.expectRevert(abi.encodeWithSelector(ISpokePayout.NothingToClaim.selector, ALICE, a));
        payout.claim(ALICE, a, proofFor(BOB, b));

        uint256 later = uint256(a) + more;
        post(2, later, b, uint128(later) + b);
        payout.claim(ALICE, later, proofFor(BOB, b));
        payout.claim(BOB, b, proofFor(ALICE, later));
        equal(token.balanceOf(ALICE), later, "the difference");
        equal(token.totalSupply(), payout.current().totalWei, "all of it");
        equal(payout.mintedWei(), token.totalSupply(), "minted");
    }

    function testFuzz_no_other_amount_can_be_claimed(uint128 wrong) public {
        vm.assume(wrong != 100);
        post(1, 100, 50, 150);
        vm.expectPartialRevert(ISpokePayout.ProofInvalid.selector);
        payout.claim(ALICE, wrong, proofFor(BOB, 50));
    }

    function test_no_more_than_the_signed_total_is_minted() public {
        post(1, 100, 50, 120);
        payout.claim(ALICE, 100, proofFor(BOB, 50));
        vm.expectRevert(abi.encodeWithSelector(ISpokePayout.TotalExceeded.selector, 150, 120));
        payout.claim(BOB, 50, proofFor(ALICE, 100));
    }

    function test_sequences_rise_and_totals_do_not_fall() public {
        post(2, 100, 50, 150);
        postFails(PayoutRoot(2, 0, 150, 5), ISpokePayout.SequenceNotRaised.selector);
        postFails(PayoutRoot(3, 0, 149, 5), ISpokePayout.TotalLowered.selector);
        postFails(PayoutRoot(3, 0, 150, 4), ISpokePayout.CommitteeNotCurrent.selector);
    }

    function test_a_root_needs_a_quorum_under_this_domain() public {
        PayoutRoot memory next = PayoutRoot(1, bytes32("root"), 1, 5);
        bytes[] memory signatures = signAll(digestOf(Messages.hash(next)));
        bytes[] memory two = new bytes[](2);
        (two[0], two[1]) = (signatures[0], signatures[1]);
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.QuorumNotReached.selector, 2, 3));
        payout.postRoot(next, two);

        bytes32 elsewhere = Identifiers.deployment(block.chainid, address(this));
        signatures = signAll(MessageHashUtils.toTypedDataHash(elsewhere, Messages.hash(next)));
        vm.expectPartialRevert(IMemberSets.NotMember.selector);
        payout.postRoot(next, signatures);
    }

    function test_the_set_follows_a_handover() public {
        bytes[] memory signatures;
        address[] memory old = payout.membersAt(5);
        address[] memory members = new address[](1);
        members[0] = BOB;
        Handover memory next = Handover(6, Identifiers.members(members));
        signatures = signAll(digestOf(Messages.hash(next)));
        payout.handover(next, members, signatures);
        equal(payout.epoch(), 6, "epoch");
        isTrue(!payout.isMember(6, old[0]), "the old set is out");
        postFails(PayoutRoot(1, 0, 1, 5), ISpokePayout.CommitteeNotCurrent.selector);
    }

    function testFuzz_nobody_but_the_payout_mints(address caller) public {
        vm.assume(caller != address(payout));
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(SpokeToken.NotPayout.selector, caller, address(payout))
        );
        token.mint(caller, 1);
    }

    function post(uint64 sequence, uint256 a, uint256 b, uint128 totalWei) private {
        bytes32 root = Hashes.commutativeKeccak256(
            Identifiers.payoutLeaf(ALICE, a), Identifiers.payoutLeaf(BOB, b)
        );
        PayoutRoot memory next = PayoutRoot(sequence, root, totalWei, 5);
        payout.postRoot(next, signAll(digestOf(Messages.hash(next))));
    }

    function postFails(PayoutRoot memory next, bytes4 reason) private {
        bytes[] memory signatures = signAll(digestOf(Messages.hash(next)));
        vm.expectPartialRevert(reason);
        payout.postRoot(next, signatures);
    }

    function proofFor(address other, uint256 amount) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](1);
        proof[0] = Identifiers.payoutLeaf(other, amount);
    }

    function digestOf(bytes32 structHash) private view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(payout.deployment(), structHash);
    }

    function signAll(bytes32 digest) private view returns (bytes[] memory signatures) {
        signatures = new bytes[](3);
        for (uint256 i; i < 3; ++i) {
            signatures[i] = sign(keys[i], digest);
        }
    }

    function membersOf(uint256 first) private returns (address[] memory members) {
        keys = [first, first + 1, first + 2];
        for (uint256 i = 1; i < 3; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(keys[j - 1]) > vm.addr(keys[j]); --j) {
                (keys[j - 1], keys[j]) = (keys[j], keys[j - 1]);
            }
        }
        members = new address[](3);
        for (uint256 i; i < 3; ++i) {
            members[i] = vm.addr(keys[i]);
        }
    }
}
