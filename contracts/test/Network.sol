// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {AppRegistry} from "../src/AppRegistry.sol";
import {AssetRegistry} from "../src/AssetRegistry.sol";
import {CloisterToken} from "../src/CloisterToken.sol";
import {Committee} from "../src/Committee.sol";
import {GrantBook} from "../src/GrantBook.sol";
import {Identifiers} from "../src/Identifiers.sol";
import {AppStatus} from "../src/interfaces/IAppRegistry.sol";
import {Modules} from "../src/interfaces/ILedger.sol";
import {MarketConfig, Task} from "../src/interfaces/IMarket.sol";
import {SettlementConfig} from "../src/interfaces/ISettlement.sol";
import {KeeperDuty} from "../src/KeeperDuty.sol";
import {DutyConfig} from "../src/interfaces/IKeeperDuty.sol";
import {Ledger} from "../src/Ledger.sol";
import {Market} from "../src/Market.sol";
import {
    Admission,
    Grant,
    Messages,
    Order,
    Posting,
    Receipt,
    Refusal,
    Vote
} from "../src/Messages.sol";
import {NodeRegistry} from "../src/NodeRegistry.sol";
import {ReleaseKeys} from "../src/ReleaseKeys.sol";
import {Settlement} from "../src/Settlement.sol";
import {Staking} from "../src/Staking.sol";
import {Tees} from "../src/Tees.sol";
import {AppId, AssetId, TaskId} from "../src/Types.sol";
import {Actors} from "./Actors.sol";

