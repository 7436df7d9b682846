// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev `keccak256(abi.encode(keccak256("cloister/task/1"), orderDigest))`.
type TaskId is bytes32;

/// @dev `keccak256(abi.encode(keccak256("cloister/asset/1"), deployment, owner, root, salt))`.
type AssetId is bytes32;

/// @dev SHA-256 of a confidential app's manifest, with its domain.
type AppId is bytes32;

using {sameTask as ==} for TaskId global;
using {sameAsset as ==} for AssetId global;
using {sameApp as ==} for AppId global;

function sameTask(TaskId a, TaskId b) pure returns (bool) {
    return TaskId.unwrap(a) == TaskId.unwrap(b);
}

function sameAsset(AssetId a, AssetId b) pure returns (bool) {
    return AssetId.unwrap(a) == AssetId.unwrap(b);
}

function sameApp(AppId a, AppId b) pure returns (bool) {
    return AppId.unwrap(a) == AppId.unwrap(b);
}

/// @dev Where a task is in its life (docs/protocol.md section 7). Settled and Refunded are the end.
enum TaskState {
    None,
    Placed,
    Running,
    Posted,
    Accepted,
    Settled,
    Refunded
}

/// @dev For what a credit was given. Every movement of money in the Ledger names one.
enum Role {
    None,
    Depositor,
    Requester,
    Owner,
    Node,
    Keeper,
    Verifier,
    Treasury,
    Challenger
}

/// @dev Why an attempt ended without being accepted.
enum Ending {
    None,
    RefusedByKeepers,
    Silent,
    RefusedByVerifiers,
    Forged,
    GivenUp
}

/// @dev Why a stake was slashed.
enum Offence {
    None,
    Silence,
    ForgedReceipt,
    Equivocation,
    FalseVote,
    KeeperSilence
}
