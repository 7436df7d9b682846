// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AppId, AssetId, TaskId} from "./Types.sol";

struct NodeBinding {
    address registry;
    address operator;
    address receiptKey;
    bytes32 shareKeyHash;
    bytes32 beacon;
}

struct KeepBinding {
    address receiptKey;
    bytes32 shareKeyHash;
    bytes32 ownerNonce;
    AssetId asset;
}

struct AttemptBinding {
    TaskId task;
    uint32 attempt;
    bytes32 orderDigest;
    AppId app;
    bytes32 grantsRoot;
    bytes32 machineId;
    address receiptKey;
    bytes32 freshKeyHash;
    bytes32 nonce;
    uint64 notAfter;
}

struct Grant {
    uint8 version;
    address owner;
    AssetId[] assets;
    AppId[] apps;
    bytes32[] measurements;
    address releaseKey;
    uint8 tcbFloor;
    uint8 tierMin;
    uint32 tees;
    bool anyNode;
    address[] operators;
    bool anyRequester;
    address[] requesters;
    string purpose;
    uint128 priceWei;
    uint32 usesMax;
    uint32 usesPerDay;
    uint64 notBefore;
    uint64 expiry;
    uint8 ownersMin;
    uint32 recordsMin;
    uint32 outputBytesMax;
    uint32 outputFormats;
    bool privacyRequired;
    uint64 epsilonMicros;
    uint64 deltaPicos;
    bytes32 reviewKeyHash;
    uint64 nonce;
}

struct KeeperPolicy {
    address owner;
    AssetId asset;
    bytes32[] measurements;
    uint8 tcbFloor;
    uint8 tierMin;
    address[] operators;
    uint64 expiry;
    address releaseKey;
    uint32 tees;
}

struct Order {
    address requester;
    AppId app;
    AssetId[] assets;
    bytes32[] grants;
    bytes32 recipientKeyHash;
    uint8 tierMin;
    uint32 tags;
    uint8 replicas;
    uint128 feeWei;
    uint32 attemptSeconds;
    uint8 attemptsMax;
    uint64 expiry;
    uint64 nonce;
    uint32 tees;
    uint128 unitWei;
    uint64 epsilonMicros;
    uint64 deltaPicos;
}

struct RuntimeApproval {
    bytes32 measurement;
    uint64 expiry;
}

struct ShareAck {
    AssetId asset;
    uint8 shareIndex;
    bytes32 commitment;
    address receiptKey;
}

struct Checkpoint {
    uint64 chainId;
    uint64 height;
    bytes32 blockHash;
    uint64 blockTime;
    uint64 committee;
    bytes32 nonce;
}

struct ReleaseRequest {
    TaskId task;
    uint32 attempt;
    AssetId asset;
    uint8 shareIndex;
    bytes32 bundleDigest;
}

struct Release {
    TaskId task;
    uint32 attempt;
    AssetId asset;
    bytes32 grant;
    uint8 shareIndex;
    address keeper;
    bytes32 quoteDigest;
    bytes32 checkpoint;
    bytes32 previous;
    uint64 sequence;
    uint64 time;
}

struct Countersignature {
    bytes32 release;
    address countersigner;
}

struct Refusal {
    TaskId task;
    uint32 attempt;
    AssetId asset;
    bytes32 grant;
    uint8 shareIndex;
    address keeper;
    uint8 reason;
    uint64 time;
}

struct Receipt {
    TaskId task;
    uint32 attempt;
    bytes32 orderDigest;
    AppId app;
    bytes32 binding;
    bytes32 inputsRoot;
    bytes32 outputDigest;
    uint64 outputBytes;
    bytes32 releasesRoot;
    bytes32 checkpoint;
    uint64 time;
    bytes32 nonce;
    bytes32 outputCommitment;
    uint128 spentWei;
    uint64 epsilonMicros;
    uint64 deltaPicos;
}

struct Usage {
    TaskId task;
    uint32 attempt;
    uint64 sequence;
    uint64 units;
    uint128 spentWei;
    bytes32 transcript;
    uint64 time;
}

struct Posting {
    TaskId task;
    uint32 attempt;
    bytes32 receiptDigest;
    bytes32 receiptSignatureHash;
    bytes32 bundleDigest;
    uint128 spentWei;
    bytes32 outputCommitment;
}

struct Vote {
    TaskId task;
    uint32 attempt;
    bytes32 posting;
    uint8 verdict;
    uint8 reason;
    bytes32 keepersHash;
    bytes32 appraisalDigest;
}

struct Admission {
    address operator;
    address receiptKey;
    bytes32 shareKeyHash;
    bytes32 machineId;
    bytes32 measurement;
    uint8 tcb;
    uint8 tier;
    uint32 tags;
    uint64 expiry;
    bytes32 bundleDigest;
    bytes32 appraisalDigest;
    bytes32 beacon;
    uint8 tee;
}

struct Floor {
    uint64 sequence;
    uint32 tcbEvaluationDataNumber;
    uint64 rootCrlNumber;
    uint64 pckCrlNumber;
}

struct Handover {
    uint64 epoch;
    bytes32 membersHash;
}

