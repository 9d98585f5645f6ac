#include "exporter/status/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "exporter/hba/posture.h"
#include "exporter/settings/server_settings.h"
#include "exporter/status/style.h"
#include "tests/exporter/hba/hba_text.h"
#include "tests/exporter/status/status_fixture.h"

namespace pgtls::status {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

sessions::UnencryptedGroup Group(const std::string& user, std::size_t connections = 1, bool allowed = false) {
  return {"shop", user, {.range = Cidr::Parse("192.0.2.7")}, "batch", Network::kRemote, allowed, connections};
}

// The one sentence that may say that all is well.
constexpr const char* kAllClear = "Every open TCP connection is encrypted.";
constexpr const char* kNone = "None: every open TCP connection is encrypted.";

// The section with this id, without markup.
std::string Section(const std::string& page, const std::string& id) {
  const auto begin = page.find("<section id=\"" + id + "\"");
  if (begin == std::string::npos) return "";
  return std::regex_replace(page.substr(begin, page.find("</section>", begin) - begin), std::regex("<[^>]*>"), "|");
}

std::size_t Count(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(StatusPageTest, WhatLibpqRefusesTheServerHasNotRefused) {
  ServerBuilder server("orders");
  server.Edit<tls::EndpointFacts>("endpoint", [](auto& endpoint) {
    endpoint.client.weakest = tls::SslMode::kVerifyFull;
    for (std::size_t i = 0; i < 5; ++i) endpoint.sslmodes[i] = {false, std::nullopt};
  });
  EXPECT_THAT(Section(PageOf({server}), "sslmode"), AllOf(HasSubstr("refused by libpq"), Not(HasSubstr("|refused|"))));
  server.Edit<tls::EndpointFacts>("endpoint", [](auto& endpoint) {
    endpoint.client.weakest = tls::SslMode::kDisable;
    endpoint.plaintext_accepted = true;
  });
  EXPECT_THAT(Section(PageOf({server}), "sslmode"), HasSubstr("|refused by libpq|"));
}

TEST(StatusPageTest, AllIsWell) {
  const std::string page = PageOf({ServerBuilder("orders")});
  EXPECT_THAT(page, AllOf(HasSubstr(kAllClear), HasSubstr(kNone), HasSubstr("<div class=\"verdict good\"")));
  EXPECT_THAT(Section(page, "servers"), AllOf(HasSubstr("orders"), HasSubstr("|up|"), HasSubstr("4 TLS"),
                                              HasSubstr("TLSv1.3, sslmode=verify-full"), HasSubstr("10 s")));
  EXPECT_THAT(Section(page, "sslmode"), AllOf(HasSubstr("refused"), HasSubstr("encrypted"), Not(HasSubstr("plain"))));
  EXPECT_THAT(Section(page, "unseen"), HasSubstr("Nothing:"));
  EXPECT_THAT(page, HasSubstr("<a href=\"./metrics\">Metrics</a>"));
}

TEST(StatusPageTest, WhoIsUnencrypted) {
  ServerBuilder server("orders");
  server.Unencrypted(Group("erp", 3)).Unencrypted(Group("old", 2, true));
  const std::string page = PageOf({server});
  EXPECT_THAT(page, Not(HasSubstr(kAllClear)));
  EXPECT_THAT(page, HasSubstr("3 open TCP connections are neither encrypted nor allowed by the policy."));
  EXPECT_THAT(page, HasSubstr("<div class=\"verdict bad\""));
  const std::string section = Section(page, "unencrypted");
  EXPECT_THAT(section, AllOf(HasSubstr("erp"), HasSubstr("192.0.2.7"), HasSubstr("shop"), HasSubstr("batch"),
                             HasSubstr("not allowed"), HasSubstr("|allowed|")));
  EXPECT_LT(section.find("erp"), section.find("old")) << "what is not allowed comes first";
  EXPECT_THAT(Section(page, "servers"), HasSubstr("3 unencrypted connections from other machines"));
}

TEST(StatusPageTest, AllowedOnesAreNotHidden) {
  ServerBuilder server;
  server.Unencrypted(Group("old", 2, true));
  EXPECT_THAT(PageOf({server}), AllOf(Not(HasSubstr(kAllClear)), HasSubstr("except 2 that the policy allows")));
}

TEST(StatusPageTest, ByWhichRule) {
  hba::Posture posture;
  posture.file = std::make_shared<const hba::RuleSet>(
      hba::Rules({"hostssl all all all scram-sha-256", "host shop erp 192.0.2.0/24 md5"}));
  posture.in_force = {false, posture.file};
  const auto from = Cidr::Parse("192.0.2.7");
  posture.plaintext = {{{"erp", "shop", from}, &posture.file->rules[1]}, {{"both", "shop", from}, nullptr}};
  ServerBuilder server;
  server.Unencrypted(Group("erp")).Unencrypted(Group("both")).Unencrypted(Group("other")).Publish("hba", posture);
  const std::string section = Section(PageOf({server}), "unencrypted");
  EXPECT_THAT(section, HasSubstr("host shop erp 192.0.2.0/24 md5"));
  EXPECT_EQ(Count(section, "host shop erp"), 1u) << "nothing is known of the other";
  EXPECT_EQ(Count(section, "no single rule"), 1u);

  posture.file = hba::WithError(*posture.file, {"pg_hba.conf", 3, "broken"});
  posture.in_force.rules.reset();
  server.Publish("hba", posture);
  EXPECT_THAT(Section(PageOf({server}), "unencrypted"), Not(HasSubstr("host shop erp")));
}

TEST(StatusPageTest, ABlindServerIsNoAllClear) {
  ServerBuilder blind("blind");
  blind.Fail("sessions", FailureReason::kInsufficientPrivilege, "the role cannot see other sessions");
  const std::string page = PageOf({blind});
  EXPECT_THAT(page, AllOf(Not(HasSubstr(kAllClear)), Not(HasSubstr(kNone))));
  EXPECT_THAT(page, HasSubstr("It is not known which connections are unencrypted"));
  EXPECT_THAT(Section(page, "unencrypted"), AllOf(HasSubstr("not known"), HasSubstr("blind"),
                                                  HasSubstr("insufficient_privilege: the role cannot see")));
  EXPECT_THAT(Section(page, "unseen"), HasSubstr("insufficient_privilege"));

  const std::string both = PageOf({ServerBuilder("seen"), blind});
  EXPECT_THAT(both, AllOf(Not(HasSubstr(kAllClear)), Not(HasSubstr(kNone))));
  EXPECT_THAT(both, HasSubstr("On 1 of 2 servers it is not known which connections are unencrypted."));
  EXPECT_THAT(both, HasSubstr("None on the servers whose connections could be read."));
  EXPECT_THAT(both, Not(HasSubstr(">0</b>"))) << "the figure";
}

// Every way in which sessions can be unknown.
TEST(StatusPageTest, NothingUnknownReadsAsZero) {
  std::vector<std::pair<std::string, ServerBuilder>> cases;
  cases.emplace_back("down", ServerBuilder().Down("connection refused"));
  cases.emplace_back("no facts", ServerBuilder().Change("sessions", [](auto& result, auto&) { result = {}; }));
  cases.emplace_back(
      "old", ServerBuilder().Change("sessions", [](auto&, auto& state) { state.last_success = kNow - seconds(100); }));
  ServerBuilder untried;
  untried.snapshot().up.reset();
  for (auto& state : untried.snapshot().collectors) state = {.name = state.name, .interval = state.interval};
  cases.emplace_back("not tried", untried);
  ServerBuilder off;
  off.snapshot().collectors.erase(off.snapshot().collectors.begin());
  cases.emplace_back("switched off", off);
  for (const auto& [name, server] : cases) {
    const std::string page = PageOf({server});
    EXPECT_THAT(page, AllOf(Not(HasSubstr(kAllClear)), Not(HasSubstr(kNone)), Not(HasSubstr(">0</b>")))) << name;
    EXPECT_THAT(page, Not(HasSubstr("<div class=\"verdict good\""))) << name;
    EXPECT_THAT(Section(page, "unencrypted"), HasSubstr("not known")) << name;
  }
}

TEST(StatusPageTest, AServerThatIsDown) {
  ServerBuilder down("down");
  down.Down("connection refused");
  const std::string page = PageOf({ServerBuilder("fine"), down});
  const std::string section = Section(page, "servers");
  EXPECT_THAT(section,
              AllOf(HasSubstr("|down|"), HasSubstr("Could not log in"), HasSubstr("connection: connection refused")));
  EXPECT_EQ(Count(section, "connection: connection refused"), 1u) << "once, not for each collector";
  EXPECT_LT(section.find("Could not log in"), section.find("fine")) << "the worst first";
  EXPECT_THAT(page, HasSubstr("1 of 2</b>"));
  EXPECT_THAT(Section(page, "certificates"), HasSubstr("CN=down")) << "the wire goes on";
}

TEST(StatusPageTest, CertificatesBySoonestEnd) {
  ServerBuilder server("db");
  server.Edit<tls::CertificateInventory>("certificates", [](auto& inventory) {
    inventory.served[0] = ServerBuilder::Certificate("CN=gone", -days(3));
    inventory.served_matches_file = false;
    tls::FileReport file{"server", "/etc/server.crt", "", {}};
    file.content.certificates.push_back({0, ServerBuilder::Certificate("CN=new", days(90))});
    inventory.files.push_back(file);
    tls::FileReport ca{"ca", "/etc/ca.crt", "", {}};
    ca.content.certificates.push_back({0, ServerBuilder::Certificate("CN=ca", days(12))});
    inventory.lists.push_back({"/etc/ca.crl", "CN=list", kNow + days(2)});
    ca.content.certificates.push_back({1, ServerBuilder::Certificate("CN=old", -days(12)), false});
    inventory.files.push_back(ca);
    inventory.files.push_back({"extra", "/etc/secret.crt", "permission_denied", {}});
  });
  server.Edit<tls::EndpointFacts>("endpoint", [](auto& endpoint) { endpoint.chain_errors = {"expired"}; });
  const std::string page = PageOf({server});
  const std::string section = Section(page, "certificates");
  EXPECT_THAT(section, AllOf(HasSubstr("expired 3 days ago"), HasSubstr("not verified: expired"), HasSubstr("served"),
                             HasSubstr("12 days"), HasSubstr("2027-01-27"), HasSubstr("revocation list"),
                             HasSubstr("not served"), HasSubstr("90 days")));
  EXPECT_LT(section.find("CN=gone"), section.find("CN=list"));
  EXPECT_LT(section.find("CN=list"), section.find("CN=ca"));
  EXPECT_LT(section.find("CN=ca"), section.find("CN=new"));
  EXPECT_LT(section.find("CN=new"), section.find("CN=old"));
  EXPECT_THAT(section, HasSubstr("expired, and not needed"));
  EXPECT_THAT(Section(page, "servers"),
              AllOf(HasSubstr("The server&#39;s certificate has expired"),
                    HasSubstr("The served certificate is not the one in the server&#39;s file")));
  EXPECT_THAT(Section(page, "unseen"), AllOf(HasSubstr("/etc/secret.crt"), HasSubstr("permission_denied")));
  EXPECT_THAT(page, HasSubstr("There are other issues")) << "the connections are encrypted, and yet";
}

TEST(StatusPageTest, WhatFailsLaterOrForClientsIsAFinding) {
  const auto findings = [](auto change) {
    ServerBuilder server;
    server.Edit<tls::CertificateInventory>("certificates", change);
    const std::string page = PageOf({server});
    EXPECT_THAT(page, HasSubstr("There are other issues"));
    return Section(page, "servers");
  };
  EXPECT_THAT(findings([](auto& inventory) {
                inventory.next_start =
                    tls::NextStart{{{"ca", "/data/root.crt", "missing"}, {"setting", "ssl_groups", "other"}}, {}};
              }),
              AllOf(HasSubstr("The next start of the server fails: /data/root.crt (missing)"),
                    HasSubstr("The next start of the server fails: ssl_groups (other)")));
  EXPECT_THAT(findings([](auto& inventory) { inventory.served[0].not_before = kNow + days(1); }),
              HasSubstr("The server&#39;s certificate is not valid yet"));
  const tls::ClientAuthority refused{"CN=Clients", "01", {{"crl_missing", "CN=Clients"}}, std::nullopt};
  const auto with_clients = [](auto& inventory, std::vector<tls::ClientAuthority> authorities) {
    inventory.files.push_back({"ca", "/data/root.crt", "", {}});
    inventory.clients.emplace().authorities = std::move(authorities);
  };
  EXPECT_THAT(findings([&](auto& inventory) { with_clients(inventory, {refused}); }),
              AllOf(HasSubstr("An authority of client certificates has no revocation list"), HasSubstr("CN=Clients")));
  const tls::ClientAuthority accepted{"CN=Others", "02", {}, std::nullopt};
  EXPECT_THAT(findings([&](auto& inventory) { with_clients(inventory, {refused, accepted}); }),
              HasSubstr("An authority of client certificates has no revocation list"));
  // Of a collection, clients use some.
  ServerBuilder server;
  server.Edit<tls::CertificateInventory>("certificates", [&](auto& inventory) {
    std::vector<tls::ClientAuthority> authorities(tls::kFewAuthorities + 1, accepted);
    authorities[0] = refused;
    with_clients(inventory, authorities);
    inventory.next_start.emplace();
  });
  EXPECT_THAT(PageOf({server}), Not(HasSubstr("There are other issues")));
}

TEST(StatusPageTest, AnUnverifiedCertificateSaysSo) {
  ServerBuilder server;
  server.Edit<tls::EndpointFacts>("endpoint", [](auto& endpoint) { endpoint.chain_errors.reset(); });
  EXPECT_THAT(Section(PageOf({server}), "certificates"), HasSubstr("unverified: no sslrootcert"));
  server.Fail("endpoint", FailureReason::kTimeout, "too late");
  EXPECT_THAT(Section(PageOf({server}), "certificates"), AllOf(HasSubstr("unverified"), Not(HasSubstr("|verified|"))));
}

TEST(StatusPageTest, OneCertificateInManyPlacesIsOneRow) {
  ServerBuilder server;
  server.Edit<tls::CertificateInventory>("certificates", [](auto& inventory) {
    for (int i = 0; i < 5; ++i) {
      tls::FileReport file{"extra", "/etc/" + std::to_string(i) + ".crt", "", {}};
      file.content.certificates.push_back({0, inventory.served[0]});
      inventory.files.push_back(file);
    }
  });
  const std::string section = Section(PageOf({server}), "certificates");
  EXPECT_EQ(Count(section, "CN=db"), 1u);
  EXPECT_THAT(section, AllOf(HasSubstr("/etc/0.crt"), HasSubstr("and 2 more files"), Not(HasSubstr("/etc/4.crt"))));
}

TEST(StatusPageTest, ACertificateOfAnotherNameSaysForWhom) {
  ServerBuilder server;
  server.Edit<tls::CertificateInventory>("certificates", [](auto& inventory) {
    const auto certificate = ServerBuilder::Certificate("CN=tenant", days(3));
    inventory.names = {{"a.example", {certificate}, {}}, {"/no_sni/", {certificate}, {}}};
  });
  server.Edit<tls::EndpointFacts>("endpoint", [](auto& endpoint) {
    auto& name = endpoint.names.emplace_back();
    name.host = "a.example";
    name.chain_errors = {"expired"};
    name.hostname_ok = false;
  });
  const std::string section = Section(PageOf({server}), "certificates");
  EXPECT_EQ(Count(section, "CN=tenant"), 1u);
  EXPECT_THAT(section, AllOf(HasSubstr("served to a.example"), HasSubstr("served without SNI"),
                             HasSubstr("not verified: expired"), HasSubstr("not for a.example")));
}

TEST(StatusPageTest, AWireThatGivesNoAnswerIsNotGood) {
  const std::pair<std::optional<tls::Answer>, std::string> cases[] = {
      {tls::Answer::kError, "the server answered the request for TLS with an error"},
      {tls::Answer::kNone, "the server did not answer the request for TLS"},
      {std::nullopt, "the server did not answer the request for TLS"}};
  for (const auto& [answer, why] : cases) {
    ServerBuilder server("orders");
    server.Edit<tls::EndpointFacts>("endpoint", [&](auto& endpoint) {
      endpoint.ssl_answer = answer;
      endpoint.handshake.reset();
      endpoint.chain_errors.reset();
      endpoint.hostname_ok.reset();
    });
    const std::string page = PageOf({server});
    EXPECT_THAT(page, Not(HasSubstr("<div class=\"verdict good\"")));
    EXPECT_EQ(Count(Section(page, "servers"), "The server does not answer the request for TLS"), 1u);
    EXPECT_THAT(Section(page, "unseen"), AllOf(HasSubstr("TLS over the network"), HasSubstr(why)));
    sampling::Snapshots snapshots{server.Shared()};
    EXPECT_EQ(ViewOf(snapshots, kNow).servers.rows.at(0).level, Level::kUnknown);
  }
}

TEST(StatusPageTest, WhatEachModeGets) {
  ServerBuilder server;
  server.Edit<tls::EndpointFacts>("endpoint", [](auto& endpoint) {
    endpoint.sslmodes = {tls::Verdict{true, false}, {true, false}, {true, std::nullopt}, {false, std::nullopt}, {}, {}};
  });
  const std::string section = Section(PageOf({server}), "sslmode");
  EXPECT_EQ(Count(section, "|plaintext|"), 2u);
  EXPECT_EQ(Count(section, "|connects|"), 1u);
  EXPECT_EQ(Count(section, "|refused|"), 1u);
  EXPECT_EQ(Count(section, "|not known|"), 2u);
}

TEST(StatusPageTest, WhatWasNotSeenIsOneLineForAllServers) {
  std::vector<ServerBuilder> servers;
  for (int i = 0; i < 30; ++i) {
    servers.push_back(ServerBuilder("s" + std::to_string(i)).Change("hba", [](auto& result, auto&) {
      result.incomplete.push_back({"raw_text", "insufficient_privilege"});
    }));
  }
  const std::string section = Section(PageOf(servers), "unseen");
  EXPECT_EQ(Count(section, "hba: raw text"), 1u);
  EXPECT_THAT(section, HasSubstr("and 10 more"));
}

TEST(StatusPageTest, AServerStandsOnceInALineOfWhatIsNotChecked) {
  ServerBuilder server("orders");
  server.Change("hba", [](auto& result, auto&) { result.incomplete = {{"x", "why", "a"}, {"x", "why", "b"}}; });
  EXPECT_EQ(Count(Section(PageOf({server}), "unseen"), "orders"), 1u);
}

TEST(StatusPageTest, NoServerIsNoAllClear) {
  const std::string page = PageOf({});
  EXPECT_THAT(page, AllOf(HasSubstr("No server is monitored."), Not(HasSubstr(kAllClear)), Not(HasSubstr(kNone))));
}

TEST(StatusPageTest, HundredsOfServersAreCutAndTheRestIsSaid) {
  std::vector<ServerBuilder> servers;
  for (int i = 0; i < 350; ++i) servers.emplace_back("s" + std::to_string(i));
  servers[349].Unencrypted(Group("erp"));
  servers[348].Down("gone");
  for (int i = 0; i < 120; ++i) servers[100].Unencrypted(Group("user" + std::to_string(i), 1, true));
  const std::string page = PageOf(servers);
  EXPECT_THAT(Section(page, "servers"),
              AllOf(HasSubstr("s349"), HasSubstr("s348"), HasSubstr("250 more OK"), Not(HasSubstr("not shown"))));
  EXPECT_THAT(Section(page, "unencrypted"), AllOf(HasSubstr("erp"), HasSubstr("21 groups not shown")));
  EXPECT_THAT(Section(page, "certificates"), HasSubstr("250 certificates not shown"));
  EXPECT_THAT(Section(page, "sslmode"), HasSubstr("250 servers not shown"));
  EXPECT_THAT(page, HasSubstr("349 of 350</b>"));
  EXPECT_LT(page.size(), 400'000u);
}

TEST(StatusPageTest, EveryServerHasItsAnchor) {
  std::vector<ServerBuilder> servers;
  for (int i = 0; i < 20; ++i) servers.emplace_back("s" + std::to_string(i));
  servers[7].Down("gone");
  servers[8].Down("gone");
  servers[9] = ServerBuilder("a b");
  StatusLimits limits;
  limits.rows = 1;
  limits.other_servers = 18;
  const std::string page = PageOf(servers, limits);
  EXPECT_EQ(Count(page, "<tr id=\"server-"), 1u);
  EXPECT_EQ(Count(page, "<tr id=\"server-s7\">"), 1u);
  for (int i = 0; i < 19; ++i) {
    const std::string name = i == 9 ? "a%20b" : "s" + std::to_string(i);
    EXPECT_EQ(Count(page, " id=\"server-" + name + "\">"), 1u) << name;
  }
  const std::string section = Section(page, "servers");
  EXPECT_THAT(section,
              AllOf(HasSubstr("|1 more failing|"), HasSubstr("|17 more OK|"), HasSubstr("1 server not shown")));
  EXPECT_LT(section.find("1 more failing"), section.find("s8"));
  EXPECT_LT(section.find("s8"), section.find("17 more OK"));
  EXPECT_LT(section.find("17 more OK"), section.find("s0"));
}

TEST(StatusPageTest, RemediesOfManyServersAreOnTheirOwnPages) {
  const std::vector<ServerBuilder> servers(3, ServerBuilder("db").Unencrypted(Group("erp")));
  StatusLimits limits;
  limits.explained = 3;
  EXPECT_THAT(Section(PageOf(servers, limits), "servers"),
              AllOf(HasSubstr("1 unencrypted connection"), HasSubstr("can read and change")));
  limits.explained = 2;
  const std::string page = PageOf(servers, limits);
  EXPECT_THAT(Section(page, "servers"),
              AllOf(HasSubstr("1 unencrypted connection"), Not(HasSubstr("can read and change"))));
  EXPECT_EQ(Count(page, "<details"), 0u);
}

TEST(StatusPageTest, TheVerdictNamesTheFirst) {
  ServerBuilder server("orders");
  server.Unencrypted(Group("few", 1)).Unencrypted(Group("many", 3)).Unencrypted(Group("agreed", 9, true));
  const std::string page = PageOf({server});
  const std::string verdict = page.substr(page.find("<div class=\"verdict"),
                                          page.find("<ul class=\"tiles") - page.find("<div class=\"verdict"));
  EXPECT_THAT(verdict, AllOf(HasSubstr("<bdi>many</bdi> from <bdi>192.0.2.7</bdi> on"), HasSubstr("?server=orders"),
                             Not(HasSubstr("few")), Not(HasSubstr("admitted by"))));
  ServerBuilder agreed;
  agreed.Unencrypted(Group("agreed", 9, true));
  EXPECT_THAT(PageOf({agreed}), Not(HasSubstr("First of")));
}

TEST(StatusPageTest, UnknownServersAreCutToo) {
  std::vector<ServerBuilder> servers;
  for (int i = 0; i < 50; ++i) servers.push_back(ServerBuilder("s" + std::to_string(i)).Down("gone"));
  EXPECT_THAT(Section(PageOf(servers), "unencrypted"), HasSubstr("and 30 more servers"));
}

// ---- Hostile text

TEST(StatusPageTest, NothingFromAServerIsMarkup) {
  const std::string evil = "<script>x</script>\"'&\x01\u202E\xFF";
  ServerBuilder server(evil);
  server.Unencrypted({evil, evil, {}, evil, Network::kRemote, false, 1});
  server.Edit<tls::CertificateInventory>("certificates", [&](auto& inventory) {
    inventory.served[0].subject = evil;
    inventory.files.push_back({"extra", evil, evil, {}});
    tls::FileReport file{"server", evil, "", {}};
    file.content.certificates.push_back({0, ServerBuilder::Certificate(evil + "2", days(1))});
    inventory.files.push_back(file);
  });
  server.Edit<tls::EndpointFacts>("endpoint", [&](auto& endpoint) {
    endpoint.host = evil;
    endpoint.hostname_ok = false;
  });
  server.snapshot().product = evil;
  server.Change("hba", [&](auto& result, auto&) { result.incomplete.push_back({evil, evil}); });
  server.snapshot().connection->sslmode = evil;
  ServerBuilder down(evil + "down");
  down.Down(evil);
  for (const bool narrowed : {false, true}) {
    StatusFrame frame;
    frame.narrowed = narrowed;
    frame.version = evil;
    frame.refreshes = !narrowed;
    StatusLimits limits;
    limits.detailed = 10;
    const std::string page = PageOf({server, down}, limits, frame);
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, Not(HasSubstr("\u202E")));
    EXPECT_THAT(page, Not(HasSubstr("\x01")));
    EXPECT_THAT(page, Not(HasSubstr("\xFF")));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;x&lt;/script&gt;&quot;&#39;&amp;\\x01\\u{202e}\uFFFDxff"));
    EXPECT_THAT(page, HasSubstr("?server=%3Cscript%3Ex%3C%2Fscript%3E%22%27%26%01%E2%80%AE%FF"));
    EXPECT_GT(Count(page, "&lt;script&gt;"), 15u) << "what is hostile was shown everywhere";
  }
}

// ---- The frame

TEST(StatusPageTest, NeedsNothingElse) {
  const std::string page = PageOf({ServerBuilder()});
  EXPECT_THAT(page, testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr(" style=")), Not(HasSubstr(" onclick")),
                          Not(HasSubstr("http://127")), Not(HasSubstr("https://"))));
  EXPECT_THAT(page, HasSubstr("<style>" + std::string(StyleSheet().text()) + "</style>")) << "as it is hashed";
  EXPECT_THAT(StyleHash(), testing::MatchesRegex("'sha256-[A-Za-z0-9+/]{43}='"));
}

