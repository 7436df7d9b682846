// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../src/interfaces/ILedger.sol";
import {IStaking} from "../src/interfaces/IStaking.sol";
import {Staking} from "../src/Staking.sol";
import {Offence, Role} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract StakingTest is Network {
    address private operator;

    function setUp() public {
        deploy();
        populate();
        operator = vm.addr(OPERATORS);
    }

    function testFuzz_stake_comes_back_after_its_wait(uint96 amount) public {
        uint256 amountWei = within(amount, 1, NODE_STAKE);
        vm.prank(operator);
        staking.requestUnbond(amountWei);
        uint256 until = block.timestamp + UNBOND_SECONDS;
        vm.warp(until - 1);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IStaking.StillUnbonding.selector, operator, until));
        staking.finishUnbond();
        vm.warp(until);
        vm.prank(operator);
        staking.finishUnbond();
        equal(ledger.balanceOf(operator), amountWei, "balance");
        equal(staking.slashableOf(operator), NODE_STAKE - amountWei, "stake");
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NothingUnbonding.selector, operator));
        staking.finishUnbond();
    }

    function test_a_second_request_starts_the_wait_anew() public {
        vm.prank(operator);
        staking.requestUnbond(1);
        vm.warp(block.timestamp + UNBOND_SECONDS - 1);
        vm.prank(operator);
        staking.requestUnbond(1);
        vm.warp(block.timestamp + 1);
        vm.prank(operator);
        vm.expectPartialRevert(IStaking.StillUnbonding.selector);
        staking.finishUnbond();
    }

    function test_more_than_is_bonded_cannot_leave() public {
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStaking.BondTooLow.selector, operator, NODE_STAKE, NODE_STAKE + 1
            )
        );
        staking.requestUnbond(NODE_STAKE + 1);
    }

    function testFuzz_a_slash_takes_what_is_there_bonded_first(uint96 out, uint128 amount) public {
        uint256 unbondingWei = within(out, 1, NODE_STAKE - 1);
        vm.prank(operator);
        staking.requestUnbond(unbondingWei);
        uint256 bondedWei = NODE_STAKE - unbondingWei;
        uint256 supplyWei = token.totalSupply();

        vm.prank(address(settlement));
        uint256 takenWei =
            staking.slash(operator, amount, address(7), Role.Challenger, Offence.FalseVote);
        equal(takenWei, amount < NODE_STAKE ? amount : NODE_STAKE, "taken");
        equal(staking.bondedOf(operator), amount < bondedWei ? bondedWei - amount : 0, "bonded");
        equal(staking.slashableOf(operator), NODE_STAKE - takenWei, "left");
        uint256 burnedWei = supplyWei - token.totalSupply();
        equal(burnedWei + ledger.balanceOf(address(7)), takenWei, "burned and rewarded");
        isTrue(burnedWei * 10 >= takenWei * 7, "at least 70 % is burned");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function testFuzz_what_is_slashed_for_the_treasury_is_nobodys(uint128 amount) public {
        (uint256 balances,,,,) = ledger.totals();
        uint256 supplyWei = token.totalSupply();
        vm.prank(address(market));
        uint256 takenWei =
            staking.slash(operator, amount, address(0), Role.Treasury, Offence.Silence);
        equal(takenWei, amount < NODE_STAKE ? amount : NODE_STAKE, "taken");
        equal(ledger.treasury(), takenWei * 3 / 10, "30 %, rounded down");
        equal(supplyWei - token.totalSupply(), takenWei - takenWei * 3 / 10, "burned");
        (uint256 balancesAfter,,,,) = ledger.totals();
        equal(balancesAfter, balances, "no balance grew");
        equal(ledger.balanceOf(address(0)), 0, "nothing to nobody");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function test_a_slash_names_either_an_account_or_the_treasury() public {
        address[2] memory beneficiaries = [address(0), vm.addr(STRANGER)];
        Role[2] memory roles = [Role.Challenger, Role.Treasury];
        for (uint256 i; i < 2; ++i) {
            vm.prank(address(market));
            vm.expectRevert(
                abi.encodeWithSelector(
                    ILedger.BeneficiaryMismatch.selector, beneficiaries[i], roles[i]
                )
            );
            staking.slash(operator, 1, beneficiaries[i], roles[i], Offence.Silence);
        }
    }

    function testFuzz_nobody_but_modules_slashes(address caller) public {
        vm.assume(caller != address(market) && caller != address(settlement));
        vm.assume(caller != address(duty));
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSignature("NotModule(address,address)", caller, address(settlement))
        );
        staking.slash(operator, 1, caller, Role.Challenger, Offence.FalseVote);
    }

    function test_nothing_is_no_stake() public {
        vm.expectRevert(IStaking.AmountIsZero.selector);
        staking.bond(0);
        vm.expectRevert(IStaking.AmountIsZero.selector);
        staking.requestUnbond(0);
    }

    function test_the_wait_is_bounded() public {
        vm.expectPartialRevert(IStaking.UnbondSecondsOutOfRange.selector);
        new Staking(ledger, 0);
        vm.expectPartialRevert(IStaking.UnbondSecondsOutOfRange.selector);
        new Staking(ledger, 91 days);
    }
}
