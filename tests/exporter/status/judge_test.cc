// The page shows what `check` finds, and is never better than it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "exporter/audit/check.h"
#include "exporter/settings/server_settings.h"
#include "exporter/status/html.h"
#include "exporter/status/server_facts.h"
#include "tests/exporter/audit/snapshot.h"
#include "tests/exporter/status/status_fixture.h"

namespace pgtls::status {
namespace {

using audit::Severity;
using std::chrono::days;
using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kGreenIcon = "fill='%231a9c57'";
constexpr const char* kGreenVerdict = "<div class=\"verdict good\"";

TEST(Judge, OnlyAFindingThatIsFineIsGood) {
  for (const bool unknown : {false, true}) {
    const auto level = [&](Severity severity) {
      return LevelOf(audit::Finding{severity, "", "", {}, "", "", unknown});
    };
    EXPECT_EQ(level(Severity::kFine), Level::kGood);
    EXPECT_EQ(level(Severity::kNote), Level::kNote);
    EXPECT_EQ(level(Severity::kWarning), unknown ? Level::kUnknown : Level::kWarning);
    EXPECT_EQ(level(Severity::kCritical), Level::kBad);
  }
}

TEST(Judge, APageIsGreenAtTheLevelGoodOnly) {
  for (std::size_t level = 0; level < kLevels; ++level) {
    StatusView view;
    view.servers_in_all = 1;
    view.by_level[level] = 1;
    const std::string page = StatusPage(view, {});
    const bool good = static_cast<Level>(level) == Level::kGood;
    EXPECT_EQ(page.find(kGreenIcon) != std::string::npos, good) << level;
    EXPECT_EQ(page.find(kGreenVerdict) != std::string::npos, good) << level;
  }
}

// ---- Servers with something to find

struct Case {
  const char* name;
  std::function<void(ServerBuilder&)> change;
};

sessions::UnencryptedGroup Group(Network network, bool allowed = false) {
  const auto client = Cidr::Parse(network == Network::kRemote ? "192.0.2.7" : "127.0.0.1");
  return {"shop", "erp", {.range = client}, "", network, allowed, 3};
}

template <typename F>
std::function<void(ServerBuilder&)> Endpoint(F change) {
  return [change](ServerBuilder& server) { server.Edit<tls::EndpointFacts>("endpoint", change); };
}

template <typename F>
std::function<void(ServerBuilder&)> Certificates(F change) {
  return [change](ServerBuilder& server) { server.Edit<tls::CertificateInventory>("certificates", change); };
}

std::function<void(ServerBuilder&)> Rules(const std::vector<std::string>& lines) {
  return [lines](ServerBuilder& server) { server.Publish("hba", audit::Posture(lines)); };
}

template <typename F>
std::function<void(ServerBuilder&)> Settings(F change) {
  return [change](ServerBuilder& server) {
    settings::ServerSettings settings = audit::Settings({{"ssl", "on"}});
    change(settings);
    server.Publish("settings", settings);
  };
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"fine", [](auto&) {}},
      {"plaintext", [](auto& server) { server.Unencrypted(Group(Network::kRemote)); }},
      {"loopback", [](auto& server) { server.Unencrypted(Group(Network::kLoopback)); }},
      {"loopback by a strict policy",
       [](auto& server) {
         server.Unencrypted(Group(Network::kLoopback));
         server.snapshot().loopback = config::LoopbackSeverity::kCritical;
       }},
      {"allowed", [](auto& server) { server.Unencrypted(Group(Network::kRemote, true)); }},
      {"own connection",
       [](auto& server) {
         server.snapshot().connection =
             sampling::OwnConnection{"disable", "none", "", "", {}, IpAddress::Parse("10.0.0.1")};
       }},
      {"no TLS", Endpoint([](auto& endpoint) { endpoint.ssl_answer = tls::Answer::kNo; })},
      {"no answer", Endpoint([](auto& endpoint) { endpoint.ssl_answer = tls::Answer::kNone; })},
      {"unreachable", Endpoint([](auto& endpoint) { endpoint.reachable = false; })},
      {"no handshake", Endpoint([](auto& endpoint) { endpoint.handshake = false; })},
      {"plaintext accepted", Endpoint([](auto& endpoint) { endpoint.plaintext_accepted = true; })},
      {"plaintext accepted over loopback", Endpoint([](auto& endpoint) {
         endpoint.plaintext_accepted = true;
         endpoint.address = "127.0.0.1:5432";
       })},
      {"TLS 1.0", Endpoint([](auto& endpoint) { endpoint.protocols["TLSv1"] = true; })},
      {"unknown CA", Endpoint([](auto& endpoint) { endpoint.chain_errors = {"unknown_ca"}; })},
      {"another host", Endpoint([](auto& endpoint) { endpoint.hostname_ok = false; })},
      {"verify-full fails", Endpoint([](auto& endpoint) { endpoint.sslmodes[5] = {false, std::nullopt}; })},
      {"no mode protects", Endpoint([](auto& endpoint) { endpoint.sslmodes.fill({false, std::nullopt}); })},
      {"expiring", Certificates([](auto& inventory) { inventory.served[0].not_after = kNow + days(29); })},
      {"expiring soon", Certificates([](auto& inventory) { inventory.served[0].not_after = kNow + days(6); })},
      {"expired", Certificates([](auto& inventory) { inventory.served[0].not_after = kNow - seconds(1); })},
      {"not yet valid", Certificates([](auto& inventory) { inventory.served[0].not_before = kNow + seconds(1); })},
      {"weak signature", Certificates([](auto& inventory) { inventory.served[0].signature_algorithm = "md5"; })},
      {"self-signed", Certificates([](auto& inventory) { inventory.served[0].self_signed = true; })},
      {"not the file", Certificates([](auto& inventory) { inventory.served_matches_file = false; })},
      {"next start", Certificates([](auto& inventory) {
         inventory.next_start = tls::NextStart{{{"key", "/data/server.key", "mode"}}, {}};
       })},
      {"revocation list",
       Certificates([](auto& inventory) { inventory.lists.push_back({"/data/root.crl", "CN=CA", kNow + days(1)}); })},
      {"file",
       Certificates([](auto& inventory) { inventory.files.push_back({"extra", "/etc/x.crt", "missing", {}}); })},
      {"rules for plaintext", Rules({"host all app 10.0.0.0/8 scram-sha-256"})},
      {"rules for names", Rules({"host all app db.example.com scram-sha-256"})},
      {"trust", Rules({"hostssl all app 10.0.0.0/8 trust"})},
      {"md5", Rules({"hostssl all app 10.0.0.0/8 md5"})},
      {"ssl off", Settings([](auto& settings) { settings.values["ssl"] = "off"; })},
      {"TLS 1.1", Settings([](auto& settings) { settings.values["ssl_min_protocol_version"] = "TLSv1.1"; })},
      {"weak ciphers", Settings([](auto& settings) { settings.values["ssl_ciphers"] = "ALL"; })},
      {"MD5 passwords", Settings([](auto& settings) { settings.values["password_encryption"] = "md5"; })},
      {"pending restart", Settings([](auto& settings) { settings.pending_restart = {"ssl"}; })},
      {"pending reload", Settings([](auto& settings) { settings.pending_reload = {"ssl_ciphers"}; })},
      {"standby",
       [](auto& server) {
         server.Publish("links", links::Links{.links = {links::LinkOf(links::kWalReceiver, "", "", {.host = "db0"})}});
       }},
      {"failed", [](auto& server) { server.Fail("hba", FailureReason::kInsufficientPrivilege, "permission denied"); }},
      {"sessions failed", [](auto& server) { server.Fail("sessions", FailureReason::kTimeout, "no answer"); }},
      {"incomplete",
       [](auto& server) {
         server.Change("hba", [](auto& result, auto&) { result.incomplete.push_back({"raw_text", "sql"}); });
       }},
      {"disabled",
       [](auto& server) {
         std::erase_if(server.snapshot().collectors, [](const auto& state) { return state.name == "hba"; });
         for (const auto* type : collectors::All()) {
           if (type->name == "hba") server.snapshot().disabled = {type};
         }
       }},
      {"over a Unix socket",
       [](auto& server) {
         server.Change("endpoint",
                       [](auto& result, auto&) { result.unsupported = {"over a Unix socket", "Connect over TCP."}; });
       }},
      {"outdated",
       [](auto& server) { server.Change("hba", [](auto&, auto& state) { state.last_success = kNow - seconds(46); }); }},
      {"not run yet",
       [](auto& server) {
         server.Change("hba", [](auto&, auto& state) { state.last_success.reset(); });
         for (auto& state : server.snapshot().collectors) {
           if (state.name == "hba") state.result = nullptr;
         }
       }},
      {"down", [](auto& server) { server.Down("refused"); }},
  };
  return cases;
}