TEST(StatusPageTest, RefreshesUnlessPaused) {
  StatusFrame frame;
  EXPECT_THAT(PageOf({ServerBuilder()}, {}, frame), HasSubstr("http-equiv=\"refresh\" content=\"30\""));
  frame.refreshes = false;
  frame.narrowed = true;
  const std::string page = PageOf({ServerBuilder("a b")}, {}, frame);
  EXPECT_THAT(page, Not(HasSubstr("http-equiv")));
  EXPECT_THAT(page, HasSubstr("<a href=\"./?server=a%20b\">refresh</a>"));
  EXPECT_THAT(page, HasSubstr("<a href=\"./metrics?server=a%20b\">Metrics</a>"));
  EXPECT_THAT(page, HasSubstr("?server=a%20b&amp;refresh=off\""));
  EXPECT_THAT(page, HasSubstr("This page shows 1 server only"));
}

TEST(StatusPageTest, AShardIsNoAllClearForTheOthers) {
  StatusFrame frame;
  EXPECT_THAT(PageOf({ServerBuilder()}, {}, frame), Not(HasSubstr("shard")));
  frame.shard = "0/3";
  EXPECT_THAT(PageOf({ServerBuilder()}, {}, frame),
              HasSubstr("This exporter monitors shard 0/3 of the configured servers only."));
}

