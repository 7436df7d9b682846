// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Admission, Floor} from "../Messages.sol";

/// @dev What was admitted under one receipt key. The first four slots never change but for `paused`
/// and `retired`.
struct NodeRecord {
    address operator;
    uint64 expiry;
    uint8 tcb;
    uint8 tier;
    bool paused;
    bool retired;
    bytes32 shareKeyHash;
    bytes32 machineId;
    bytes32 measurement;
    uint64 admittedAt;
    uint32 tags;
    uint8 tee;
    uint16 capacity;
    uint16 running;
    uint16 leaf;
}

/// @dev What a task asks of a node. Pauses and capacities count as they stood before `seedBlock`.
struct Needs {
    uint8 tierMin;
    uint8 tcbFloor;
    uint32 tees;
    uint32 tags;
    uint64 seedBlock;
}

/// @dev The collateral numbers that evidence must reach.
struct Collateral {
    uint64 sequence;
    uint32 tcbEvaluationDataNumber;
    uint64 rootCrlNumber;
    uint64 pckCrlNumber;
}

/// @title Nodes: enclave keys that a quorum of verifiers admitted by their evidence, and the pool
/// they are drawn from.
interface INodeRegistry {
    event NodeAdmitted(
        address indexed receiptKey,
        address indexed operator,
        bytes32 indexed machineId,
        Admission admission,
        uint256 beaconBlock
    );
    event NodeRetired(address indexed receiptKey, address indexed operator);
    event NodePaused(address indexed receiptKey, bool paused);
    event NodeCapacitySet(address indexed receiptKey, uint16 capacity);
    event NodeUrlSet(address indexed receiptKey, string url);
    event MachineWeighed(uint256 indexed leaf, bytes32 indexed machineId, uint256 weightWei);
    event FloorRaised(
        uint64 indexed sequence,
        uint32 tcbEvaluationDataNumber,
        uint64 rootCrlNumber,
        uint64 pckCrlNumber
    );

    error KeyKnown(address receiptKey);
    error KeyUnknown(address receiptKey);
    error KeyIsZero();
    error TeeUnknown(uint8 tee);
    error NotOperator(address receiptKey, address caller, address operator);
    error OperatorDidNotSign(address operator);
    error AdmissionExpired(uint64 expiry, uint256 now_);
    error BeaconUnknown(uint256 beaconBlock, bytes32 beacon);
    error BeaconTooOld(uint256 beaconBlock, uint256 current);
    error MeasurementNotApproved(bytes32 measurement);
    error StakeBelowMinimum(address operator, uint256 bondedWei, uint256 neededWei);
    error MachineTaken(bytes32 machineId, address receiptKey, address operator);
    error PoolFull(uint256 capacity);
    error TooManyNodes(address operator, uint256 max);
    error AlreadyRetired(address receiptKey);
    error StillValid(address receiptKey, uint64 expiry);
    error UrlTooLong(uint256 length, uint256 max);
    error FloorNotNext(uint64 sequence, uint64 expected);
    error FloorLowered();

    /// @notice Admits a node. A quorum of the current committee signed the admission;
    /// `admission.beacon` is the hash of `beaconBlock`, at most 256 blocks ago; the operator has
    /// bonded enough for one more machine and sends this or signed
    /// the admission too. A machine has one weight: a new key of the same operator takes it over
    /// and retires the old key. @param url where the host answers; kept only if the operator sends
    /// this (else it calls `setUrl`).
    /// @param signatures of committee members, ascending by signer.
    /// @param operatorSignature empty if the operator sends this.
    function admit(
        Admission calldata admission,
        string calldata url,
        uint256 beaconBlock,
        bytes[] calldata signatures,
        bytes calldata operatorSignature
    ) external;

    /// @notice Operator only: the node is never drawn nor certified again.
    function retire(address receiptKey) external;

    /// @notice Operator only: counts for draws whose seed block is later than this one.
    function setPaused(address receiptKey, bool paused) external;

    /// @notice Operator only: how many tasks at once, in draws whose seed block is later than this
    /// one.
    function setCapacity(address receiptKey, uint16 capacity) external;

    /// @notice Operator only.
    function setUrl(address receiptKey, string calldata url) external;

    /// @notice Takes an expired node out of the pool. Anybody may.
    function sweep(address receiptKey) external;

    /// @notice Raises the collateral numbers that evidence must reach; none may fall. Signed by a
    /// quorum.
    function raiseFloor(Floor calldata next, bytes[] calldata signatures) external;

    /// @notice Market only: the node has one more (`begin`) or one fewer (`finish`) task running.
    function begin(address receiptKey) external;

    /// @notice Market only.
    function finish(address receiptKey) external;

    /// @notice Staking only: the operator's stake changed, and its machines' weights with it.
    function stakeChanged(address operator) external;

    function recordOf(address receiptKey) external view returns (NodeRecord memory);
    function operatorOf(address receiptKey) external view returns (address);
    function measurementOf(address receiptKey) external view returns (bytes32);
    /// @notice The number of the TEE that the node was admitted on (1 SGX, 2 TDX, 3 SEV-SNP, 4
    /// Nitro, 5 Arm CCA).
    function teeOf(address receiptKey) external view returns (uint8);
    function urlOf(address receiptKey) external view returns (string memory);
    function nodesOf(address operator) external view returns (address[] memory);

    /// @notice Admitted, not expired, not retired, and its measurement is still approved.
    function certified(address receiptKey) external view returns (bool);

    /// @notice Whether a keeper's refusals count: `operator` has had it admitted and its
    /// admission's time is not over. What governance thinks of its measurement, or a newer key,
    /// changes nothing.
    function mayRefuse(address receiptKey, address operator) external view returns (bool);

    /// @notice Certified, in the pool, good enough for `needs`, and neither paused nor full as set
    /// before the seed block.
    function fits(address receiptKey, Needs calldata needs) external view returns (bool);

    /// @notice The pool's total weight after block `blockNumber`.
    function totalAt(uint48 blockNumber) external view returns (uint256);

    /// @notice The current key of the machine that held `point` after block `blockNumber`; zero if
    /// another machine or operator has its place since.
    function candidateAt(uint48 blockNumber, uint256 point) external view returns (address);

    /// @notice The current weight of a leaf of the pool.
    function weightOf(uint256 leaf) external view returns (uint256);
    function floor() external view returns (Collateral memory);
    function stakeMinWei() external view returns (uint256);
}
