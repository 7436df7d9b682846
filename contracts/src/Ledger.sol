// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ILedger, Modules, Payment} from "./interfaces/ILedger.sol";
import {Offence, Role, TaskId} from "./Types.sol";

/// @title The only holder of funds on the home chain.
/// @notice SETTLEMENT: money is in exactly one bucket and `totalWei()` is their sum; it equals the
/// token balance except for tokens somebody sent here without a deposit, which anybody can have
/// booked as the treasury's.
///
/// ROLES: the deployer names the modules once, before any money moves, and can do nothing
/// afterwards. Each module moves money only between the buckets that its functions name: Market
/// escrow, Staking stake, Settlement the parts of a fee.
/// Governance spends the treasury and opens spokes; it cannot touch a balance, an escrow, stake or
/// a lockbox. No bucket has an owner who can change this code.
///
/// LIVENESS: deposits, withdrawals and the choice of a payout chain depend on nobody and can't be
/// paused. Before the modules are sealed only deposits and withdrawals work.
contract Ledger is ILedger, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for ERC20Burnable;

    /// @notice The part of a slash that is burned, so that nobody gains by being slashed by a
    /// friend. The rest goes to whoever proved the offence, or to the treasury where nobody had to.
    uint256 public constant BURN_PPM = 700_000;

    ERC20Burnable public immutable token;
    address public immutable governance;
    address public immutable deployer;

    /// @inheritdoc ILedger
    mapping(address account => uint256 amountWei) public balanceOf;
    /// @inheritdoc ILedger
    mapping(TaskId task => uint256 amountWei) public escrowOf;
    /// @inheritdoc ILedger
    mapping(uint256 chainId => uint256 amountWei) public lockboxOf;
    /// @inheritdoc ILedger
    mapping(uint256 chainId => mapping(address account => uint256 cumulativeWei)) public owedOf;
    /// @inheritdoc ILedger
    mapping(address account => uint256 chainId) public payoutChainOf;
    /// @inheritdoc ILedger
    mapping(uint256 chainId => address payout) public spokePayoutOf;
    /// @inheritdoc ILedger
    uint256 public treasury;

    uint256 private _balances;
    uint256 private _escrows;
    uint256 private _stakes;
    uint256 private _lockboxes;
    Modules private _modules;

    constructor(ERC20Burnable token_, address governance_) EIP712("Cloister", "1") {
        token = token_;
        governance = governance_;
        deployer = msg.sender;
    }

    modifier only(address module) {
        require(msg.sender == module, NotModuleOf(msg.sender));
        _;
    }

    /// @inheritdoc ILedger
    function sealModules(Modules calldata modules_) external {
        require(msg.sender == deployer, NotDeployer(msg.sender, deployer));
        require(_modules.market == address(0), ModulesAlreadySealed());
        require(
            modules_.staking != address(0) && modules_.nodeRegistry != address(0)
                && modules_.market != address(0) && modules_.settlement != address(0)
                && modules_.keeperDuty != address(0),
            ModuleMissing()
        );

        _modules = modules_;
        emit ModulesSealed(
            modules_.staking,
            modules_.nodeRegistry,
            modules_.market,
            modules_.settlement,
            modules_.keeperDuty
        );
    }

    /// @inheritdoc ILedger
    function deposit(uint256 amountWei) external {
        depositFor(msg.sender, amountWei);
    }

    /// @inheritdoc ILedger
    function depositWithPermit(uint256 amountWei, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // A front-runner may have used the permit: then the allowance is there, and the transfer
        // below decides.
        try IERC20Permit(address(token))
            .permit(msg.sender, address(this), amountWei, deadline, v, r, s) {}
            catch {}
        depositFor(msg.sender, amountWei);
    }

    /// @inheritdoc ILedger
    function depositFor(address account, uint256 amountWei) public nonReentrant {
        require(account != address(0), RecipientIsZero());

        _credit(account, amountWei);
        emit Deposited(msg.sender, account, amountWei);

        token.safeTransferFrom(msg.sender, address(this), amountWei);
    }

    /// @inheritdoc ILedger
    function withdraw(uint256 amountWei) external {
        withdrawTo(msg.sender, amountWei);
    }

    /// @inheritdoc ILedger
    function withdrawTo(address to, uint256 amountWei) public nonReentrant {
        require(to != address(0) && to != address(this), RecipientIsZero());

        _debit(msg.sender, amountWei);
        emit Withdrawn(msg.sender, to, amountWei);

        token.safeTransfer(to, amountWei);
    }

    /// @inheritdoc ILedger
    function setPayoutChain(uint256 chainId) external {
        require(
            chainId == 0 || chainId == block.chainid || spokePayoutOf[chainId] != address(0),
            SpokeUnknown(chainId)
        );
        payoutChainOf[msg.sender] = chainId == block.chainid ? 0 : chainId;
        emit PayoutChainSet(msg.sender, chainId);
    }

    /// @inheritdoc ILedger
    function openSpoke(uint256 chainId, address payout) external {
        require(msg.sender == governance, NotGovernance(msg.sender, governance));
        require(chainId != 0 && chainId != block.chainid, SpokeUnknown(chainId));
        require(payout != address(0), RecipientIsZero());
        address open = spokePayoutOf[chainId];
        require(open == address(0), SpokeAlreadyOpen(chainId, open));

        spokePayoutOf[chainId] = payout;
        emit SpokeOpened(chainId, payout);
    }

    /// @inheritdoc ILedger
    function spendTreasury(address to, uint256 amountWei) external {
        require(msg.sender == governance, NotGovernance(msg.sender, governance));
        require(to != address(0), RecipientIsZero());
        require(amountWei <= treasury, TreasuryTooLow(treasury, amountWei));

        treasury -= amountWei;
        _credit(to, amountWei);
        emit TreasurySpent(to, amountWei);
    }

    /// @inheritdoc ILedger
    function absorbSurplus() external nonReentrant {
        uint256 surplusWei = token.balanceOf(address(this)) - totalWei();
        require(surplusWei > 0, NoSurplus());

        treasury += surplusWei;
        emit SurplusAbsorbed(surplusWei);
    }

    /// @inheritdoc ILedger
    function lockEscrow(TaskId task, address requester, uint256 amountWei)
        external
        only(_modules.market)
    {
        require(escrowOf[task] == 0, EscrowTaken(task, escrowOf[task]));

        _debit(requester, amountWei);
        escrowOf[task] = amountWei;
        _escrows += amountWei;
        emit EscrowLocked(task, requester, amountWei);
    }

    /// @inheritdoc ILedger
    function refundEscrow(TaskId task, address requester)
        external
        only(_modules.market)
        returns (uint256 amountWei)
    {
        amountWei = _emptyEscrow(task);
        _credit(requester, amountWei);
        emit EscrowRefunded(task, requester, amountWei);
    }

    /// @inheritdoc ILedger
    function payEscrow(TaskId task, Payment[] calldata payments)
        external
        only(_modules.settlement)
    {
        uint256 escrowWei = _emptyEscrow(task);
        uint256 paidWei;
        for (uint256 i; i < payments.length; ++i) {
            require(payments[i].role != Role.None, PaymentWithoutRole(i));
            paidWei += payments[i].amountWei;
            _pay(task, payments[i]);
        }
        require(paidWei == escrowWei, PaymentsDoNotMatchEscrow(task, paidWei, escrowWei));
    }

    /// @inheritdoc ILedger
    function lockStake(address account, uint256 amountWei) external only(_modules.staking) {
        _debit(account, amountWei);
        _stakes += amountWei;
        emit StakeLocked(account, amountWei);
    }

    /// @inheritdoc ILedger
    function releaseStake(address account, uint256 amountWei) external only(_modules.staking) {
        _takeStake(amountWei);
        _credit(account, amountWei);
        emit StakeReleased(account, amountWei);
    }

    /// @inheritdoc ILedger
    function slashStake(
        address account,
        uint256 amountWei,
        address beneficiary,
        Role role,
        Offence offence
    ) external only(_modules.staking) {
        require(
            (role == Role.Treasury) == (beneficiary == address(0)),
            BeneficiaryMismatch(beneficiary, role)
        );
        uint256 burnedWei = Math.mulDiv(amountWei, BURN_PPM, 1_000_000, Math.Rounding.Ceil);
        uint256 rewardWei = amountWei - burnedWei;

        _takeStake(amountWei);
        if (role == Role.Treasury) treasury += rewardWei;
        else _credit(beneficiary, rewardWei);
        emit StakeSlashed(account, beneficiary, role, offence, burnedWei, rewardWei);

        token.burn(burnedWei);
    }

    /// @inheritdoc ILedger
    function modules() external view returns (Modules memory) {
        return _modules;
    }

    /// @inheritdoc ILedger
    function totalWei() public view returns (uint256) {
        return _balances + _escrows + _stakes + _lockboxes + treasury;
    }

    /// @inheritdoc ILedger
    function totals() external view returns (uint256, uint256, uint256, uint256, uint256) {
        return (_balances, _escrows, _stakes, _lockboxes, treasury);
    }

    /// @inheritdoc ILedger
    function deployment() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _pay(TaskId task, Payment calldata payment) private {
        uint256 amountWei = payment.amountWei;
        if (payment.role == Role.Treasury) {
            treasury += amountWei;
            emit Paid(task, address(this), Role.Treasury, block.chainid, amountWei);
            return;
        }

        address account = payment.account;
        // What comes back to a requester stays where it came from, as every refund does.
        uint256 chainId = payment.role == Role.Requester ? 0 : payoutChainOf[account];
        if (chainId == 0) {
            _credit(account, amountWei);
            emit Paid(task, account, payment.role, block.chainid, amountWei);
            return;
        }

        lockboxOf[chainId] += amountWei;
        _lockboxes += amountWei;
        uint256 cumulativeWei = owedOf[chainId][account] += amountWei;
        emit Paid(task, account, payment.role, chainId, amountWei);
        emit Owed(chainId, account, cumulativeWei);
    }

    function _credit(address account, uint256 amountWei) private {
        balanceOf[account] += amountWei;
        _balances += amountWei;
    }

    function _debit(address account, uint256 amountWei) private {
        uint256 balanceWei = balanceOf[account];
        require(amountWei <= balanceWei, BalanceTooLow(account, balanceWei, amountWei));
        balanceOf[account] = balanceWei - amountWei;
        _balances -= amountWei;
    }

    function _emptyEscrow(TaskId task) private returns (uint256 amountWei) {
        amountWei = escrowOf[task];
        require(amountWei > 0, EscrowEmpty(task));
        escrowOf[task] = 0;
        _escrows -= amountWei;
    }

    function _takeStake(uint256 amountWei) private {
        require(amountWei <= _stakes, StakeTooLow(_stakes, amountWei));
        _stakes -= amountWei;
    }
}
