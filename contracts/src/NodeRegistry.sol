// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

import {Deployed} from "./Deployed.sol";
import {DrawPool} from "./DrawPool.sol";
import {IAppRegistry} from "./interfaces/IAppRegistry.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {Collateral, INodeRegistry, Needs, NodeRecord} from "./interfaces/INodeRegistry.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Admission, Floor, Messages} from "./Messages.sol";
import {Tees} from "./Tees.sol";

/// @title Nodes: enclave keys that a quorum of verifiers admitted by their evidence, and the pool
/// they are drawn from. @notice DRAW: a machine (one chip) has one leaf and one weight: its
/// operator's bonded stake, divided equally among the
/// operator's machines, or nothing if that is below the minimum for one. Weights change in the
/// block in which the stake does; a draw reads them as of an earlier block. A leaf that went to
/// another machine or operator since counts for nobody. A pause or a new capacity counts only for
/// draws whose seed block comes after it: nobody can pause because of a seed it has seen. How many
/// tasks a node has running, its stake and its retirement count as they stand at the draw.
///
/// ROLES: a quorum of the committee admits and raises the collateral floor; the operator pauses,
/// retires and sizes its nodes; governance can withdraw approval of a measurement. Nobody can
/// change or overwrite what was admitted under a key.
///
/// LIVENESS: an operator has at most NODES_PER_OPERATOR nodes, which bounds every loop. Expired
/// nodes leave the pool when anybody sweeps them; until then a draw skips them.
contract NodeRegistry is INodeRegistry, Deployed {
    using Checkpoints for Checkpoints.Trace208;
    using DrawPool for DrawPool.Pool;
    using EnumerableSet for EnumerableSet.AddressSet;

    uint256 public constant NODES_PER_OPERATOR = 8;
    uint256 public constant BEACON_BLOCKS_MAX = 256;
    uint256 public constant URL_BYTES_MAX = 200;

    IStaking public immutable staking;
    ICommittee public immutable committee;
    IAppRegistry public immutable apps;
    /// @inheritdoc INodeRegistry
    uint256 public immutable stakeMinWei;

    mapping(address receiptKey => NodeRecord) private _records;
    /// @inheritdoc INodeRegistry
    mapping(address receiptKey => string url) public urlOf;
    Collateral private _floor;

    /// @dev Who has a leaf, and after which block.
    struct Place {
        address receiptKey;
        uint48 since;
    }

    mapping(address operator => EnumerableSet.AddressSet) private _active;
    mapping(bytes32 machineId => address receiptKey) private _current;
    mapping(uint256 leaf => Place) private _places;
    DrawPool.Pool private _pool;
    uint16[] private _freeLeaves;
    uint16 private _leavesUsed;
    /// @dev How many tasks at once the machine on a leaf takes, none while paused, by block.
    mapping(uint256 leaf => Checkpoints.Trace208) private _rooms;

    constructor(
        ILedger ledger_,
        IStaking staking_,
        ICommittee committee_,
        IAppRegistry apps_,
        uint256 stakeMinWei_
    ) Deployed(ledger_) {
        staking = staking_;
        committee = committee_;
        apps = apps_;
        stakeMinWei = stakeMinWei_;
    }

    modifier onlyOperator(address receiptKey) {
        address operator = _records[receiptKey].operator;
        require(msg.sender == operator, NotOperator(receiptKey, msg.sender, operator));
        _;
    }

    /// @inheritdoc INodeRegistry
    function admit(
        Admission calldata admission,
        string calldata url,
        uint256 beaconBlock,
        bytes[] calldata signatures,
        bytes calldata operatorSignature
    ) external {
        bytes32 digest = _digest(Messages.hash(admission));
        _checkAdmission(admission, beaconBlock);
        _checkOperator(admission.operator, digest, operatorSignature);
        committee.verify(committee.epoch(), digest, signatures);

        uint16 leaf = _takeLeaf(admission.machineId, admission.operator);
        address receiptKey = admission.receiptKey;
        _records[receiptKey] = NodeRecord({
            operator: admission.operator,
            expiry: admission.expiry,
            tcb: admission.tcb,
            tier: admission.tier,
            paused: false,
            retired: false,
            shareKeyHash: admission.shareKeyHash,
            machineId: admission.machineId,
            measurement: admission.measurement,
            admittedAt: uint64(block.timestamp),
            tags: admission.tags,
            tee: admission.tee,
            capacity: 1,
            running: 0,
            leaf: leaf
        });
        _current[admission.machineId] = receiptKey;
        _places[leaf].receiptKey = receiptKey;
        _active[admission.operator].add(receiptKey);
        _setRoom(_records[receiptKey]);
        emit NodeAdmitted(
            receiptKey, admission.operator, admission.machineId, admission, beaconBlock
        );
        if (msg.sender == admission.operator) _setUrl(receiptKey, url);

        _checkStake(admission.operator);
        _weigh(admission.operator);
    }

    /// @inheritdoc INodeRegistry
    function retire(address receiptKey) external onlyOperator(receiptKey) {
        require(!_records[receiptKey].retired, AlreadyRetired(receiptKey));
        _leave(receiptKey);
        _weigh(msg.sender);
    }

    /// @inheritdoc INodeRegistry
    function setPaused(address receiptKey, bool paused) external onlyOperator(receiptKey) {
        _records[receiptKey].paused = paused;
        _setRoom(_records[receiptKey]);
        emit NodePaused(receiptKey, paused);
    }

    /// @inheritdoc INodeRegistry
    function setCapacity(address receiptKey, uint16 capacity) external onlyOperator(receiptKey) {
        _records[receiptKey].capacity = capacity;
        _setRoom(_records[receiptKey]);
        emit NodeCapacitySet(receiptKey, capacity);
    }

    /// @inheritdoc INodeRegistry
    function setUrl(address receiptKey, string calldata url) external onlyOperator(receiptKey) {
        _setUrl(receiptKey, url);
    }

    /// @inheritdoc INodeRegistry
    function sweep(address receiptKey) external {
        NodeRecord storage record = _records[receiptKey];
        require(record.operator != address(0), KeyUnknown(receiptKey));
        require(!record.retired, AlreadyRetired(receiptKey));
        require(block.timestamp >= record.expiry, StillValid(receiptKey, record.expiry));
        _leave(receiptKey);
        _weigh(record.operator);
    }

    /// @inheritdoc INodeRegistry
    function raiseFloor(Floor calldata next, bytes[] calldata signatures) external {
        Collateral storage current = _floor;
        require(
            next.sequence == current.sequence + 1, FloorNotNext(next.sequence, current.sequence + 1)
        );
        require(
            next.tcbEvaluationDataNumber >= current.tcbEvaluationDataNumber
                && next.rootCrlNumber >= current.rootCrlNumber
                && next.pckCrlNumber >= current.pckCrlNumber,
            FloorLowered()
        );
        committee.verify(committee.epoch(), _digest(Messages.hash(next)), signatures);

        _floor = Collateral(
            next.sequence, next.tcbEvaluationDataNumber, next.rootCrlNumber, next.pckCrlNumber
        );
        emit FloorRaised(
            next.sequence, next.tcbEvaluationDataNumber, next.rootCrlNumber, next.pckCrlNumber
        );
    }

    /// @inheritdoc INodeRegistry
    function begin(address receiptKey) external {
        _onlyModule(ledger.modules().market);
        ++_records[receiptKey].running;
    }

    /// @inheritdoc INodeRegistry
    function finish(address receiptKey) external {
        _onlyModule(ledger.modules().market);
        --_records[receiptKey].running;
    }

    /// @inheritdoc INodeRegistry
    function stakeChanged(address operator) external {
        _onlyModule(address(staking));
        _weigh(operator);
    }

    /// @inheritdoc INodeRegistry
    function recordOf(address receiptKey) external view returns (NodeRecord memory) {
        return _records[receiptKey];
    }

    /// @inheritdoc INodeRegistry
    function operatorOf(address receiptKey) external view returns (address) {
        return _records[receiptKey].operator;
    }

    /// @inheritdoc INodeRegistry
    function measurementOf(address receiptKey) external view returns (bytes32) {
        return _records[receiptKey].measurement;
    }

    /// @inheritdoc INodeRegistry
    function teeOf(address receiptKey) external view returns (uint8) {
        return _records[receiptKey].tee;
    }

    /// @inheritdoc INodeRegistry
    function nodesOf(address operator) external view returns (address[] memory) {
        return _active[operator].values();
    }

    /// @inheritdoc INodeRegistry
    function certified(address receiptKey) public view returns (bool) {
        NodeRecord storage record = _records[receiptKey];
        return record.operator != address(0) && !record.retired && block.timestamp < record.expiry
            && apps.approved(record.measurement);
    }

    /// @inheritdoc INodeRegistry
    function mayRefuse(address receiptKey, address operator) external view returns (bool) {
        NodeRecord storage record = _records[receiptKey];
        return
            operator != address(0) && record.operator == operator && block.timestamp < record.expiry;
    }

    /// @inheritdoc INodeRegistry
    function fits(address receiptKey, Needs calldata needs) external view returns (bool) {
        NodeRecord storage record = _records[receiptKey];
        uint256 room = _rooms[record.leaf].upperLookupRecent(uint48(needs.seedBlock - 1));
        return certified(receiptKey) && record.running < room && record.tier >= needs.tierMin
            && record.tcb <= needs.tcbFloor && record.tags & needs.tags == needs.tags
            && Tees.has(needs.tees, record.tee) && _pool.weightOf(record.leaf) > 0;
    }

    /// @inheritdoc INodeRegistry
    function totalAt(uint48 blockNumber) external view returns (uint256) {
        return _pool.totalAt(blockNumber);
    }

    /// @inheritdoc INodeRegistry
    function candidateAt(uint48 blockNumber, uint256 point) external view returns (address) {
        Place storage place = _places[_pool.leafAt(blockNumber, point)];
        return place.since <= blockNumber ? place.receiptKey : address(0);
    }

    /// @inheritdoc INodeRegistry
    function weightOf(uint256 leaf) external view returns (uint256) {
        return _pool.weightOf(leaf);
    }

    /// @inheritdoc INodeRegistry
    function floor() external view returns (Collateral memory) {
        return _floor;
    }

    function _checkAdmission(Admission calldata admission, uint256 beaconBlock) private view {
        address receiptKey = admission.receiptKey;
        require(receiptKey != address(0) && admission.operator != address(0), KeyIsZero());
        require(Tees.known(admission.tee), TeeUnknown(admission.tee));
        require(_records[receiptKey].operator == address(0), KeyKnown(receiptKey));
        require(
            admission.expiry > block.timestamp, AdmissionExpired(admission.expiry, block.timestamp)
        );
        require(
            beaconBlock + BEACON_BLOCKS_MAX >= block.number, BeaconTooOld(beaconBlock, block.number)
        );
        bytes32 beacon = Blockhash.blockHash(beaconBlock);
        require(
            beacon != 0 && beacon == admission.beacon, BeaconUnknown(beaconBlock, admission.beacon)
        );
        require(apps.approved(admission.measurement), MeasurementNotApproved(admission.measurement));
    }

    function _checkOperator(address operator, bytes32 digest, bytes calldata signature)
        private
        view
    {
        if (msg.sender == operator) return;
        require(
            SignatureChecker.isValidSignatureNowCalldata(operator, digest, signature),
            OperatorDidNotSign(operator)
        );
    }

    function _checkStake(address operator) private view {
        uint256 count = _active[operator].length();
        require(count <= NODES_PER_OPERATOR, TooManyNodes(operator, NODES_PER_OPERATOR));
        uint256 bondedWei = staking.bondedOf(operator);
        uint256 neededWei = stakeMinWei * count;
        require(bondedWei >= neededWei, StakeBelowMinimum(operator, bondedWei, neededWei));
    }

    function _setUrl(address receiptKey, string calldata url) private {
        require(bytes(url).length <= URL_BYTES_MAX, UrlTooLong(bytes(url).length, URL_BYTES_MAX));
        urlOf[receiptKey] = url;
        emit NodeUrlSet(receiptKey, url);
    }

    /// @dev The leaf for a machine: the one it has, if its key there is the same operator's or not
    /// valid any more.
    function _takeLeaf(bytes32 machineId, address operator) private returns (uint16 leaf) {
        address current = _current[machineId];
        if (current != address(0)) {
            NodeRecord storage record = _records[current];
            require(
                record.operator == operator || block.timestamp >= record.expiry,
                MachineTaken(machineId, current, record.operator)
            );
            address before = record.operator;
            leaf = record.leaf;
            uint48 since = _places[leaf].since;
            _leave(current);
            if (before == operator) {
                // The machine and its operator stay: so does its place in draws that are under way.
                _freeLeaves.pop();
                _places[leaf].since = since;
                return leaf;
            }
            _weigh(before);
        }

        uint256 free = _freeLeaves.length;
        if (free > 0) {
            leaf = _freeLeaves[free - 1];
            _freeLeaves.pop();
        } else {
            leaf = _leavesUsed;
            require(leaf < DrawPool.CAPACITY, PoolFull(DrawPool.CAPACITY));
            _leavesUsed = leaf + 1;
        }
        _places[leaf].since = uint48(block.number);
    }

    /// @dev Each change adds one entry, which its operator pays for; reading takes the logarithm. A
    /// retired key's leaf is another's by now.
    function _setRoom(NodeRecord storage record) private {
        if (record.retired) return;
        uint208 room = record.paused ? 0 : record.capacity;
        Checkpoints.Trace208 storage rooms = _rooms[record.leaf];
        if (rooms.latest() != room) rooms.push(uint48(block.number), room);
    }

    /// @dev Retires a key and frees its leaf.
    function _leave(address receiptKey) private {
        NodeRecord storage record = _records[receiptKey];
        uint16 leaf = record.leaf;
        record.retired = true;
        _active[record.operator].remove(receiptKey);
        delete _current[record.machineId];
        delete _places[leaf];
        _freeLeaves.push(leaf);
        _setWeight(leaf, record.machineId, 0);
        emit NodeRetired(receiptKey, record.operator);
    }

    /// @dev Divides the operator's stake among its machines, rounding down.
    function _weigh(address operator) private {
        uint256 count = _active[operator].length();
        if (count == 0) return;
        uint256 eachWei = staking.bondedOf(operator) / count;
        uint208 weight = eachWei >= stakeMinWei ? uint208(eachWei) : 0;
        for (uint256 i; i < count; ++i) {
            NodeRecord storage record = _records[_active[operator].at(i)];
            _setWeight(record.leaf, record.machineId, weight);
        }
    }

    function _setWeight(uint256 leaf, bytes32 machineId, uint208 weight) private {
        if (_pool.weightOf(leaf) == weight) return;
        _pool.set(leaf, weight);
        emit MachineWeighed(leaf, machineId, weight);
    }
}
