// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {Deployed} from "./Deployed.sol";
import {GrantRules} from "./GrantRules.sol";
import {Identifiers} from "./Identifiers.sol";
import {AppStatus, IAppRegistry} from "./interfaces/IAppRegistry.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {Bounds, IGrantBook} from "./interfaces/IGrantBook.sol";
import {Attempt, IMarket, MarketConfig, Task} from "./interfaces/IMarket.sol";
import {Grant, Messages, Order} from "./Messages.sol";
import {Tees} from "./Tees.sol";
import {AppId, TaskId, TaskState} from "./Types.sol";

/// @title The Market's front: takes orders in. What can't be met is refused here, with the reason.
/// @dev Abstract so that no file holds both halves of a task's life.
abstract contract OrderDesk is IMarket, Deployed {
    uint256 public constant ASSETS_MAX = 8;
    uint8 public constant ATTEMPTS_MAX = 8;
    uint8 public constant REPLICAS_MAX = 3;

    /// @notice A draw uses the hash of the block this many after the one in which the order was
    /// placed.
    uint64 public constant SEED_BLOCKS = 2;

    IAppRegistry public immutable apps;
    IAssetRegistry public immutable assets;
    IGrantBook public immutable grantBook;

    MarketConfig internal _config;
    mapping(TaskId task => Task) internal _tasks;
    mapping(TaskId task => mapping(uint32 attempt => Attempt)) internal _attempts;
    mapping(TaskId task => mapping(address node => bool)) internal _tried;

    constructor(
        IAppRegistry apps_,
        IAssetRegistry assets_,
        IGrantBook grantBook_,
        MarketConfig memory config_
    ) {
        require(
            config_.feeMinWei > 0 && config_.attemptSecondsMin > 0
                && config_.attemptSecondsMin <= config_.attemptSecondsMax
                && config_.orderSecondsMax > 0,
            ConfigOutOfRange()
        );
        apps = apps_;
        assets = assets_;
        grantBook = grantBook_;
        _config = config_;
    }

    /// @inheritdoc IMarket
    function place(Order calldata order, Grant[] calldata grants, bytes[] calldata grantSignatures)
        external
        returns (TaskId)
    {
        require(msg.sender == order.requester, NotRequester(msg.sender, order.requester));
        return _place(order, _digest(Messages.hash(order)), grants, grantSignatures);
    }

    /// @inheritdoc IMarket
    function placeFor(
        Order calldata order,
        Grant[] calldata grants,
        bytes[] calldata grantSignatures,
        bytes calldata requesterSignature
    ) external returns (TaskId) {
        bytes32 digest = _digest(Messages.hash(order));
        require(
            SignatureChecker.isValidSignatureNowCalldata(
                order.requester, digest, requesterSignature
            ),
            RequesterDidNotSign(order.requester)
        );
        return _place(order, digest, grants, grantSignatures);
    }

    /// @inheritdoc IMarket
    function taskOf(TaskId task) external view returns (Task memory) {
        return _tasks[task];
    }

    /// @inheritdoc IMarket
    function attemptOf(TaskId task, uint32 attempt) external view returns (Attempt memory) {
        return _attempts[task][attempt];
    }

    /// @inheritdoc IMarket
    function triedOf(TaskId task, address node) external view returns (bool) {
        return _tried[task][node];
    }

    /// @inheritdoc IMarket
    function config() external view returns (MarketConfig memory) {
        return _config;
    }

    function _place(
        Order calldata order,
        bytes32 orderDigest,
        Grant[] calldata grants,
        bytes[] calldata grantSignatures
    ) private returns (TaskId task) {
        task = Identifiers.task(orderDigest);
        require(_tasks[task].state == TaskState.None, TaskKnown(task));
        _checkOrder(order);
        uint256 count = order.assets.length;
        require(
            grants.length == count && order.grants.length == count
                && grantSignatures.length == count,
            GrantsDoNotMatchAssets(grants.length, count)
        );

        Bounds memory bounds = grantBook.use(task, order, grants, grantSignatures);
        uint256 vendors = Tees.vendors(bounds.tees);
        require(vendors >= order.replicas, VendorsTooFew(vendors, order.replicas));
        uint64 seedBlock = uint64(block.number) + SEED_BLOCKS;
        emit Placed(task, order.requester, seedBlock, order, grants, grantSignatures);

        for (uint8 i; i < order.replicas; ++i) {
            _open(task, order, orderDigest, i, bounds);
        }
    }

    function _open(
        TaskId first,
        Order calldata order,
        bytes32 orderDigest,
        uint8 replica,
        Bounds memory bounds
    ) private {
        TaskId task = Identifiers.replica(first, replica);
        uint128 feeWei = order.feeWei / order.replicas;
        // The first replica takes what can't be divided.
        if (replica == 0) feeWei = order.feeWei - feeWei * (order.replicas - 1);
        else emit ReplicaPlaced(task, first, replica);
        Task storage opened = _tasks[task];
        opened.orderDigest = orderDigest;
        opened.requester = order.requester;
        opened.state = TaskState.Placed;
        opened.attemptsMax = order.attemptsMax;
        opened.tags = order.tags;
        opened.tierMin = bounds.tierMin;
        opened.tcbFloor = bounds.tcbFloor;
        opened.attemptSeconds = order.attemptSeconds;
        opened.seedBlock = uint64(block.number) + SEED_BLOCKS;
        opened.expiry = order.expiry;
        opened.feeWei = uint96(feeWei);
        opened.tees = bounds.tees;
        opened.replicas = order.replicas;
        opened.replica = replica;
        opened.metered = order.unitWei > 0;
        opened.isPrivate = order.epsilonMicros > 0;
        opened.app = order.app;

        ledger.lockEscrow(task, order.requester, feeWei);
    }

    function _checkOrder(Order calldata order) private view {
        MarketConfig memory bounds = _config;
        uint256 count = order.assets.length;
        require(count > 0 && count <= ASSETS_MAX, AssetsOutOfRange(count, 1, ASSETS_MAX));
        require(order.recipientKeyHash != 0, RecipientKeyIsZero());
        require(Tees.wellFormed(order.tees), TeesUnknown(order.tees));
        require(
            order.attemptsMax > 0 && order.attemptsMax <= ATTEMPTS_MAX,
            AttemptsOutOfRange(order.attemptsMax, 1, ATTEMPTS_MAX)
        );
        require(
            order.attemptSeconds >= bounds.attemptSecondsMin
                && order.attemptSeconds <= bounds.attemptSecondsMax,
            AttemptSecondsOutOfRange(
                order.attemptSeconds, bounds.attemptSecondsMin, bounds.attemptSecondsMax
            )
        );
        _checkReplicas(order);
        uint256 feeMinWei = uint256(bounds.feeMinWei) * order.replicas;
        require(
            order.feeWei >= feeMinWei && order.feeWei <= type(uint96).max,
            FeeOutOfRange(order.feeWei, feeMinWei, type(uint96).max)
        );
        require(order.unitWei <= order.feeWei, UnitOutOfRange(order.unitWei, order.feeWei));
        require(order.expiry > block.timestamp, OrderExpired(order.expiry, block.timestamp));
        uint256 expiryMax = block.timestamp + bounds.orderSecondsMax;
        require(order.expiry <= expiryMax, OrderExpiryTooFar(order.expiry, expiryMax));
        _checkListed(order.app);
    }

    /// @dev Replicas must be able to agree: noise differs from run to run, and a session's requests
    /// go to one node.
    function _checkReplicas(Order calldata order) private pure {
        uint8 replicas = order.replicas;
        (uint64 epsilon, uint64 delta) = (order.epsilonMicros, order.deltaPicos);
        require(
            replicas > 0 && replicas <= REPLICAS_MAX, ReplicasOutOfRange(replicas, 1, REPLICAS_MAX)
        );
        require(
            epsilon > 0 ? delta < GrantRules.DELTA_PICOS_END : delta == 0,
            OrderPrivacyOutOfRange(epsilon, delta)
        );
        require(
            replicas == 1 || (epsilon == 0 && order.unitWei == 0), ReplicasNotPossible(replicas)
        );
    }

    function _checkListed(AppId app) internal view {
        require(apps.statusOf(app) == AppStatus.Listed, AppNotListed(app));
    }
}
