// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {IReleaseKeys} from "../src/interfaces/IReleaseKeys.sol";
import {Grant, Messages, RuntimeApproval} from "../src/Messages.sol";
import {ReleaseKeys} from "../src/ReleaseKeys.sol";
import {TaskId} from "../src/Types.sol";
import {Network} from "./Network.sol";

/// @dev A release key that is a contract: it signs by writing digests down.
contract Signer is IERC1271 {
    mapping(bytes32 digest => bool) public signed;

    function allow(bytes32 digest) external {
        signed[digest] = true;
    }

    function revoke(ReleaseKeys keys, bytes32 measurement) external {
        keys.revoke(measurement);
    }

    function isValidSignature(bytes32 digest, bytes memory) external view returns (bytes4) {
        return signed[digest] ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

contract ReleaseKeysTest is Network {
    uint256 private constant KEY = 0x700;

    function setUp() public {
        deploy();
        populate();
    }

    function test_anybody_writes_down_what_a_release_key_signed() public {
        uint64 expiry = uint64(block.timestamp + 10 days);
        approve(KEY, MEASUREMENT, expiry); // This contract is nobody's key.
        equal(releaseKeys.approvedUntil(vm.addr(KEY), MEASUREMENT), expiry, "until");
        equal(releaseKeys.approvedUntil(vm.addr(KEY), keccak256("another")), 0, "another runtime");
        equal(releaseKeys.approvedUntil(vm.addr(KEY + 1), MEASUREMENT), 0, "another key");
    }

    function testFuzz_nobody_else_approves_for_a_key(uint256 anyKey) public {
        uint256 other = within(anyKey, 1, 1 << 200);
        vm.assume(other != KEY);
        RuntimeApproval memory approval =
            RuntimeApproval(MEASUREMENT, uint64(block.timestamp + 1 days));
        bytes memory signature = sign(other, digestOf(Messages.hash(approval)));
        vm.expectRevert(abi.encodeWithSelector(IReleaseKeys.KeyDidNotSign.selector, vm.addr(KEY)));
        releaseKeys.approve(vm.addr(KEY), approval, signature);
    }

    function test_an_approval_only_gets_longer() public {
        uint64 expiry = uint64(block.timestamp + 10 days);
        approve(KEY, MEASUREMENT, expiry);
        bytes memory reason =
            abi.encodeWithSelector(IReleaseKeys.ApprovalNotLater.selector, expiry, expiry);
        approveFails(KEY, MEASUREMENT, expiry, reason);
        reason = abi.encodeWithSelector(IReleaseKeys.ApprovalNotLater.selector, expiry - 1, expiry);
        approveFails(KEY, MEASUREMENT, expiry - 1, reason);
        approve(KEY, MEASUREMENT, expiry + 1);
        equal(releaseKeys.approvedUntil(vm.addr(KEY), MEASUREMENT), expiry + 1, "longer");
    }

    function test_an_approval_of_nothing_or_of_the_past_is_refused() public {
        uint64 now_ = uint64(block.timestamp);
        approveFails(
            KEY, 0, now_ + 1, abi.encodeWithSelector(IReleaseKeys.MeasurementIsZero.selector)
        );
        bytes memory reason =
            abi.encodeWithSelector(IReleaseKeys.ApprovalExpired.selector, now_, now_);
        approveFails(KEY, MEASUREMENT, now_, reason);
    }

    function test_what_a_key_revoked_no_old_signature_brings_back() public {
        uint64 expiry = uint64(block.timestamp + 10 days);
        approve(KEY, MEASUREMENT, expiry);
        vm.prank(vm.addr(KEY));
        releaseKeys.revoke(MEASUREMENT);
        equal(releaseKeys.approvedUntil(vm.addr(KEY), MEASUREMENT), 0, "revoked");
        bytes memory reason = abi.encodeWithSelector(
            IReleaseKeys.RuntimeIsRevoked.selector, vm.addr(KEY), MEASUREMENT
        );
        approveFails(KEY, MEASUREMENT, expiry, reason);
        approveFails(KEY, MEASUREMENT, expiry + 1, reason);
        callFails(
            vm.addr(KEY),
            address(releaseKeys),
            abi.encodeCall(IReleaseKeys.revoke, (MEASUREMENT)),
            reason
        );
    }

    function test_a_revocation_says_nothing_about_another_key() public {
        approve(KEY, MEASUREMENT, uint64(block.timestamp + 1 days));
        vm.prank(vm.addr(STRANGER));
        releaseKeys.revoke(MEASUREMENT);
        isTrue(releaseKeys.approvedUntil(vm.addr(KEY), MEASUREMENT) > 0, "still approved");
    }

    function test_a_contract_may_be_a_release_key() public {
        Signer signer = new Signer();
        RuntimeApproval memory approval =
            RuntimeApproval(MEASUREMENT, uint64(block.timestamp + 1 days));
        vm.expectRevert(
            abi.encodeWithSelector(IReleaseKeys.KeyDidNotSign.selector, address(signer))
        );
        releaseKeys.approve(address(signer), approval, "");
        signer.allow(digestOf(Messages.hash(approval)));
        releaseKeys.approve(address(signer), approval, "");
        equal(releaseKeys.approvedUntil(address(signer), MEASUREMENT), approval.expiry, "approved");
        signer.revoke(releaseKeys, MEASUREMENT);
        equal(releaseKeys.approvedUntil(address(signer), MEASUREMENT), 0, "revoked");
    }

    function test_a_node_is_drawn_only_while_the_release_key_approves_its_measurement() public {
        TaskId id = place(0, KEY);
        isTrue(draw(id) == address(0), "not approved");
        uint64 expiry = uint64(block.timestamp + 1 hours);
        approve(KEY, MEASUREMENT, expiry);
        TaskId other = place(0, KEY);
        isTrue(draw(id) != address(0), "approved");
        vm.warp(expiry);
        isTrue(draw(other) == address(0), "expired");
        approve(KEY, MEASUREMENT, expiry + 1);
        isTrue(draw(other) != address(0), "approved again");
        other = place(0, KEY);
        vm.prank(vm.addr(KEY));
        releaseKeys.revoke(MEASUREMENT);
        isTrue(draw(other) == address(0), "revoked");
    }

    function test_every_release_key_and_every_list_has_to_agree() public {
        TaskId id = place(KEY, KEY + 1);
        approve(KEY, MEASUREMENT, uint64(block.timestamp + 1 hours));
        isTrue(draw(id) == address(0), "one of two keys");
        approve(KEY + 1, MEASUREMENT, uint64(block.timestamp + 1 hours));
        isTrue(draw(id) != address(0), "both keys");

        // The other grant's list does not name the runtime that the key approves.
        Grant[] memory two = grantsOf();
        byKey(two[0], KEY);
        two[1].measurements[0] = keccak256("another runtime");
        id = place(orderOf(two), two);
        isTrue(draw(id) == address(0), "a list without it");
    }

    function byKey(Grant memory grant, uint256 key) private pure {
        if (key == 0) return;
        grant.releaseKey = vm.addr(key);
        grant.measurements = new bytes32[](0);
    }

    /// @dev An order under two grants, each by a list (0) or by a release key.
    function place(uint256 first, uint256 second) private returns (TaskId) {
        Grant[] memory two = grantsOf();
        byKey(two[0], first);
        byKey(two[1], second);
        return place(orderOf(two), two);
    }

    function approve(uint256 key, bytes32 measurement, uint64 expiry) private {
        RuntimeApproval memory approval = RuntimeApproval(measurement, expiry);
        releaseKeys.approve(vm.addr(key), approval, sign(key, digestOf(Messages.hash(approval))));
    }

    function approveFails(uint256 key, bytes32 measurement, uint64 expiry, bytes memory reason)
        private
    {
        RuntimeApproval memory approval = RuntimeApproval(measurement, expiry);
        bytes memory signature = sign(key, digestOf(Messages.hash(approval)));
        vm.expectRevert(reason);
        releaseKeys.approve(vm.addr(key), approval, signature);
    }
}
