#include "exporter/audit/explain.h"

#include <gmock/gmock.h>

#include "exporter/base/error.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const config::ExplainOptions kErp = {.user = "erp", .database = "erp", .address = "10.1.2.3", .encryption = "none"};

Explanation About(const hba::Posture& posture, const config::ExplainOptions& question = kErp) {
  SnapshotBuilder builder;
  return Explain(builder.Publish(posture).snapshot(), question, kNow);
}

// As explain shows it.
std::string FindingText(const std::string& severity, std::string_view id, const hba::Posture& posture) {
  const Finding finding = SnapshotBuilder().Publish(posture).Of(id);
  return severity + ": " + finding.title + " [" + std::string(id) + "]\n  Do: " + finding.remedy + "\n";
}

TEST(Explain, ShowsFindingsAboutTheRuleThatDecidesOnly) {
  const hba::Posture posture = Posture({"hostssl all all 10.0.0.0/8 scram-sha-256", "host all all 11.0.0.0/8 trust"});
  config::ExplainOptions question = kErp;
  question.encryption = "tls";
  EXPECT_THAT(About(posture, question).text, Not(HasSubstr("hba_trust")));
  question.address = "11.0.0.1";
  EXPECT_THAT(About(posture, question).text, HasSubstr(FindingText("critical", "hba_trust", posture)));
}

TEST(Explain, NamesTheRuleAndTheVerdict) {
  const hba::Posture posture = Posture({"hostssl all all 0.0.0.0/0 scram-sha-256", "host erp erp 10.0.0.0/8 md5"});
  Explanation explanation = About(posture);
  EXPECT_EQ(explanation.exit_code, 0);
  EXPECT_EQ(explanation.text,
            "rule: /data/pg_hba.conf:2: host erp erp 10.0.0.0/8 md5\nadmitted to authentication by method md5\n" +
                FindingText("critical", "hba_plaintext_admitted", posture) +
                FindingText("warning", "hba_md5", posture));
  config::ExplainOptions tls = kErp;
  tls.encryption = "tls";
  EXPECT_THAT(About(posture, tls).text, HasSubstr("method scram-sha-256"));
  config::ExplainOptions elsewhere = kErp;
  elsewhere.address = "11.0.0.1";
  explanation = About(posture, elsewhere);
  EXPECT_EQ(explanation.exit_code, 1);
  EXPECT_EQ(explanation.text, "rule: none matches, which rejects\nrejected\n");
}

TEST(Explain, KnowsRejectionReplicationAndClientCertificates) {
  EXPECT_EQ(About(Posture({"host all all all reject"})).exit_code, 1);
  config::ExplainOptions replication = kErp;
  replication.replication = true;
  EXPECT_EQ(About(Posture({"host all all all md5"}), replication).exit_code, 1);
  EXPECT_EQ(About(Posture({"host replication all all md5"}), replication).exit_code, 0);
  config::ExplainOptions certificate = kErp;
  certificate.encryption = "tls";
  EXPECT_THAT(About(Posture({"hostssl all all all cert"}), certificate).text,
              HasSubstr("requires a client certificate"));
  certificate.client_certificate = true;
  EXPECT_EQ(About(Posture({"hostssl all all all cert"}), certificate).exit_code, 0);
  config::ExplainOptions local = {.user = "erp", .database = "erp"};
  EXPECT_EQ(About(Posture({"local all all peer"}), local).exit_code, 0);
}

TEST(Explain, JudgesRulesWithTheSettingsThatTheyNeed) {
  config::ExplainOptions tls = kErp;
  tls.encryption = "tls";
  tls.client_certificate = true;
  hba::Posture posture = Posture({"hostssl all all all cert", "host all all all md5"});
  posture.abilities = {.tls = true, .client_certificates = false};
  Explanation explanation = About(posture, tls);
  EXPECT_EQ(explanation.exit_code, 1);
  EXPECT_THAT(explanation.text, HasSubstr("because ssl_ca_file is empty"));
  posture.abilities = {.tls = true, .client_certificates = std::nullopt};
  explanation = About(posture, tls);
  EXPECT_EQ(explanation.exit_code, 3);
  EXPECT_THAT(explanation.text, HasSubstr("ssl_ca_file are not visible"));
  posture.abilities = {.tls = false, .client_certificates = false};
  explanation = About(posture, tls);
  EXPECT_EQ(explanation.exit_code, 1);
  EXPECT_THAT(explanation.text, HasSubstr("ssl = off"));
  EXPECT_EQ(About(posture).exit_code, 0) << "without TLS nothing of this matters";
  posture.abilities = {std::nullopt, true};
  EXPECT_EQ(About(posture, tls).exit_code, 3);
}

