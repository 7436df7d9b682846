// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The cheatcodes of Forge that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function deal(address account, uint256 amountWei) external;
    function etch(address target, bytes calldata code) external;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata message) external;
    function expectPartialRevert(bytes4 selector) external;
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonAddress(string calldata json, string calldata key)
        external
        pure
        returns (address);
    function parseJsonAddressArray(string calldata json, string calldata key)
        external
        pure
        returns (address[] memory);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonBytes(string calldata json, string calldata key)
        external
        pure
        returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key)
        external
        pure
        returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key)
        external
        pure
        returns (bytes32[] memory);
    function parseJsonKeys(string calldata json, string calldata key)
        external
        pure
        returns (string[] memory);
    function parseJsonString(string calldata json, string calldata key)
        external
        pure
        returns (string memory);
    function parseJsonType(
        string calldata json,
        string calldata key,
        string calldata typeDescription
    ) external pure returns (bytes memory);
    function parseJsonUint(string calldata json, string calldata key)
        external
        pure
        returns (uint256);
    function parseJsonUintArray(string calldata json, string calldata key)
        external
        pure
        returns (uint256[] memory);
    function prank(address sender) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function readFile(string calldata path) external view returns (string memory);
    function readLine(string calldata path) external view returns (string memory);
    function roll(uint256 blockNumber) external;
    function getBlockNumber() external view returns (uint256);
    function setBlockhash(uint256 blockNumber, bytes32 blockHash) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function toString(uint256 value) external pure returns (string memory);
    function warp(uint256 time) external;
}

/// @dev What every test needs: cheatcodes, signing, and comparisons that say both values.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error NotEqual(string what, uint256 got, uint256 expected);
    error NotEqualWords(string what, bytes32 got, bytes32 expected);
    error NotTrue(string what);

    function equal(uint256 got, uint256 expected, string memory what) internal pure {
        require(got == expected, NotEqual(what, got, expected));
    }

    function equal(bytes32 got, bytes32 expected, string memory what) internal pure {
        require(got == expected, NotEqualWords(what, got, expected));
    }

    function equal(address got, address expected, string memory what) internal pure {
        equal(uint160(got), uint160(expected), what);
    }

    function isTrue(bool fine, string memory what) internal pure {
        require(fine, NotTrue(what));
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev A number in [min, max] made of any number.
    function within(uint256 any, uint256 min, uint256 max) internal pure returns (uint256) {
        return min + any % (max - min + 1);
    }

    /// @dev Calls `target` as `caller`, which must fail with exactly `reason`.
    function callFails(address caller, address target, bytes memory data, bytes memory reason)
        internal
    {
        vm.prank(caller);
        (bool done, bytes memory answer) = target.call(data);
        isTrue(!done, "refused");
        equal(keccak256(answer), keccak256(reason), "reason");
    }

    function notModule(address caller, address module) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("NotModule(address,address)", caller, module);
    }
}
