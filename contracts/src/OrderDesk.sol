// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {Deployed} from "./Deployed.sol";
import {Identifiers} from "./Identifiers.sol";
import {AppStatus, IAppRegistry} from "./interfaces/IAppRegistry.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IGrantBook, OwnerShare, Terms} from "./interfaces/IGrantBook.sol";
import {Attempt, IMarket, MarketConfig, Task} from "./interfaces/IMarket.sol";
import {Grant, Messages, Order} from "./Messages.sol";
import {AppId, TaskId, TaskState} from "./Types.sol";

/// @title The Market's front: takes orders in. What can't be met is refused here, with the reason.
/// @dev Abstract so that no file holds both halves of a task's life.
abstract contract OrderDesk is IMarket, Deployed {
    uint256 public constant ASSETS_MAX = 8;
    uint8 public constant ATTEMPTS_MAX = 8;

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
    mapping(TaskId task => OwnerShare[]) private _owners;
    mapping(TaskId task => address[]) internal _operators;
    mapping(TaskId task => bytes32[]) internal _measurements;

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
    function ownersOf(TaskId task) external view returns (OwnerShare[] memory) {
        return _owners[task];
    }

    /// @inheritdoc IMarket
    function allowedOf(TaskId task) external view returns (address[] memory, bytes32[] memory) {
        return (_operators[task], _measurements[task]);
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

        Terms memory terms = grantBook.use(task, order, grants, grantSignatures);
        uint64 seedBlock = uint64(block.number) + SEED_BLOCKS;
        _open(task, order, orderDigest, seedBlock, terms);
        emit Placed(task, order.requester, seedBlock, order, grants, grantSignatures);

        ledger.lockEscrow(task, order.requester, order.feeWei);
    }

    function _open(
        TaskId task,
        Order calldata order,
        bytes32 orderDigest,
        uint64 seedBlock,
        Terms memory terms
    ) private {
        Task storage opened = _tasks[task];
        opened.orderDigest = orderDigest;
        opened.requester = order.requester;
        opened.state = TaskState.Placed;
        opened.attemptsMax = order.attemptsMax;
        opened.tags = order.tags;
        opened.tierMin = terms.tierMin;
        opened.tcbFloor = terms.tcbFloor;
        opened.attemptSeconds = order.attemptSeconds;
        opened.seedBlock = seedBlock;
        opened.expiry = order.expiry;
        opened.feeWei = uint96(order.feeWei);
        opened.anyNode = terms.anyNode;
        opened.app = order.app;
        for (uint256 i; i < terms.owners.length; ++i) {
            _owners[task].push(terms.owners[i]);
        }
        _operators[task] = terms.operators;
        _measurements[task] = terms.measurements;
    }

    function _checkOrder(Order calldata order) private view {
        MarketConfig memory bounds = _config;
        uint256 count = order.assets.length;
        require(count > 0 && count <= ASSETS_MAX, AssetsOutOfRange(count, 1, ASSETS_MAX));
        require(order.replicas == 1, ReplicasNotOne(order.replicas));
        require(order.recipientKeyHash != 0, RecipientKeyIsZero());
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
        require(
            order.feeWei >= bounds.feeMinWei && order.feeWei <= type(uint96).max,
            FeeOutOfRange(order.feeWei, bounds.feeMinWei, type(uint96).max)
        );
        require(order.expiry > block.timestamp, OrderExpired(order.expiry, block.timestamp));
        uint256 expiryMax = block.timestamp + bounds.orderSecondsMax;
        require(order.expiry <= expiryMax, OrderExpiryTooFar(order.expiry, expiryMax));
        _checkListed(order.app);
    }

    function _checkListed(AppId app) internal view {
        require(apps.statusOf(app) == AppStatus.Listed, AppNotListed(app));
    }
}
