#include "exporter/tls/certificate_file.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace pgtls::tls {
namespace {

std::string Subjects(const CertificateFile& file) {
  std::string result;
  for (const auto& [position, facts, needed] : file.certificates)
    result += std::to_string(position) + ":" + facts.subject + " ";
  return result;
}

std::string Pem(const std::string& name) { return support::SelfSigned({.common_name = name}).certificate; }

std::string Piped(const std::vector<std::string>& argv, const std::string& input) {
  support::ProcessOptions options;
  options.input = input;
  return support::MustRun(argv, options);
}

// A PKCS#12 file with key, certificate and its CA.
std::string Pkcs12(const support::Certificate& certificate, const std::string& ca, const std::string& password) {
  const support::TempDir dir;
  const std::string input = dir.Write("in.pem", certificate.key + certificate.certificate + ca);
  const std::string output = dir.path() + "/out.p12";
  support::MustRun({"openssl", "pkcs12", "-export", "-in", input, "-out", output, "-passout", "pass:" + password});
  return support::ReadFile(output);
}

TEST(CertificateFileTest, TextAroundTheBlocksIsSkipped) {
  const CertificateFile file = ParseCertificateFile(
      "# our CA\nsubject=x\r\n" + Pem("one") + "\n-----BEGIN nothing\ntext\n" + Pem("two") + "bye", {});
  EXPECT_EQ(Subjects(file), "0:CN=one 1:CN=two ");
  EXPECT_EQ(file.malformed, 0u);
}

TEST(CertificateFileTest, WindowsLineEndsAndNoFinalNewline) {
  std::string text;
  for (const char c : Pem("dos")) text += c == '\n' ? "\r\n" : std::string(1, c);
  text.resize(text.size() - 2);
  EXPECT_EQ(Subjects(ParseCertificateFile(text, {})), "0:CN=dos ");
}

TEST(CertificateFileTest, OneBadBlockHidesNothing) {
  std::string bad = Pem("bad");
  bad[100] = '!';
  const std::string cut = Pem("cut").substr(0, 200);
  const CertificateFile file = ParseCertificateFile(Pem("a") + bad + Pem("b") + cut + "\n" + Pem("c"), {});
  EXPECT_EQ(Subjects(file), "0:CN=a 2:CN=b 4:CN=c ");
  EXPECT_EQ(file.malformed, 2u);
}

TEST(CertificateFileTest, KeysAreSkippedUnread) {
  const support::Certificate certificate = support::SelfSigned({.common_name = "a"});
  const CertificateFile file = ParseCertificateFile(certificate.key + certificate.certificate, {});
  EXPECT_EQ(Subjects(file), "0:CN=a ");
  EXPECT_EQ(file.malformed, 0u);
  const CertificateFile key_only = ParseCertificateFile(certificate.key, {});
  EXPECT_TRUE(key_only.certificates.empty());
  EXPECT_EQ(key_only.malformed, 0u);
}

TEST(CertificateFileTest, Der) {
  const std::string der = Piped({"openssl", "x509", "-outform", "DER"}, Pem("der"));
  EXPECT_EQ(Subjects(ParseCertificateFile(der, {})), "0:CN=der ");
  EXPECT_TRUE(ParseCertificateFile(der.substr(0, 100), {}).certificates.empty());
}

TEST(CertificateFileTest, DerWithSomethingBehindIt) {
  const std::string der = Piped({"openssl", "x509", "-outform", "DER"}, Pem("der"));
  for (const char* padding : {"\n", "\r\n", "\n\n", " "}) {
    const CertificateFile file = ParseCertificateFile(der + padding, {});
    EXPECT_EQ(Subjects(file), "0:CN=der ");
    EXPECT_EQ(file.malformed, 0u);
  }
  EXPECT_EQ(Subjects(ParseCertificateFile(der + std::string(3, '\0'), {})), "0:CN=der ");
  // Whatever else is there may hold a certificate that ends sooner.
  EXPECT_EQ(Subjects(ParseCertificateFile(der + Piped({"openssl", "x509", "-outform", "DER"}, Pem("two")), {})),
            "0:CN=der 1:CN=two ");
  EXPECT_EQ(ParseCertificateFile(der + "text", {}).malformed, 1u);
  EXPECT_EQ(ParseCertificateFile(der + der.substr(0, 100), {}).malformed, 1u);
  const std::string crl = Piped({"openssl", "crl", "-outform", "DER"}, support::TestCa("CA").Crl());
  EXPECT_EQ(ParseCertificateFile(crl + "\n", {}).crls.size(), 1u);
}

TEST(CertificateFileTest, TrustedCertificate) {
  EXPECT_EQ(Subjects(ParseCertificateFile(Piped({"openssl", "x509", "-trustout"}, Pem("t")), {})), "0:CN=t ");
}

TEST(CertificateFileTest, RevocationLists) {
  const support::TestCa ca("Revoking CA");
  const std::string pem = ca.Crl({}, std::chrono::days(3));
  const CertificateFile file = ParseCertificateFile(pem + ca.certificate() + pem.substr(0, 90), {});
  ASSERT_EQ(file.crls.size(), 1u);
  EXPECT_EQ(file.crls[0].issuer, "CN=Revoking CA");
  EXPECT_EQ(*file.crls[0].next_update - *file.crls[0].this_update >= std::chrono::days(3), true);
  EXPECT_EQ(file.certificates.size(), 1u);
  EXPECT_EQ(file.malformed, 1u);
  EXPECT_EQ(ParseCertificateFile(Piped({"openssl", "crl", "-outform", "DER"}, pem), {}).crls, file.crls);
}

TEST(CertificateFileTest, Pkcs12) {
  const support::TestCa ca("CA");
  const support::Certificate leaf = ca.Issue({.common_name = "leaf"});
  const std::string bundle = Pkcs12(leaf, ca.certificate(), "secret");
  EXPECT_EQ(Subjects(ParseCertificateFile(bundle, "secret")), "0:CN=leaf 1:CN=CA ");
  for (const auto& password : {std::optional<std::string>("wrong"), std::optional<std::string>()}) {
    EXPECT_EQ(ParseCertificateFile(bundle, password).malformed, 1u);
    EXPECT_EQ(ParseCertificateFile(bundle, password).pkcs12_problem, "wrong_password");
  }
  EXPECT_EQ(ParseCertificateFile(bundle.substr(0, bundle.size() / 2), "secret").pkcs12_problem, "");
  // A file without a password stands beside others that have the configured one.
  const std::string open = Pkcs12(leaf, "", "");
  EXPECT_EQ(Subjects(ParseCertificateFile(open, {})), "0:CN=leaf ");
  EXPECT_EQ(Subjects(ParseCertificateFile(open, "secret")), "0:CN=leaf ");
}

TEST(CertificateFileTest, Pkcs12WithoutAnIntegrityCheck) {
  const support::TempDir dir;
  const support::Certificate leaf = support::SelfSigned({.common_name = "leaf"});
  const std::string input = dir.Write("in.pem", leaf.key + leaf.certificate);
  support::MustRun({"openssl", "pkcs12", "-export", "-nomac", "-certpbe", "AES-256-CBC", "-in", input, "-out",
                    dir.path() + "/x.p12", "-passout", "pass:secret"});
  const std::string bundle = support::ReadFile(dir.path() + "/x.p12");
  EXPECT_EQ(Subjects(ParseCertificateFile(bundle, "secret")), "0:CN=leaf ");
  EXPECT_EQ(ParseCertificateFile(bundle, "wrong").malformed, 1u);
}

// As Java and Windows wrote them for twenty years: RC2 with 40 bits, which OpenSSL 3 has in its legacy provider alone.
TEST(CertificateFileTest, Pkcs12WithRc2) {
  const support::TempDir dir;
  const support::Certificate leaf = support::SelfSigned({.common_name = "leaf"});
  const std::string input = dir.Write("in.pem", leaf.key + leaf.certificate);
  support::MustRun({"openssl", "pkcs12", "-export", "-legacy", "-in", input, "-out", dir.path() + "/x.p12", "-passout",
                    "pass:secret"});
  const std::string bundle = support::ReadFile(dir.path() + "/x.p12");
  const CertificateFile file = ParseCertificateFile(bundle, "secret");
  EXPECT_TRUE(file.certificates.empty());
  EXPECT_EQ(file.pkcs12_problem, "unsupported_encryption");
  EXPECT_EQ(ParseCertificateFile(bundle, "wrong").pkcs12_problem, "wrong_password");
}

TEST(CertificateFileTest, Pkcs12OfOldWriters) {
  const support::TempDir dir;
  const support::Certificate leaf = support::SelfSigned({.common_name = "old"});
  const std::string input = dir.Write("in.pem", leaf.key + leaf.certificate);
  support::MustRun({"openssl", "pkcs12", "-export", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-in", input,
                    "-out", dir.path() + "/old.p12", "-passout", "pass:secret"});
  EXPECT_EQ(Subjects(ParseCertificateFile(support::ReadFile(dir.path() + "/old.p12"), "secret")), "0:CN=old ");
}

TEST(CertificateFileTest, Pkcs12WithTooManyIterationsIsNotOpened) {
  const support::Certificate leaf = support::SelfSigned({.common_name = "leaf"});
  const std::string bundle = Pkcs12(leaf, "", "secret");  // 2048 twice
  EXPECT_EQ(Subjects(ParseCertificateFile(bundle, "secret", 4096)), "0:CN=leaf ");
  EXPECT_EQ(ParseCertificateFile(bundle, "secret", 4095).malformed, 1u);
  EXPECT_EQ(ParseCertificateFile(bundle, "secret", 2047).malformed, 1u);
  EXPECT_EQ(ParseCertificateFile(bundle, "secret", 2047).pkcs12_problem, "unsupported_encryption");
}

TEST(CertificateFileTest, NothingInIt) {
  for (const std::string text : {"", "hello\n", "-----BEGIN CERTIFICATE", "-----BEGIN ", "-----"}) {
    const CertificateFile file = ParseCertificateFile(text, {});
    EXPECT_TRUE(file.certificates.empty() && file.crls.empty()) << text;
    EXPECT_EQ(file.malformed, 0u) << text;
  }
}

TEST(CertificateFileTest, StopsAtTheLimit) {
  const std::string pem = Pem("many");
  std::string text;
  for (std::size_t i = 0; i < kMaxCertificatesPerFile; ++i) text += pem;
  EXPECT_FALSE(ParseCertificateFile(text, {}).truncated);
  const CertificateFile file = ParseCertificateFile(text + pem, {});
  EXPECT_TRUE(file.truncated);
  EXPECT_EQ(file.certificates.size(), kMaxCertificatesPerFile);
}

}  // namespace
}  // namespace pgtls::tls
