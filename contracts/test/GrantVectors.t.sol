// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrantRules} from "../src/GrantRules.sol";
import {GrantFacts, IGrantBook, Terms} from "../src/interfaces/IGrantBook.sol";
import {Grant, Order} from "../src/Messages.sol";
import {Tees} from "../src/Tees.sol";
import {Test} from "./Vm.sol";

/// @dev The decisions that TypeScript is checked against too: for each grant, order and facts
/// either that all is allowed, or the first field that forbids it and when: placing, the draw, the
/// run.
contract GrantVectorsTest is Test {
    function check(
        uint256 position,
        Grant calldata grant,
        Order calldata order,
        GrantFacts calldata facts
    ) external pure returns (Terms memory terms) {
        GrantRules.check(position, grant, order, facts);
        terms = GrantRules.begin(order);
        GrantRules.narrow(terms, position, grant);
    }

    function test_placing_and_drawing_decide_as_the_vectors_say() public view {
        string memory file = "packages/protocol/test/vectors/grants.jsonl";
        uint256 placed;
        uint256 count;
        for (string memory line = vm.readLine(file); !same(line, ""); line = vm.readLine(file)) {
            // In a call of its own, whose memory is free again afterwards.
            if (this.decide(line)) ++placed;
            ++count;
        }
        isTrue(count >= 100, "vectors");
        isTrue(placed >= 20 && count - placed >= 50, "of both kinds");
    }

    /// @dev Whether placing is allowed; and then the draw has to decide as the vector says.
    function decide(string memory json) external view returns (bool) {
        string memory name = vm.parseJsonString(json, ".name");
        Grant memory grant = abi.decode(vm.parseJsonBytes(json, ".grantEncoded"), (Grant));
        Order memory order = abi.decode(vm.parseJsonBytes(json, ".orderEncoded"), (Order));
        string memory expected = vm.parseJsonString(json, ".decision");
        string memory stage = vm.parseJsonString(json, ".stage");
        try this.check(number(json, ".position"), grant, order, factsOf(json)) returns (
            Terms memory terms
        ) {
            isTrue(!same(stage, "place"), string.concat(name, ": placed"));
            if (same(stage, "run")) return true; // What the enclave refuses may be drawn or not.
            string memory got = drawOf(json, terms);
            string memory want = same(stage, "draw") ? expected : "";
            isTrue(same(got, want), string.concat(name, ": drawn: ", got));
            return true;
        } catch (bytes memory reason) {
            string memory got = fieldOf(reason, grant, order);
            isTrue(same(stage, "place"), string.concat(name, ": refused: ", got));
            isTrue(same(got, expected), string.concat(name, ": ", got, " is not ", expected));
            return false;
        }
    }

    function factsOf(string memory json) private pure returns (GrantFacts memory facts) {
        facts.owner = vm.parseJsonAddress(json, ".assetOwner");
        facts.signed = vm.parseJsonBool(json, ".signatureValid");
        facts.revoked = vm.parseJsonBool(json, ".revoked");
        facts.time = number(json, ".time");
        facts.owners = number(json, ".ownersOthers");
        facts.uses = uint32(number(json, ".usesBefore"));
        facts.usesToday = uint32(number(json, ".usesToday"));
        facts.epsilonSpentMicros = uint64(number(json, ".epsilonSpentMicros"));
        facts.deltaSpentPicos = uint64(number(json, ".deltaSpentPicos"));
    }

    /// @dev What of the terms keeps the vector's node from being drawn; nothing if it fits.
    function drawOf(string memory json, Terms memory terms) private pure returns (string memory) {
        if (!Tees.has(terms.tees, uint8(number(json, ".node.tee")))) return "tees";
        address operator = vm.parseJsonAddress(json, ".node.operator");
        bool found = terms.anyNode;
        for (uint256 j; j < terms.operators.length; ++j) {
            found = found || terms.operators[j] == operator;
        }
        if (!found) return "operators";
        bytes32 measurement = vm.parseJsonBytes32(json, ".node.measurement");
        found = terms.anyMeasurement;
        for (uint256 j; j < terms.measurements.length; ++j) {
            found = found || terms.measurements[j] == measurement;
        }
        if (!found) return "measurements";
        bool approved = number(json, ".node.approvedUntil") > number(json, ".time");
        if (terms.releaseKeys.length > 0 && !approved) return "releaseKey";
        if (number(json, ".node.tcb") > terms.tcbFloor) return "tcbFloor";
        return number(json, ".node.tier") < terms.tierMin ? "tierMin" : "";
    }

    /// @dev The grant's field that an error is about.
    function fieldOf(bytes memory reason, Grant memory grant, Order memory order)
        private
        pure
        returns (string memory)
    {
        bytes4 error_ = bytes4(reason);
        if (
            error_ == IGrantBook.GrantListOutOfRange.selector
                || error_ == IGrantBook.GrantSetUnknown.selector
        ) {
            // Both errors begin with the position, and then name the list or set.
            bytes memory words = new bytes(reason.length - 4);
            for (uint256 i; i < words.length; ++i) {
                words[i] = reason[i + 4];
            }
            (, string memory name,) = abi.decode(words, (uint256, string, uint256));
            return name;
        }
        if (error_ == IGrantBook.PrivacyBudgetExceeded.selector) {
            bytes memory words = new bytes(96);
            for (uint256 i; i < 96; ++i) {
                words[i] = reason[i + 4];
            }
            (, uint64 epsilonLeft,) = abi.decode(words, (uint256, uint64, uint64));
            return order.epsilonMicros > epsilonLeft ? "epsilonMicros" : "deltaPicos";
        }
        if (error_ == IGrantBook.GrantPrivacyOutOfRange.selector) {
            return
                (grant.epsilonMicros > 0) == grant.privacyRequired ? "deltaPicos" : "epsilonMicros";
        }
        return plainFieldOf(error_);
    }

    function plainFieldOf(bytes4 error_) private pure returns (string memory) {
        if (error_ == IGrantBook.GrantVersionUnknown.selector) return "version";
        if (error_ == IGrantBook.GrantTcbFloorUnknown.selector) return "tcbFloor";
        if (error_ == IGrantBook.GrantPurposeTooLong.selector) return "purpose";
        if (error_ == IGrantBook.GrantUsedUp.selector) return "usesMax";
        if (error_ == IGrantBook.GrantUsedUpToday.selector) return "usesPerDay";
        if (error_ == IGrantBook.GrantNeverValid.selector) return "expiry";
        if (error_ == IGrantBook.GrantExpired.selector) return "expiry";
        if (error_ == IGrantBook.GrantNotYetValid.selector) return "notBefore";
        if (error_ == IGrantBook.GrantOwnersMinIsZero.selector) return "ownersMin";
        if (error_ == IGrantBook.OwnersTooFew.selector) return "ownersMin";
        if (error_ == IGrantBook.AssetUnknownAt.selector) return "owner";
        if (error_ == IGrantBook.GrantNotByOwner.selector) return "owner";
        if (error_ == IGrantBook.GrantSignatureWrong.selector) return "owner";
        if (error_ == IGrantBook.GrantRevokedByOwner.selector) return "nonce";
        if (error_ == IGrantBook.GrantForOtherAsset.selector) return "assets";
        if (error_ == IGrantBook.GrantOmitsApp.selector) return "apps";
        if (error_ == IGrantBook.GrantOmitsRequester.selector) return "requesters";
        if (error_ == IGrantBook.NoTeeLeft.selector) return "tees";
        if (error_ == IGrantBook.OrderIsNotPrivate.selector) return "epsilonMicros";
        return "an unknown error";
    }

    function number(string memory json, string memory key) private pure returns (uint256) {
        return vm.parseJsonUint(json, key);
    }

    function same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
