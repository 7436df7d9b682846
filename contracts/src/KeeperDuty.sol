// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Deployed} from "./Deployed.sol";
import {Identifiers} from "./Identifiers.sol";
import {IAssetRegistry, Shares} from "./interfaces/IAssetRegistry.sol";
import {
    Demand,
    DemandState,
    DutyConfig,
    IKeeperDuty,
    KeeperAnswer
} from "./interfaces/IKeeperDuty.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IMarket, Task} from "./interfaces/IMarket.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Countersignature, Messages, Order, Refusal, Release} from "./Messages.sol";
import {AssetId, Offence, Role, TaskId, TaskState} from "./Types.sol";

/// @title Keepers answer or sign a refusal in time, or lose part of their bond.
/// @notice DUTY: a node that gets no answer from a keeper demands it here, with a deposit. The
/// keeper answers with what its enclave signed: the release and its envelope, so that the asker
/// really has the share, or a refusal. Silence while the attempt runs costs `lapseWei` of the
/// operator's stake, most of it burned, the rest the treasury's: nobody gains by a keeper's
/// silence. Once for each attempt, asset and share; a signed answer names all three, so that none
/// serves twice.
///
/// MONEY: deposits are the chain's own coin and pay the keeper's gas. Each ends as exactly one
/// credit: the keeper's operator's if it was answered, else the asker's. Credits are withdrawn by
/// whom they belong to.
/// ROLES: nobody is trusted. An answer counts for its signatures, whoever sends it.
///
/// LIVENESS: every demand ends: by an answer within `answerSeconds`, by `lapse` within
/// `lapseSeconds` after that, or by `close`, which needs no one's consent. Both windows end before
/// the attempt's deadline, so a keeper is never held to an attempt that is over. Nothing can be
/// paused, and there are no loops.
contract KeeperDuty is IKeeperDuty, Deployed {
    uint8 internal constant KEEPERS = 3;
    uint256 internal constant ENVELOPE_BYTES_MAX = 2_048;
    uint64 internal constant WINDOW_SECONDS_MAX = 1 days;
    bytes32 internal constant DELIVERY =
        keccak256("Delivery(bytes32 release,bytes32 envelopeHash)");

    IStaking public immutable staking;
    IAssetRegistry public immutable assets;
    INodeRegistry public immutable nodes;
    IMarket public immutable market;

    /// @inheritdoc IKeeperDuty
    mapping(address account => uint256 amountWei) public owedOf;

    DutyConfig private _config;
    mapping(bytes32 id => Demand) private _demands;

    constructor(
        ILedger ledger_,
        IStaking staking_,
        IAssetRegistry assets_,
        INodeRegistry nodes_,
        IMarket market_,
        DutyConfig memory config_
    ) Deployed(ledger_) {
        require(
            config_.answerSeconds > 0 && config_.lapseSeconds > 0
                && config_.answerSeconds <= WINDOW_SECONDS_MAX
                && config_.lapseSeconds <= WINDOW_SECONDS_MAX && config_.lapseWei > 0,
            DutyConfigOutOfRange()
        );
        // Stake that starts to leave as a demand is made must still be there when it lapses.
        uint64 needed = config_.answerSeconds + config_.lapseSeconds;
        uint64 unbondSeconds = staking_.unbondSeconds();
        require(unbondSeconds >= needed, StakeLeavesTooSoon(unbondSeconds, needed));
        staking = staking_;
        assets = assets_;
        nodes = nodes_;
        market = market_;
        _config = config_;
    }

    /// @inheritdoc IKeeperDuty
    function demand(
        TaskId task,
        Order calldata order,
        uint256 position,
        Shares calldata shares,
        uint8 shareIndex,
        bytes32 requestDigest
    ) external payable returns (bytes32 id) {
        Task memory current = market.taskOf(task);
        _checkAsker(task, current, order);
        uint256 count = order.assets.length;
        require(position < count, PositionOutOfRange(position, count));
        require(shareIndex < KEEPERS, ShareIndexOutOfRange(shareIndex));
        AssetId asset = order.assets[position];
        bytes32 sharesHash = assets.sharesHashOf(asset);
        _checkShares(shares, sharesHash);
        require(msg.value == _config.depositWei, DepositDiffers(msg.value, _config.depositWei));
        uint64 until = uint64(block.timestamp) + _config.answerSeconds;
        uint64 needed = until + _config.lapseSeconds;
        require(needed <= current.attemptDeadline, TooLateToDemand(current.attemptDeadline, needed));
        id = idOf(task, current.attempt, asset, shareIndex);
        require(_demands[id].state == DemandState.None, AlreadyDemanded(id));

        Demand memory made = Demand({
            state: DemandState.Open,
            attempt: current.attempt,
            shareIndex: shareIndex,
            until: until,
            asker: msg.sender,
            operator: shares.operators[shareIndex],
            task: task,
            asset: asset,
            grant: order.grants[position],
            sharesHash: sharesHash
        });
        _demands[id] = made;
        emit Demanded(id, task, made.operator, made, requestDigest);
    }

    /// @inheritdoc IKeeperDuty
    function answer(bytes32 id, Shares calldata shares, KeeperAnswer calldata given) external {
        Demand storage due = _answerable(id);
        Release calldata release = given.release;
        require(
            release.task == due.task && release.attempt == due.attempt && release.asset == due.asset
                && release.grant == due.grant && release.shareIndex == due.shareIndex,
            AnswerForOther(id)
        );
        require(
            given.envelope.length > 0 && given.envelope.length <= ENVELOPE_BYTES_MAX,
            EnvelopeOutOfRange(given.envelope.length)
        );
        address operator = due.operator;
        bytes32 digest = _digest(Messages.hash(release));
        _checkKeeper(digest, given.signature, release.keeper, operator);
        bytes32 delivery = keccak256(abi.encode(DELIVERY, digest, keccak256(given.envelope)));
        _checkKeeper(_digest(delivery), given.deliverySignature, release.keeper, operator);
        _checkShares(shares, due.sharesHash);
        _checkCountersigner(digest, given, shares, operator);

        due.state = DemandState.Answered;
        owedOf[operator] += _config.depositWei;
        emit Answered(id, due.task, given);
    }

    /// @inheritdoc IKeeperDuty
    function refuse(bytes32 id, Refusal calldata refusal, bytes calldata signature) external {
        Demand storage due = _answerable(id);
        require(
            refusal.task == due.task && refusal.attempt == due.attempt && refusal.asset == due.asset
                && refusal.grant == due.grant && refusal.shareIndex == due.shareIndex,
            AnswerForOther(id)
        );
        _checkKeeper(_digest(Messages.hash(refusal)), signature, refusal.keeper, due.operator);

        due.state = DemandState.Refused;
        owedOf[due.operator] += _config.depositWei;
        emit RefusalGiven(id, due.task, refusal, signature);
    }

    /// @inheritdoc IKeeperDuty
    function lapse(bytes32 id) external {
        Demand storage due = _open(id);
        require(block.timestamp > due.until, WindowNotOver(due.until, block.timestamp));
        require(
            block.timestamp <= due.until + _config.lapseSeconds && _isRunning(due), CannotLapse(id)
        );

        due.state = DemandState.Lapsed;
        owedOf[due.asker] += _config.depositWei;
        uint256 takenWei = staking.slash(
            due.operator, _config.lapseWei, address(0), Role.Treasury, Offence.KeeperSilence
        );
        emit Lapsed(id, due.operator, takenWei);
    }

    /// @inheritdoc IKeeperDuty
    function close(bytes32 id) external {
        Demand storage due = _open(id);
        uint64 until = due.until + _config.lapseSeconds;
        require(block.timestamp > until || !_isRunning(due), WindowNotOver(until, block.timestamp));

        due.state = DemandState.Closed;
        owedOf[due.asker] += _config.depositWei;
        emit DemandClosed(id);
    }

    /// @inheritdoc IKeeperDuty
    function withdraw() external {
        uint256 amountWei = owedOf[msg.sender];
        require(amountWei > 0, NothingToPay(msg.sender));

        owedOf[msg.sender] = 0;
        emit DutyPaid(msg.sender, amountWei);

        (bool sent,) = msg.sender.call{value: amountWei}("");
        require(sent, PayFailed(msg.sender));
    }

    /// @inheritdoc IKeeperDuty
    function demandOf(bytes32 id) external view returns (Demand memory) {
        return _demands[id];
    }

    /// @inheritdoc IKeeperDuty
    function config() external view returns (DutyConfig memory) {
        return _config;
    }

    /// @inheritdoc IKeeperDuty
    function idOf(TaskId task, uint32 attempt, AssetId asset, uint8 shareIndex)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(task, attempt, asset, shareIndex));
    }

    /// @dev The attempt runs, and the caller is who is served by it.
    function _checkAsker(TaskId task, Task memory current, Order calldata order) private view {
        require(current.state == TaskState.Running, AttemptNotRunning(task, current.attempt));
        bytes32 given = _digest(Messages.hash(order));
        require(given == current.orderDigest, OrderDiffers(given, current.orderDigest));
        require(
            msg.sender == nodes.operatorOf(current.node) || msg.sender == current.requester,
            MayNotDemand(msg.sender)
        );
    }

    function _checkShares(Shares calldata shares, bytes32 expected) private pure {
        bytes32 given = Identifiers.shares(shares.commitments, shares.operators, shares.threshold);
        require(given == expected, SharesDiffer(given, expected));
    }

    /// @dev `keeper` signed, and is an enclave of the operator's whose admission is not over.
    function _checkKeeper(
        bytes32 digest,
        bytes calldata signature,
        address keeper,
        address operator
    ) private view {
        require(
            ECDSA.recoverCalldata(digest, signature) == keeper && nodes.mayRefuse(keeper, operator),
            NotByKeeper(keeper, operator)
        );
    }

    /// @dev An enclave of another of the asset's keepers countersigned.
    function _checkCountersigner(
        bytes32 digest,
        KeeperAnswer calldata given,
        Shares calldata shares,
        address operator
    ) private view {
        address second = given.countersigner;
        address other = nodes.operatorOf(second);
        bool keeps = other == shares.operators[0] || other == shares.operators[1]
            || other == shares.operators[2];
        require(
            keeps && other != operator && nodes.mayRefuse(second, other), NotCountersigned(second)
        );
        Countersignature memory message = Countersignature(digest, second);
        address signer =
            ECDSA.recoverCalldata(_digest(Messages.hash(message)), given.countersignature);
        require(signer == second, NotCountersigned(second));
    }

    function _isRunning(Demand storage due) private view returns (bool) {
        Task memory task = market.taskOf(due.task);
        return task.state == TaskState.Running && task.attempt == due.attempt;
    }

    function _answerable(bytes32 id) private view returns (Demand storage due) {
        due = _open(id);
        require(block.timestamp <= due.until, AnswerTooLate(due.until, block.timestamp));
    }

    function _open(bytes32 id) private view returns (Demand storage due) {
        due = _demands[id];
        require(due.state == DemandState.Open, NotOpen(id, due.state));
    }
}
