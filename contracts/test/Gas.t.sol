// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Messages, Order, Vote} from "../src/Messages.sol";
import {TaskId} from "../src/Types.sol";
import {Network} from "./Network.sol";

/// @dev Calls each step of a task's life as a transaction of its own, for `forge test --isolate
/// --gas-report`.
contract GasTest is Network {
    function setUp() public {
        deploy();
        populate();
    }

    function test_one_task_of_two_assets_and_a_judgement_by_three_of_four() public {
        for (uint256 i; i < 2; ++i) {
            TaskId task = place();
            run(task);
            Vote memory vote = judge(task, 1, 0);
            settlement.join(vote, quorum(digestOf(Messages.hash(vote)), 4));
            settle(task);
        }
    }
}
