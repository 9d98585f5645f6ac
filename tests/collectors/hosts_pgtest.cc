// Names behind one address on real servers: pg_hosts.conf of PostgreSQL 19, and older servers, which have none.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/certificates.h"
#include "collectors/endpoint.h"
#include "collectors/settings.h"
#include "exporter/db/target.h"
#include "exporter/tls/endpoint_facts.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::Client;
using support::PostgresServer;
using support::ServerTls;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using tls::CertificateInventory;
using tls::EndpointFacts;
using tls::HostsFile;

constexpr const char* kRoleFile = "deploy/sql/monitoring_role.sql";

bool HasHosts() { return support::TestMajor() >= 19; }

class HostsPgTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.RunSqlFile(kRoleFile);
    for (const char* name : {"a", "b", "none", "rest"}) Install(name);
    if (HasHosts()) server_.Set("ssl_sni = on");
    for (Harness* harness : {&settings_, &endpoint_, &certificates_}) {
      const std::string conninfo = Conninfo("host=localhost user=tls_exporter sslmode=prefer");
      harness->Connect(conninfo);
      harness->target = db::ResolveTarget(conninfo);
      harness->peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_.port(), "localhost", "tls_exporter", "postgres"};
    }
  }
  std::string Conninfo(const std::string& more) const {
    return server_.Conninfo("hostaddr=127.0.0.1 gssencmode=disable sslcert=/none sslcrl=/none sslrootcert=" + root_ +
                            " " + more);
  }
  // NAME.crt and NAME.key, for NAME.example.
  void Install(const std::string& name) {
    const std::string host = name + ".example";
    const Certificate certificate = ca_.Issue({.common_name = host, .dns_names = {host, "localhost"}});
    server_.WriteDataFile(name + ".crt", certificate.chain);
    server_.WriteDataFile(name + ".key", certificate.key);
  }
  void Hosts(const std::string& text) {
    server_.WriteDataFile("pg_hosts.conf", text);
    server_.Reload();
  }
  // A collection of all three, one after the other, as a server runs them.
  void Collect() {
    settings_output_.emplace(settings_.Collect());
    sampling::Facts facts = settings_output_->facts;
    endpoint_.facts = facts;
    endpoint_output_.emplace(endpoint_.Collect());
    facts.Merge(endpoint_output_->facts);
    certificates_.facts = facts;
    certificates_output_.emplace(certificates_.Collect());
  }
  // Of a server that does not know the file.
  void ExpectNone() { EXPECT_EQ(Read(), nullptr); }
  std::shared_ptr<const HostsFile> Read() { return settings_.Collect().facts.Get<HostsFile>(); }
  std::shared_ptr<const CertificateInventory> Inventory() const {
    return certificates_output_->facts.Get<CertificateInventory>();
  }
  std::string Page() { return std::string(certificates_output_->sink.Render()->text()); }
  // "a.example=CN=a.example;matches …" of what the names get.
  std::string Served() const {
    std::string text;
    const auto add = [&text](const std::string& host, const auto& served, std::optional<bool> matches) {
      text += fmt::format("{}={}{} ", host, served.empty() ? "none" : served.front().subject,
                          !matches   ? ""
                          : *matches ? ";matches"
                                     : ";differs");
    };
    add("own", Inventory()->served, Inventory()->served_matches_file);
    for (const auto& name : Inventory()->names) add(name.host, name.served, name.matches_file);
    return text;
  }
  std::string Handshakes() const {
    std::string text;
    for (const auto& name : endpoint_output_->facts.Get<EndpointFacts>()->names) {
      text += fmt::format("{}:{} ", name.host, !name.handshake ? "unknown" : *name.handshake ? "yes" : "no");
    }
    return text;
  }
  static std::vector<std::string> Incomplete(const sampling::Output& output) {
    std::vector<std::string> parts;
    for (const auto& [part, reason, detail] : output.incomplete) parts.push_back(part + ":" + reason + ":" + detail);
    return parts;
  }

  support::TestCa ca_;
  support::TempDir files_;
  const std::string root_ = files_.Write("root.crt", ca_.certificate());
  PostgresServer server_{{.tls = ServerTls{ca_.IssueForLocalhost(), ca_.certificate(), ""}}};
  Harness settings_{SettingsCollector()};
  Harness endpoint_{EndpointCollector()};
  Harness certificates_{CertificatesCollector()};
  std::optional<sampling::Output> settings_output_, endpoint_output_, certificates_output_;
};

