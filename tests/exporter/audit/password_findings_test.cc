// What the audit says of how passwords are stored, and of the rules that depend on it.
#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using settings::RolePasswords;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(CheckPasswords, NamesTheRolesWithAnMd5Password) {
  EXPECT_THAT(SnapshotBuilder().Publish(RolePasswords{.scram = 9, .none = 3}).Ids(), IsEmpty());
  const RolePasswords some = {.md5 = 3, .md5_roles = {"ann", "b\nb"}};
  const Finding finding = SnapshotBuilder().Publish(some).Of("md5_roles");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_EQ(finding.title, "3 roles have an MD5 password");
  EXPECT_THAT(finding.evidence, ElementsAre("role ann", "role b\\x0ab", "and 1 more"));
  EXPECT_THAT(finding.remedy, Not(HasSubstr("ALTER SYSTEM")));
  const Finding first =
      SnapshotBuilder().Publish(some).Publish(Settings({{"password_encryption", "md5"}})).Of("md5_roles");
  EXPECT_THAT(first.remedy, HasSubstr("ALTER SYSTEM SET password_encryption")) << "else the new password is MD5 again";
}

TEST(CheckPasswords, JudgesTheIterations) {
  const Finding finding =
      SnapshotBuilder().Publish(RolePasswords{.scram = 9, .few_iterations = 2}).Of("scram_few_iterations");
  EXPECT_THAT(finding.evidence, ElementsAre("2 of 9 roles with a SCRAM password"));
  EXPECT_THAT(SnapshotBuilder().Publish(RolePasswords{.scram = 9, .few_iterations = 1}).Ids(),
              ElementsAre("warning scram_few_iterations"));
}

TEST(CheckPasswords, ARuleWithMd5IsNeededByMd5VerifiersAlone) {
  const hba::Posture posture = Posture({"hostssl all all 10.0.0.0/8 md5"});
  const auto with = [&](const RolePasswords& passwords) {
    return SnapshotBuilder().Publish(posture).Publish(passwords).Of("hba_md5");
  };
  const Finding unknown = SnapshotBuilder().Publish(posture).Of("hba_md5");
  EXPECT_EQ(unknown.severity, Severity::kWarning);
  const Finding needed = with({.md5 = 2, .md5_roles = {"ann", "bob"}});
  EXPECT_EQ(needed.severity, Severity::kWarning);
  EXPECT_THAT(needed.evidence, Contains("2 roles with an MD5 password (finding md5_roles)"));
  const Finding needless = with({.scram = 4});
  EXPECT_EQ(needless.severity, Severity::kNote);
  EXPECT_THAT(needless.title, HasSubstr("no role has one"));
  EXPECT_THAT(needless.remedy, HasSubstr("nobody is refused"));
}

}  // namespace
}  // namespace pgtls::audit
