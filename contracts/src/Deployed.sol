// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Identifiers} from "./Identifiers.sol";
import {ILedger} from "./interfaces/ILedger.sol";

/// @title A contract of one deployment: it shares the Ledger's EIP-712 domain and knows its
/// modules. @dev The separator is computed, not cached: after a chain split the other side is
/// another deployment.
abstract contract Deployed {
    /// @notice The Ledger whose address names this deployment.
    ILedger public immutable ledger;

    /// @notice Only `expected` may call this.
    error NotModule(address caller, address expected);

    constructor(ILedger ledger_) {
        ledger = ledger_;
    }

    /// @notice The deployment's identifier: the EIP-712 domain separator of every home message.
    function deployment() public view returns (bytes32) {
        return Identifiers.deployment(block.chainid, address(ledger));
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(deployment(), structHash);
    }

    function _onlyModule(address expected) internal view {
        require(msg.sender == expected, NotModule(msg.sender, expected));
    }
}
