// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Identifiers} from "../src/Identifiers.sol";
import {
    Admission,
    AttemptBinding,
    Checkpoint,
    Countersignature,
    Floor,
    Grant,
    Handover,
    KeepBinding,
    KeeperPolicy,
    Messages,
    NodeBinding,
    Order,
    PayoutRoot,
    Posting,
    Receipt,
    Refusal,
    Release,
    ReleaseRequest,
    RuntimeApproval,
    ShareAck,
    Usage,
    Vote
} from "../src/Messages.sol";
import {Test} from "./Vm.sol";

/// @dev The same vectors that TypeScript is checked against; their types are read from
/// docs/protocol.md.
contract MessagesTest is Test {
    string private json;
    bytes32 private separator;
    uint256 private checked;

    function setUp() public {
        json = vm.readFile("packages/protocol/test/vectors/messages.json");
        separator = Identifiers.deployment(
            vm.parseJsonUint(json, ".domain.chainId"),
            vm.parseJsonAddress(json, ".domain.verifyingContract")
        );
    }

    function test_the_domain_is_that_of_the_vectors() public view {
        equal(separator, vm.parseJsonBytes32(json, ".domain.separator"), "separator");
    }

    function test_every_message_of_the_law_has_the_digest_of_the_vectors() public {
        check("NodeBinding", Messages.hash(abi.decode(message("NodeBinding"), (NodeBinding))));
        check("KeepBinding", Messages.hash(abi.decode(message("KeepBinding"), (KeepBinding))));
        check(
            "AttemptBinding", Messages.hash(abi.decode(message("AttemptBinding"), (AttemptBinding)))
        );
        check("Grant", Messages.hash(abi.decode(message("Grant"), (Grant))));
        check("KeeperPolicy", Messages.hash(abi.decode(message("KeeperPolicy"), (KeeperPolicy))));
        check("Order", Messages.hash(abi.decode(message("Order"), (Order))));
        check(
            "RuntimeApproval",
            Messages.hash(abi.decode(message("RuntimeApproval"), (RuntimeApproval)))
        );
        check("ShareAck", Messages.hash(abi.decode(message("ShareAck"), (ShareAck))));
        check("Checkpoint", Messages.hash(abi.decode(message("Checkpoint"), (Checkpoint))));
        check(
            "ReleaseRequest", Messages.hash(abi.decode(message("ReleaseRequest"), (ReleaseRequest)))
        );
        check("Release", Messages.hash(abi.decode(message("Release"), (Release))));
        check(
            "Countersignature",
            Messages.hash(abi.decode(message("Countersignature"), (Countersignature)))
        );
        check("Refusal", Messages.hash(abi.decode(message("Refusal"), (Refusal))));
        check("Receipt", Messages.hash(abi.decode(message("Receipt"), (Receipt))));
        check("Usage", Messages.hash(abi.decode(message("Usage"), (Usage))));
        check("Posting", Messages.hash(abi.decode(message("Posting"), (Posting))));
        check("Vote", Messages.hash(abi.decode(message("Vote"), (Vote))));
        check("Admission", Messages.hash(abi.decode(message("Admission"), (Admission))));
        check("Floor", Messages.hash(abi.decode(message("Floor"), (Floor))));
        check("Handover", Messages.hash(abi.decode(message("Handover"), (Handover))));
        check("PayoutRoot", Messages.hash(abi.decode(message("PayoutRoot"), (PayoutRoot))));
        equal(checked, vm.parseJsonKeys(json, ".messages").length, "messages checked");
    }

    function check(string memory name, bytes32 structHash) private {
        bytes32 digest = MessageHashUtils.toTypedDataHash(separator, structHash);
        equal(digest, vm.parseJsonBytes32(json, string.concat(".messages.", name, ".digest")), name);
        ++checked;
    }

    function message(string memory name) private view returns (bytes memory encoded) {
        string memory path = string.concat(".messages.", name);
        string memory typeText = vm.parseJsonString(json, string.concat(path, ".type"));
        encoded = vm.parseJsonType(json, string.concat(path, ".message"), typeText);
    }
}
