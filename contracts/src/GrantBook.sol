// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {Deployed} from "./Deployed.sol";
import {GrantRules} from "./GrantRules.sol";
import {Identifiers} from "./Identifiers.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {
    Bounds,
    GrantFacts,
    GrantUse,
    IGrantBook,
    OwnerShare,
    Terms
} from "./interfaces/IGrantBook.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IMarket, Task} from "./interfaces/IMarket.sol";
import {IReleaseKeys} from "./interfaces/IReleaseKeys.sol";
import {Grant, Messages, Order} from "./Messages.sol";
import {TaskId, TaskState} from "./Types.sol";

/// @title Decides whether grants cover an order, and counts what was used of each.
/// @notice ROLES: Market alone uses grants. A grant is its owner's signature (ERC-1271 included)
/// over its digest in this deployment; nothing here widens one.
///
/// USES: a use counts when its order is placed, once for each grant whatever the number of assets
/// it serves or of replicas. So does privacy: the most that the order may spend is charged to each
/// grant that asks for privacy, and once more for each further attempt after one that may have let
/// an output out. What is charged never exceeds what the grant gives.
///
/// LIVENESS: uses and privacy are given back only if no node was ever drawn: then no keeper can
/// have released anything. Otherwise they are not, so that nobody can get more than the owner
/// signed by letting tasks fail.
contract GrantBook is IGrantBook, Deployed {
    using GrantRules for Terms;

    uint256 public constant ENVELOPE_BYTES_MAX = 4_096;

    IAssetRegistry public immutable assets;
    IReleaseKeys public immutable releaseKeys;

    /// @dev An order's place in the book: the UTC day of its placing, the privacy of one attempt,
    /// and its grants, each once.
    struct Placement {
        uint32 day;
        uint64 epsilonMicros;
        uint64 deltaPicos;
        bytes32[] grants;
    }

    mapping(bytes32 grant => GrantUse) private _uses;
    mapping(TaskId task => Placement) private _placements;
    mapping(TaskId task => Terms) private _terms;

    constructor(ILedger ledger_, IAssetRegistry assets_, IReleaseKeys releaseKeys_)
        Deployed(ledger_)
    {
        assets = assets_;
        releaseKeys = releaseKeys_;
    }

    modifier onlyMarket() {
        _onlyModule(ledger.modules().market);
        _;
    }

    /// @inheritdoc IGrantBook
    function use(
        TaskId task,
        Order calldata order,
        Grant[] calldata grants,
        bytes[] calldata signatures
    ) external onlyMarket returns (Bounds memory) {
        Placement storage placement = _placements[task];
        placement.day = _today();
        placement.epsilonMicros = order.epsilonMicros;
        placement.deltaPicos = order.deltaPicos;

        Terms memory terms = GrantRules.begin(order);
        uint256 owners = GrantRules.ownersOf(order.requester, grants);
        for (uint256 i; i < grants.length; ++i) {
            Grant calldata grant = grants[i];
            bytes32 digest = _checkOne(i, order, grant, signatures[i], owners);
            if (!_repeated(i, order.grants)) {
                placement.grants.push(digest);
                _useOne(task, digest, order, grant);
                terms.narrow(i, grant);
            }
            terms.owners[i] = OwnerShare(grant.owner, _narrowPrice(grant.priceWei));
        }
        GrantRules.checkPrices(order, terms.owners);

        _store(task, terms);
        return Bounds(terms.tierMin, terms.tcbFloor, terms.tees);
    }

    /// @inheritdoc IGrantBook
    function chargeAgain(TaskId task) external onlyMarket returns (bool) {
        Placement storage placement = _placements[task];
        bytes32[] memory grants = placement.grants;
        (uint64 epsilon, uint64 delta) = (placement.epsilonMicros, placement.deltaPicos);
        for (uint256 i; i < grants.length; ++i) {
            if (_fits(_uses[grants[i]], epsilon, delta)) continue;
            emit PrivacyUsedUp(grants[i], task);
            return false;
        }
        for (uint256 i; i < grants.length; ++i) {
            if (_uses[grants[i]].epsilonMaxMicros > 0) _charge(grants[i], task, epsilon, delta);
        }
        return true;
    }

    /// @inheritdoc IGrantBook
    function giveBack(TaskId task) external onlyMarket {
        Placement memory placement = _placements[task];
        delete _placements[task];
        for (uint256 i; i < placement.grants.length; ++i) {
            bytes32 grant = placement.grants[i];
            GrantUse storage used = _uses[grant];
            --used.tasks;
            if (used.day == placement.day) --used.tasksThatDay;
            emit GrantUseReturned(grant, task, used.tasks);
            if (used.epsilonMaxMicros == 0) continue;
            used.epsilonMicros -= placement.epsilonMicros;
            used.deltaPicos -= placement.deltaPicos;
            emit PrivacyReturned(grant, task, used.epsilonMicros, used.deltaPicos);
        }
    }

    /// @inheritdoc IGrantBook
    function approveOutput(TaskId task, uint256 position, bytes calldata envelope) external {
        Task memory found = IMarket(ledger.modules().market).taskOf(task);
        require(
            found.state == TaskState.Posted || found.state == TaskState.Accepted
                || found.state == TaskState.Settled,
            OutputNotPosted(task)
        );
        OwnerShare[] storage owners = _terms[Identifiers.task(found.orderDigest)].owners;
        require(position < owners.length, PositionUnknown(position, owners.length));
        address owner = owners[position].owner;
        require(msg.sender == owner, NotGrantOwner(position, msg.sender, owner));
        require(
            envelope.length > 0 && envelope.length <= ENVELOPE_BYTES_MAX,
            EnvelopeOutOfRange(envelope.length, ENVELOPE_BYTES_MAX)
        );

        emit OutputApproved(task, found.attempt, owner, position, envelope);
    }

    /// @inheritdoc IGrantBook
    function allows(TaskId task, address operator, bytes32 measurement)
        external
        view
        returns (bool)
    {
        Terms storage terms = _terms[task];
        if (!terms.anyNode && !_has(terms.operators, operator)) return false;
        if (!terms.anyMeasurement && !_hasWord(terms.measurements, measurement)) return false;
        uint256 count = terms.releaseKeys.length;
        for (uint256 i; i < count; ++i) {
            uint64 until = releaseKeys.approvedUntil(terms.releaseKeys[i], measurement);
            if (block.timestamp >= until) return false;
        }
        return true;
    }

    /// @inheritdoc IGrantBook
    function termsOf(TaskId task) external view returns (Terms memory) {
        return _terms[task];
    }

    /// @inheritdoc IGrantBook
    function ownersOf(TaskId task) external view returns (OwnerShare[] memory) {
        return _terms[task].owners;
    }

    /// @inheritdoc IGrantBook
    function useOf(bytes32 grant) external view returns (GrantUse memory) {
        return _uses[grant];
    }

    /// @inheritdoc IGrantBook
    function usesOf(bytes32 grant) external view returns (uint32) {
        return _uses[grant].tasks;
    }

    /// @inheritdoc IGrantBook
    function usesToday(bytes32 grant) external view returns (uint32) {
        return _uses[grant].day == _today() ? _uses[grant].tasksThatDay : 0;
    }

    /// @inheritdoc IGrantBook
    function epsilonSpentOf(bytes32 grant) external view returns (uint64) {
        return _uses[grant].epsilonMicros;
    }

    /// @inheritdoc IGrantBook
    function deltaSpentOf(bytes32 grant) external view returns (uint64) {
        return _uses[grant].deltaPicos;
    }

    /// @dev Reverts unless the grant is the ordered one and covers the order at `position`.
    function _checkOne(
        uint256 position,
        Order calldata order,
        Grant calldata grant,
        bytes calldata signature,
        uint256 owners
    ) private view returns (bytes32 digest) {
        digest = _digest(Messages.hash(grant));
        require(
            digest == order.grants[position],
            GrantMismatch(position, digest, order.grants[position])
        );
        for (uint256 i; i < position; ++i) {
            require(!(order.assets[i] == order.assets[position]), AssetRepeated(position));
        }

        GrantFacts memory facts;
        facts.owner = assets.ownerOf(order.assets[position]);
        facts.revoked = assets.isRevoked(facts.owner, digest, grant.nonce);
        facts.time = block.timestamp;
        facts.owners = owners;
        // Where the grant stood before in this order, its signature and what is left were checked.
        if (_repeated(position, order.grants)) facts.signed = true;
        else _readFacts(facts, digest, signature);
        GrantRules.check(position, grant, order, facts);
    }

    function _readFacts(GrantFacts memory facts, bytes32 digest, bytes calldata signature)
        private
        view
    {
        facts.signed = SignatureChecker.isValidSignatureNowCalldata(facts.owner, digest, signature);
        GrantUse storage used = _uses[digest];
        facts.uses = used.tasks;
        if (used.day == _today()) facts.usesToday = used.tasksThatDay;
        facts.epsilonSpentMicros = used.epsilonMicros;
        facts.deltaSpentPicos = used.deltaPicos;
    }

    /// @dev Counts a use that was checked.
    function _useOne(TaskId task, bytes32 digest, Order calldata order, Grant calldata grant)
        private
    {
        GrantUse storage used = _uses[digest];
        uint32 today = _today();
        if (used.day != today) (used.day, used.tasksThatDay) = (today, 0);
        ++used.tasksThatDay;
        uint32 uses = ++used.tasks;
        emit GrantUsed(digest, grant.owner, task, uses, grant.usesMax);
        if (!grant.privacyRequired) return;

        if (uses == 1) {
            used.epsilonMaxMicros = grant.epsilonMicros;
            used.deltaMaxPicos = grant.deltaPicos;
        }
        _charge(digest, task, order.epsilonMicros, order.deltaPicos);
    }

    function _charge(bytes32 grant, TaskId task, uint64 epsilonMicros, uint64 deltaPicos) private {
        GrantUse storage used = _uses[grant];
        uint64 epsilonSpentMicros = used.epsilonMicros + epsilonMicros;
        uint64 deltaSpentPicos = used.deltaPicos + deltaPicos;
        used.epsilonMicros = epsilonSpentMicros;
        used.deltaPicos = deltaSpentPicos;
        emit PrivacyCharged(
            grant, task, epsilonMicros, deltaPicos, epsilonSpentMicros, deltaSpentPicos
        );
    }

    function _store(TaskId task, Terms memory terms) private {
        Terms storage stored = _terms[task];
        stored.tierMin = terms.tierMin;
        stored.tcbFloor = terms.tcbFloor;
        stored.tees = terms.tees;
        stored.anyNode = terms.anyNode;
        stored.anyMeasurement = terms.anyMeasurement;
        stored.operators = terms.operators;
        stored.measurements = terms.measurements;
        stored.releaseKeys = terms.releaseKeys;
        for (uint256 i; i < terms.owners.length; ++i) {
            stored.owners.push(terms.owners[i]);
        }
    }

    function _today() private view returns (uint32) {
        return uint32(block.timestamp / 1 days);
    }

    /// @dev Whether a grant that asks for privacy has that much left; others are not asked.
    function _fits(GrantUse storage used, uint64 epsilonMicros, uint64 deltaPicos)
        private
        view
        returns (bool)
    {
        uint64 epsilonMaxMicros = used.epsilonMaxMicros;
        if (epsilonMaxMicros == 0) return true;
        return epsilonMicros <= epsilonMaxMicros - used.epsilonMicros
            && deltaPicos <= used.deltaMaxPicos - used.deltaPicos;
    }

    /// @dev A price above 96 bits stays above every fee, so that none is cut.
    function _narrowPrice(uint128 priceWei) private pure returns (uint96) {
        return priceWei > type(uint96).max ? type(uint96).max : uint96(priceWei);
    }

    /// @dev Whether the grant at `position` stands at an earlier one too.
    function _repeated(uint256 position, bytes32[] calldata grants) private pure returns (bool) {
        for (uint256 i; i < position; ++i) {
            if (grants[i] == grants[position]) return true;
        }
        return false;
    }

    function _has(address[] storage list, address wanted) private view returns (bool) {
        uint256 count = list.length;
        for (uint256 i; i < count; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }

    function _hasWord(bytes32[] storage list, bytes32 wanted) private view returns (bool) {
        uint256 count = list.length;
        for (uint256 i; i < count; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }
}
