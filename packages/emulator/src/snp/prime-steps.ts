/**
 * Where the search for primes of one seed ends: 32 bytes of 5e, which tests and vectors use. It saves their search.
 *
 * A wrong number makes a key whose signatures do not verify: a test makes all nine keys and verifies with them.
 */
export const knownSteps: Readonly<Record<string, number>> = {
  '9985b2e4b9b71b28/snp/Milan/ark/p': 1340,
  '9985b2e4b9b71b28/snp/Milan/ark/q': 294,
  '9985b2e4b9b71b28/snp/Milan/ask/p': 668,
  '9985b2e4b9b71b28/snp/Milan/ask/q': 5036,
  '9985b2e4b9b71b28/snp/Milan/asvk/p': 2944,
  '9985b2e4b9b71b28/snp/Milan/asvk/q': 1924,
  '9985b2e4b9b71b28/snp/Genoa/ark/p': 2888,
  '9985b2e4b9b71b28/snp/Genoa/ark/q': 1238,
  '9985b2e4b9b71b28/snp/Genoa/ask/p': 254,
  '9985b2e4b9b71b28/snp/Genoa/ask/q': 1070,
  '9985b2e4b9b71b28/snp/Genoa/asvk/p': 1796,
  '9985b2e4b9b71b28/snp/Genoa/asvk/q': 836,
  '9985b2e4b9b71b28/snp/Turin/ark/p': 1892,
  '9985b2e4b9b71b28/snp/Turin/ark/q': 140,
  '9985b2e4b9b71b28/snp/Turin/ask/p': 486,
  '9985b2e4b9b71b28/snp/Turin/ask/q': 3060,
  '9985b2e4b9b71b28/snp/Turin/asvk/p': 406,
  '9985b2e4b9b71b28/snp/Turin/asvk/q': 1316,
}