// As the page writes it.
std::string Escaped(const std::string& text) {
  Html html;
  html.Text(text);
  return html.Take();
}

TEST(Judge, APageIsNeverBetterThanCheck) {
  for (const Case& one : Cases()) {
    SCOPED_TRACE(one.name);
    ServerBuilder server("db");
    one.change(server);
    const auto reports = audit::Check({server.Shared()}, kNow);
    const int exit_code = ExitCode(reports);
    StatusLimits limits;
    limits.issues = 50;
    const std::string page = PageOf({server}, limits);
    bool fine = true;
    for (const audit::Finding& finding : reports[0].findings) {
      fine = fine && finding.severity == Severity::kFine;
      if (finding.severity > Severity::kWarning) continue;
      const std::string text = Escaped(finding.brief.empty() ? finding.title : finding.brief);
      const std::string level = finding.severity == Severity::kCritical ? "bad"
                                : finding.unknown                       ? "unknown"
                                                                        : "warning";
      EXPECT_THAT(page, HasSubstr("<li class=\"" + level + "\"><details><summary>" + text + "</summary>"));
      EXPECT_THAT(page, HasSubstr(Escaped(finding.remedy).substr(0, 100)));
    }
    EXPECT_EQ(page.find(kGreenIcon) != std::string::npos, fine);
    EXPECT_EQ(page.find(kGreenVerdict) != std::string::npos, fine);
    if (exit_code == 2) EXPECT_THAT(page, HasSubstr("<div class=\"verdict bad\""));
    if (exit_code == 1)
      EXPECT_THAT(page,
                  AnyOf(HasSubstr("<div class=\"verdict warning\""), HasSubstr("<div class=\"verdict unknown\"")));
    if (exit_code == 3) EXPECT_THAT(page, Not(HasSubstr(kGreenVerdict)));
    if (!fine) continue;
    EXPECT_EQ(exit_code, 0);
    EXPECT_STREQ(one.name, "fine");
  }
}

