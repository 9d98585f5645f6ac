// Client certificates that sessions use: the certificates collector before sessions, an inventory and lists by hand.
#include "exporter/sessions/client_certificates.h"

#include <cmath>

#include "tests/collectors/certificates_fixture.h"

namespace pgtls::collectors {
namespace {

using std::chrono::days;
using support::TestCa;

std::chrono::sys_seconds Now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

class ClientUsesTest : public CertificatesTest {
 protected:
  // A certificate of bob's, whose serial number is 10 (0A).
  void Seen(std::size_t connections, std::chrono::seconds ago = {}, const std::string& serial = "10") {
    auto seen = std::make_shared<sessions::ClientCertificates>();
    seen->uses = {{{"bob", "/CN=bob", "/CN=Clients", serial}, connections, {"10.1.2.3"}, Now() - ago}};
    harness_.facts.Publish<sessions::ClientCertificates>(std::move(seen));
  }
  void SetUp() override {
    CertificatesTest::SetUp();
    harness_.server.collectors["sessions"] = {};
  }
  void Inventory(days end) {
    harness_.options<CertificatesOptions>().client_inventory.files = {
        data_.Write("bob.crt", clients_.Issue({.common_name = "bob", .not_after = end, .serial = 10}).certificate)};
  }
  // Families of client certificates; times as days from now.
  std::string Clients() {
    std::istringstream page(Families(Page(), "pg_tls_client_certificate_"));
    std::string text;
    for (std::string line; std::getline(page, line);) {
      if (line.starts_with('#')) continue;
      const std::size_t name = std::string_view("pg_tls_client_certificate_").size();
      const std::size_t value = line.rfind(' ') + 1;
      std::string number = line.substr(value);
      if (line.find("_timestamp_seconds{") != std::string::npos) {
        const double left = std::stod(number) - static_cast<double>(Now().time_since_epoch().count());
        number = std::to_string(std::lround(left / 86400)) + "d";
      }
      text += line.substr(name, value - name) + number + "\n";
    }
    return text;
  }

