// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CloisterToken} from "../../src/CloisterToken.sol";
import {Ledger} from "../../src/Ledger.sol";
import {Market} from "../../src/Market.sol";
import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {Staking} from "../../src/Staking.sol";
import {TaskId, TaskState} from "../../src/Types.sol";
import {Test} from "../Vm.sol";
import {Handler} from "./Adversary.sol";

/// @dev What holds after every one of many random calls, by thirteen actors of whom some are
/// dishonest.
contract InvariantsTest is Test {
    Handler private handler;
    CloisterToken private token;
    Ledger private ledger;
    Staking private staking;
    NodeRegistry private nodes;
    Market private market;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        handler = new Handler();
        (token, ledger, staking, nodes, market) = handler.parts();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Moving tasks counts several times, so that many reach their end.
    function targetSelectors() public view returns (FuzzSelector[] memory chosen) {
        bytes4[17] memory list = [
            Handler.moneyMoves.selector,
            Handler.timePasses.selector,
            Handler.stakeMoves.selector,
            Handler.machineMoves.selector,
            Handler.strangerPosts.selector,
            Handler.strangerAccuses.selector,
            Handler.liarIsCaught.selector,
            Handler.forgerIsCaught.selector,
            Handler.officialsAct.selector,
            Handler.ownerRevokes.selector,
            handler.requesterPlaces.selector,
            handler.requesterPlaces.selector,
            handler.taskMoves.selector,
            handler.taskMoves.selector,
            handler.taskMoves.selector,
            handler.taskMoves.selector,
            handler.taskMoves.selector
        ];
        chosen = new FuzzSelector[](1);
        chosen[0].addr = address(handler);
        chosen[0].selectors = new bytes4[](list.length);
        for (uint256 i; i < list.length; ++i) {
            chosen[0].selectors[i] = list[i];
        }
    }

    function invariant_the_ledgers_tokens_are_the_sum_of_its_buckets() public view {
        equal(
            token.balanceOf(address(ledger)),
            ledger.totalWei() + handler.donatedWei(),
            "tokens and buckets"
        );
        (uint256 balances, uint256 escrows, uint256 stakes, uint256 lockboxes, uint256 treasury) =
            ledger.totals();
        (uint256 ofAccounts, uint256 ofTasks, uint256 ofStakers) = handler.sums();
        equal(balances, ofAccounts, "balances, account by account");
        equal(escrows, ofTasks, "escrows, task by task");
        equal(stakes, ofStakers, "stakes, account by account");
        equal(lockboxes, handler.owedWei(), "lockboxes and what is owed");
        equal(balances + escrows + stakes + lockboxes + treasury, ledger.totalWei(), "their sum");
    }

    function invariant_an_honest_account_is_slashed_for_its_keepers_silence_alone() public view {
        address[3] memory honest = handler.honestAccounts();
        for (uint256 i; i < honest.length; ++i) {
            equal(staking.slashableOf(honest[i]), handler.honestStakeWei(honest[i]), "stake");
        }
    }

    function invariant_no_attack_succeeds_and_nothing_ends_twice() public view {
        isTrue(bytes(handler.breach()).length == 0, handler.breach());
        uint256 ended;
        for (uint256 i; i < handler.taskCount(); ++i) {
            TaskId id = handler.tasks(i);
            TaskState state = market.taskOf(id).state;
            bool over = state == TaskState.Settled || state == TaskState.Refunded;
            equal(ledger.escrowOf(id) == 0 ? 1 : 0, over ? 1 : 0, "escrow is empty at the end only");
            equal(handler.endings(id), over ? 1 : 0, "endings");
            if (over) ++ended;
        }
        equal(handler.settledCount() + handler.refundedCount(), ended, "ended");
    }

    function invariant_the_pools_total_is_the_sum_of_its_leaves() public view {
        uint256 sum;
        for (uint256 leaf; leaf < 16; ++leaf) {
            sum += nodes.weightOf(leaf);
        }
        equal(nodes.totalAt(uint48(vm.getBlockNumber())), sum, "total");
    }

    function invariant_no_grant_is_overspent() public view {
        isTrue(handler.budgetsHold(), "budgets");
    }

    string[29] private ways = [
        "attacks refused",
        "placed for another",
        "given up",
        "silence paid",
        "paid for silent keepers",
        "refused by keepers",
        "refused by unapproved keepers",
        "accepted forgeries",
        "settled forgeries",
        "keepers that are no list",
        "refunded unsettled",
        "joined",
        "retired",
        "swept",
        "handed over",
        "floor raised",
        "measurement withdrawn",
        "grant revoked",
        "grants revoked",
        "equivocations",
        "false votes",
        "forgeries proven",
        "proofs after settlement",
        "private",
        "budget or day used up",
        "charged again",
        "metered",
        "replicas settled",
        "replicas differ"
    ];
    uint256[29] private waysSeen;
    uint256 private settled;
    uint256 private refunded;

    function act(uint256 i, uint256 a) private {
        uint256 b = uint256(keccak256(abi.encode(a)));
        uint256 kind = i % 16;
        if (kind == 0) handler.requesterPlaces(a, b, a >> 8, b >> 8);
        else if (kind == 1) handler.strangerPosts(a, b);
        else if (kind == 2) handler.strangerAccuses(a, b, a);
        else if (kind == 3) handler.liarIsCaught(a, b, a >> 16 & 1 == 0);
        else if (kind == 4) handler.timePasses(a % 600);
        else if (kind == 5) handler.machineMoves(a, b);
        else if (kind == 6) handler.officialsAct(a);
        else if (kind == 7) handler.ownerRevokes(a, b);
        else if (i % 64 == 8) handler.forgerIsCaught(a);
        else handler.taskMoves(a, b);
    }

    /// @dev The random calls above would prove little if they reached little: some long runs of
    /// them reach everything.
    function test_random_calls_reach_every_ending_and_every_attack() public {
        for (uint256 round; round < 16; ++round) {
            if (round > 0) setUp();
            for (uint256 i; i < 500; ++i) {
                act(i, uint256(keccak256(abi.encode(round, i))));
            }
            invariant_no_attack_succeeds_and_nothing_ends_twice();
            afterInvariant();
            for (uint256 i; i < waysSeen.length; ++i) {
                waysSeen[i] += handler.reached(ways[i]);
            }
            settled += handler.settledCount();
            refunded += handler.refundedCount();
        }
        isTrue(settled > 0, "some are settled");
        isTrue(refunded > 0, "some are refunded");
        for (uint256 i; i < waysSeen.length; ++i) {
            isTrue(waysSeen[i] > 0, ways[i]);
        }
    }

    /// @dev At the end of every run: time passes, anybody forces each task, and each is settled or
    /// refunded.
    function afterInvariant() public {
        handler.finish();
        for (uint256 i; i < handler.taskCount(); ++i) {
            TaskState state = market.taskOf(handler.tasks(i)).state;
            isTrue(state == TaskState.Settled || state == TaskState.Refunded, "ended");
        }
        (, uint256 escrows,,,) = ledger.totals();
        equal(escrows, 0, "no money is left in escrow");
        invariant_the_ledgers_tokens_are_the_sum_of_its_buckets();
        invariant_an_honest_account_is_slashed_for_its_keepers_silence_alone();
        invariant_no_grant_is_overspent();
    }
}
