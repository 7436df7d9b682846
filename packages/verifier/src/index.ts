export { admissionBundleField, type AdmissionBundle, type AdmissionProblem } from './admissions.ts'
export { readVerifierConfig, verifierConfigField, type VerifierConfig } from './config.ts'
export { faultNames, faultsOf, type FaultName, type Faults } from './faults.ts'
export {
  isCommitted,
  judge,
  keepersOf,
  refuseReasons,
  type Judgement,
  type PostingFacts,
  type PostingMaterial,
} from './judge.ts'
export { findChallenges, type Challenge } from './challenge.ts'
export { startVerifier, type Verifier, type VerifierOptions } from './verifier.ts'