  TestCa clients_{"Clients"};
};

TEST_F(ClientUsesTest, InUseAndInTheInventory) {
  Seen(2);
  Inventory(days(90));
  const std::string labels =
      "{server=\"db\",user=\"bob\",client_dn=\"/CN=bob\",issuer_dn=\"/CN=Clients\",serial=\"0A\"} ";
  EXPECT_EQ(Clients(), "not_after_timestamp_seconds" + labels + "90d\nnot_before_timestamp_seconds" + labels +
                           "0d\nlast_seen_timestamp_seconds" + labels + "0d\n");
  EXPECT_EQ(Incomplete(), "");
}

// There may be as many users as certificates.
TEST_F(ClientUsesTest, UnknownOnesOfManyUsersAreFolded) {
  Inventory(days(90));
  harness_.options<CertificatesOptions>().max_series = 2;
  auto seen = std::make_shared<sessions::ClientCertificates>();
  for (const char* user : {"a", "b", "c", "d"}) {
    seen->uses.push_back({{user, "/CN=x", "/CN=Clients", "11"}, 3, {"10.1.2.3"}, Now()});
  }
  harness_.facts.Publish<sessions::ClientCertificates>(std::move(seen));
  EXPECT_THAT(Clients(),
              HasSubstr("unknown_connections{server=\"db\",user=\"__other__\",issuer_dn=\"__other__\"} 6\n"));
  EXPECT_THAT(Clients(), testing::Not(HasSubstr("unknown_connections{server=\"db\",user=\"d\"")));
}

TEST_F(ClientUsesTest, TheAddressesOfOneThatEndsSoon) {
  Seen(2);
  Inventory(days(9));
  EXPECT_THAT(Clients(),
              HasSubstr("client_info{server=\"db\",user=\"bob\",client_dn=\"/CN=bob\",issuer_dn=\"/CN=Clients\","
                        "serial=\"0A\",client_addr=\"10.1.2.3\"} 1\n"));
}

TEST_F(ClientUsesTest, OutOfUseItIsKeptForAWhile) {
  Inventory(days(90));
  Seen(0, days(6));
  EXPECT_THAT(Clients(), HasSubstr("} 90d"));
  EXPECT_THAT(Clients(),
              HasSubstr("last_seen_timestamp_seconds{server=\"db\",user=\"bob\",client_dn=\"/CN=bob\",issuer_dn="
                        "\"/CN=Clients\",serial=\"0A\"} -6d\n"));
  Seen(0, days(8));
  EXPECT_EQ(Clients(), "");
  harness_.options<CertificatesOptions>().client_keep = days(9);
  EXPECT_THAT(Clients(), HasSubstr("} 90d"));
}

TEST_F(ClientUsesTest, InNoInventory) {
  Seen(3, {}, "11");
  Inventory(days(90));
  EXPECT_THAT(Clients(), HasSubstr("unknown_connections{server=\"db\",user=\"bob\",issuer_dn=\"/CN=Clients\"} 3\n"));
  EXPECT_THAT(Clients(), Not(HasSubstr("not_after")));
}

TEST_F(ClientUsesTest, RevokedInTheServersList) {
  Seen(2);
  const support::Certificate bob = clients_.Issue({.common_name = "bob", .serial = 10});
  data_.Write("root.crt", clients_.certificate());
  data_.Write("root.crl", clients_.Crl({bob}));
  Local({{"ssl_cert_file", "server.crt"}, {"ssl_ca_file", "root.crt"}, {"ssl_crl_file", "root.crl"}});
  EXPECT_THAT(Families(Page(), "pg_tls_client_certificate_revoked_connections{"),
              "pg_tls_client_certificate_revoked_connections{server=\"db\",user=\"bob\",client_dn=\"/"
              "CN=bob\",serial=\"0A\"} 2\n");
  Seen(0);
  EXPECT_EQ(Families(Page(), "pg_tls_client_certificate_revoked_connections{"), "");
}

TEST_F(ClientUsesTest, WithoutSessionsTheInventoryTellsNothing) {
  EXPECT_EQ(Incomplete(), "") << "no inventory is configured";
  Inventory(days(90));
  harness_.server.collectors["sessions"].enabled = false;
  EXPECT_EQ(Incomplete(), "client_inventory:no_sessions ");
  EXPECT_EQ(Clients(), "");
}

TEST_F(ClientUsesTest, WithoutAnInventoryThereIsNothingToSay) {
  Seen(2);
  EXPECT_EQ(Clients(), "");
}

TEST_F(ClientUsesTest, AFileThatIsNoCertificate) {
  Seen(1);
  Inventory(days(90));
  auto& paths = harness_.options<CertificatesOptions>().client_inventory;
  paths.files.push_back(data_.Write("text", "no certificate"));
  paths.openssl_index = {data_.Write("index.txt", "V\t2701")};
  EXPECT_EQ(Incomplete(), "client_inventory:malformed client_inventory:no_certificate ");
  EXPECT_THAT(Clients(), HasSubstr("} 90d"));
}

// The exporter presents one itself: its own sessions are in no count.
TEST_F(ClientUsesTest, TheExportersOwn) {
  const support::Certificate own = clients_.Issue({.common_name = "exporter", .not_after = days(5), .serial = 12});
  harness_.target.options["sslcert"] = data_.Write("own.crt", own.certificate);
  harness_.target.options["sslkey"] = data_.Write("own.key", own.key);
  chmod(harness_.target.options["sslkey"].c_str(), 0600);
  EXPECT_THAT(Clients(),
              HasSubstr("not_after_timestamp_seconds{server=\"db\",user=\"ann\",client_dn=\"/CN=exporter\",issuer_dn="
                        "\"/CN=Clients\",serial=\"0C\"} 5d\n"));
}

TEST_F(ClientUsesTest, ThoseThatEndFirstHaveSeries) {
  auto seen = std::make_shared<sessions::ClientCertificates>();
  std::vector<std::string> files;
  for (int i = 1; i <= 9; ++i) {
    const std::string name = "user" + std::to_string(i);
    seen->uses.push_back({{name, "/CN=" + name, "/CN=Clients", std::to_string(i)}, 1, {}, Now()});
    files.push_back(data_.Write(
        name, clients_.Issue({.common_name = name, .not_after = days(100 - 10 * i), .serial = i}).certificate));
  }
  harness_.facts.Publish<sessions::ClientCertificates>(std::move(seen));
  auto& options = harness_.options<CertificatesOptions>();
  options.client_inventory.files = files;
  options.max_series = 8;
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("pg_tls_certificate_series_omitted{server=\"db\",kind=\"client_certificate\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("user=\"user1\"")));
  EXPECT_THAT(page, HasSubstr("user=\"user9\""));
}

}  // namespace
}  // namespace pgtls::collectors
