// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger, Modules, Payment} from "../src/interfaces/ILedger.sol";
import {Ledger} from "../src/Ledger.sol";
import {Offence, Role, TaskId} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract LedgerTest is Network {
    uint256 private constant SPOKE = 31_338;

    function setUp() public {
        deploy();
        populate();
    }

    function testFuzz_what_is_deposited_can_be_withdrawn(address account, uint96 amount) public {
        vm.assume(account != address(0) && account != address(ledger) && account != address(this));
        uint256 amountWei = within(amount, 0, 1_000 ether);
        uint256 before = token.balanceOf(account);
        uint256 own = ledger.balanceOf(account);
        ledger.depositFor(account, amountWei);
        equal(ledger.balanceOf(account), own + amountWei, "deposited");
        vm.prank(account);
        ledger.withdraw(amountWei);
        equal(token.balanceOf(account), before + amountWei, "withdrawn");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function testFuzz_nobody_withdraws_more_than_its_balance(uint256 any) public {
        uint256 amountWei = within(any, 1_000 ether + 1, type(uint256).max);
        vm.prank(vm.addr(REQUESTER));
        vm.expectRevert(
            abi.encodeWithSelector(
                ILedger.BalanceTooLow.selector, vm.addr(REQUESTER), 1_000 ether, amountWei
            )
        );
        ledger.withdraw(amountWei);
    }

    function test_a_permit_deposits_once_even_when_somebody_else_submitted_it() public {
        address owner = vm.addr(STRANGER);
        require(token.transfer(owner, 5 ether));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(STRANGER, permitDigest(owner, 5 ether));
        token.permit(owner, address(ledger), 5 ether, block.timestamp, v, r, s);
        vm.prank(owner);
        ledger.depositWithPermit(5 ether, block.timestamp, v, r, s);
        equal(ledger.balanceOf(owner), 5 ether, "deposited");
    }

    function test_a_permit_by_somebody_else_deposits_nothing() public {
        address owner = vm.addr(STRANGER);
        require(token.transfer(owner, 5 ether));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(REQUESTER, permitDigest(owner, 5 ether));
        vm.prank(owner);
        vm.expectRevert();
        ledger.depositWithPermit(5 ether, block.timestamp, v, r, s);
    }

    function test_modules_are_sealed_once_and_by_the_deployer() public {
        Modules memory modules = ledger.modules();
        vm.expectRevert(ILedger.ModulesAlreadySealed.selector);
        ledger.sealModules(modules);

        Ledger other = new Ledger(token, address(this));
        vm.prank(vm.addr(STRANGER));
        vm.expectRevert(
            abi.encodeWithSelector(ILedger.NotDeployer.selector, vm.addr(STRANGER), address(this))
        );
        other.sealModules(modules);
        modules.market = address(0);
        vm.expectRevert(ILedger.ModuleMissing.selector);
        other.sealModules(modules);
    }

    function testFuzz_no_stranger_moves_money(address caller) public {
        vm.assume(
            caller != address(market) && caller != address(staking) && caller != address(settlement)
                && caller != address(this)
        );
        TaskId task = place();
        address requester = vm.addr(REQUESTER);
        Payment[] memory payments = new Payment[](1);
        payments[0] = Payment(caller, Role.Owner, 1 ether);
        bytes[8] memory calls = [
            abi.encodeCall(ILedger.lockEscrow, (TaskId.wrap(bytes32(uint256(1))), requester, 1)),
            abi.encodeCall(ILedger.refundEscrow, (task, caller)),
            abi.encodeCall(ILedger.payEscrow, (task, payments)),
            abi.encodeCall(ILedger.lockStake, (requester, 1)),
            abi.encodeCall(ILedger.releaseStake, (caller, 1)),
            abi.encodeCall(
                ILedger.slashStake, (requester, 1, caller, Role.Challenger, Offence.FalseVote)
            ),
            abi.encodeCall(ILedger.spendTreasury, (caller, 0)),
            abi.encodeCall(ILedger.openSpoke, (SPOKE, caller))
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(caller);
            (bool done,) = address(ledger).call(calls[i]);
            isTrue(!done, "refused");
        }
    }

    function test_payments_must_sum_to_the_escrow() public {
        TaskId task = place();
        Payment[] memory payments = new Payment[](1);
        payments[0] = Payment(vm.addr(OWNERS), Role.Owner, 1 ether - 1);
        vm.prank(address(settlement));
        vm.expectRevert(
            abi.encodeWithSelector(
                ILedger.PaymentsDoNotMatchEscrow.selector, task, 1 ether - 1, 1 ether
            )
        );
        ledger.payEscrow(task, payments);
        payments[0] = Payment(vm.addr(OWNERS), Role.None, 1 ether);
        vm.prank(address(settlement));
        vm.expectRevert(abi.encodeWithSelector(ILedger.PaymentWithoutRole.selector, 0));
        ledger.payEscrow(task, payments);
    }

    function test_who_chose_a_spoke_is_paid_into_its_lockbox() public {
        address owner = vm.addr(OWNERS);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(ILedger.SpokeUnknown.selector, SPOKE));
        ledger.setPayoutChain(SPOKE);
        ledger.openSpoke(SPOKE, address(1));
        vm.prank(owner);
        ledger.setPayoutChain(SPOKE);

        for (uint256 i = 1; i <= 2; ++i) {
            TaskId task = place();
            run(task);
            judge(task, 1, 0);
            settle(task);
            equal(ledger.balanceOf(owner), 0, "nothing here");
            equal(ledger.owedOf(SPOKE, owner), 233_333_333_333_333_333 * i, "owed there");
            equal(ledger.lockboxOf(SPOKE), 233_333_333_333_333_333 * i, "locked here");
        }
        vm.prank(owner);
        ledger.setPayoutChain(block.chainid);
        equal(ledger.payoutChainOf(owner), 0, "back home");
        equal(ledger.totalWei(), token.balanceOf(address(ledger)), "buckets");
    }

    function test_a_spoke_is_opened_once() public {
        ledger.openSpoke(SPOKE, address(1));
        vm.expectRevert(
            abi.encodeWithSelector(ILedger.SpokeAlreadyOpen.selector, SPOKE, address(1))
        );
        ledger.openSpoke(SPOKE, address(2));
    }

    function test_governance_spends_the_treasury_and_no_more() public {
        TaskId task = place();
        run(task);
        judge(task, 1, 0);
        settle(task);
        uint256 treasuryWei = ledger.treasury();
        vm.expectRevert(
            abi.encodeWithSelector(ILedger.TreasuryTooLow.selector, treasuryWei, treasuryWei + 1)
        );
        ledger.spendTreasury(vm.addr(STRANGER), treasuryWei + 1);
        ledger.spendTreasury(vm.addr(STRANGER), treasuryWei);
        equal(ledger.balanceOf(vm.addr(STRANGER)), treasuryWei, "spent");
    }

    function testFuzz_tokens_sent_without_a_deposit_are_the_treasurys(uint96 amount) public {
        uint256 amountWei = within(amount, 1, 1_000 ether);
        require(token.transfer(address(ledger), amountWei));
        ledger.absorbSurplus();
        equal(ledger.treasury(), amountWei, "treasury");
        vm.expectRevert(ILedger.NoSurplus.selector);
        ledger.absorbSurplus();
    }

    function permitDigest(address owner, uint256 amountWei) private view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                owner,
                address(ledger),
                amountWei,
                uint256(0),
                block.timestamp
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash));
    }
}
