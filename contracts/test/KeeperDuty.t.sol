// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Shares} from "../src/interfaces/IAssetRegistry.sol";
import {
    DemandState,
    DutyConfig,
    IKeeperDuty,
    KeeperAnswer
} from "../src/interfaces/IKeeperDuty.sol";
import {KeeperDuty} from "../src/KeeperDuty.sol";
import {Countersignature, Grant, Messages, Order, Refusal, Release} from "../src/Messages.sol";
import {TaskId} from "../src/Types.sol";
import {Network} from "./Network.sol";

contract KeeperDutyTest is Network {
    Order private order;
    TaskId private task;
    address private asker;
    /// @dev The keeper that is asked: of share 1, or of share 2 where the node itself keeps share
    /// 1.
    uint8 private index;

    function setUp() public {
        deploy();
        populate();
        Grant[] memory grants = grantsOf();
        order = orderOf(grants);
        task = place(order, grants);
        draw(task);
        asker = operatorOf(task);
        index = asker == vm.addr(OPERATORS + 1) ? 2 : 1;
        vm.deal(asker, 1 ether);
        vm.deal(vm.addr(REQUESTER), 1 ether);
        vm.deal(vm.addr(STRANGER), 1 ether);
    }

    function test_a_keeper_that_answers_keeps_its_bond_and_gets_the_deposit() public {
        bytes32 id = demand(asker);
        answer(id, answerOf(index));
        equal(uint256(duty.demandOf(id).state), uint256(DemandState.Answered), "state");
        equal(duty.owedOf(keeper()), DEMAND_DEPOSIT, "deposit");
        equal(staking.slashableOf(keeper()), NODE_STAKE, "stake");
        vm.prank(keeper());
        duty.withdraw();
        equal(keeper().balance, DEMAND_DEPOSIT, "paid");
        equal(address(duty).balance, 0, "nothing is left");
        vm.prank(keeper());
        vm.expectRevert(abi.encodeWithSelector(IKeeperDuty.NothingToPay.selector, keeper()));
        duty.withdraw();
    }

    function test_a_signed_refusal_is_an_answer() public {
        bytes32 id = demand(asker);
        (Refusal memory refusal, bytes memory signature) = refusalOf(index);
        duty.refuse(id, refusal, signature);
        equal(uint256(duty.demandOf(id).state), uint256(DemandState.Refused), "state");
        equal(duty.owedOf(keeper()), DEMAND_DEPOSIT, "deposit");
        vm.warp(block.timestamp + ANSWER_SECONDS + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IKeeperDuty.NotOpen.selector, id, DemandState.Refused)
        );
        duty.lapse(id);
    }

    function test_silence_costs_the_bond_and_nobody_gains() public {
        bytes32 id = demand(asker);
        uint256 treasuryWei = ledger.treasury();
        uint256 askerWei = ledger.balanceOf(asker);
        uint256 supplyWei = token.totalSupply();
        vm.warp(duty.demandOf(id).until + 1);
        duty.lapse(id);
        equal(staking.slashableOf(keeper()), NODE_STAKE - KEEPER_LAPSE, "stake");
        equal(ledger.balanceOf(asker), askerWei, "the asker's tokens");
        equal(duty.owedOf(asker), DEMAND_DEPOSIT, "deposit");
        uint256 gained = ledger.treasury() - treasuryWei;
        equal(supplyWei - token.totalSupply(), KEEPER_LAPSE - gained, "burned");
        equal(gained, KEEPER_LAPSE * 3 / 10, "the treasury's part");
        vm.expectRevert(
            abi.encodeWithSelector(IKeeperDuty.NotOpen.selector, id, DemandState.Lapsed)
        );
        duty.lapse(id);
    }

    function test_silence_is_held_against_nobody_early_or_late() public {
        bytes32 id = demand(asker);
        uint64 until = duty.demandOf(id).until;
        vm.warp(until);
        vm.expectRevert(
            abi.encodeWithSelector(IKeeperDuty.WindowNotOver.selector, until, uint256(until))
        );
        duty.lapse(id);
        vm.warp(until + LAPSE_SECONDS + 1);
        vm.expectRevert(abi.encodeWithSelector(IKeeperDuty.CannotLapse.selector, id));
        duty.lapse(id);
        duty.close(id);
        equal(duty.owedOf(asker), DEMAND_DEPOSIT, "deposit");
        equal(staking.slashableOf(keeper()), NODE_STAKE, "stake");
    }

    function test_an_attempt_that_ended_binds_no_keeper() public {
        bytes32 id = demand(asker);
        vm.expectPartialRevert(IKeeperDuty.WindowNotOver.selector);
        duty.close(id);
        vm.prank(asker);
        market.giveUp(task);
        vm.warp(duty.demandOf(id).until + 1);
        vm.expectRevert(abi.encodeWithSelector(IKeeperDuty.CannotLapse.selector, id));
        duty.lapse(id);
        duty.close(id);
        equal(uint256(duty.demandOf(id).state), uint256(DemandState.Closed), "state");
        equal(staking.slashableOf(keeper()), NODE_STAKE, "stake");
    }

    function test_the_windows_end_before_the_attempt() public {
        uint64 deadline = market.taskOf(task).attemptDeadline;
        vm.warp(deadline - ANSWER_SECONDS - LAPSE_SECONDS + 1);
        vm.prank(asker);
        vm.expectRevert(
            abi.encodeWithSelector(
                IKeeperDuty.TooLateToDemand.selector, deadline, uint256(deadline) + 1
            )
        );
        duty.demand{value: DEMAND_DEPOSIT}(task, order, 0, shares(), index, "request");
        vm.warp(deadline - ANSWER_SECONDS - LAPSE_SECONDS);
        demand(asker);
    }

    function test_who_may_demand_and_what() public {
        demandFails(
            vm.addr(STRANGER),
            0,
            index,
            abi.encodeWithSelector(IKeeperDuty.MayNotDemand.selector, vm.addr(STRANGER))
        );
        demandFails(
            asker, 2, index, abi.encodeWithSelector(IKeeperDuty.PositionOutOfRange.selector, 2, 2)
        );
        demandFails(
            asker, 0, 3, abi.encodeWithSelector(IKeeperDuty.ShareIndexOutOfRange.selector, 3)
        );
        Order memory other = order;
        other.feeWei = 7;
        vm.prank(asker);
        vm.expectPartialRevert(IKeeperDuty.OrderDiffers.selector);
        duty.demand{value: DEMAND_DEPOSIT}(task, other, 0, shares(), index, "request");
        Shares memory moved = shares();
        moved.operators[2] = vm.addr(STRANGER);
        vm.prank(asker);
        vm.expectPartialRevert(IKeeperDuty.SharesDiffer.selector);
        duty.demand{value: DEMAND_DEPOSIT}(task, order, 0, moved, index, "request");
        vm.prank(asker);
        vm.expectRevert(
            abi.encodeWithSelector(IKeeperDuty.DepositDiffers.selector, 1, DEMAND_DEPOSIT)
        );
        duty.demand{value: 1}(task, order, 0, shares(), index, "request");
        demand(vm.addr(REQUESTER));
        // Once for each attempt and share, whoever asks.
        bytes32 id = duty.idOf(task, 1, order.assets[0], index);
        demandFails(
            asker, 0, index, abi.encodeWithSelector(IKeeperDuty.AlreadyDemanded.selector, id)
        );
    }

    function test_nothing_is_demanded_of_an_attempt_that_does_not_run() public {
        vm.prank(asker);
        market.giveUp(task);
        demandFails(
            asker, 0, index, abi.encodeWithSelector(IKeeperDuty.AttemptNotRunning.selector, task, 1)
        );
    }

    function test_an_answer_must_be_the_keepers_for_just_this() public {
        bytes32 id = demand(asker);
        KeeperAnswer memory given = answerOf(index);
        given.release.attempt = 2;
        answerFails(id, given, abi.encodeWithSelector(IKeeperDuty.AnswerForOther.selector, id));
        given = answerOf(index);
        given.release.shareIndex = index == 1 ? 2 : 1;
        answerFails(id, given, abi.encodeWithSelector(IKeeperDuty.AnswerForOther.selector, id));
        given = answerOf(index);
        given.release.asset = order.assets[1];
        answerFails(id, given, abi.encodeWithSelector(IKeeperDuty.AnswerForOther.selector, id));
        given = answerOf(index);
        given.envelope = "another's garbage";
        answerFails(
            id,
            given,
            abi.encodeWithSelector(
                IKeeperDuty.NotByKeeper.selector, vm.addr(ENCLAVES + index), keeper()
            )
        );
        given = answerOf(index);
        given.envelope = new bytes(2049);
        answerFails(
            id, given, abi.encodeWithSelector(IKeeperDuty.EnvelopeOutOfRange.selector, 2049)
        );
        given = answerOf(index);
        given.countersigner = vm.addr(ENCLAVES + index);
        answerFails(
            id,
            given,
            abi.encodeWithSelector(IKeeperDuty.NotCountersigned.selector, vm.addr(ENCLAVES + index))
        );
        given = answerOf(index);
        given.countersignature = given.signature;
        answerFails(
            id,
            given,
            abi.encodeWithSelector(IKeeperDuty.NotCountersigned.selector, given.countersigner)
        );
        // The enclave of another keeper answers for itself alone.
        given = signed(releaseOf(index, 0), ENCLAVES);
        answerFails(
            id,
            given,
            abi.encodeWithSelector(IKeeperDuty.NotByKeeper.selector, vm.addr(ENCLAVES), keeper())
        );
        answer(id, answerOf(index));
        answerFails(
            id,
            answerOf(index),
            abi.encodeWithSelector(IKeeperDuty.NotOpen.selector, id, DemandState.Answered)
        );
    }

    function test_an_answer_after_the_window_comes_too_late() public {
        bytes32 id = demand(asker);
        uint64 until = duty.demandOf(id).until;
        KeeperAnswer memory given = answerOf(index);
        vm.warp(until + 1);
        answerFails(
            id,
            given,
            abi.encodeWithSelector(IKeeperDuty.AnswerTooLate.selector, until, uint256(until) + 1)
        );
    }

    function test_a_refusal_by_another_key_or_of_another_share_is_none() public {
        bytes32 id = demand(asker);
        (Refusal memory refusal, bytes memory signature) = refusalOf(index);
        bytes memory strangers = sign(STRANGER, digestOf(Messages.hash(refusal)));
        bytes memory reason = abi.encodeWithSelector(
            IKeeperDuty.NotByKeeper.selector, vm.addr(ENCLAVES + index), keeper()
        );
        vm.expectRevert(reason);
        duty.refuse(id, refusal, strangers);
        refusal.grant = bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(IKeeperDuty.AnswerForOther.selector, id));
        duty.refuse(id, refusal, signature);
    }

    function testFuzz_every_deposit_ends_as_one_credit(uint8 way, uint32 later) public {
        bytes32 id = demand(asker);
        KeeperAnswer memory given = answerOf(index);
        (Refusal memory refusal, bytes memory signature) = refusalOf(index);
        vm.warp(block.timestamp + later % (2 * (ANSWER_SECONDS + LAPSE_SECONDS)));
        way = way % 5;
        if (way == 0) try duty.answer(id, shares(), given) {} catch {}
        if (way == 1) try duty.refuse(id, refusal, signature) {} catch {}
        if (way == 2) try duty.lapse(id) {} catch {}
        if (way == 3) try duty.close(id) {} catch {}
        uint256 credits = duty.owedOf(asker) + duty.owedOf(keeper());
        bool open = duty.demandOf(id).state == DemandState.Open;
        equal(credits, open ? 0 : uint256(DEMAND_DEPOSIT), "one credit");
        equal(address(duty).balance, DEMAND_DEPOSIT, "held");
    }

    function test_windows_are_bounded_and_stake_outlasts_them() public {
        DutyConfig memory config = duty.config();
        config.answerSeconds = 0;
        vm.expectRevert(IKeeperDuty.DutyConfigOutOfRange.selector);
        new KeeperDuty(ledger, staking, assets, nodes, market, config);
        config.answerSeconds = 1 days;
        config.lapseSeconds = 1 days + 1;
        vm.expectRevert(IKeeperDuty.DutyConfigOutOfRange.selector);
        new KeeperDuty(ledger, staking, assets, nodes, market, config);
    }

    function keeper() private view returns (address) {
        return vm.addr(OPERATORS + index);
    }

    function demand(address from) private returns (bytes32) {
        vm.prank(from);
        return duty.demand{value: DEMAND_DEPOSIT}(task, order, 0, shares(), index, "request");
    }

    function demandFails(address from, uint256 position, uint8 share, bytes memory reason) private {
        vm.prank(from);
        vm.expectRevert(reason);
        duty.demand{value: DEMAND_DEPOSIT}(task, order, position, shares(), share, "request");
    }

    function answer(bytes32 id, KeeperAnswer memory given) private {
        vm.prank(vm.addr(STRANGER));
        duty.answer(id, shares(), given);
    }

    function answerFails(bytes32 id, KeeperAnswer memory given, bytes memory reason) private {
        vm.expectRevert(reason);
        duty.answer(id, shares(), given);
    }

    function releaseOf(uint8 share, uint8 enclave) private view returns (Release memory release) {
        release.task = task;
        release.attempt = 1;
        release.asset = order.assets[0];
        release.grant = order.grants[0];
        release.shareIndex = share;
        release.keeper = vm.addr(ENCLAVES + enclave);
        release.quoteDigest = keccak256("quote");
        release.checkpoint = keccak256("checkpoint");
        release.time = uint64(block.timestamp);
    }

    function answerOf(uint8 share) private view returns (KeeperAnswer memory) {
        return signed(releaseOf(share, share), ENCLAVES + share);
    }

    /// @dev Countersigned by the enclave of share 0's keeper, or by that of share 1's for its own.
    function signed(Release memory release, uint256 key)
        private
        view
        returns (KeeperAnswer memory given)
    {
        bytes32 digest = digestOf(Messages.hash(release));
        uint256 second = key == ENCLAVES ? ENCLAVES + 1 : ENCLAVES;
        given.release = release;
        given.signature = sign(key, digest);
        given.countersigner = vm.addr(second);
        given.countersignature =
            sign(second, digestOf(Messages.hash(Countersignature(digest, given.countersigner))));
        given.envelope = new bytes(1169);
        bytes32 typeHash = keccak256("Delivery(bytes32 release,bytes32 envelopeHash)");
        bytes32 delivery = keccak256(abi.encode(typeHash, digest, keccak256(given.envelope)));
        given.deliverySignature = sign(key, digestOf(delivery));
    }

    function refusalOf(uint8 share)
        private
        view
        returns (Refusal memory refusal, bytes memory signature)
    {
        refusal = Refusal({
            task: task,
            attempt: 1,
            asset: order.assets[0],
            grant: order.grants[0],
            shareIndex: share,
            keeper: vm.addr(ENCLAVES + share),
            reason: 1,
            time: uint64(block.timestamp)
        });
        signature = sign(ENCLAVES + share, digestOf(Messages.hash(refusal)));
    }
}
