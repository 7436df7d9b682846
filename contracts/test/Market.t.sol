// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TaskId, TaskState} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract MarketTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_a_task_runs_from_order_to_settlement() public {
        TaskId task = place();
        equal(ledger.escrowOf(task), 1 ether, "escrow");
        address node = draw(task);
        isTrue(node != address(0), "a node is drawn");
        post(task, keyOf(node));
        judge(task, 1, 0);
        settle(task);

        equal(uint256(market.taskOf(task).state), uint256(TaskState.Settled), "state");
        equal(ledger.escrowOf(task), 0, "escrow is empty");
        equal(token.balanceOf(address(ledger)), ledger.totalWei(), "buckets");
        equal(ledger.balanceOf(nodes.operatorOf(node)) >= 0.2 ether ? 1 : 0, 1, "the node was paid");
    }
}
