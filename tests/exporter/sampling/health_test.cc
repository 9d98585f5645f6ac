#include "exporter/sampling/health.h"

#include <gtest/gtest.h>

namespace pgtls::sampling {
namespace {

std::string Rendered(const ServerSnapshot& snapshot) {
  std::string text(RenderHealth(snapshot, nullptr)->text());
  for (const auto& collector : snapshot.collectors) text += RenderHealth(snapshot.name, collector)->text();
  return text;
}

CollectorState State(const std::string& name, CollectorResult result) {
  CollectorState state;
  state.name = name;
  state.interval = std::chrono::milliseconds(1'500);
  state.result = std::make_shared<const CollectorResult>(std::move(result));
  return state;
}

TEST(HealthTest, NothingKnownIsNothingSaid) { EXPECT_EQ(Rendered({.name = "db"}), ""); }

TEST(HealthTest, ACollectorBeforeItsFirstRunHasItsIntervalOnly) {
  ServerSnapshot snapshot{.name = "db"};
  snapshot.collectors.push_back({.name = "sessions", .interval = std::chrono::seconds(15)});
  EXPECT_EQ(Rendered(snapshot), "pg_tls_collector_interval_seconds{server=\"db\",collector=\"sessions\"} 15\n");
}

TEST(HealthTest, AServerInEveryState) {
  ServerSnapshot snapshot{.name = "d\"b", .up = true};
  snapshot.connection = OwnConnection{.sslmode = "verify-full",
                                      .encryption = "tls",
                                      .version = "TLSv1.3",
                                      .cipher = "TLS_AES_256_GCM_SHA384",
                                      .ssl_is_used = true};
  snapshot.collectors.push_back(State("sessions", {.duration = std::chrono::milliseconds(250)}));
  snapshot.collectors[0].last_success =
      std::chrono::system_clock::time_point(std::chrono::milliseconds(1'786'000'000'500));
  snapshot.collectors.push_back(State("hba", {.incomplete = {{"raw", "insufficient_privilege"},
                                                             {"raw", "insufficient_privilege"},
                                                             {"files", "insufficient_privilege"}}}));
  snapshot.collectors.push_back(
      State("settings", {.failure = Failure{FailureReason::kTimeout, "text from a server: never a label"}}));
  snapshot.collectors.push_back(
      State("endpoint", {.unsupported = Unsupported{"over a Unix socket", "Connect over TCP."}}));
  EXPECT_EQ(Rendered(snapshot),
            R"(pg_tls_up{server="d\"b"} 1
pg_tls_exporter_connection_info{server="d\"b",sslmode="verify-full",encryption="tls",version="TLSv1.3",cipher="TLS_AES_256_GCM_SHA384"} 1
pg_tls_collector_interval_seconds{server="d\"b",collector="sessions"} 1.5
pg_tls_collector_last_success_timestamp_seconds{server="d\"b",collector="sessions"} 1786000000.5
pg_tls_collector_success{server="d\"b",collector="sessions"} 1
pg_tls_collector_duration_seconds{server="d\"b",collector="sessions"} 0.25
pg_tls_collector_interval_seconds{server="d\"b",collector="hba"} 1.5
pg_tls_collector_success{server="d\"b",collector="hba"} 1
pg_tls_collector_duration_seconds{server="d\"b",collector="hba"} 0
pg_tls_collector_incomplete_info{server="d\"b",collector="hba",part="files",reason="insufficient_privilege"} 1
pg_tls_collector_incomplete_info{server="d\"b",collector="hba",part="raw",reason="insufficient_privilege"} 1
pg_tls_collector_interval_seconds{server="d\"b",collector="settings"} 1.5
pg_tls_collector_success{server="d\"b",collector="settings"} 0
pg_tls_collector_duration_seconds{server="d\"b",collector="settings"} 0
pg_tls_collector_failure_info{server="d\"b",collector="settings",reason="timeout"} 1
)");
}

TEST(HealthTest, DownIsZeroAndNoConnection) {
  EXPECT_EQ(Rendered({.name = "db", .up = false}), "pg_tls_up{server=\"db\"} 0\n");
}

TEST(HealthTest, EveryFamilyIsDeclared) {
  EXPECT_EQ(HealthDescs().size(), 8u);
  for (const auto* desc : HealthDescs()) EXPECT_EQ(desc->labels[0], "server") << desc->name;
}

}  // namespace
}  // namespace pgtls::sampling
