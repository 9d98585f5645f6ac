#include "exporter/tls/x509.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <algorithm>
#include <string>

#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace pgtls::tls {
namespace {

using support::CertificateSpec;
using support::KeyType;

CertificateFacts Facts(const std::string& pem) {
  const BioPtr bio = ReadBio(pem);
  const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  return FactsOf(certificate.get());
}

// What `openssl x509` says of it: an independent witness, as far as it is another program.
std::string Openssl(const std::string& pem, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"openssl", "x509", "-noout"});
  support::ProcessOptions options;
  options.input = pem;
  std::string out = support::MustRun(arguments, options);
  while (out.ends_with('\n')) out.pop_back();
  return out.substr(out.find('=') + 1);
}

TEST(X509Test, AgreesWithOpenssl) {
  const support::TestCa ca("Test, \"CA\" größer");
  const std::string pem =
      ca.Issue({.common_name = "db1.example.com", .organization = "Ex+ample", .key = KeyType::kRsa2048}).certificate;
  const CertificateFacts facts = Facts(pem);
  EXPECT_EQ(facts.subject, Openssl(pem, {"-subject", "-nameopt", "RFC2253,-esc_msb"}));
  EXPECT_EQ(facts.issuer, Openssl(pem, {"-issuer", "-nameopt", "RFC2253,-esc_msb"}));
  EXPECT_EQ(facts.serial, Openssl(pem, {"-serial"}));
  std::string fingerprint = Openssl(pem, {"-fingerprint", "-sha256"});
  std::erase(fingerprint, ':');
  std::ranges::transform(fingerprint, fingerprint.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
  EXPECT_EQ(facts.fingerprint_sha256, fingerprint);
  EXPECT_EQ(support::MustRun({"date", "-u", "+%s", "-d", Openssl(pem, {"-enddate"})}),
            std::to_string(facts.not_after->time_since_epoch().count()) + "\n");
  EXPECT_EQ(support::MustRun({"date", "-u", "+%s", "-d", Openssl(pem, {"-startdate"})}),
            std::to_string(facts.not_before->time_since_epoch().count()) + "\n");
  EXPECT_EQ(facts.key_algorithm, "RSA");
  EXPECT_EQ(facts.key_size, "2048");
  EXPECT_EQ(facts.signature_algorithm, "ecdsa-with-SHA256");
  EXPECT_FALSE(facts.self_signed);
}

TEST(X509Test, Keys) {
  const auto facts = [](KeyType key) { return Facts(support::SelfSigned({.key = key}).certificate); };
  EXPECT_EQ(facts(KeyType::kEc256).key_algorithm + facts(KeyType::kEc256).key_size, "EC256");
  EXPECT_EQ(facts(KeyType::kEd25519).key_algorithm + facts(KeyType::kEd25519).key_size, "ED25519256");
  EXPECT_EQ(facts(KeyType::kEd25519).signature_algorithm, "ED25519");
  EXPECT_EQ(facts(KeyType::kRsaPss).key_algorithm + facts(KeyType::kRsaPss).key_size, "RSA-PSS2048");
  EXPECT_EQ(facts(KeyType::kRsa1024).key_algorithm + facts(KeyType::kRsa1024).key_size, "RSA1024");
}

TEST(X509Test, SelfSignedIsAMatterOfSignatureNotOfNames) {
  const support::TestCa ca("localhost");
  EXPECT_TRUE(Facts(ca.certificate()).self_signed);
  const CertificateFacts issued = Facts(ca.Issue({.common_name = "localhost"}).certificate);
  EXPECT_EQ(issued.subject, issued.issuer);
  EXPECT_FALSE(issued.self_signed);
}

TEST(X509Test, SubjectAlternativeNames) {
  const std::string pem =
      support::SelfSigned({.dns_names = {"a.example", "*.b.example"}, .ip_addresses = {"127.0.0.1", "::1"}})
          .certificate;
  EXPECT_EQ(Facts(pem).san, "DNS:a.example,DNS:*.b.example,IP:127.0.0.1,IP:::1");
  EXPECT_EQ(Facts(support::SelfSigned({}).certificate).san, "");
}

TEST(X509Test, ManyNamesAreCut) {
  CertificateSpec spec;
  for (int i = 0; i < 200; ++i) spec.dns_names.push_back("host" + std::to_string(i) + ".example.com");
  const std::string san = Facts(support::SelfSigned(spec).certificate).san;
  EXPECT_LE(san.size(), 1024u);
  EXPECT_TRUE(san.starts_with("DNS:host0.example.com,DNS:host1.example.com,"));
}

TEST(X509Test, Usages) {
  const auto usage = [](const std::string& text) {
    return Facts(support::SelfSigned({.extended_key_usage = text}).certificate).extended_key_usage;
  };
  using Usages = std::vector<std::string>;
  EXPECT_EQ(usage(""), std::nullopt);
  EXPECT_EQ(usage("serverAuth"), (Usages{"serverAuth"}));
  EXPECT_EQ(usage("critical,clientAuth,1.3.6.1.4.1.99999.7,anyExtendedKeyUsage"),
            (Usages{"clientAuth", "1.3.6.1.4.1.99999.7", "anyExtendedKeyUsage"}));
  std::string many = "1.2.3.0";
  for (int i = 1; i < 40; ++i) many += ",1.2.3." + std::to_string(i);
  ASSERT_TRUE(usage(many));
  EXPECT_EQ(usage(many)->size(), 16U);
  EXPECT_EQ(usage(many)->back(), "1.2.3.15");
  // What is not a list of purposes, and two lists: a client refuses both.
  EXPECT_EQ(usage("DER:0500"), Usages());
}

TEST(X509Test, AnExpiredCertificateKeepsItsTime) {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const CertificateFacts facts = Facts(
      support::SelfSigned({.not_before = -std::chrono::days(20), .not_after = -std::chrono::days(10)}).certificate);
  EXPECT_NEAR(static_cast<double>((now - *facts.not_after).count()), 864000, 60);
}

TEST(X509Test, AfterTheYear2050TimesAreWrittenInAnotherWay) {
  const CertificateFacts facts = Facts(support::SelfSigned({.not_after = std::chrono::days(365 * 40)}).certificate);
  EXPECT_GT(*facts.not_after, std::chrono::sys_days(std::chrono::year(2060) / 1 / 1));
}

}  // namespace
}  // namespace pgtls::tls