TEST(Explain, NamesTheCertificateThatTheUserNeeds) {
  config::ExplainOptions tls = kErp;
  tls.encryption = "tls";
  tls.client_certificate = true;
  EXPECT_THAT(About(Posture({"hostssl all all all scram-sha-256 clientcert=verify-full"}), tls).text,
              HasSubstr("required by line 1: the certificate's CN must be the user name; with another certificate the "
                        "server answers 'password authentication failed'"));
  EXPECT_THAT(
      About(Posture({"hostssl all all all cert map=m"}), tls).text,
      HasSubstr("pg_ident.conf must map the certificate's CN to the user name (map=m); with another certificate "
                "the server answers 'certificate authentication failed'"));
  EXPECT_THAT(About(Posture({"hostssl all all all cert clientname=DN"}), tls).text,
              HasSubstr("the certificate's subject (as RFC 2253 writes it) must be the user name"));
  EXPECT_THAT(About(Posture({"hostssl all all all md5 clientcert=verify-ca"}), tls).text, Not(HasSubstr("required")));
}

// libpq, not the rule, ends the login.
TEST(Explain, SaysWhereTheCertificateKeepsScramFromWorking) {
  const std::string words =
      "with method scram-sha-256 libpq cannot log in: the server's certificate is signed with ED25519, which names no "
      "digest for channel binding ('could not find digest for NID UNDEF'); the client needs channel_binding=disable\n";
  config::ExplainOptions tls = kErp;
  tls.encryption = "tls";
  const auto about = [](const char* rule, const tls::CertificateInventory& inventory,
                        const config::ExplainOptions& asked) {
    SnapshotBuilder builder;
    return Explain(builder.Publish(Posture({rule})).Publish(inventory).snapshot(), asked, kNow);
  };
  tls::CertificateInventory served;
  served.served.push_back({.signature_algorithm = "ED25519"});
  tls::CertificateInventory file;
  file.files.push_back({.role = "server", .path = "/server.crt"});
  file.files[0].content.certificates.push_back({0, served.served[0]});
  for (const tls::CertificateInventory& inventory : {served, file}) {
    const Explanation explanation = about("host all all all scram-sha-256", inventory, tls);
    EXPECT_EQ(explanation.exit_code, 0) << "the rule admits";
    EXPECT_THAT(explanation.text, HasSubstr("method scram-sha-256\n" + words));
    EXPECT_THAT(about("host all all all md5", inventory, tls).text,
                HasSubstr("with method md5 and a password stored for SCRAM libpq cannot log in"));
    EXPECT_THAT(about("host all all all cert", inventory, tls).text, Not(HasSubstr("libpq cannot")));
    EXPECT_THAT(about("host all all all reject", inventory, tls).text, Not(HasSubstr("libpq cannot")));
    EXPECT_THAT(about("host all all all scram-sha-256", inventory, kErp).text, Not(HasSubstr("libpq cannot")));
  }
  served.served[0].signature_algorithm = "RSA-SHA256";
  EXPECT_THAT(about("host all all all scram-sha-256", served, tls).text, Not(HasSubstr("libpq cannot")));
  file.hosts.emplace();  // another certificate may be served
  EXPECT_THAT(about("host all all all scram-sha-256", file, tls).text, Not(HasSubstr("libpq cannot")));
}

TEST(Explain, DoesNotJudgeByAFileThatMayNotBeInForce) {
  hba::Posture posture = Posture({"hostssl all all all md5"});
  for (const auto doubt : {hba::InForceView::Doubt::kSameSecond, hba::InForceView::Doubt::kPath}) {
    posture.in_force = {std::nullopt, nullptr, doubt};
    posture.in_force_analysis.reset();
    const Explanation explanation = About(posture);
    EXPECT_EQ(explanation.exit_code, 3);
    EXPECT_THAT(explanation.text, AllOf(HasSubstr("are not known"), HasSubstr("once it is loaded")));
  }
}

