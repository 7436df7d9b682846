// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The home token: stake, fees and rewards.
/// @notice ROLES: none. The whole supply is minted once; nobody can mint, pause or freeze. Supply
/// only falls (slashes burn).
contract CloisterToken is ERC20, ERC20Burnable, ERC20Permit {
    constructor(address holder, uint256 supplyWei)
        ERC20("Cloister", "CLST")
        ERC20Permit("Cloister")
    {
        _mint(holder, supplyWei);
    }
}
