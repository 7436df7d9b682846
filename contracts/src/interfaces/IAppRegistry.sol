// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AppId} from "../Types.sol";

/// @dev A denied app was listed once and may not be ordered any more.
enum AppStatus {
    None,
    Listed,
    Denied
}

/// @title Which apps may be ordered and which enclave runtimes may run them.
interface IAppRegistry {
    event AppStatusSet(AppId indexed app, AppStatus status);
    event MeasurementSet(bytes32 indexed measurement, bool approved);

    /// @notice Owner only.
    function setApp(AppId app, AppStatus status) external;

    /// @notice Owner only.
    function setMeasurement(bytes32 measurement, bool approved) external;

    function statusOf(AppId app) external view returns (AppStatus);
    function approved(bytes32 measurement) external view returns (bool);
}