struct PayoutRoot {
    uint64 sequence;
    bytes32 root;
    uint128 totalWei;
    uint64 committee;
}

/// @title The messages of Cloister and their EIP-712 struct hashes.
/// @notice Spec: docs/protocol.md sections 3 to 6. The TypeScript twin is
/// `packages/protocol/src/messages.ts`; both are checked against
/// `packages/protocol/test/vectors/messages.json`.
/// @dev A struct of value types only is hashed as `abi.encode(typeHash, struct)`: its encoding is
/// its words in order. Structs with lists are written out, in parts so that the legacy code
/// generator has the stack for it.
library Messages {
    bytes32 internal constant NODE_BINDING = keccak256(
        "NodeBinding(address registry,address operator,address receiptKey,bytes32 shareKeyHash,bytes32 beacon)"
    );
    bytes32 internal constant KEEP_BINDING = keccak256(
        "KeepBinding(address receiptKey,bytes32 shareKeyHash,bytes32 ownerNonce,bytes32 asset)"
    );
    bytes32 internal constant ATTEMPT_BINDING = keccak256(
        "AttemptBinding(bytes32 task,uint32 attempt,bytes32 orderDigest,bytes32 app,bytes32 grantsRoot,bytes32 machineId,address receiptKey,bytes32 freshKeyHash,bytes32 nonce,uint64 notAfter)"
    );
    bytes32 internal constant GRANT = keccak256(
        "Grant(uint8 version,address owner,bytes32[] assets,bytes32[] apps,bytes32[] measurements,address releaseKey,uint8 tcbFloor,uint8 tierMin,uint32 tees,bool anyNode,address[] operators,bool anyRequester,address[] requesters,string purpose,uint128 priceWei,uint32 usesMax,uint32 usesPerDay,uint64 notBefore,uint64 expiry,uint8 ownersMin,uint32 recordsMin,uint32 outputBytesMax,uint32 outputFormats,bool privacyRequired,uint64 epsilonMicros,uint64 deltaPicos,bytes32 reviewKeyHash,uint64 nonce)"
    );
    bytes32 internal constant KEEPER_POLICY = keccak256(
        "KeeperPolicy(address owner,bytes32 asset,bytes32[] measurements,uint8 tcbFloor,uint8 tierMin,address[] operators,uint64 expiry,address releaseKey,uint32 tees)"
    );
    bytes32 internal constant ORDER = keccak256(
        "Order(address requester,bytes32 app,bytes32[] assets,bytes32[] grants,bytes32 recipientKeyHash,uint8 tierMin,uint32 tags,uint8 replicas,uint128 feeWei,uint32 attemptSeconds,uint8 attemptsMax,uint64 expiry,uint64 nonce,uint32 tees,uint128 unitWei,uint64 epsilonMicros,uint64 deltaPicos)"
    );
    bytes32 internal constant RUNTIME_APPROVAL =
        keccak256("RuntimeApproval(bytes32 measurement,uint64 expiry)");
    bytes32 internal constant SHARE_ACK =
        keccak256("ShareAck(bytes32 asset,uint8 shareIndex,bytes32 commitment,address receiptKey)");
    bytes32 internal constant CHECKPOINT = keccak256(
        "Checkpoint(uint64 chainId,uint64 height,bytes32 blockHash,uint64 blockTime,uint64 committee,bytes32 nonce)"
    );
    bytes32 internal constant RELEASE_REQUEST = keccak256(
        "ReleaseRequest(bytes32 task,uint32 attempt,bytes32 asset,uint8 shareIndex,bytes32 bundleDigest)"
    );
    bytes32 internal constant RELEASE = keccak256(
        "Release(bytes32 task,uint32 attempt,bytes32 asset,bytes32 grant,uint8 shareIndex,address keeper,bytes32 quoteDigest,bytes32 checkpoint,bytes32 previous,uint64 sequence,uint64 time)"
    );
    bytes32 internal constant COUNTERSIGNATURE =
        keccak256("Countersignature(bytes32 release,address countersigner)");
    bytes32 internal constant REFUSAL = keccak256(
        "Refusal(bytes32 task,uint32 attempt,bytes32 asset,bytes32 grant,uint8 shareIndex,address keeper,uint8 reason,uint64 time)"
    );
    bytes32 internal constant RECEIPT = keccak256(
        "Receipt(bytes32 task,uint32 attempt,bytes32 orderDigest,bytes32 app,bytes32 binding,bytes32 inputsRoot,bytes32 outputDigest,uint64 outputBytes,bytes32 releasesRoot,bytes32 checkpoint,uint64 time,bytes32 nonce,bytes32 outputCommitment,uint128 spentWei,uint64 epsilonMicros,uint64 deltaPicos)"
    );
    bytes32 internal constant USAGE = keccak256(
        "Usage(bytes32 task,uint32 attempt,uint64 sequence,uint64 units,uint128 spentWei,bytes32 transcript,uint64 time)"
    );
    bytes32 internal constant POSTING = keccak256(
        "Posting(bytes32 task,uint32 attempt,bytes32 receiptDigest,bytes32 receiptSignatureHash,bytes32 bundleDigest,uint128 spentWei,bytes32 outputCommitment)"
    );
    bytes32 internal constant VOTE = keccak256(
        "Vote(bytes32 task,uint32 attempt,bytes32 posting,uint8 verdict,uint8 reason,bytes32 keepersHash,bytes32 appraisalDigest)"
    );
    bytes32 internal constant ADMISSION = keccak256(
        "Admission(address operator,address receiptKey,bytes32 shareKeyHash,bytes32 machineId,bytes32 measurement,uint8 tcb,uint8 tier,uint32 tags,uint64 expiry,bytes32 bundleDigest,bytes32 appraisalDigest,bytes32 beacon,uint8 tee)"
    );
    bytes32 internal constant FLOOR = keccak256(
        "Floor(uint64 sequence,uint32 tcbEvaluationDataNumber,uint64 rootCrlNumber,uint64 pckCrlNumber)"
    );
    bytes32 internal constant HANDOVER = keccak256("Handover(uint64 epoch,bytes32 membersHash)");
    bytes32 internal constant PAYOUT_ROOT =
        keccak256("PayoutRoot(uint64 sequence,bytes32 root,uint128 totalWei,uint64 committee)");

    function hash(NodeBinding memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(NODE_BINDING, m));
    }

    function hash(KeepBinding memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(KEEP_BINDING, m));
    }

    function hash(AttemptBinding memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(ATTEMPT_BINDING, m));
    }

    function hash(Grant memory m) internal pure returns (bytes32) {
        return keccak256(bytes.concat(_scope(m), _nodes(m), _terms(m), _outputs(m)));
    }

    function hash(KeeperPolicy memory m) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                KEEPER_POLICY,
                m.owner,
                m.asset,
                keccak256(abi.encodePacked(m.measurements)),
                m.tcbFloor,
                m.tierMin,
                keccak256(abi.encodePacked(m.operators)),
                m.expiry,
                m.releaseKey,
                m.tees
            )
        );
    }

    function hash(Order memory m) internal pure returns (bytes32) {
        bytes memory what = abi.encode(
            ORDER,
            m.requester,
            m.app,
            keccak256(abi.encodePacked(m.assets)),
            keccak256(abi.encodePacked(m.grants)),
            m.recipientKeyHash,
            m.tierMin
        );
        bytes memory terms = abi.encode(
            m.tags, m.replicas, m.feeWei, m.attemptSeconds, m.attemptsMax, m.expiry, m.nonce
        );
        bytes memory limits = abi.encode(m.tees, m.unitWei, m.epsilonMicros, m.deltaPicos);
        return keccak256(bytes.concat(what, terms, limits));
    }

    function hash(RuntimeApproval memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(RUNTIME_APPROVAL, m));
    }

    function hash(ShareAck memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(SHARE_ACK, m));
    }

    function hash(Checkpoint memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(CHECKPOINT, m));
    }

    function hash(ReleaseRequest memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE_REQUEST, m));
    }

    function hash(Release memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE, m));
    }

    function hash(Countersignature memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(COUNTERSIGNATURE, m));
    }

    function hash(Refusal memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(REFUSAL, m));
    }

    function hash(Receipt memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECEIPT, m));
    }

    function hash(Usage memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(USAGE, m));
    }

    function hash(Posting memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(POSTING, m));
    }

    function hash(Vote memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOTE, m));
    }

    function hash(Admission memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(ADMISSION, m));
    }

    function hash(Floor memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(FLOOR, m));
    }

    function hash(Handover memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(HANDOVER, m));
    }

    function hash(PayoutRoot memory m) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAYOUT_ROOT, m));
    }

    /// @dev A grant's words in their order, in four parts: what it is about,
    function _scope(Grant memory m) private pure returns (bytes memory) {
        return abi.encode(
            GRANT,
            m.version,
            m.owner,
            keccak256(abi.encodePacked(m.assets)),
            keccak256(abi.encodePacked(m.apps)),
            keccak256(abi.encodePacked(m.measurements)),
            m.releaseKey
        );
    }

    /// @dev which nodes, for whom,
    function _nodes(Grant memory m) private pure returns (bytes memory) {
        return abi.encode(
            m.tcbFloor,
            m.tierMin,
            m.tees,
            m.anyNode,
            keccak256(abi.encodePacked(m.operators)),
            m.anyRequester,
            keccak256(abi.encodePacked(m.requesters))
        );
    }

    /// @dev on which terms,
    function _terms(Grant memory m) private pure returns (bytes memory) {
        return abi.encode(
            keccak256(bytes(m.purpose)),
            m.priceWei,
            m.usesMax,
            m.usesPerDay,
            m.notBefore,
            m.expiry,
            m.ownersMin
        );
    }

    /// @dev and what may come out.
    function _outputs(Grant memory m) private pure returns (bytes memory) {
        return abi.encode(
            m.recordsMin,
            m.outputBytesMax,
            m.outputFormats,
            m.privacyRequired,
            m.epsilonMicros,
            m.deltaPicos,
            m.reviewKeyHash,
            m.nonce
        );
    }
}
