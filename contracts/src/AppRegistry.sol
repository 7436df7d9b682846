// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {AppStatus, IAppRegistry} from "./interfaces/IAppRegistry.sol";
import {AppId} from "./Types.sol";

/// @title Which apps may be ordered and which enclave runtimes may run them.
/// @notice ROLES: the owner is governance (later a timelock). What stands here only narrows what
/// owners granted: a grant names its apps and measurements itself, so the owner of this registry
/// can stop work but can't get at anybody's data.
contract AppRegistry is IAppRegistry, Ownable2Step {
    /// @inheritdoc IAppRegistry
    mapping(AppId app => AppStatus status) public statusOf;
    /// @inheritdoc IAppRegistry
    mapping(bytes32 measurement => bool approved) public approved;

    constructor(address governance) Ownable(governance) {}

    /// @inheritdoc IAppRegistry
    function setApp(AppId app, AppStatus status) external onlyOwner {
        statusOf[app] = status;
        emit AppStatusSet(app, status);
    }

    /// @inheritdoc IAppRegistry
    function setMeasurement(bytes32 measurement, bool approved_) external onlyOwner {
        approved[measurement] = approved_;
        emit MeasurementSet(measurement, approved_);
    }
}
