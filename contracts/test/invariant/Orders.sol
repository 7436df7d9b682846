// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Identifiers} from "../../src/Identifiers.sol";
import {GrantUse, IGrantBook} from "../../src/interfaces/IGrantBook.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {Grant, Messages, Order} from "../../src/Messages.sol";
import {TaskId} from "../../src/Types.sol";
import {Network} from "../Network.sol";
import {Vm} from "../Vm.sol";

/// @dev Places orders of every kind at random: plain, metered, private, of several replicas. What
/// must never succeed, but did, is written into `breach`.
abstract contract OrderHandler is Network {
    uint32 private constant USES_PER_DAY = 5;
    uint64 private constant EPSILON_MAX = 2_000;
    uint64 private constant DELTA_MAX = 120;

    TaskId[] public tasks;
    string public breach;
    uint256 public settledCount;
    uint256 public refundedCount;
    mapping(string what => uint256) public reached;

    /// @dev How often the Market said that a task is settled or refunded.
    mapping(TaskId task => uint256) public endings;
    mapping(TaskId task => Order) internal orders;

    /// @dev Grants with a budget, and what the book said that it charged to each and gave back.
    bytes32[] public privateGrants;
    mapping(bytes32 grant => uint256) public chargedMicros;
    mapping(TaskId task => uint256) private charges;

    /// @dev Reads from the logs what ended, so that no second ending goes unseen.
    modifier counted() {
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == address(grantBook)) _count(logs[i]);
            if (logs[i].emitter != address(market)) continue;
            bool isSettled = logs[i].topics[0] == IMarket.Settled.selector;
            if (!isSettled && logs[i].topics[0] != IMarket.Refunded.selector) continue;
            ++endings[TaskId.wrap(logs[i].topics[1])];
            if (isSettled) ++settledCount;
            else ++refundedCount;
        }
    }

    function requesterPlaces(uint256 who, uint256 fee, uint256 attempts, uint256 prices)
        public
        counted
    {
        if (tasks.length >= 24) return;
        uint256 kind = attempts >> 16 & 7;
        Grant[] memory grants = _grants(prices);
        if (kind > 5) _makePrivate(grants[0]);
        Order memory order = orderOf(grants);
        order.requester = vm.addr(REQUESTER + who % 3);
        order.feeWei = uint128(within(fee, 3 * FEE_MIN, 100 ether));
        order.attemptsMax = uint8(within(attempts, 1, 3));
        if (kind < 2) order.replicas = uint8(2 + kind);
        else if (kind == 2) order.unitWei = uint128(within(fee >> 128, FEE_MIN, order.feeWei));
        if (kind > 5) {
            order.epsilonMicros = uint64(within(prices >> 160, 1, 900));
            order.deltaPicos = uint64(within(prices >> 176, 0, 60));
        }
        if (ledger.balanceOf(order.requester) < order.feeWei) {
            ledger.depositFor(order.requester, order.feeWei);
        }
        if (kind > 5 && !_isLeft(order, grants)) return;

        _keep(order, _place(who, attempts >> 8 & 1 == 0, order, grants));
    }

    function taskCount() external view returns (uint256) {
        return tasks.length;
    }

    /// @dev Whether every private grant spent what the book said, and no more than it grants.
    function budgetsHold() external view returns (bool) {
        for (uint256 i; i < privateGrants.length; ++i) {
            GrantUse memory used = grantBook.useOf(privateGrants[i]);
            bool fine = used.epsilonMicros == chargedMicros[privateGrants[i]]
                && used.epsilonMicros <= EPSILON_MAX && used.deltaPicos <= DELTA_MAX
                && used.tasksThatDay <= USES_PER_DAY && used.tasks >= used.tasksThatDay;
            if (!fine) return false;
        }
        return true;
    }

    /// @dev Tries as a stranger what must fail, and for which reason.
    function _mustFail(address target, bytes memory data, bytes4 reason) internal {
        vm.prank(vm.addr(STRANGER));
        (bool done, bytes memory answer) = target.call(data);
        if (done) breach = "an attack succeeded";
        else if (bytes4(answer) != reason) breach = "an attack failed for another reason";
        else ++reached["attacks refused"];
    }

    function _grants(uint256 prices) internal view returns (Grant[] memory grants) {
        grants = grantsOf();
        for (uint256 i; i < 2; ++i) {
            grants[i].priceWei = uint128(within(prices >> (64 * i), 0, 300));
            grants[i].nonce = 7 + assets.nonceMinOf(grants[i].owner);
        }
    }

    function _place(uint256 who, bool itself, Order memory order, Grant[] memory grants)
        private
        returns (TaskId)
    {
        if (itself) return place(order, grants);
        bytes[] memory signatures = signGrants(grants);
        bytes memory own = sign(REQUESTER + who % 3, digestOf(Messages.hash(order)));
        vm.prank(vm.addr(STRANGER));
        ++reached["placed for another"];
        return market.placeFor(order, grants, signatures, own);
    }

    function _keep(Order memory order, TaskId first) private {
        for (uint256 i; i < order.replicas; ++i) {
            TaskId id = Identifiers.replica(first, i);
            tasks.push(id);
            orders[id] = order;
        }
    }

    function _makePrivate(Grant memory grant) private {
        // The same grant for many orders.
        (grant.purpose, grant.priceWei, grant.expiry) = ("private", 100, 1_900_000_000);
        grant.privacyRequired = true;
        (grant.epsilonMicros, grant.deltaPicos) = (EPSILON_MAX, DELTA_MAX);
        grant.usesPerDay = USES_PER_DAY;
        bytes32 digest = digestOf(Messages.hash(grant));
        for (uint256 i; i < privateGrants.length; ++i) {
            if (privateGrants[i] == digest) return;
        }
        privateGrants.push(digest);
    }

    /// @dev Whether enough is left of the first grant; if not, nobody must be able to place.
    function _isLeft(Order memory order, Grant[] memory grants) private returns (bool) {
        GrantUse memory used = grantBook.useOf(order.grants[0]);
        bytes4 reason;
        if (grantBook.usesToday(order.grants[0]) == USES_PER_DAY) {
            reason = IGrantBook.GrantUsedUpToday.selector;
        } else if (
            used.epsilonMicros + order.epsilonMicros > EPSILON_MAX
                || used.deltaPicos + order.deltaPicos > DELTA_MAX
        ) {
            reason = IGrantBook.PrivacyBudgetExceeded.selector;
        } else {
            ++reached["private"];
            return true;
        }
        uint256 key = REQUESTER;
        while (vm.addr(key) != order.requester) {
            ++key;
        }
        bytes memory own = sign(key, digestOf(Messages.hash(order)));
        _mustFail(
            address(market),
            abi.encodeCall(IMarket.placeFor, (order, grants, signGrants(grants), own)),
            reason
        );
        ++reached["budget or day used up"];
        return false;
    }

    /// @dev Reads what the book charges, and checks that what it gives back was charged.
    function _count(Vm.Log memory log) private {
        bytes32 grant = log.topics[1];
        if (log.topics[0] == IGrantBook.PrivacyCharged.selector) {
            (uint64 epsilon,,,) = abi.decode(log.data, (uint64, uint64, uint64, uint64));
            if (++charges[TaskId.wrap(log.topics[2])] > 1) ++reached["charged again"];
            chargedMicros[grant] += epsilon;
        } else if (log.topics[0] == IGrantBook.PrivacyReturned.selector) {
            (uint64 left,) = abi.decode(log.data, (uint64, uint64));
            uint256 epsilon = orders[TaskId.wrap(log.topics[2])].epsilonMicros;
            chargedMicros[grant] -= epsilon;
            if (chargedMicros[grant] != left) breach = "privacy came back that was not charged";
        }
    }
}
