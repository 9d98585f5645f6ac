// Root files that clients may have one day: the certificates collector verifies the served chain against each.
#include "tests/collectors/certificates_fixture.h"

namespace pgtls::collectors {
namespace {

using support::TestCa;
using testing::ElementsAre;

class RootsTest : public CertificatesTest {
 protected:
  void Root(const std::string& name, const std::string& content) {
    harness_.server.roots[name] = data_.Write(name + ".crt", content);
  }
  std::string Verified() { return Families(Page(), "pg_tls_root_verified{"); }
  // "next: unknown_ca", in the order of the names.
  std::vector<std::string> Verdicts() {
    std::vector<std::string> lines;
    for (const auto& [root, path, host, errors] : harness_.Collect().facts.Get<tls::CertificateInventory>()->roots) {
      lines.push_back(root + ":");
      for (const std::string_view error : errors) lines.back() += " " + std::string(error);
    }
    return lines;
  }
  std::vector<std::string> Missing() {
    std::vector<std::string> parts;
    for (const auto& [part, reason, detail] : harness_.Collect().incomplete) {
      if (part == "roots") parts.push_back(reason + " " + detail.substr(0, detail.find(':')));
    }
    return parts;
  }

  TestCa next_{"Next CA"};
};

TEST_F(RootsTest, TodaysChainAgainstEachFile) {
  Root("both", ca_.certificate() + next_.certificate());
  Root("next", next_.certificate());
  Root("today", ca_.certificate());
  EXPECT_EQ(Verified(),
            "pg_tls_root_verified{server=\"db\",root=\"both\"} 1\n"
            "pg_tls_root_verified{server=\"db\",root=\"next\"} 0\n"
            "pg_tls_root_verified{server=\"db\",root=\"today\"} 1\n");
  EXPECT_THAT(Verdicts(), ElementsAre("both:", "next: unknown_ca", "today:"));
  EXPECT_THAT(Missing(), testing::IsEmpty());
}

TEST_F(RootsTest, WithoutRootsThereIsNoSample) { EXPECT_EQ(Verified(), ""); }

// The chain alone: a name that the certificate lacks, and sslrootcert, do not matter.
TEST_F(RootsTest, TheHostNameIsLeftOut) {
  Root("today", ca_.certificate());
  harness_.peer->host = "other.example";
  harness_.target.options["sslrootcert"] = data_.Write("root.crt", next_.certificate());
  EXPECT_THAT(Verdicts(), ElementsAre("today:"));
}

// As libpq: an intermediate in the root file is no anchor, and neither is an authority of the same name with another
// key.
TEST_F(RootsTest, OnlyARootIsAnAnchor) {
  Root("intermediate", issuing_.certificate());
  Root("namesake", TestCa().certificate());
  Root("renewed", ca_.Renewed({}).certificate());
  Root("expired", ca_.Renewed({.not_before = -std::chrono::days(9), .not_after = -std::chrono::days(1)}).certificate());
  EXPECT_THAT(Verdicts(),
              ElementsAre("expired: expired", "intermediate: unknown_ca", "namesake: unknown_ca", "renewed:"));
}

TEST_F(RootsTest, AFileThatCannotBeUsedIsNoVerdict) {
  Root("today", ca_.certificate());
  Root("broken", ca_.certificate().substr(0, 200));
  Root("empty", "");
  Root("key", leaf_.key);
  harness_.server.roots["directory"] = data_.path();
  harness_.server.roots["missing"] = data_.path() + "/none.crt";
  EXPECT_THAT(Verdicts(), ElementsAre("today:"));
  EXPECT_THAT(Missing(), ElementsAre("malformed broken", "unreadable directory", "no_certificate empty",
                                     "no_certificate key", "missing missing"));
  Root("today", next_.certificate());
  EXPECT_THAT(Verdicts(), ElementsAre("today: unknown_ca")) << "a replaced file counts at once";
}

TEST_F(RootsTest, AFileOfAnotherUserIsNoVerdict) {
  Closed("closed");
  harness_.server.roots["closed"] = data_.Write("closed/next.crt", ca_.certificate());
  const Unprivileged unprivileged;
  EXPECT_THAT(Missing(), ElementsAre("permission_denied closed"));
}

TEST_F(RootsTest, NothingServedIsNoVerdict) {
  Root("today", ca_.certificate());
  peer_.behaviour.ssl_answer = 'N';
  EXPECT_EQ(Verified(), "");
  EXPECT_THAT(Missing(), ElementsAre("not_served today"));
  harness_.peer->address = std::nullopt;  // a Unix socket
  EXPECT_THAT(Missing(), ElementsAre("not_served today"));
}

}  // namespace
}  // namespace pgtls::collectors