/// @dev A whole deployment in the order of contracts/README.md, and hands to act in it: three
/// operators with a node each, four verifiers, two owners with an asset each, a requester. Keys are
/// small numbers, so that a failure names its actor.
abstract contract Network is Actors {
    uint256 internal constant SUPPLY = 1_000_000 ether;
    uint256 internal constant NODE_STAKE = 100 ether;
    uint256 internal constant VERIFIER_STAKE = 50 ether;
    uint64 internal constant UNBOND_SECONDS = 2 days;
    uint64 internal constant JUDGE_SECONDS = 1 hours;
    uint64 internal constant CHALLENGE_SECONDS = 2 hours;
    uint128 internal constant MISS = 5 ether;
    uint128 internal constant FORGED = 60 ether;
    uint128 internal constant EQUIVOCATED = 40 ether;
    uint128 internal constant FALSE_VOTE = 30 ether;
    uint64 internal constant ANSWER_SECONDS = 60;
    uint64 internal constant LAPSE_SECONDS = 120;
    uint128 internal constant DEMAND_DEPOSIT = 0.01 ether;
    uint128 internal constant KEEPER_LAPSE = 7 ether;
    uint96 internal constant FEE_MIN = 1_000;

    bytes32 internal constant MEASUREMENT = keccak256("runtime");
    AppId internal constant APP = AppId.wrap(keccak256("app"));

    CloisterToken internal token;
    Ledger internal ledger;
    Staking internal staking;
    Committee internal committee;
    AppRegistry internal apps;
    AssetRegistry internal assets;
    NodeRegistry internal nodes;
    ReleaseKeys internal releaseKeys;
    GrantBook internal grantBook;
    Market internal market;
    Settlement internal settlement;
    KeeperDuty internal duty;

    uint256[] internal verifierKeys;
    AssetId[2] internal assetIds;
    uint64 internal orderNonce;

    /// @dev What the next receipt says: of a metered task what it spent, and what it produced.
    uint128 internal spentWei;
    bytes32 internal commitment = keccak256("commitment");

    function deploy() internal {
        vm.warp(1_800_000_000);
        vm.roll(1_000);
        token = new CloisterToken(address(this), SUPPLY);
        ledger = new Ledger(token, address(this));
        staking = new Staking(ledger, UNBOND_SECONDS);
        committee = new Committee(ledger, staking, _verifiers(), VERIFIER_STAKE);
        apps = new AppRegistry(address(this));
        assets = new AssetRegistry(ledger);
        nodes = new NodeRegistry(ledger, staking, committee, apps, NODE_STAKE);
        releaseKeys = new ReleaseKeys(ledger);
        grantBook = new GrantBook(ledger, assets, releaseKeys);
        market = new Market(
            ledger,
            staking,
            committee,
            apps,
            assets,
            grantBook,
            nodes,
            MarketConfig(FEE_MIN, MISS, 60, 1 days, 30 days)
        );
        settlement = new Settlement(
            ledger,
            staking,
            committee,
            nodes,
            market,
            SettlementConfig(JUDGE_SECONDS, CHALLENGE_SECONDS, FORGED, EQUIVOCATED, FALSE_VOTE)
        );
        duty = new KeeperDuty(
            ledger,
            staking,
            assets,
            nodes,
            market,
            DutyConfig(ANSWER_SECONDS, LAPSE_SECONDS, DEMAND_DEPOSIT, KEEPER_LAPSE)
        );
        ledger.sealModules(
            Modules(
                address(staking),
                address(nodes),
                address(market),
                address(settlement),
                address(duty)
            )
        );
        token.approve(address(ledger), type(uint256).max);
        apps.setApp(APP, AppStatus.Listed);
        apps.setMeasurement(MEASUREMENT, true);
    }

    /// @dev Bonds everybody, admits three nodes on TEEs of three vendors, registers two assets,
    /// funds the requester.
    function populate() internal {
        for (uint256 i; i < verifierKeys.length; ++i) {
            bond(vm.addr(verifierKeys[i]), VERIFIER_STAKE);
        }
        for (uint256 i; i < 3; ++i) {
            bond(vm.addr(OPERATORS + i), NODE_STAKE);
            admit(OPERATORS + i, ENCLAVES + i, bytes32(i + 1));
        }
        for (uint256 i; i < 2; ++i) {
            vm.prank(vm.addr(OWNERS + i));
            assetIds[i] = assets.register(bytes32(i + 1), 0, shares(), 0, 0);
        }
        ledger.depositFor(vm.addr(REQUESTER), 1_000 ether);
    }

    function bond(address account, uint256 amountWei) internal {
        ledger.depositFor(account, amountWei);
        vm.prank(account);
        staking.bond(amountWei);
    }

    function admit(uint256 operatorKey, uint256 enclaveKey, bytes32 machineId) internal {
        Admission memory admission = admissionOf(operatorKey, enclaveKey, machineId);
        bytes[] memory signatures = quorum(digestOf(Messages.hash(admission)), 3);
        uint256 beaconBlock = vm.getBlockNumber() - 1;
        vm.prank(vm.addr(operatorKey));
        nodes.admit(admission, "http://node", beaconBlock, signatures, "");
    }

    function admissionOf(uint256 operatorKey, uint256 enclaveKey, bytes32 machineId)
        internal
        view
        returns (Admission memory)
    {
        return Admission({
            operator: vm.addr(operatorKey),
            receiptKey: vm.addr(enclaveKey),
            shareKeyHash: keccak256(abi.encode(enclaveKey)),
            machineId: machineId,
            measurement: MEASUREMENT,
            tcb: 0,
            tier: 1,
            tags: 1,
            expiry: uint64(block.timestamp + 30 days),
            bundleDigest: keccak256("bundle"),
            appraisalDigest: keccak256("appraisal"),
            beacon: blockhash(vm.getBlockNumber() - 1),
            tee: uint8(2 + uint256(machineId) % 3)
        });
    }

    function grantOf(uint256 owner) internal view returns (Grant memory grant) {
        grant.version = 2;
        grant.owner = vm.addr(OWNERS + owner);
        grant.assets = new AssetId[](1);
        grant.assets[0] = assetIds[owner];
        grant.tees = Tees.ALL;
        grant.usesPerDay = 1_000;
        grant.ownersMin = 1;
        grant.outputFormats = 1;
        grant.apps = new AppId[](1);
        grant.apps[0] = APP;
        grant.measurements = new bytes32[](1);
        grant.measurements[0] = MEASUREMENT;
        grant.tierMin = 1;
        grant.anyNode = true;
        grant.anyRequester = true;
        grant.purpose = "test";
        grant.priceWei = uint128((owner + 1) * 100);
        grant.usesMax = 1_000;
        grant.expiry = uint64(block.timestamp + 60 days);
        grant.nonce = 7;
    }

    function grantsOf() internal view returns (Grant[] memory grants) {
        grants = new Grant[](2);
        grants[0] = grantOf(0);
        grants[1] = grantOf(1);
    }

    function orderOf(Grant[] memory grants) internal returns (Order memory order) {
        order.requester = vm.addr(REQUESTER);
        order.app = APP;
        order.assets = new AssetId[](grants.length);
        order.grants = new bytes32[](grants.length);
        for (uint256 i; i < grants.length; ++i) {
            order.assets[i] = grants[i].assets[0];
            order.grants[i] = digestOf(Messages.hash(grants[i]));
        }
        order.recipientKeyHash = keccak256("recipient");
        order.tierMin = 1;
        order.tags = 1;
        order.replicas = 1;
        order.feeWei = 1 ether;
        order.attemptSeconds = 600;
        order.attemptsMax = 2;
        order.expiry = uint64(block.timestamp + 1 days);
        order.nonce = ++orderNonce;
        order.tees = Tees.ALL;
    }

    function signGrants(Grant[] memory grants) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](grants.length);
        for (uint256 i; i < grants.length; ++i) {
            signatures[i] = sign(OWNERS + i, digestOf(Messages.hash(grants[i])));
        }
    }

    function place() internal returns (TaskId task) {
        Grant[] memory grants = grantsOf();
        return place(orderOf(grants), grants);
    }

    function place(Order memory order, Grant[] memory grants) internal returns (TaskId task) {
        bytes[] memory signatures = signGrants(grants);
        vm.prank(order.requester);
        return market.place(order, grants, signatures);
    }

    /// @dev Mines past the seed block and draws.
    function draw(TaskId task) internal returns (address node) {
        vm.roll(vm.getBlockNumber() + 3);
        return market.draw(task);
    }

    function receiptOf(TaskId task) internal view returns (Receipt memory receipt) {
        Task memory current = market.taskOf(task);
        receipt.task = task;
        receipt.attempt = current.attempt;
        receipt.orderDigest = current.orderDigest;
        receipt.app = current.app;
        receipt.outputDigest = keccak256("output");
        receipt.time = uint64(block.timestamp);
        receipt.outputCommitment = commitment;
        receipt.spentWei = current.metered ? spentWei : current.feeWei;
    }

    function postingOf(TaskId task, bytes memory receiptSignature)
        internal
        view
        returns (Posting memory)
    {
        Receipt memory receipt = receiptOf(task);
        return Posting({
            task: task,
            attempt: receipt.attempt,
            receiptDigest: digestOf(Messages.hash(receipt)),
            receiptSignatureHash: keccak256(receiptSignature),
            bundleDigest: keccak256("bundle"),
            spentWei: receipt.spentWei,
            outputCommitment: receipt.outputCommitment
        });
    }

    /// @dev Posts a receipt that `signerKey` signed, in the name of the task's node and by its
    /// operator.
    function post(TaskId task, uint256 signerKey)
        internal
        returns (Posting memory posting, bytes memory receiptSignature)
    {
        receiptSignature = sign(signerKey, digestOf(Messages.hash(receiptOf(task))));
        posting = postingOf(task, receiptSignature);
        uint256 operatorKey = keyOf(market.taskOf(task).node) - ENCLAVES + OPERATORS;
        market.post(posting, sign(operatorKey, digestOf(Messages.hash(posting))));
    }

    function run(TaskId task) internal returns (Posting memory posting, bytes memory signature) {
        address node = draw(task);
        return post(task, keyOf(node));
    }

    function voteOf(TaskId task, uint8 verdict, uint8 reason)
        internal
        view
        returns (Vote memory vote)
    {
        uint32 attempt = market.taskOf(task).attempt;
        vote.task = task;
        vote.attempt = attempt;
        vote.posting = market.attemptOf(task, attempt).posting;
        vote.verdict = verdict;
        vote.reason = reason;
        if (verdict == 1) vote.keepersHash = Identifiers.keepers(keepers());
        vote.appraisalDigest = keccak256("appraisal");
    }

    function judge(TaskId task, uint8 verdict, uint8 reason) internal returns (Vote memory vote) {
        vote = voteOf(task, verdict, reason);
        settlement.judge(vote, quorum(digestOf(Messages.hash(vote)), 3));
    }

    function settle(TaskId task) internal {
        vm.warp(block.timestamp + CHALLENGE_SECONDS + 1);
        settlement.settle(task, keepers());
    }

    /// @dev The drawn node's operator shows two refusals.
    function refuse(TaskId task, Order memory order, uint8 reason) internal {
        (Refusal[] memory refusals, bytes[] memory signatures) = refusalsOf(task, order, 0, reason);
        vm.prank(operatorOf(task));
        market.refuse(order, 0, shares(), refusals, signatures);
    }

    function operatorOf(TaskId task) internal view returns (address) {
        return nodes.operatorOf(market.taskOf(task).node);
    }

    function refusalsOf(TaskId task, Order memory order, uint256 position, uint8 reason)
        internal
        view
        returns (Refusal[] memory refusals, bytes[] memory signatures)
    {
        refusals = new Refusal[](2);
        signatures = new bytes[](2);
        for (uint8 i; i < 2; ++i) {
            refusals[i] = Refusal({
                task: task,
                attempt: market.taskOf(task).attempt,
                asset: order.assets[position],
                grant: order.grants[position],
                shareIndex: i,
                keeper: vm.addr(ENCLAVES + i),
                reason: reason,
                time: uint64(block.timestamp)
            });
            signatures[i] = sign(ENCLAVES + i, digestOf(Messages.hash(refusals[i])));
        }
    }

    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(ledger.deployment(), structHash);
    }

    /// @dev Signatures of the first `count` verifiers in the order of their addresses.
    function quorum(bytes32 digest, uint256 count)
        internal
        view
        returns (bytes[] memory signatures)
    {
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            signatures[i] = sign(verifierKeys[i], digest);
        }
    }

    /// @dev Four verifier keys, sorted by address.
    function _verifiers() private returns (address[] memory members) {
        members = new address[](4);
        for (uint256 i; i < 4; ++i) {
            uint256 key = VERIFIERS + i;
            uint256 at_ = verifierKeys.length;
            verifierKeys.push(key);
            while (at_ > 0 && vm.addr(verifierKeys[at_ - 1]) > vm.addr(key)) {
                verifierKeys[at_] = verifierKeys[at_ - 1];
                --at_;
            }
            verifierKeys[at_] = key;
        }
        for (uint256 i; i < 4; ++i) {
            members[i] = vm.addr(verifierKeys[i]);
        }
    }
}
