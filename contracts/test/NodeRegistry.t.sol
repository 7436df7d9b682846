// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberSets} from "../src/interfaces/IMemberSets.sol";
import {INodeRegistry, Needs, NodeRecord} from "../src/interfaces/INodeRegistry.sol";
import {Admission, Floor, Messages} from "../src/Messages.sol";
import {Tees} from "../src/Tees.sol";
import {Network} from "./Network.sol";

contract NodeRegistryTest is Network {
    uint256 private constant NEW_ENCLAVE = ENCLAVES + 9;

    function setUp() public {
        deploy();
        populate();
    }

    function test_an_admitted_node_is_certified_and_has_its_operators_weight() public view {
        address node = vm.addr(ENCLAVES);
        NodeRecord memory record = nodes.recordOf(node);
        equal(record.operator, vm.addr(OPERATORS), "operator");
        equal(record.machineId, bytes32(uint256(1)), "machine");
        isTrue(nodes.certified(node), "certified");
        equal(nodes.weightOf(record.leaf), NODE_STAKE, "weight");
        equal(nodes.totalAt(uint48(vm.getBlockNumber())), NODE_STAKE * 3, "total");
        isTrue(bytes(nodes.urlOf(node)).length > 0, "url");
    }

    function test_a_record_is_never_overwritten() public {
        bond(vm.addr(OPERATORS + 1), NODE_STAKE);
        Admission memory admission = admissionOf(OPERATORS + 1, ENCLAVES, bytes32(uint256(9)));
        admitFails(
            admission, abi.encodeWithSelector(INodeRegistry.KeyKnown.selector, vm.addr(ENCLAVES))
        );
    }

    function test_a_node_is_admitted_only_by_a_quorum() public {
        bond(vm.addr(OPERATORS), NODE_STAKE);
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        bytes[] memory signatures = quorum(digestOf(Messages.hash(admission)), 2);
        uint256 beaconBlock = vm.getBlockNumber() - 1;
        vm.prank(admission.operator);
        vm.expectRevert(
            abi.encodeWithSignature("QuorumNotReached(uint256,uint256)", uint256(2), uint256(3))
        );
        nodes.admit(admission, "", beaconBlock, signatures, "");
    }

    function test_an_operator_consents_by_sending_or_signing() public {
        bond(vm.addr(OPERATORS), NODE_STAKE);
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        bytes32 digest = digestOf(Messages.hash(admission));
        bytes[] memory signatures = quorum(digest, 3);
        uint256 beaconBlock = vm.getBlockNumber() - 1;
        vm.expectRevert(
            abi.encodeWithSelector(INodeRegistry.OperatorDidNotSign.selector, admission.operator)
        );
        nodes.admit(admission, "http://elsewhere", beaconBlock, signatures, sign(STRANGER, digest));
        nodes.admit(admission, "http://elsewhere", beaconBlock, signatures, sign(OPERATORS, digest));
        equal(bytes(nodes.urlOf(admission.receiptKey)).length, 0, "a stranger's url is not kept");
    }

    function test_the_beacon_is_a_recent_block() public {
        bond(vm.addr(OPERATORS), NODE_STAKE);
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        bytes[] memory signatures = quorum(digestOf(Messages.hash(admission)), 3);
        uint256 beaconBlock = vm.getBlockNumber() - 1;
        vm.prank(admission.operator);
        vm.expectRevert(
            abi.encodeWithSelector(
                INodeRegistry.BeaconUnknown.selector, beaconBlock - 1, admission.beacon
            )
        );
        nodes.admit(admission, "", beaconBlock - 1, signatures, "");
        vm.roll(beaconBlock + 257);
        vm.prank(admission.operator);
        vm.expectRevert(
            abi.encodeWithSelector(
                INodeRegistry.BeaconTooOld.selector, beaconBlock, beaconBlock + 257
            )
        );
        nodes.admit(admission, "", beaconBlock, signatures, "");
        vm.roll(beaconBlock + 256);
        vm.prank(admission.operator);
        nodes.admit(admission, "", beaconBlock, signatures, "");
    }

    function test_expired_and_unapproved_evidence_is_not_admitted() public {
        bond(vm.addr(OPERATORS), NODE_STAKE);
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        admission.expiry = uint64(block.timestamp);
        admitFails(
            admission,
            abi.encodeWithSelector(
                INodeRegistry.AdmissionExpired.selector, block.timestamp, block.timestamp
            )
        );
        admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        admission.measurement = keccak256("altered bundle");
        admitFails(
            admission,
            abi.encodeWithSelector(
                INodeRegistry.MeasurementNotApproved.selector, admission.measurement
            )
        );
    }

    function test_each_machine_needs_its_own_stake() public {
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        admitFails(
            admission,
            abi.encodeWithSelector(
                INodeRegistry.StakeBelowMinimum.selector,
                admission.operator,
                NODE_STAKE,
                2 * NODE_STAKE
            )
        );
    }

    function test_a_restarted_enclave_takes_over_its_machines_weight() public {
        admit(OPERATORS, NEW_ENCLAVE, bytes32(uint256(1)));
        isTrue(!nodes.certified(vm.addr(ENCLAVES)), "the old key is retired");
        isTrue(nodes.certified(vm.addr(NEW_ENCLAVE)), "the new one is certified");
        equal(nodes.totalAt(uint48(vm.getBlockNumber())), NODE_STAKE * 3, "one weight");
        equal(nodes.nodesOf(vm.addr(OPERATORS)).length, 1, "one node");
    }

    function test_another_operators_machine_is_free_only_when_it_left() public {
        bond(vm.addr(OPERATORS + 1), NODE_STAKE);
        Admission memory admission = admissionOf(OPERATORS + 1, NEW_ENCLAVE, bytes32(uint256(1)));
        admitFails(
            admission,
            abi.encodeWithSelector(
                INodeRegistry.MachineTaken.selector,
                bytes32(uint256(1)),
                vm.addr(ENCLAVES),
                vm.addr(OPERATORS)
            )
        );
        vm.prank(vm.addr(OPERATORS));
        nodes.retire(vm.addr(ENCLAVES));
        uint256 snapshot = vm.getBlockNumber();
        vm.roll(snapshot + 1);
        admit(OPERATORS + 1, NEW_ENCLAVE, bytes32(uint256(1)));
        isTrue(nodes.certified(vm.addr(NEW_ENCLAVE)), "admitted");
    }

    function test_a_leaf_that_changed_hands_counts_for_nobody_in_older_draws() public {
        uint48 snapshot = uint48(vm.getBlockNumber());
        equal(nodes.candidateAt(snapshot, 0), vm.addr(ENCLAVES), "first leaf");
        vm.roll(snapshot + 1);
        vm.prank(vm.addr(OPERATORS));
        nodes.retire(vm.addr(ENCLAVES));
        bond(vm.addr(STRANGER), NODE_STAKE);
        admit(STRANGER, NEW_ENCLAVE, bytes32(uint256(9)));
        equal(nodes.candidateAt(snapshot, 0), address(0), "older draws skip it");
        equal(nodes.candidateAt(snapshot + 1, 0), vm.addr(NEW_ENCLAVE), "newer ones do not");
    }

    function test_weight_follows_stake_at_once_and_vanishes_below_the_minimum() public {
        uint256 leaf = nodes.recordOf(vm.addr(ENCLAVES)).leaf;
        bond(vm.addr(OPERATORS), 11);
        equal(nodes.weightOf(leaf), NODE_STAKE + 11, "more");
        admitSecond();
        uint256 other = nodes.recordOf(vm.addr(NEW_ENCLAVE)).leaf;
        equal(nodes.weightOf(leaf) + nodes.weightOf(other), 2 * NODE_STAKE + 10, "divided down");
        vm.prank(vm.addr(OPERATORS));
        staking.requestUnbond(12);
        equal(nodes.weightOf(leaf) + nodes.weightOf(other), 0, "below the minimum for two");
    }

    function test_an_expired_node_is_swept_by_anybody_but_not_before() public {
        address node = vm.addr(ENCLAVES);
        uint64 expiry = nodes.recordOf(node).expiry;
        vm.warp(expiry - 1);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.StillValid.selector, node, expiry));
        nodes.sweep(node);
        vm.warp(expiry);
        isTrue(!nodes.certified(node), "expired");
        nodes.sweep(node);
        equal(nodes.totalAt(uint48(vm.getBlockNumber())), NODE_STAKE * 2, "total");
    }

    function testFuzz_only_its_operator_manages_a_node(address caller) public {
        vm.assume(caller != vm.addr(OPERATORS));
        address node = vm.addr(ENCLAVES);
        bytes[4] memory calls = [
            abi.encodeCall(INodeRegistry.retire, (node)),
            abi.encodeCall(INodeRegistry.setPaused, (node, true)),
            abi.encodeCall(INodeRegistry.setCapacity, (node, 0)),
            abi.encodeCall(INodeRegistry.setUrl, (node, ""))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(caller);
            vm.expectRevert(
                abi.encodeWithSelector(
                    INodeRegistry.NotOperator.selector, node, caller, vm.addr(OPERATORS)
                )
            );
            (bool done,) = address(nodes).call(calls[i]);
            done;
        }
    }

    function testFuzz_only_modules_count_tasks_and_announce_stake(address caller) public {
        vm.assume(caller != address(market) && caller != address(staking));
        bytes[3] memory calls = [
            abi.encodeCall(INodeRegistry.begin, (vm.addr(ENCLAVES))),
            abi.encodeCall(INodeRegistry.finish, (vm.addr(ENCLAVES))),
            abi.encodeCall(INodeRegistry.stakeChanged, (vm.addr(OPERATORS)))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(caller);
            (bool done,) = address(nodes).call(calls[i]);
            isTrue(!done, "refused");
        }
    }

    function test_the_collateral_floor_only_rises() public {
        raise(Floor(1, 17, 3, 4));
        equal(nodes.floor().tcbEvaluationDataNumber, 17, "raised");
        Floor memory lower = Floor(2, 16, 3, 4);
        bytes[] memory signatures = quorum(digestOf(Messages.hash(lower)), 3);
        vm.expectRevert(INodeRegistry.FloorLowered.selector);
        nodes.raiseFloor(lower, signatures);
        Floor memory again = Floor(1, 18, 3, 4);
        signatures = quorum(digestOf(Messages.hash(again)), 3);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.FloorNotNext.selector, 1, 2));
        nodes.raiseFloor(again, signatures);
        raise(Floor(2, 17, 4, 4));
    }

    function test_the_collateral_floor_is_raised_only_by_a_quorum() public {
        Floor memory next = Floor(1, 17, 3, 4);
        bytes32 digest = digestOf(Messages.hash(next));
        bytes[] memory signatures = quorum(digest, 2);
        vm.expectRevert(abi.encodeWithSelector(IMemberSets.QuorumNotReached.selector, 2, 3));
        nodes.raiseFloor(next, signatures);
        signatures = quorum(digest, 3);
        signatures[2] = sign(STRANGER, digest);
        vm.expectPartialRevert(IMemberSets.NotMember.selector);
        nodes.raiseFloor(next, signatures);
        equal(nodes.floor().sequence, 0, "as before");
    }

    function test_a_node_whose_tcb_is_worse_than_the_floor_does_not_fit() public {
        bond(vm.addr(OPERATORS), NODE_STAKE);
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        admission.tcb = 2;
        bytes[] memory signatures = quorum(digestOf(Messages.hash(admission)), 3);
        uint256 beaconBlock = vm.getBlockNumber() - 1;
        vm.prank(admission.operator);
        nodes.admit(admission, "", beaconBlock, signatures, "");
        uint64 later = uint64(vm.getBlockNumber() + 1);
        isTrue(!nodes.fits(admission.receiptKey, Needs(1, 1, Tees.ALL, 1, later)), "worse");
        isTrue(
            nodes.fits(admission.receiptKey, Needs(1, 2, Tees.ALL, 1, later)), "as bad as allowed"
        );
        isTrue(nodes.fits(admission.receiptKey, Needs(1, 3, Tees.ALL, 1, later)), "better");
    }

    function test_a_node_is_admitted_on_a_tee_with_a_number_and_fits_sets_that_have_it() public {
        bond(vm.addr(OPERATORS), NODE_STAKE);
        for (uint8 tee; tee <= 6; tee += 6) {
            Admission memory bad = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
            bad.tee = tee;
            bytes[] memory signed = quorum(digestOf(Messages.hash(bad)), 3);
            uint256 block_ = vm.getBlockNumber() - 1;
            vm.prank(bad.operator);
            vm.expectRevert(abi.encodeWithSelector(INodeRegistry.TeeUnknown.selector, tee));
            nodes.admit(bad, "", block_, signed, "");
        }
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        admission.tee = 5;
        bytes[] memory signatures = quorum(digestOf(Messages.hash(admission)), 3);
        uint256 beaconBlock = vm.getBlockNumber() - 1;
        vm.prank(admission.operator);
        nodes.admit(admission, "", beaconBlock, signatures, "");
        equal(nodes.teeOf(admission.receiptKey), 5, "tee");
        uint64 later = uint64(vm.getBlockNumber() + 1);
        isTrue(nodes.fits(admission.receiptKey, Needs(1, 5, 0x20, 1, later)), "in the set");
        isTrue(!nodes.fits(admission.receiptKey, Needs(1, 5, 0x1e, 1, later)), "all others");
        isTrue(!nodes.fits(admission.receiptKey, Needs(1, 5, 0, 1, later)), "none");
    }

    function test_an_operator_has_at_most_eight_nodes() public {
        bond(vm.addr(OPERATORS), 8 * NODE_STAKE);
        for (uint256 i = 1; i < 8; ++i) {
            admit(OPERATORS, 0x900 + i, bytes32(0x900 + i));
        }
        Admission memory admission = admissionOf(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
        admitFails(
            admission,
            abi.encodeWithSelector(INodeRegistry.TooManyNodes.selector, vm.addr(OPERATORS), 8)
        );
    }

    function admitSecond() private {
        bond(vm.addr(OPERATORS), NODE_STAKE);
        admit(OPERATORS, NEW_ENCLAVE, bytes32(uint256(9)));
    }

    function raise(Floor memory next) private {
        nodes.raiseFloor(next, quorum(digestOf(Messages.hash(next)), 3));
    }

    function admitFails(Admission memory admission, bytes memory reason) private {
        bytes[] memory signatures = quorum(digestOf(Messages.hash(admission)), 3);
        uint256 beaconBlock = vm.getBlockNumber() - 1;
        vm.prank(admission.operator);
        vm.expectRevert(reason);
        nodes.admit(admission, "", beaconBlock, signatures, "");
    }
}