TEST(Explain, SaysWhatItCannotDecide) {
  const Explanation explanation = About(Posture({"host all all db.example.com reject", "host all all all md5"}));
  EXPECT_EQ(explanation.exit_code, 3);
  EXPECT_THAT(explanation.text,
              AllOf(HasSubstr("may match: /data/pg_hba.conf:1:"), HasSubstr("resolves the host name"),
                    HasSubstr("else: /data/pg_hba.conf:2:"), HasSubstr("cannot be decided from here")));
  const Explanation agreed = About(Posture({"host all all samehost trust", "host all all all md5"}));
  EXPECT_EQ(agreed.exit_code, 0);
  EXPECT_THAT(agreed.text, HasSubstr("by the method of one of these rules"));
}

TEST(Explain, SaysWhatItAssumed) {
  hba::Posture posture = Posture({"host all all all md5"});
  posture.file =
      std::make_shared<const hba::RuleSet>(hba::ParseRules(hba::RowsOf({"host all all all md5"}, false), 150000));
  EXPECT_THAT(About(posture).text, HasSubstr("assumed: words"));
  posture.in_force.pending.reset();
  EXPECT_THAT(About(posture).text, HasSubstr("assumed: the file has not changed"));
}

TEST(Explain, JudgesByTheRulesInForceWhileAChangeWaits) {
  hba::Posture posture = Posture({"hostssl all all all md5"});
  posture.in_force = {true, nullptr};
  posture.in_force_analysis.reset();
  Explanation explanation = About(posture);
  EXPECT_EQ(explanation.exit_code, 3);
  EXPECT_THAT(explanation.text, AllOf(HasSubstr("not known"), HasSubstr("once it is loaded"), HasSubstr("rejected")));
  posture.in_force.rules = std::make_shared<const hba::RuleSet>(hba::Rules({"host all all all md5"}));
  explanation = About(posture);
  EXPECT_EQ(explanation.exit_code, 0);
  posture.file = hba::WithError(*posture.file, {"/data/pg_hba.conf", 4, "invalid connection type"});
  explanation = About(posture);
  EXPECT_THAT(explanation.text, AllOf(HasSubstr("refused: /data/pg_hba.conf:4"), Not(HasSubstr("once it is loaded"))));
}

TEST(Explain, TellsAServerThatIsDownFromOneThatHidesItsRules) {
  SnapshotBuilder builder;
  EXPECT_EQ(Explain(builder.snapshot(), kErp, kNow).exit_code, 3);
  EXPECT_THAT(Explain(builder.snapshot(), kErp, kNow).text, HasSubstr("monitoring_role.sql"));
  builder.Change("hba", [](auto& result) { result.incomplete = {{"rules", "insufficient_privilege"}}; });
  EXPECT_EQ(Explain(builder.snapshot(), kErp, kNow).exit_code, 3);
  EXPECT_THAT(Explain(builder.snapshot(), kErp, kNow).text,
              AllOf(HasSubstr("could not be checked"), HasSubstr("hba, part rules: insufficient_privilege")));
  builder.Change("hba", [](auto& result) { result.failure = {FailureReason::kTimeout, "no answer in time"}; });
  EXPECT_EQ(Explain(builder.snapshot(), kErp, kNow).exit_code, 2);
  builder.snapshot().connection_failure = {FailureReason::kConnection, "refused"};
  EXPECT_EQ(Explain(builder.snapshot(), kErp, kNow).exit_code, 2);
  EXPECT_THAT(Explain(builder.snapshot(), kErp, kNow).text, HasSubstr("refused"));
}

TEST(Explain, RefusesQuestionsThatMakeNoSense) {
  const hba::Posture posture = Posture({"host all all all md5"});
  for (const config::ExplainOptions& question : std::initializer_list<config::ExplainOptions>{
           {.user = "u", .database = "d", .address = "db.example.com"},
           {.user = "u", .database = "d", .address = "10.0.0.1", .encryption = "ssh"},
           {.user = "u", .database = "d", .encryption = "tls"},
           {.user = "u", .database = "d", .address = "10.0.0.1", .client_certificate = true}}) {
    EXPECT_THROW(About(posture, question), ConfigError);
  }
}

}  // namespace
}  // namespace pgtls::audit