TEST(StatusPageTest, ARefusedReloadIsSaid) {
  StatusFrame frame;
  EXPECT_THAT(PageOf({ServerBuilder()}, {}, frame), Not(HasSubstr("was refused; the previous one")));
  frame.reload_refused = true;
  EXPECT_THAT(PageOf({ServerBuilder()}, {}, frame), HasSubstr("was refused; the previous one"));
}

// ---- The handler

class StatusHandlerTest : public ::testing::Test {
 protected:
  http::Response Get(const std::string& query) {
    http::Request request;
    request.query = http::ParseQuery(query);
    return handler_(request);
  }
  static std::string Text(const http::Response& response) { return response.body.Text(); }
  http::Handler handler_ =
      StatusHandler({[] { return std::vector{ServerBuilder("orders").Shared(), ServerBuilder("billing").Shared()}; },
                     [] { return false; }, "/m/x", "version"});
};

TEST_F(StatusHandlerTest, ShowsAllServersOrThoseAskedFor) {
  const http::Response all = Get("");
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(Text(all), AllOf(HasSubstr("orders"), HasSubstr("billing"), HasSubstr("<a href=\"./m/x\">")));
  EXPECT_EQ(Section(Text(all), "collectors"), "");
  const std::string one = Text(Get("server=billing"));
  EXPECT_THAT(one, AllOf(Not(HasSubstr("orders")), HasSubstr("billing"), HasSubstr("http-equiv")));
  EXPECT_THAT(Section(one, "collectors"), HasSubstr("sessions"));
  EXPECT_THAT(Text(Get("server=billing&refresh=off")), Not(HasSubstr("http-equiv")));
}

TEST_F(StatusHandlerTest, AnUnknownServerIsNotFound) {
  for (const char* query : {"server=nobody", "server=orders&server=nobody", "server="}) {
    EXPECT_EQ(Get(query).status, 404) << query;
    EXPECT_THAT(Text(Get(query)), Not(HasSubstr(kAllClear))) << query;
  }
}

}  // namespace
}  // namespace pgtls::status
