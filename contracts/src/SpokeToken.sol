// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The home token as it is paid out on a spoke.
/// @notice ROLES: only the SpokePayout that created it can mint, and it mints no more than the home
/// chain's lockbox holds for this spoke, as a quorum of the committee signed it.
contract SpokeToken is ERC20, ERC20Permit {
    address public immutable payout;

    error NotPayout(address caller, address payout);

    constructor(address payout_) ERC20("Cloister", "CLST") ERC20Permit("Cloister") {
        payout = payout_;
    }

    function mint(address to, uint256 amountWei) external {
        require(msg.sender == payout, NotPayout(msg.sender, payout));
        _mint(to, amountWei);
    }
}
