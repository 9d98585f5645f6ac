// A remedy begins with what must come first: TLS before it is required, a repair before a reload.
#include <gmock/gmock.h>

#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A remedy does not advise a reload that is refused, or that loads nothing.
TEST(FirstSteps, AdvisesTheReloadThatWouldSucceed) {
  tls::CertificateInventory inventory;
  inventory.served = {{.not_after = kNow + std::chrono::days(100), .subject = "CN=db"}};
  inventory.served_matches_file = false;
  settings::ServerSettings settings = Settings({});
  settings.pending_reload = {"ssl_ca_file"};
  const auto remedy = [&](std::string_view id) {
    return SnapshotBuilder().Publish(inventory).Publish(settings).Of(id).remedy;
  };
  const auto both = [&](const testing::Matcher<std::string>& matcher) {
    EXPECT_THAT(remedy("served_not_file"), matcher);
    EXPECT_THAT(remedy("setting_pending_reload"), matcher);
  };
  // Nothing is known of the next start.
  both(StartsWith("SELECT pg_reload_conf();"));
  EXPECT_THAT(remedy("served_not_file"), HasSubstr("ssl_passphrase_command_supports_reload"));
  // It would succeed, and the key has no passphrase.
  inventory.next_start.emplace();
  both(StartsWith("SELECT pg_reload_conf();"));
  EXPECT_THAT(remedy("served_not_file"), Not(HasSubstr("passphrase")));
  for (const tls::StartFailure& failure :
       {tls::StartFailure{"key", "/data/server.key", "mode"}, tls::StartFailure{"ca", "/data/root.crt", "malformed"},
        tls::StartFailure{"setting", "ssl_groups", "other"}}) {
    inventory.next_start->failures = {failure};
    both(StartsWith("First fix " + failure.path + " (" + failure.reason + ")"));
  }
  // The rules are loaded by themselves.
  inventory.next_start->failures = {{"hba", "/data/pg_hba.conf", "malformed"}};
  both(StartsWith("SELECT pg_reload_conf();"));
  // An encrypted key: whether its passphrase is right is not known, but whether a reload asks for it.
  inventory.next_start->failures.clear();
  inventory.next_start->unknown = {{"key", "passphrase"}};
  EXPECT_THAT(remedy("served_not_file"), StartsWith("Restart the server"));
  inventory.passphrase_at_reload = true;
  EXPECT_THAT(remedy("served_not_file"),
              AllOf(StartsWith("SELECT pg_reload_conf();"), HasSubstr("ssl_passphrase_command")));
}

TEST(FirstSteps, AReloadThatWouldBeRefusedIsNoRemedy) {
  settings::ServerSettings settings = Settings({});
  settings.pending_reload = {"ssl"};
  EXPECT_EQ(SnapshotBuilder().Publish(settings).Of("setting_pending_reload").remedy, "SELECT pg_reload_conf();");
  settings.file_errors = {{"/data/postgresql.conf", 7, "ssl", "no"}};
  EXPECT_THAT(SnapshotBuilder().Publish(settings).Of("setting_pending_reload").remedy,
              StartsWith("First fix the lines of the finding config_file_errors"));
}

TEST(FirstSteps, RefusesNoPlaintextBeforeThereIsTls) {
  tls::EndpointFacts endpoint;
  endpoint.reachable = true;
  endpoint.plaintext_accepted = true;
  sessions::Summary summary;
  summary.unencrypted = {{"erp", "app", {.range = Cidr::Parse("10.1.2.3/32")}, "psql", Network::kRemote, false, 3},
                         {"erp", "app", {.range = Cidr::Parse("127.0.0.1/32")}, "psql", Network::kLoopback, false, 3}};
  const auto remedy = [&](const char* ssl, const char* id) {
    return SnapshotBuilder().Publish(endpoint).Publish(summary).Publish(Settings({{"ssl", ssl}})).Of(id).remedy;
  };
  for (const char* id : {"wire_plaintext_accepted", "plaintext_sessions", "plaintext_sessions_loopback"}) {
    EXPECT_THAT(remedy("off", id), StartsWith("First enable TLS")) << id;
    EXPECT_THAT(remedy("on", id), Not(HasSubstr("First enable TLS"))) << id;
  }
}

TEST(FirstSteps, RequiresNoTlsBeforeThereIsTls) {
  const std::pair<const char*, const char*> rules[] = {
      {"host all app 10.0.0.0/8 md5", "hba_plaintext_admitted"},
      {"host all app samenet md5", "hba_plaintext_possible"},
      {"host all app 127.0.0.0/8 md5", "hba_plaintext_loopback"},
  };
  for (const auto& [rule, id] : rules) {
    const auto remedy = [&](const char* ssl) {
      return SnapshotBuilder().Publish(Posture({rule})).Publish(Settings({{"ssl", ssl}})).Of(id).remedy;
    };
    EXPECT_THAT(remedy("off"), StartsWith("First enable TLS")) << id;
    EXPECT_THAT(remedy("on"), Not(HasSubstr("First enable TLS"))) << id;
  }
}

}  // namespace
}  // namespace pgtls::audit