// The figures, the tables' badges and the list of issues say the same.
TEST(Judge, LoopbackIsAsThePolicySays) {
  const std::pair<config::LoopbackSeverity, std::string> severities[] = {
      {config::LoopbackSeverity::kNote, "note"},
      {config::LoopbackSeverity::kWarning, "warning"},
      {config::LoopbackSeverity::kCritical, "bad"}};
  for (const auto& [policy, level] : severities) {
    ServerBuilder server("db");
    server.Unencrypted(Group(Network::kLoopback));
    server.snapshot().loopback = policy;
    server.Edit<tls::EndpointFacts>("endpoint", [](auto& endpoint) {
      endpoint.address = "[::1]:5432";
      endpoint.plaintext_accepted = true;
      endpoint.sslmodes[0] = {true, false};
    });
    const std::string page = PageOf({server});
    EXPECT_THAT(page, HasSubstr("<div class=\"verdict " + level + "\""));
    EXPECT_THAT(page, HasSubstr("<b class=\"" + level + "\">3</b>"));
    EXPECT_THAT(page, HasSubstr("<span class=\"badge " + level + "\">3 unencrypted</span>"));
    EXPECT_THAT(page, HasSubstr("<span class=\"badge " + level + "\">not allowed</span>"));
    EXPECT_THAT(page, HasSubstr("<span class=\"badge " + level + "\">plaintext</span>"));
    EXPECT_THAT(page,
                HasSubstr("<li class=\"" + level + "\"><details><summary>3 unencrypted connections over loopback"));
    EXPECT_THAT(page, HasSubstr("<li class=\"" + level + "\"><details><summary>An unencrypted connection"));
  }
}

TEST(Judge, ARemedyIsOpenOnAServersOwnPage) {
  ServerBuilder server("db");
  server.Unencrypted(Group(Network::kRemote));
  StatusFrame frame;
  EXPECT_THAT(PageOf({server}, {}, frame), HasSubstr("<details><summary>3 unencrypted"));
  frame.narrowed = true;
  EXPECT_THAT(PageOf({server}, {}, frame), HasSubstr("<details open><summary>3 unencrypted"));
}

}  // namespace
}  // namespace pgtls::status
