// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrantRules} from "../src/GrantRules.sol";
import {GrantFacts, IGrantBook, Terms} from "../src/interfaces/IGrantBook.sol";
import {Grant, Order} from "../src/Messages.sol";
import {AppId, AssetId} from "../src/Types.sol";
import {Test} from "./Vm.sol";

/// @dev The rules as somebody outside calls them.
contract Rules {
    function check(
        uint256 position,
        Grant calldata grant,
        Order calldata order,
        GrantFacts calldata facts
    ) external pure {
        GrantRules.check(position, grant, order, facts);
    }

    function narrow(Order calldata order, Grant[] calldata grants)
        external
        pure
        returns (Terms memory terms)
    {
        terms = GrantRules.begin(order);
        for (uint256 i; i < grants.length; ++i) {
            GrantRules.narrow(terms, i, grants[i]);
        }
    }

    function ownersOf(address requester, Grant[] calldata grants) external pure returns (uint256) {
        return GrantRules.ownersOf(requester, grants);
    }
}

/// @dev Random grants, orders and facts against the rules of docs/protocol.md section 4, written
/// out once more as a list.
contract GrantRulesTest is Test {
    struct Case {
        uint256 position;
        Grant grant;
        Order order;
        GrantFacts facts;
    }

    Rules private rules;
    bytes4[] private broken;
    mapping(bytes4 reason => uint256) private seen;

    function setUp() public {
        rules = new Rules();
    }

    function testFuzz_the_first_broken_rule_is_the_reason(uint256 seed) public {
        compare(seed);
    }

    /// @dev The comparison would prove little if it never reached a rule.
    function test_every_rule_is_reached_and_so_is_agreement() public {
        for (uint256 seed; seed < 3_000; ++seed) {
            ++seen[compare(uint256(keccak256(abi.encode(seed))))];
        }
        isTrue(seen[0] > 100, "covered orders");
        for (uint256 i; i < broken.length; ++i) {
            isTrue(seen[broken[i]] > 0, vm.toString(uint32(broken[i])));
        }
    }

    /// @dev A node is left by the terms exactly if order and every grant would have it.
    function testFuzz_terms_leave_what_every_grant_leaves(uint256 seed, uint256 count) public view {
        Order memory order;
        order.tees = uint32(within(seed, 1, 31)) << 1;
        Grant[] memory grants = new Grant[](within(count, 1, 4));
        for (uint256 i; i < grants.length; ++i) {
            grants[i] = narrowing(uint256(keccak256(abi.encode(seed, i))));
        }
        try rules.narrow(order, grants) returns (Terms memory terms) {
            for (uint256 node; node < 5 * 4 * 4; ++node) {
                (uint8 tee, address operator) =
                    (uint8(1 + node % 5), address(uint160(1 + node / 5 % 4)));
                bytes32 measurement = bytes32(1 + node / 20);
                bool every = order.tees >> tee & 1 == 1;
                for (uint256 i; i < grants.length; ++i) {
                    every = every && wouldHave(grants[i], tee, operator, measurement);
                }
                isTrue(left(terms, tee, operator, measurement) == every, "left by all");
            }
        } catch (bytes memory reason) {
            isTrue(nobodyIsLeft(order, grants, bytes4(reason)), "nobody is left");
        }
    }

    function testFuzz_owners_are_counted_once_and_without_the_requester(uint256 seed) public view {
        Grant[] memory grants = new Grant[](within(seed, 1, 8));
        bool[5] memory there;
        uint256 expected;
        for (uint256 i; i < grants.length; ++i) {
            uint256 owner = (seed >> (8 * (i + 1))) % 5;
            grants[i].owner = address(uint160(owner + 1));
            if (owner > 0 && !there[owner]) ++expected;
            there[owner] = true;
        }
        equal(rules.ownersOf(address(1), grants), expected, "owners");
    }

    /// @dev Returns why the rules refused; zero if they did not. That must be the reference's word.
    function compare(uint256 seed) private returns (bytes4 got) {
        Case memory c = caseOf(seed);
        try rules.check(c.position, c.grant, c.order, c.facts) {
            got = 0;
        } catch (bytes memory reason) {
            got = bytes4(reason);
        }
        bytes4 expected = reasonOf(c);
        require(got == expected, NotEqualWords("reason", got, expected));
    }

    /// @dev A case that is covered, but for at most three things.
    function caseOf(uint256 seed) private pure returns (Case memory c) {
        c.position = seed % 2;
        (Grant memory grant, Order memory order) = (c.grant, c.order);
        grant.version = 2;
        grant.owner = address(0xa);
        grant.assets = new AssetId[](2);
        grant.assets[1] = AssetId.wrap("asset");
        grant.apps = new AppId[](1);
        grant.measurements = new bytes32[](1);
        (grant.tees, order.tees) = (0x0c, 0x18);
        (grant.anyNode, grant.anyRequester) = (true, true);
        (grant.usesMax, grant.usesPerDay, grant.ownersMin) = (5, 2, 2);
        (grant.notBefore, grant.expiry) = (1_000, 2_000);
        grant.outputFormats = 0x3f;
        order.requester = address(0xb);
        order.assets = new AssetId[](2);
        order.assets[c.position] = AssetId.wrap("asset");
        c.facts = GrantFacts(address(0xa), true, false, 1_500, 2, 4, 1, 0, 0);
        if (seed >> 8 & 1 == 1) {
            (grant.privacyRequired, grant.epsilonMicros, grant.deltaPicos) = (true, 100, 10);
            (order.epsilonMicros, order.deltaPicos) = (40, 4);
            (c.facts.epsilonSpentMicros, c.facts.deltaSpentPicos) = (60, 6);
        }
        uint256 changes = seed % 4;
        for (uint256 i; i < changes; ++i) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            if (word & 1 == 0) changeGrant(grant, word >> 8, word >> 16);
            else changeRest(c, word >> 8, word >> 16);
        }
    }

    function changeGrant(Grant memory grant, uint256 which, uint256 word) private pure {
        which %= 20;
        uint256 length = [uint256(0), 1, 16, 17][word % 4];
        if (which == 0) {
            grant.version = uint8(word % 4);
        } else if (which == 1) {
            grant.assets = new AssetId[](length);
        } else if (which == 2) {
            grant.apps = new AppId[](length);
        } else if (which == 3) {
            grant.measurements = new bytes32[](length);
        } else if (which == 4) {
            grant.releaseKey = address(1);
        } else if (which == 5) {
            grant.tcbFloor = uint8(4 + word % 3);
        } else if (which == 6) {
            grant.tees = uint32(word);
        } else if (which == 7) {
            grant.anyNode = false;
        } else if (which == 8) {
            grant.operators = new address[](length);
        } else if (which == 9) {
            (grant.anyRequester, grant.requesters) = (false, listWith(1, address(0xb)));
        } else if (which == 10) {
            grant.requesters = listWith(length, address(0xb));
        } else if (which == 11) {
            grant.purpose = string(new bytes(199 + word % 3));
        } else if (which == 12) {
            grant.usesMax = uint32(word % 7);
        } else if (which == 13) {
            grant.usesPerDay = uint32(word % 4);
        } else if (which == 14) {
            grant.notBefore = [uint64(1_499), 1_500, 1_501, 2_000][word % 4];
        } else if (which == 15) {
            grant.expiry = uint64(1_499 + word % 3);
        } else if (which == 16) {
            grant.ownersMin = uint8(word % 4);
        } else if (which == 17) {
            grant.outputFormats = uint32(word % 130);
        } else if (which == 18) {
            grant.privacyRequired = word & 1 == 1;
        } else {
            (grant.epsilonMicros, grant.deltaPicos) =
            (uint64(60 + word % 50), [uint64(6), 9, 10, 1e12 - 1, 1e12][word % 5]);
        }
    }

    function changeRest(Case memory c, uint256 which, uint256 word) private pure {
        which %= 16;
        if (which == 0) c.facts.owner = address(0);
        else if (which == 1) c.facts.owner = address(0xc);
        else if (which == 2) c.facts.signed = false;
        else if (which == 3) c.facts.revoked = true;
        else if (which == 4) c.facts.time = [uint256(999), 1_000, 1_999, 2_000][word % 4];
        else if (which == 5) c.facts.owners = word % 4;
        else if (which == 6) c.facts.uses = uint32(4 + word % 3);
        else if (which == 7) c.facts.usesToday = uint32(word % 4);
        else if (which == 8) c.order.assets[c.position] = AssetId.wrap("another");
        else if (which == 9) c.order.app = AppId.wrap("another");
        else if (which == 10) c.order.requester = address(0xa);
        else if (which == 11) c.order.requester = address(0xd);
        else if (which == 12) c.order.tees = uint32(word % 64);
        else if (which == 13) c.order.epsilonMicros = [uint64(word), 0, 40, 41][word % 4];
        else if (which == 14) c.order.deltaPicos = uint64(word % 3 == 0 ? word : word % 6);
        else c.grant.owner = address(0xd);
    }

    /// @dev The rules in their order, and the first that is broken.
    function reasonOf(Case memory c) private returns (bytes4) {
        delete broken;
        Grant memory g = c.grant;
        rule(g.version == 2, IGrantBook.GrantVersionUnknown.selector);
        bytes4 listed = IGrantBook.GrantListOutOfRange.selector;
        rule(g.assets.length >= 1 && g.assets.length <= 16, listed);
        rule(g.apps.length >= 1 && g.apps.length <= 16, listed);
        rule(g.measurements.length <= 16, listed);
        rule((g.measurements.length == 0) == (g.releaseKey != address(0)), listed);
        rule(g.tcbFloor <= 5, IGrantBook.GrantTcbFloorUnknown.selector);
        bytes4 set = IGrantBook.GrantSetUnknown.selector;
        rule(g.tees > 0 && g.tees & 62 == g.tees, set);
        rule(g.operators.length <= 16 && (g.operators.length == 0) == g.anyNode, listed);
        rule(g.requesters.length <= 16 && (g.requesters.length == 0) == g.anyRequester, listed);
        rule(bytes(g.purpose).length <= 200, IGrantBook.GrantPurposeTooLong.selector);
        rule(g.usesMax != 0, IGrantBook.GrantUsedUp.selector);
        rule(g.usesPerDay != 0, IGrantBook.GrantUsedUpToday.selector);
        rule(g.notBefore < g.expiry, IGrantBook.GrantNeverValid.selector);
        rule(g.ownersMin != 0, IGrantBook.GrantOwnersMinIsZero.selector);
        rule(g.outputFormats > 0 && g.outputFormats < 64, set);
        bytes4 privacy = IGrantBook.GrantPrivacyOutOfRange.selector;
        rule((g.epsilonMicros > 0) == g.privacyRequired, privacy);
        rule(g.deltaPicos == 0 || (g.privacyRequired && g.deltaPicos < 1e12), privacy);
        standing(c);
        covering(c);
        return first;
    }

    function standing(Case memory c) private {
        rule(c.facts.owner != address(0), IGrantBook.AssetUnknownAt.selector);
        rule(c.facts.owner == c.grant.owner, IGrantBook.GrantNotByOwner.selector);
        rule(c.facts.signed, IGrantBook.GrantSignatureWrong.selector);
        rule(!c.facts.revoked, IGrantBook.GrantRevokedByOwner.selector);
        rule(c.facts.time >= c.grant.notBefore, IGrantBook.GrantNotYetValid.selector);
        rule(c.facts.time < c.grant.expiry, IGrantBook.GrantExpired.selector);
    }

    function covering(Case memory c) private {
        (Grant memory g, Order memory o) = (c.grant, c.order);
        bool found;
        for (uint256 i; i < g.assets.length; ++i) {
            found = found || g.assets[i] == o.assets[c.position];
        }
        rule(found, IGrantBook.GrantForOtherAsset.selector);
        found = false;
        for (uint256 i; i < g.apps.length; ++i) {
            found = found || g.apps[i] == o.app;
        }
        rule(found, IGrantBook.GrantOmitsApp.selector);
        rule(
            g.anyRequester || has(g.requesters, o.requester),
            IGrantBook.GrantOmitsRequester.selector
        );
        rule(c.facts.uses + 1 <= g.usesMax, IGrantBook.GrantUsedUp.selector);
        rule(c.facts.usesToday + 1 <= g.usesPerDay, IGrantBook.GrantUsedUpToday.selector);
        bool enough = g.owner == o.requester || g.ownersMin <= c.facts.owners;
        rule(enough, IGrantBook.OwnersTooFew.selector);
        rule(g.tees & o.tees > 0, IGrantBook.NoTeeLeft.selector);
        bool asked = g.privacyRequired;
        rule(!asked || o.epsilonMicros > 0, IGrantBook.OrderIsNotPrivate.selector);
        uint256 epsilon = uint256(c.facts.epsilonSpentMicros) + o.epsilonMicros;
        uint256 delta = uint256(c.facts.deltaSpentPicos) + o.deltaPicos;
        rule(
            !asked || (epsilon <= g.epsilonMicros && delta <= g.deltaPicos),
            IGrantBook.PrivacyBudgetExceeded.selector
        );
    }

    bytes4 private first;

    /// @dev Notes a rule, and the first that does not hold.
    function rule(bool holds, bytes4 reason) private {
        if (broken.length == 0) first = 0;
        broken.push(reason);
        if (!holds && first == 0) first = reason;
    }

    /// @dev A grant that only says which nodes it would have.
    function narrowing(uint256 word) private pure returns (Grant memory grant) {
        grant.tees = uint32(within(word, 1, 31)) << 1 | 0x04;
        grant.anyNode = word >> 8 & 1 == 1;
        if (!grant.anyNode) {
            grant.operators = new address[](within(word >> 9, 1, 5));
            for (uint256 i; i < grant.operators.length; ++i) {
                grant.operators[i] = address(uint160(1 + (word >> (16 + 4 * i)) % 4));
            }
        }
        if (word >> 48 & 1 == 1) {
            grant.releaseKey = address(uint160(100 + (word >> 49) % 3));
            return grant;
        }
        grant.measurements = new bytes32[](within(word >> 56, 1, 5));
        for (uint256 i; i < grant.measurements.length; ++i) {
            grant.measurements[i] = bytes32(1 + (word >> (64 + 4 * i)) % 4);
        }
    }

    /// @dev Key 100 + k approves measurements 1 to 1 + k.
    function approves(address key, bytes32 measurement) private pure returns (bool) {
        return uint256(measurement) <= uint256(uint160(key)) - 99;
    }

    function wouldHave(Grant memory grant, uint8 tee, address operator, bytes32 measurement)
        private
        pure
        returns (bool)
    {
        bool fine =
            grant.tees >> tee & 1 == 1 && (grant.anyNode || has(grant.operators, operator));
        if (grant.releaseKey != address(0)) return fine && approves(grant.releaseKey, measurement);
        return fine && hasWord(grant.measurements, measurement);
    }

    function left(Terms memory terms, uint8 tee, address operator, bytes32 measurement)
        private
        pure
        returns (bool fine)
    {
        fine = terms.tees >> tee & 1 == 1 && (terms.anyNode || has(terms.operators, operator))
            && (terms.anyMeasurement || hasWord(terms.measurements, measurement));
        for (uint256 i; i < terms.releaseKeys.length; ++i) {
            fine = fine && approves(terms.releaseKeys[i], measurement);
        }
    }

    /// @dev Whether there is really no such TEE, operator or measurement.
    function nobodyIsLeft(Order memory order, Grant[] memory grants, bytes4 reason)
        private
        pure
        returns (bool)
    {
        for (uint256 one = 1; one <= 5; ++one) {
            bool every = reason == IGrantBook.NoTeeLeft.selector
                ? order.tees >> one & 1 == 1
                : one < 5
                    && (reason == IGrantBook.NoOperatorLeft.selector
                        || reason == IGrantBook.NoMeasurementLeft.selector);
            for (uint256 i; i < grants.length; ++i) {
                Grant memory g = grants[i];
                if (reason == IGrantBook.NoTeeLeft.selector) {
                    every = every && g.tees >> one & 1 == 1;
                } else if (reason == IGrantBook.NoOperatorLeft.selector) {
                    every = every && (g.anyNode || has(g.operators, address(uint160(one))));
                } else {
                    bool byKey = g.releaseKey != address(0);
                    every = every && (byKey || hasWord(g.measurements, bytes32(one)));
                }
            }
            if (every) return false;
        }
        return true;
    }

    function listWith(uint256 length, address account)
        private
        pure
        returns (address[] memory list)
    {
        list = new address[](length);
        if (length > 0) list[length - 1] = account;
    }

    function has(address[] memory list, address wanted) private pure returns (bool found) {
        for (uint256 i; i < list.length; ++i) {
            found = found || list[i] == wanted;
        }
    }

    function hasWord(bytes32[] memory list, bytes32 wanted) private pure returns (bool found) {
        for (uint256 i; i < list.length; ++i) {
            found = found || list[i] == wanted;
        }
    }
}