TEST_F(HostsPgTest, WithoutEntriesEveryNameGetsTheSameCertificate) {
  endpoint_.server.endpoint_names = certificates_.server.endpoint_names = {"a.example"};
  Collect();
  EXPECT_EQ(Handshakes(), "a.example:yes /no_sni/:yes ");
  EXPECT_EQ(Served(), "own=CN=localhost;matches a.example=CN=localhost /no_sni/=CN=localhost ");
  const auto facts = endpoint_output_->facts.Get<EndpointFacts>();
  EXPECT_EQ(facts->names[0].hostname_ok, false);
  EXPECT_EQ(facts->names[0].chain_errors, std::vector<std::string_view>());
  EXPECT_EQ(server_.Query("SELECT count(*) FROM tls_exporter.hosts_lines()")[0][0], "0");
}

TEST_F(HostsPgTest, NamesOfTheFileAreTriedAndComparedWithTheirFiles) {
  if (!HasHosts()) return ExpectNone();
  server_.WriteDataFile("more.conf", "/no_sni/ none.crt none.key\n");
  server_.WriteDataFile("names", "b.example\nBB.example # x\n");
  Hosts(
      "a.example a.crt a.key root.crt \"echo topsecret\" on\n@names b.crt b.key\ninclude more.conf\nlocalhost rest.crt "
      "rest.key\n");
  Collect();
  EXPECT_EQ(Handshakes(), "a.example:yes b.example:yes BB.example:yes /no_sni/:yes ");
  EXPECT_EQ(Served(),
            "own=CN=rest.example;matches a.example=CN=a.example;matches b.example=CN=b.example;matches "
            "BB.example=CN=b.example;matches /no_sni/=CN=none.example;matches ");
  const auto facts = endpoint_output_->facts.Get<EndpointFacts>();
  EXPECT_EQ(facts->names[0].hostname_ok, true);
  EXPECT_EQ(facts->names[2].hostname_ok, false) << "the certificate names b.example alone";
  EXPECT_THAT(Incomplete(*settings_output_), IsEmpty());
  for (const auto& row : server_.Query("SELECT convert_from(line, 'UTF8') FROM tls_exporter.hosts_lines()")) {
    EXPECT_THAT(*row[0], Not(HasSubstr("topsecret")));
  }
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr(fmt::format("pg_tls_host_certificate_info{{server=\"db\",host=\"a.example\",path=\"{0}/"
                                          "a.crt\",ca_path=\"{0}/root.crt\"}} 1\n",
                                          server_.data_dir())));
  EXPECT_THAT(page, HasSubstr("pg_tls_served_certificate_matches_file{server=\"db\",host=\"a.example\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("/server.crt"))) << "ssl_cert_file is not in use";
  EXPECT_THAT(Incomplete(*certificates_output_), Contains("client_certificates:sni:"));
}

TEST_F(HostsPgTest, AFileThatIsNotLoadedIsNotWhatIsServed) {
  if (!HasHosts()) return ExpectNone();
  Hosts("a.example a.crt a.key\n* rest.crt rest.key\n");
  Install("a");
  Collect();
  EXPECT_EQ(Served(), "own=CN=rest.example;matches a.example=CN=a.example;differs /no_sni/=CN=rest.example;matches ");
  server_.Reload();
  Collect();
  EXPECT_EQ(Served(), "own=CN=rest.example;matches a.example=CN=a.example;matches /no_sni/=CN=rest.example;matches ");
}

TEST_F(HostsPgTest, ARefusedNameFallsBackToPlaintextWithPrefer) {
  if (!HasHosts()) return ExpectNone();
  Hosts("a.example a.crt a.key\n");
  endpoint_.server.endpoint_names = certificates_.server.endpoint_names = {"b.example"};
  Collect();
  EXPECT_EQ(Handshakes(), "b.example:no a.example:yes /no_sni/:no ");
  const auto facts = endpoint_output_->facts.Get<EndpointFacts>();
  EXPECT_EQ(facts->handshake, false) << "localhost is not covered either";
  EXPECT_EQ(facts->names[0].alert, 112);
  EXPECT_EQ(facts->names[2].alert, 40);
  EXPECT_EQ(facts->plaintext_accepted, true);
  const auto encrypted = [](Client client) { return PQsslInUse(client.get()) != 0; };
  EXPECT_FALSE(encrypted(Client(Conninfo("host=b.example sslmode=prefer"))));
  EXPECT_TRUE(encrypted(Client(Conninfo("host=a.example sslmode=prefer"))));
  EXPECT_THAT(Client::WhyNot(Conninfo("host=b.example sslmode=require")).value_or(""), HasSubstr("unrecognized name"));
  EXPECT_THAT(Incomplete(*certificates_output_), Contains("names:tls:b.example"));
}

// Whether PostgreSQL itself takes the file: its log says so after a reload.
TEST_F(HostsPgTest, FindsErrorsWherePostgresDoes) {
  if (!HasHosts()) return ExpectNone();
  server_.WriteDataFile("names", "n1 \"n 2\", n3\n");
  server_.WriteDataFile("empty", "# nothing\n");
  server_.WriteDataFile("inc.conf", "i a.crt a.key\n");
  server_.WriteDataFile("bad.conf", "i a.crt\n");
  server_.WriteDataFile("list.conf", "i,@names a.crt a.key\n");
  const std::string cases[] = {
      "a a.crt a.key\n",
      "a,b a.crt a.key\n",
      "a, b a.crt a.key\n",
      "a ,a.crt a.key\n",
      "a a.crt a.key @empty\n",
      "@empty\n* a.crt a.key\n",
      "\"a\" \"a.crt\" a.key\n",
      "a a.crt\n",
      "a\n",
      "a a.crt a.key root.crt\n",
      "a a.crt a.key root.crt \"echo x\"\n",
      "a a.crt a.key root.crt \"echo x\" on\n",
      "a a.crt a.key root.crt \"echo x\" t\n",
      "a a.crt a.key root.crt \"echo x\" o\n",
      "a a.crt a.key root.crt \"echo x\" TRUE\n",
      "a a.crt a.key root.crt \"echo x\" maybe\n",
      "a a.crt a.key root.crt \"echo x\" on more\n",
      "a a.crt a.key root.crt echo x\n",
      "a a.crt a.key root.crt x,y\n",
      "a a.crt,b.crt a.key\n",
      "a a.crt a.key,b.key\n",
      "a,* a.crt a.key\n",
      "a,/no_sni/ a.crt a.key\n",
      "*,* a.crt a.key\n",
      "* a.crt a.key\n* b.crt b.key\n",
      "a a.crt a.key\nA b.crt b.key\n",
      "a,a a.crt a.key\n",
      "/no_sni/ a.crt a.key\n* a.crt a.key\n",
      "a a.crt a.key # comment\n",
      "a#b a.crt a.key\n",
      "a \\\na.crt \\\na.key\n",
      "include inc.conf\n",
      "include bad.conf\n",
      "include none.conf\n",
      "include_if_exists none.conf\n* a.crt a.key\n",
      "include list.conf\n",
      "@names a.crt a.key\n",
      "@none a.crt a.key\n",
      "@empty a.crt a.key\n",
      "\"include\" inc.conf\n",
      "*.example a.crt a.key\n",
      "include inc.conf\ninclude inc.conf\n",
      "i a.crt a.key\ninclude inc.conf\n",
      "a a.crt a.key\r\n",
  };
  for (const std::string& text : cases) {
    const std::size_t before = server_.LogSize();
    Hosts(text);
    const bool refused = server_.Log(before).find("SSL configuration was not reloaded") != std::string::npos;
    EXPECT_EQ(!Read()->errors.empty(), refused) << text << server_.Log(before);
  }
}

TEST_F(HostsPgTest, AnErrorNamesFileAndLineAndTheRestGoesOn) {
  if (!HasHosts()) return ExpectNone();
  Hosts("a.example a.crt a.key\n* rest.crt rest.key\n");
  server_.WriteDataFile("more.conf", "\nb.example b.crt\n");
  Hosts("a.example a.crt a.key\ninclude more.conf\n* rest.crt rest.key\n");
  Collect();
  const std::string error = server_.data_dir() + "/more.conf:2: the key is missing";
  EXPECT_THAT(Incomplete(*settings_output_), ElementsAre("hosts:malformed:" + error));
  EXPECT_THAT(Incomplete(*certificates_output_), Contains("host_files:malformed:" + error));
  EXPECT_EQ(Served(), "own=CN=rest.example;matches a.example=CN=a.example;matches /no_sni/=CN=rest.example;matches ");
}

TEST_F(HostsPgTest, ReadOnThisMachine) {
  if (!HasHosts()) return ExpectNone();
  Hosts("a.example a.crt a.key root.crt\n* rest.crt rest.key\n");
  Collect();
  const std::string served = Served();
  const CertificateInventory sql = *Inventory();
  server_.Execute("DROP FUNCTION tls_exporter.hosts_lines()");
  certificates_.options<CertificatesOptions>().read_via = ReadVia::kLocal;
  certificates_output_.emplace(certificates_.Collect());
  EXPECT_EQ(Served(), served);
  EXPECT_EQ(Inventory()->hosts->entries, sql.hosts->entries);
  const auto files = [](const CertificateInventory& inventory) {
    std::vector<std::string> files;
    for (const auto& file : inventory.files) files.push_back(file.role + " " + file.path + " " + file.problem);
    std::ranges::sort(files);
    return files;
  };
  EXPECT_EQ(files(*Inventory()), files(sql));
}

TEST_F(HostsPgTest, WithoutTheFunctionNothingIsCompared) {
  if (!HasHosts()) return ExpectNone();
  Hosts("* rest.crt rest.key\n");
  server_.Execute("DROP FUNCTION tls_exporter.hosts_lines()");
  Collect();
  EXPECT_THAT(Incomplete(*settings_output_), ElementsAre("hosts:insufficient_privilege:"));
  EXPECT_THAT(Incomplete(*certificates_output_), Contains("host_files:not_read:"));
  EXPECT_EQ(Inventory()->served_matches_file, std::nullopt);
}

TEST_F(HostsPgTest, KeysNeverLeaveTheServer) {
  if (!HasHosts()) return ExpectNone();
  // A key where a certificate, a CA and an included file should be.
  Hosts("a.example a.key a.key b.key\ninclude rest.key\n@none.key b.crt b.key\n");
  const auto secret = [&](const std::string& sql) {
    for (const auto& row : server_.Query(sql)) EXPECT_THAT(row[0].value_or(""), Not(HasSubstr("PRIVATE"))) << sql;
  };
  secret("SELECT encode(line, 'escape') FROM tls_exporter.hosts_lines()");
  secret("SELECT encode(data, 'escape') FROM tls_exporter.certificate_files()");
  EXPECT_THAT(Read()->errors, Contains(tls::HostsError{server_.data_dir() + "/rest.key", 0, "unreadable"}));
}

}  // namespace
}  // namespace pgtls::collectors
