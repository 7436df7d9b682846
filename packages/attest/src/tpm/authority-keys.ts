import type { ProductionAnchorName } from '../anchors.ts'

/** What a certificate of a cloud's authority over vTPMs says, and its key: RSA with exponent 65537. */
export type AuthorityKey = {
  /** The vendor root that it is, or that stands right above it. */
  readonly root: ProductionAnchorName
  /** Common name, for people. */
  readonly name: string
  /** SHA-256 of the distinguished name, DER, in hexadecimal. */
  readonly subjectSha256: string
  /** Seconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** 256 or 512 bytes in base64url. */
  readonly modulus: string
}

/**
 * The keys of authorities over vTPMs, for certificates of attestation keys that come without theirs: a guest finds
 * its own certificate in its TPM, and no others.
 *
 * Sources: Google's at `https://pki.goog/cloud_integrity/`, Microsoft's at `https://www.microsoft.com/pkiops/certs/`,
 * as those certificates themselves name them. Their signatures lead to the pinned roots.
 */
export const authorityKeys: readonly AuthorityKey[] = [
  {
    root: 'google-tpm-ek-root-1',
    name: 'tpm_ek_v1_cloud_host_root-signer-0-2018-04-06T10:58:26-07:00 K:1, 1:Pw003HsFYO4:0:18',
    subjectSha256: 'e4d275da0581434a732b7da464f6d245e26e88446c38fed977507d45a48a559e',
    notBefore: 1523037506,
    notAfter: 4678714706,
    modulus:
      '-8I7pO5X-Oknhq5hWj70Mq12wLsQ_mle3JfC9ucKPaRP7wk8Zv7604nKWKENI7YE2u2pW6SSJXx1dhjQxA258-KdKcFk_uzVFc3gX32TS1Ijd7lMjYPBEUFXSNy7uthmXPHeY7WW02n_1RUDfPEvPrrdI-egEFRQ2Vedj3Qm504t_Bc0_rwqIK39ggbteshExjyJc0WtNL0EiVotv4siCaHb0U39hxCxewDK6bzfkWhQtwMurOtOMD7et9G9AvCurlCwlwRW5lhVFBLm13hFtEPPgYtDMe1FPQNJ7z1oUCd1oryHiL9YsOg4jxInwHyb5W85YNifH_uo_o2wKeJxWDsFDNioC2VNMdTOLk13ansdzcVtuphTvgR01O0UDAOwj3k3R_4sLfBErXG8aBpFJ2cl6SWE1Wx07TRMOSYBV2SQr6js-KPZKzbLBb25EfmCeiyd-zCJbEB70u_Al8Gvgw22Frt68DBy-qRG8EkWB34BW6A67A4ILescUSq5qhRak2u9IEUxWihaCzR8wxxK1hiP69F31o0O2AexuBJC8IUOaj3WVypEVzBioN_wmZDBk73Jg7ONv_vcwGzFHO5el5D38v9KsiAvfNLsstPJttDcsk7n3a_P6wSTr8_8g5lIY9KHk0tUtLOMd9S4xHrSEnzMajfhAcn-nWbpod-TnaE',
  },
  {
    root: 'google-tpm-ek-root-1',
    name: 'tpm_ek_v1_cloud_host-signer-0-2020-10-22T14:02:08-07:00 K:1, 2:HBNpA3TPAbM:0:18',
    subjectSha256: '3490619e62489adaacb1df04f67e5599026e948388e5863874adf0df8503c41e',
    notBefore: 1603400528,
    notAfter: 4759074128,
    modulus:
      'tOAyLEEpK20AgeP-xFdgQxF2cwQQVFQ2hf8rg88c3TDbsZHTWwf3Emym0nOPoCPuDSyJ_6mQN-ys1gHfD0r4hdsxYAvmReJuMK-yefN9J-DpAAan3bT9-vETiNW-VHtWr7oDX3h1CNk89WCH5Q5V5Z6LTTE-DuEiDLoPbHwRY58CDW4rw7t4FD_NN731wwrE3J3SgO1oDeY1wxAH3T9RGbboDg7AsUo73L3iq99DkZgoO--jfm7fkPmEHkMRcVheniAxvLuAT5Paf5l1yH6kDHflqa1hLdaXb0BVEaIngDdocRJKC_efaBYr2uvbwI01PB6mgG9erloVkkGsh9JV2w',
  },
  {
    root: 'google-tpm-ek-root-1',
    name: 'tpm_ek_v1_cloud_host-signer-0-2021-10-12T04:22:11-07:00 K:1, 3:nbvaGZFLcuc:0:18',
    subjectSha256: 'd2fe3fee30871dc8619b8e4c4d01a34daf4d44f203586a3b98d87ab1b65df7e8',
    notBefore: 1634037731,
    notAfter: 4789711331,
    modulus:
      '7zPdIRUezgb0v1PNi8O4ZFhLH9Lrfa5702ihzStUovrMM7TwYBlO_0b3jUcVRYFOquTWYf45xtcZeR_Q_tcx7k4SjnpEO2sVF6XXD7Tdwl6fsJIJDk3WYG55-I5w0Im8MgUDLs3z_vI0fK3KQEuTxsKcq-dCI4CQdONvIazq9YZHxrNjkNt3qnEhgp4ibZ5xJJjcYozgKrwKFGpxVi5qRIDai6kl6IUhVTKEulbYih3wuOb29ETZM0qMxA54wu6mPZ52gQuG8HjIGE0Hqo1_y_uWT82Cz1Ew7sg_P0dwImZXOhZU5MytWr5z1IOA-UkcfIDKB6-Znmeu4Nx7JxPU8w',
  },
  {
    root: 'google-ek-ak-ca-root',
    name: 'EK/AK CA Root',
    subjectSha256: '5767681d84417d4ba72b85302bc743e5170315fb357b949d80690a5446e5aef0',
    notBefore: 1657240834,
    notAfter: 4812933443,
    modulus:
      'nSX1UKjIlktKiXwrKE2ltLukGe6JwTqm2t23EBYhHZOcvFKDE0WJHt2u2h_EjSu5x6gIimxr00cgqvPewz838TyYU0eIkC7JV_ek-mYOksllDWp7zIeSkZKzcqPezlhha0R5wJV_M2zgy0q8Z8D5YoHj0Do2iLxH1HUaicsg3rBJdfeQ_WJtGfQ0aB2qB-BF7kcLeQoCGNnqxxPwRvVIaVoHIbMTlagZOc1vKJ-TLH2hRnFdUmyq_arrXVbdqls_FyB6_zPkldBRuutDsRs7RK0rUOwpGwou4P5gvGOsFFDhR4g3lYenobS-BiI6m0ebpgpnFB6Y7-RUwtHOybUBgft404V6RwEgpGNKqmTmbi53Tiq6bp_SEGPeIT8974O8htWEuH0i0C6chIZA8D11gSB8D-paKv6lTstXemGkt4aG6WXwb_NiZCEXeF6DRu4hHvRpq_NPyIsBCvFUw1FkkQYzAg3-2rxiJPf7cRkhxKqroYAaOK5XDc0ixcLf4K5IkZDkZsOnj0tzpVY8d5Z4W_BJQaDEpermvX49GyhiArpLiGF5yBcRflztG1rpNwWUQVvRcr1-nLV2vz0t4UbFQGl0O8rENEsybcVB6fyuZH89JF4RwmxqptQ_-rs9zuTRF8X0xvoB89l-eqClglD4gVKv0SNFJbXA9wvTfOhM_js',
  },
  {
    root: 'google-ek-ak-ca-root',
    name: 'EK/AK CA Intermediate',
    subjectSha256: 'ec15f49f1eaf6bebf9a054a9e88cd771c18930dcf9e7b7161bea7662cb67a2b2',
    notBefore: 1661293589,
    notAfter: 4812933443,
    modulus:
      'oGMe14Bhqh9kWnHW0VnqNl-Iake9KUANTgC12z-8ULqciIvDoiw0ezQ1fP_pwKhNRxcVwP5-JgbJJluZw1lu1uV5trLs5yA_Er9CfVGX8CQF1TB7Zfv6Hf7hv7lv7eE986rda1oM55hJXEt0L3BvWfVpPibBloktSqqbSVzrBJrtSFi9P-Hhku6Bw6Zt1T_8_z6OVdMbPNEhbPtCGFxmwyzKfb3wWU2YCIzZd7h53pV0ea1VJL3iGmRBJhC3Rkwvs3QcSZYYENft6x42jWSK_t2WrrZknP2Q67OFlhVL_gMo0NJ6bczovY03yRTnoDcN6YXKqlc7iwPdUJn86jJHPL2s9KCWR_UDUGtb4PqZSaHQXA58N_tZSyQ48T0v-ar9CYVVAIOV93VJDn13j0lZLax1bAkbzl0I7il1S-W2wEVx-K3WUf_29aBhRLZ3Ddkyj_Ta8HxhMXpdOciddEXh2G4o_WaQAh3XCW8FGkKXjW8Ao7kBDBbpmCvlRvOtTBWetx9dIOGzUkX53s3R1soUvMeZAP8208fe06-TOj-k7Mcn5qY1XuALzAKhZlR9hGw1pjKEIUCKTJbfL-L2QDdP7OS2Kc2mBVQAcLu9PmaG--OZoVTlUrGd_6DBfKTEsN-aytWoCRkJKu8kTWYyaMhXAYD1C4yp5xLQMKyFImNXumU',
  },
  {
    root: 'azure-virtual-tpm-root-ca-2023',
    name: 'Azure Virtual TPM Root Certificate Authority 2023',
    subjectSha256: '7c9620f6b447b7e7dd38c4e661ddbfcdebee08ece29347a5f04e354e32691d21',
    notBefore: 1685642933,
    notAfter: 2474648141,
    modulus:
      'ugwzC91Env5tbTRp0oTVV6Y2olL7brxSt7xBx9ldU6xU7bb48v1ZGg-dajSvl1WiiZgZuhuHgcLvaz2wZjoEZF75SLYszC5aeKsG06NonfivVmJ40xxU0lP91dbkc38cuWb-BIqVbOoITHqAUUBBO_JiX_mNgjg57TnMnuiOCMr_pkdekXKxefJQhMn2qCOfnjogmH8bk4wLeYN8VTsD8YCL4tho4dLNePr0uTW8J-02r0NxAe0Hui07RXEWREtpQtx-78BgczsUL9Krpwlv0C7wr8hSHD_mUlJdlrAsnAelwRjMRObZuVp3RUewAJos25xkvnAGLwYS6xD1ajxbWnWtQIynz2m5_FrcCv2xhm9Z4mW8qCBZxBVSWG-8hkSdP5-14S_BN2hqOXmpK9lsM8YI-Nv3WtLOeiIurxeqBAEEWOcSJMv5WJpmbJk9hSwG8FjeUpcHWXaGCBqF8EhqDiPTByCqUvzZIvukB0aOrQWi7pIqAeeSStXkI3FQEFUw0LBSiPma8SN3mYXtc-B8z3yo0AFvYCq1-X5W4KRT8bVe8WhOpL0CTBstMYUxL36MIRTavDrCcq4a_VPH2K5J02-xe3yy3Hh-RV4m-cWkl4AjAFlWApFJNrfDfT32TSZbyoaIyfAIjlJ91nZInIPi4SazOyeJ4TrABZ3W0suDWO8',
  },
  {
    root: 'azure-virtual-tpm-root-ca-2023',
    name: 'Global Virtual TPM CA - 01',
    subjectSha256: '9f9095bd72d0fd7ad8c9aacf235bc8ed006e7485689cef28f4b7dfcbb041cbd8',
    notBefore: 1686246784,
    notAfter: 1762192384,
    modulus:
      'vzaqLhxgaL02ncNRizEGDcVqxHIj0oe4BO1cbH22zwhNEn0zvNDhdq2i3UWDdoBFhNg6_Pkw1LgG_1gRcnM4VNWhxT7LIPAd_w0-qU15Q5aISyz1pI2FPjrk9fy7O0c40AXtrHvzCcj2iCVyOioAsHj8OxHFhQoXvGgk1DB2ARtCbuMTZTE1Hf7XLumudwl5-jauPLpsJWiXpUYfotX9L3MAdgmP7_kZYsG__AzORHfRVB2TisqeVZ2sPRlpaDOOrC0E_33RwdI5roHzWc2n5JIUAGIjS942DWBWR-fyIFH2Cf8sm8J8KMTnVdjVdENovj-T3G9FjRmiWOO2qjo_AQ',
  },
]
