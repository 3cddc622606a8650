/// Migrations whose comments were edited after databases had run them: the version and the SHA-384 of the first form, in
/// hexadecimal. Their statements are the same. The driver compares checksums of whole files, and would refuse such a
/// database as one that other migrations made.
pub(crate) const REWORDED: &[(i64, &str)] = &[
    // migrations/mysql/0001_bank_accounts.sql
    (1, "e371999de851ea4ddb3b3a29ca99a936ee5c8180c09e3173b80d9fa85732185c8b75ce932aa465dce06fbf8bd677f627"),
    // migrations/mysql/0002_statement_lines.sql
    (2, "88eb16b85bc90d42e251c62610b75462a10df75e94263101bccb33a779e5ba86ea1bf82dd6c840a179106faf3d7f07bc"),
    // migrations/mysql/0003_early_events.sql
    (3, "f8125598914e47a3ce18754fd9881abd0c46bcfb23381192e67ee89c501902c2b5c6e92ac0dd3d880e93f8c22e1b55e4"),
    // migrations/mysql/0004_account_locks.sql
    (4, "b4f192c14cc725c3fbfd83bc033ddef1d7328109382f158534a010da98bd0d95ee198f3950fb3e5318b0096b66ed2e91"),
    // migrations/mysql/0010_restores.sql
    (10, "573b3539c5b8098a549550974a41e1f850206352f6c1eea42e328741a6529f8587a87edac92294e454e23ab500eb2a23"),
    // migrations/mysql/0011_restore_ranges.sql
    (11, "bf7b655107ec6bfe4c5a4fec26e18cc73e500db25ff9888efd67b27fbec3527beedbb62b8a3bfa98b898fe011fab3562"),
    // migrations/mysql/0012_projection_gate.sql
    (12, "275b0145d86928af629ae2cde24f1278c016471563f1820665429bc4a893c020cc2ecc25cf1d06d78751ab89b39f5b13"),
    // migrations/mysql/0013_projection_gate_row.sql
    (13, "cee61dd3094e2641db5d70c41cff0b9dabfcd69f7f05891b5bb01b6547a5f93979aee0854cfb944ee31bbadf875548d0"),
];
