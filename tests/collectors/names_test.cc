// Other names than the server's own: what endpoint and certificates find behind a proxy that routes by SNI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/certificates.h"
#include "collectors/endpoint.h"
#include "exporter/tls/endpoint_facts.h"
#include "exporter/tls/inventory.h"
#include "exporter/wire/wire_client.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/sni_routes.h"
#include "tests/collectors/wire_peer.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace pgtls::collectors {
namespace {

using support::Families;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class NamesTest : public testing::Test {
 protected:
  void SetUp() override {
    routes_.Add("localhost", own_);
    routes_.Add("a.example", ca_.Issue({.common_name = "a", .dns_names = {"a.example"}}));
    routes_.Add("wrong.example", ca_.Issue({.common_name = "a", .dns_names = {"a.example"}}));
    routes_.Add("alien.example", other_ca_.Issue({.common_name = "alien", .dns_names = {"alien.example"}}));
    for (Harness* harness : {&endpoint_, &certificates_}) {
      harness->session = nullptr;
      harness->peer = db::Peer{IpAddress::V4(0x7F000001), peer_.port(), "localhost", "ann", "shop"};
      harness->target.options = {{"host", "localhost"},
                                 {"sslrootcert", files_.Write("root.crt", ca_.certificate())},
                                 {"sslcert", files_.path() + "/none"}};
    }
  }
  void Name(const std::vector<std::string>& names) {
    endpoint_.server.endpoint_names = names;
    certificates_.server.endpoint_names = names;
  }
  static std::vector<std::string> Incomplete(const sampling::Output& output) {
    std::vector<std::string> parts;
    for (const auto& [part, reason, detail] : output.incomplete) parts.push_back(part + ":" + reason + ":" + detail);
    return parts;
  }
  static std::vector<std::string> Hosts(const tls::EndpointFacts& facts) {
    std::vector<std::string> hosts;
    for (const tls::NameFacts& name : facts.names) hosts.push_back(name.host);
    return hosts;
  }
  // The connections of one collection.
  int Connections(Harness& harness) {
    const int before = peer_.connections();
    harness.Collect();
    return peer_.connections() - before;
  }

  support::TestCa ca_;
  support::TestCa other_ca_{"Other CA"};
  support::TempDir files_;
  const support::Certificate own_ = ca_.IssueForLocalhost();
  WirePeer peer_{own_};
  SniRoutes routes_{peer_.context()};
  Harness endpoint_{EndpointCollector()};
  Harness certificates_{CertificatesCollector()};
};

TEST_F(NamesTest, EachNameHasAHandshakeAndItsOwnVerification) {
  Name({"a.example", "wrong.example", "alien.example", "refused.example"});
  const std::string page = endpoint_.CollectPage();
  EXPECT_EQ(Families(page, "pg_tls_handshake_success{"),
            "pg_tls_handshake_success{server=\"db\"} 1\n"
            "pg_tls_handshake_success{server=\"db\",host=\"/no_sni/\"} 1\n"
            "pg_tls_handshake_success{server=\"db\",host=\"a.example\"} 1\n"
            "pg_tls_handshake_success{server=\"db\",host=\"alien.example\"} 1\n"
            "pg_tls_handshake_success{server=\"db\",host=\"refused.example\"} 0\n"
            "pg_tls_handshake_success{server=\"db\",host=\"wrong.example\"} 1\n");
  EXPECT_EQ(Families(page, "pg_tls_certificate_verified{") + Families(page, "pg_tls_certificate_verify_error_info{"),
            "pg_tls_certificate_verified{server=\"db\",check=\"chain\"} 1\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"chain\",host=\"/no_sni/\"} 1\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"chain\",host=\"a.example\"} 1\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"chain\",host=\"alien.example\"} 0\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"chain\",host=\"wrong.example\"} 1\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"hostname\"} 1\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"hostname\",host=\"a.example\"} 1\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"hostname\",host=\"alien.example\"} 1\n"
            "pg_tls_certificate_verified{server=\"db\",check=\"hostname\",host=\"wrong.example\"} 0\n"
            "pg_tls_certificate_verify_error_info{server=\"db\",check=\"chain\",reason=\"unknown_ca\",host=\"alien."
            "example\"} 1\n"
            "pg_tls_certificate_verify_error_info{server=\"db\",check=\"hostname\",reason=\"mismatch\",host=\"wrong."
            "example\"} 1\n");
}

TEST_F(NamesTest, ARefusedNameIsTriedOnceInEachRunAndShowsItsAlert) {
  Name({"refused.example"});
  const sampling::Output output = endpoint_.Collect();
  const auto facts = output.facts.Get<tls::EndpointFacts>();
  ASSERT_EQ(facts->names.size(), 2u);
  EXPECT_EQ(facts->names[0].handshake, false);
  EXPECT_EQ(facts->names[0].alert, SSL_AD_UNRECOGNIZED_NAME);
  EXPECT_THAT(Incomplete(output), Not(Contains(HasSubstr("names")))) << "a refusal is an answer";
  EXPECT_EQ(Connections(endpoint_), 4) << "own name, refused name, no name, GSSENCRequest";
}

TEST_F(NamesTest, WithoutSniIsTriedAgainOnlyWhereItWasNotRefused) {
  Name({"a.example"});
  endpoint_.Collect();
  EXPECT_EQ(Connections(endpoint_), 4) << "own name, a.example, no name, GSSENCRequest";
  routes_.RefuseWithoutSni();
  endpoint_.Collect();
  EXPECT_EQ(Connections(endpoint_), 3);
  const sampling::Output output = endpoint_.Collect();
  EXPECT_EQ(output.facts.Get<tls::EndpointFacts>()->names.at(1).host, tls::kWithoutSni);
  EXPECT_EQ(output.facts.Get<tls::EndpointFacts>()->names.at(1).handshake, false) << "the refusal stands";
}

TEST_F(NamesTest, AnAddressHasNoSniOfItsOwn) {
  Name({"a.example"});
  endpoint_.peer->host = "127.0.0.1";
  const sampling::Output output = endpoint_.Collect();
  const auto facts = output.facts.Get<tls::EndpointFacts>();
  EXPECT_THAT(Hosts(*facts), ElementsAre("a.example"));
  EXPECT_EQ(facts->hostname_ok, true) << "the certificate for 127.0.0.1";
}

TEST_F(NamesTest, TheServersOwnNameIsNoOtherName) {
  Name({"LOCALHOST"});
  EXPECT_THAT(Hosts(*endpoint_.Collect().facts.Get<tls::EndpointFacts>()), ElementsAre(tls::kWithoutSni));
  endpoint_.target.options["sslsni"] = "0";
  const auto facts = endpoint_.Collect().facts.Get<tls::EndpointFacts>();
  EXPECT_THAT(Hosts(*facts), ElementsAre("LOCALHOST")) << "a client without SNI has no name";
}

TEST_F(NamesTest, AHandshakeThatBreaksHasFailed) {
  Name({"a.example"});
  peer_.behaviour.handshakes = 1;  // it hangs up in the next ones
  EXPECT_EQ(endpoint_.Collect().facts.Get<tls::EndpointFacts>()->names.at(0).handshake, false);
}

TEST_F(NamesTest, ANameWithoutAnAnswerInTimeIsNotKnown) {
  Name({"a.example"});
  peer_.behaviour.ssl_answers = 1;
  endpoint_.timeout = std::chrono::seconds(2);
  const sampling::Output output = endpoint_.Collect();
  EXPECT_EQ(output.facts.Get<tls::EndpointFacts>()->names.at(0).handshake, std::nullopt);
  EXPECT_THAT(Incomplete(output), Contains("names:no_answer:"));
  peer_.behaviour.ssl_answers = 1;
  certificates_.timeout = std::chrono::seconds(2);
  EXPECT_THAT(Incomplete(certificates_.Collect()), Contains("names:timeout:a.example"));
}

TEST_F(NamesTest, CertificatesOfEveryNameHaveItsLabel) {
  Name({"a.example", "refused.example"});
  const std::string page = certificates_.CollectPage();
  const std::string info = Families(page, "pg_tls_certificate_info{");
  EXPECT_EQ(std::ranges::count(info, '\n'), 6) << "each with its anchor";
  EXPECT_THAT(info, HasSubstr("position=\"anchor\",subject=\"CN=Test CA\""));
  EXPECT_THAT(info, HasSubstr("subject=\"CN=a\""));
  EXPECT_THAT(info, HasSubstr("self_signed=\"false\",host=\"a.example\"} 1\n"));
  EXPECT_THAT(info, HasSubstr("self_signed=\"false\",host=\"/no_sni/\"} 1\n"));
  EXPECT_THAT(info, HasSubstr("self_signed=\"false\"} 1\n"));
  for (const char* family : {"pg_tls_certificate_not_after_timestamp_seconds{server=\"db\",source=\"served\",role="
                             "\"server\",path=\"\",position=\"0\",subject=\"CN=a\",host=\"a.example\"}",
                             "pg_tls_certificate_not_before_timestamp_seconds{server=\"db\",source=\"served\",role="
                             "\"server\",path=\"\",position=\"0\",subject=\"CN=a\",host=\"a.example\"}",
                             "pg_tls_certificate_chain_not_after_timestamp_seconds{server=\"db\",source=\"served\","
                             "role=\"server\",path=\"\",host=\"a.example\"}"}) {
    EXPECT_THAT(page, HasSubstr(family));
  }
  EXPECT_THAT(Incomplete(certificates_.Collect()), ElementsAre("names:tls:refused.example", "files:connection:"));
}

TEST_F(NamesTest, CertificatesOfNamesHaveALimitedNumberOfSeries) {
  Name({"a.example", "wrong.example"});
  certificates_.options<CertificatesOptions>().max_series = 1;
  const std::string page = certificates_.CollectPage();
  EXPECT_EQ(std::ranges::count(Families(page, "pg_tls_certificate_info{"), '\n'), 3)
      << "the own one with its anchor, and one";
  EXPECT_THAT(page, HasSubstr("pg_tls_certificate_series_omitted{server=\"db\",kind=\"certificate\"} 2\n"));
}

TEST_F(NamesTest, CertificatesTakesEndpointsHandshakesForTheSameNames) {
  Name({"a.example"});
  certificates_.facts = endpoint_.Collect().facts;
  EXPECT_EQ(Connections(certificates_), 0);
  EXPECT_EQ(certificates_.Collect().facts.Get<tls::CertificateInventory>()->names.size(), 2u);
  Name({"a.example", "wrong.example"});
  EXPECT_EQ(Connections(certificates_), 4) << "these names were not tried";
}

TEST_F(NamesTest, AServerWithoutTlsHasNoNames) {
  Name({"a.example"});
  peer_.behaviour.ssl_answer = 'N';
  const sampling::Output output = certificates_.Collect();
  EXPECT_THAT(Incomplete(output), ElementsAre("files:connection:"));
  EXPECT_THAT(endpoint_.Collect().facts.Get<tls::EndpointFacts>()->names, IsEmpty());
}

}  // namespace
}  // namespace pgtls::collectors
