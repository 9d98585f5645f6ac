#include "collectors/session_samples.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/golden.h"

namespace pgtls::collectors {
namespace {

using sessions::Session;
using std::chrono::sys_days;

constexpr sys_days kToday = std::chrono::year{2027} / 1 / 31;

class ExemptedConnectionsTest : public testing::Test {
 protected:
  static Session Plain(std::string_view user, std::string_view address = "10.1.2.3") {
    return {.database = "erp", .user = user, .client_addr = address, .client_port = 4000};
  }

  // The lines of both metrics, with the labels after `server`.
  std::string Exempted(const std::vector<Session>& open, std::size_t max_series = 100) {
    const sessions::Exemptions exemptions(policy_.allow_unencrypted, kToday);
    sessions::SessionCounter counter;
    counter.StartCollection({});
    sessions::Counts counts;
    for (const Session& session : open) Count(session, {}, exemptions, counter, counts);
    counter.EndCollection();
    metrics::Sink sink("db");
    RenderExemptions(policy_, exemptions, counts, max_series, caps_, sink);
    const std::string page(sink.Render()->text());
    return support::Families(page, "pg_tls_policy_exempted_connections") +
           support::Families(page, "pg_tls_folded_connections");
  }

  static std::string By(const std::string& who, int connections) {
    return "pg_tls_policy_exempted_connections{server=\"db\"," + who + "} " + std::to_string(connections) + '\n';
  }
  static std::string Sum(const std::string& exemption, int connections) {
    return "pg_tls_policy_exempted_connections_by_exemption{server=\"db\",exemption=\"" + exemption + "\"} " +
           std::to_string(connections) + '\n';
  }
  static std::string Folded(int connections) {
    return R"(pg_tls_folded_connections{server="db",metric="pg_tls_policy_exempted_connections"} )" +
           std::to_string(connections) + '\n';
  }

  config::Policy policy_;
  SessionCaps caps_;
};

TEST_F(ExemptedConnectionsTest, WithoutExemptionsNoConnectionIsExempted) {
  EXPECT_EQ(Exempted({Plain("erp")}), Folded(0));
}

TEST_F(ExemptedConnectionsTest, TheFirstExemptionThatMatchesCounts) {
  policy_.allow_unencrypted = {{.name = "z", .user = "erp"}, {.name = "a", .database = "erp"}};
  EXPECT_EQ(Exempted({Plain("erp"), Plain("erp"), Plain("bob")}),
            By(R"(exemption="a",database="erp",user="bob",client_addr="10.1.2.3")", 1) +
                By(R"(exemption="z",database="erp",user="erp",client_addr="10.1.2.3")", 2) + Sum("a", 1) + Sum("z", 2) +
                Folded(0));
}

TEST_F(ExemptedConnectionsTest, AnEndedExemptionHasNoSeriesAndAnUnusedOneHasZero) {
  policy_.allow_unencrypted = {{.name = "ended", .user = "erp", .until = kToday - std::chrono::days(1)},
                               {.name = "last-day", .user = "old", .until = kToday},
                               {.name = "unused", .user = "nobody"}};
  EXPECT_EQ(Exempted({Plain("erp"), Plain("old")}),
            By(R"(exemption="last-day",database="erp",user="old",client_addr="10.1.2.3")", 1) + Sum("last-day", 1) +
                Sum("unused", 0) + Folded(0));
}

TEST_F(ExemptedConnectionsTest, OnlyUnencryptedTcpNeedsAnExemption) {
  policy_.allow_unencrypted = {{.name = "all", .database = "erp"}};
  Session tls = Plain("tls");
  tls.ssl = true;
  Session gss = Plain("gss");
  gss.gss_encrypted = true;
  Session local = Plain("local", "");
  local.client_port = -1;
  Session unknown = Plain("unknown");
  unknown.ssl = std::nullopt;
  Session authenticating = Plain("");
  authenticating.authenticating = true;
  EXPECT_EQ(
      Exempted({tls, gss, local, unknown, authenticating, Plain("loopback", "127.0.0.1")}),
      By(R"(exemption="all",database="erp",user="loopback",client_addr="127.0.0.1")", 1) + Sum("all", 1) + Folded(0));
}

// Sums by exemption stay exact.
TEST_F(ExemptedConnectionsTest, TheCapKeepsTheExemption) {
  policy_.allow_unencrypted = {{.name = "a", .user = "erp"}, {.name = "b", .database = "erp"}};
  EXPECT_EQ(Exempted({Plain("erp"), Plain("erp"), Plain("erp", "10.1.2.4"), Plain("bob"), Plain("ann")}, 1),
            By(R"(exemption="a",database="__other__",user="__other__",client_addr="__other__")", 1) +
                By(R"(exemption="a",database="erp",user="erp",client_addr="10.1.2.3")", 2) +
                By(R"(exemption="b",database="__other__",user="__other__",client_addr="__other__")", 2) + Sum("a", 3) +
                Sum("b", 2) + Folded(3));
}

}  // namespace
}  // namespace pgtls::collectors
