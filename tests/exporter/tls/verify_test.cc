#include "exporter/tls/verify.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/tls/certificate_file.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"

namespace pgtls::tls {
namespace {

using support::CertificateSpec;
using support::KeyType;
using support::TestCa;

constexpr int kSystemLevel = 2;  // Debian's

Chain ChainOf(const std::string& pem) { return ParseCertificateFile(pem, {}).decoded->certificates; }

class VerifyTest : public ::testing::Test {
 protected:
  std::string Reasons(const std::string& chain_pem, const std::string& roots, const std::string& crl = "",
                      int level = kSystemLevel) {
    const std::string root_file = dir_.Write("root.crt", roots);
    const std::string crl_file = crl.empty() ? "" : dir_.Write("root.crl", crl);
    std::string result;
    for (const std::string_view reason :
         VerifyChain(ChainOf(chain_pem), *TrustStore::Load(root_file, crl_file, ""), level)) {
      result += std::string(result.empty() ? "" : " ") + std::string(reason);
    }
    return result;
  }

  support::TempDir dir_;
  TestCa ca_;
};

TEST_F(VerifyTest, GoodChains) {
  const TestCa intermediate = ca_.Intermediate("Intermediate");
  EXPECT_EQ(Reasons(ca_.IssueForLocalhost().chain, ca_.certificate()), "");
  EXPECT_EQ(Reasons(intermediate.IssueForLocalhost().chain, TestCa("Other").certificate() + ca_.certificate()), "");
}

TEST_F(VerifyTest, UnknownAuthorities) {
  const TestCa intermediate = ca_.Intermediate("Intermediate");
  EXPECT_EQ(Reasons(ca_.IssueForLocalhost().chain, TestCa("Another CA").certificate()), "unknown_ca");
  EXPECT_EQ(Reasons(intermediate.IssueForLocalhost().certificate, ca_.certificate()), "unknown_ca");
  EXPECT_EQ(Reasons(support::SelfSigned({}).certificate, ca_.certificate()), "self_signed");
  // libpq wants the root itself: an intermediate alone is no anchor.
  EXPECT_EQ(Reasons(intermediate.IssueForLocalhost().chain, intermediate.certificate()), "unknown_ca");
}

// As libpq 15 and 17 answered: tests/collectors/purposes_pgtest.cc asks them.
TEST_F(VerifyTest, Purposes) {
  const auto reasons = [&](const TestCa& issuer, const std::string& usage) {
    return Reasons(issuer.Issue({.extended_key_usage = usage}).chain, ca_.certificate());
  };
  const auto authority = [&](const std::string& usage) {
    return ca_.Intermediate("Intermediate", {.extended_key_usage = usage});
  };
  EXPECT_EQ(reasons(ca_, "serverAuth"), "");
  EXPECT_EQ(reasons(ca_, "clientAuth"), "wrong_purpose");
  EXPECT_EQ(reasons(ca_, "anyExtendedKeyUsage"), "wrong_purpose");
  EXPECT_EQ(reasons(authority("serverAuth"), ""), "");
  EXPECT_EQ(reasons(authority("clientAuth"), ""), "wrong_purpose");
}

TEST_F(VerifyTest, SameNameOtherKey) { EXPECT_NE(Reasons(TestCa().IssueForLocalhost().chain, ca_.certificate()), ""); }

TEST_F(VerifyTest, Times) {
  const CertificateSpec expired = {.not_before = -std::chrono::days(9), .not_after = -std::chrono::days(1)};
  const CertificateSpec future = {.not_before = std::chrono::days(1)};
  EXPECT_EQ(Reasons(ca_.Issue(expired).chain, ca_.certificate()), "expired");
  EXPECT_EQ(Reasons(ca_.Issue(future).chain, ca_.certificate()), "not_yet_valid");
}

TEST_F(VerifyTest, AllThatIsWrongIsTold) {
  const CertificateSpec expired = {.not_before = -std::chrono::days(9), .not_after = -std::chrono::days(1)};
  EXPECT_EQ(Reasons(support::SelfSigned(expired).certificate, ca_.certificate()), "self_signed expired");
}

TEST_F(VerifyTest, WeakKeysByTheClientsLevel) {
  const std::string chain = ca_.Issue({.key = KeyType::kRsa1024}).chain;
  EXPECT_EQ(Reasons(chain, ca_.certificate()), "too_weak");
  EXPECT_EQ(Reasons(chain, ca_.certificate(), "", 0), "");
}

TEST_F(VerifyTest, RevocationLists) {
  const support::Certificate good = ca_.Issue({.common_name = "good"});
  const support::Certificate bad = ca_.Issue({.common_name = "bad"});
  EXPECT_EQ(Reasons(bad.chain, ca_.certificate(), ca_.Crl({bad})), "revoked");
  EXPECT_EQ(Reasons(good.chain, ca_.certificate(), ca_.Crl({bad})), "");
  EXPECT_EQ(Reasons(good.chain, ca_.certificate(), ca_.Crl({}, -std::chrono::days(1))), "crl_expired");
  EXPECT_EQ(Reasons(good.chain, ca_.certificate(), TestCa("Another CA").Crl()), "crl_missing");
  // A list that cannot be loaded is as good as none to libpq.
  EXPECT_EQ(Reasons(bad.chain, ca_.certificate(), "no list"), "");
}

TEST_F(VerifyTest, NoChain) { EXPECT_EQ(Reasons("", ca_.certificate()), "no_certificate"); }

TEST_F(VerifyTest, UnusableRootFiles) {
  EXPECT_THROW(TrustStore::Load(dir_.Write("text", "no certificate"), "", ""), TlsError);
  EXPECT_THROW(TrustStore::Load(dir_.path() + "/missing", "", ""), TlsError);
}

TEST_F(VerifyTest, StoresAreSharedUntilTheFileChanges) {
  const std::string file = dir_.Write("shared.crt", ca_.certificate());
  const auto first = TrustStore::LoadShared(file, "", "");
  EXPECT_EQ(TrustStore::LoadShared(file, "", ""), first);
  dir_.Write("shared.crt", ca_.certificate() + TestCa("Second").certificate());
  EXPECT_NE(TrustStore::LoadShared(file, "", ""), first);
}

// What hinders the reading of a list may pass without a trace in the file: it is tried again, not kept as none.
TEST_F(VerifyTest, AStoreWithoutTheListThatIsThereIsNotKept) {
  const std::string root = dir_.Write("listed.crt", ca_.certificate());
  const std::string unreadable = dir_.Write("list.crl", "no list");
  const auto first = TrustStore::LoadShared(root, unreadable, "");
  EXPECT_FALSE(first->checks_revocation());
  EXPECT_NE(TrustStore::LoadShared(root, unreadable, ""), first);
  const std::string missing = dir_.path() + "/missing.crl";
  EXPECT_EQ(TrustStore::LoadShared(root, missing, ""), TrustStore::LoadShared(root, missing, ""));
  const std::string list = dir_.Write("list.crl", ca_.Crl());
  EXPECT_TRUE(TrustStore::LoadShared(root, list, "")->checks_revocation());
  EXPECT_EQ(TrustStore::LoadShared(root, list, ""), TrustStore::LoadShared(root, list, ""));
}

// A list that is written over in place leaves its directory's own time as it was.
TEST_F(VerifyTest, AListThatIsReplacedInItsDirectoryCounts) {
  const support::Certificate bad = ca_.Issue({.common_name = "bad"});
  const std::string root = dir_.Write("listed.crt", ca_.certificate());
  const std::string directory = dir_.path() + "/lists";
  std::filesystem::create_directory(directory);
  const BioPtr bio = ReadBio(ca_.certificate());
  const X509Ptr ca(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  const std::string list = fmt::format("{}/{:08x}.r0", directory, X509_subject_name_hash(ca.get()));
  const auto verify = [&](const std::string& crl, const std::string& directories) {
    std::ofstream(list, std::ios::trunc) << crl;
    return VerifyChain(ChainOf(bad.chain), *TrustStore::LoadShared(root, "", directories), kSystemLevel);
  };
  EXPECT_EQ(verify(ca_.Crl(), directory), std::vector<std::string_view>());
  EXPECT_EQ(verify(ca_.Crl({bad}), directory), std::vector<std::string_view>{"revoked"});
  // OpenSSL takes several, as a PATH.
  const std::string several = dir_.path() + ":" + directory;
  EXPECT_EQ(verify(ca_.Crl(), several), std::vector<std::string_view>());
  EXPECT_EQ(verify(ca_.Crl({bad}), several), std::vector<std::string_view>{"revoked"});
}

// Collections come one after the other: a store that went with the last one would be loaded again for each.
TEST_F(VerifyTest, StoresAreKeptBetweenUsesButNotWithoutEnd) {
  const std::string file = dir_.Write("kept.crt", ca_.certificate());
  const std::weak_ptr<const TrustStore> kept = TrustStore::LoadShared(file, "", "");
  EXPECT_FALSE(kept.expired());
  for (int i = 0; i < 20; ++i) {
    TrustStore::LoadShared(dir_.Write("other" + std::to_string(i) + ".crt", ca_.certificate()), "", "");
  }
  EXPECT_TRUE(kept.expired());
}

std::string Host(const CertificateSpec& spec, const std::string& host) {
  return std::string(VerifyHostName(ChainOf(support::SelfSigned(spec).certificate)[0].get(), host).value_or(""));
}

TEST(VerifyHostNameTest, DnsNames) {
  const CertificateSpec spec = {.common_name = "cn.example.com", .dns_names = {"a.example.com", "*.wild.example.com"}};
  EXPECT_EQ(Host(spec, "a.example.com"), "");
  EXPECT_EQ(Host(spec, "A.EXAMPLE.com"), "");
  EXPECT_EQ(Host(spec, "x.wild.example.com"), "");
  EXPECT_EQ(Host(spec, "wild.example.com"), "mismatch");
  EXPECT_EQ(Host(spec, "x.y.wild.example.com"), "mismatch");
  EXPECT_EQ(Host(spec, "cn.example.com"), "mismatch");  // a dNSName is there, the common name does not count
  EXPECT_EQ(Host(spec, ""), "no_host_name");
}

TEST(VerifyHostNameTest, WildcardsOnlyAsTheWholeFirstLabel) {
  EXPECT_EQ(Host({.dns_names = {"db*.example.com"}}, "db1.example.com"), "mismatch");
  EXPECT_EQ(Host({.dns_names = {"a.*.example.com"}}, "a.b.example.com"), "mismatch");
  EXPECT_EQ(Host({.dns_names = {"*"}}, "localhost"), "mismatch");
  EXPECT_EQ(Host({.dns_names = {"*."}}, "a."), "mismatch");
  EXPECT_EQ(Host({.common_name = "*.example.com"}, "a.example.com"), "");
}

TEST(VerifyHostNameTest, Addresses) {
  const CertificateSpec spec = {.common_name = "10.9.9.9", .ip_addresses = {"10.0.0.1", "fe80::1"}};
  EXPECT_EQ(Host(spec, "10.0.0.1"), "");
  EXPECT_EQ(Host(spec, "10.1"), "");  // inet_aton's notation
  EXPECT_EQ(Host(spec, "fe80:0::1"), "");
  EXPECT_EQ(Host(spec, "10.0.0.2"), "mismatch");
  EXPECT_EQ(Host(spec, "10.9.9.9"), "mismatch");  // an iPAddress is there, the common name does not count
  EXPECT_EQ(Host({.common_name = "10.9.9.9", .dns_names = {"a"}}, "10.9.9.9"), "");
  EXPECT_EQ(Host({.common_name = "x", .dns_names = {"10.9.9.9"}}, "10.9.9.9"), "");  // libpq compares those too
}

TEST(VerifyHostNameTest, TheCommonNameCountsWithoutAnEntryOfTheHostsKind) {
  EXPECT_EQ(Host({.common_name = "db1"}, "db1"), "");
  EXPECT_EQ(Host({.common_name = "db1", .ip_addresses = {"10.0.0.1"}}, "db1"), "");
  EXPECT_EQ(Host({.common_name = "db1"}, "db2"), "mismatch");
}

TEST(VerifyHostNameTest, NoCertificate) { EXPECT_EQ(VerifyHostName(nullptr, "host"), "no_certificate"); }

// A certificate with these subjectAltName bytes, which no tool would write.
X509Ptr WithName(int kind, const std::string& bytes) {
  const BioPtr bio = ReadBio("");
  const EvpPkeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr certificate(X509_new());
  GENERAL_NAME* const name = GENERAL_NAME_new();
  ASN1_STRING* const text = ASN1_STRING_type_new(kind == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size()));
  GENERAL_NAME_set0_value(name, kind, text);
  const GeneralNamesPtr names(sk_GENERAL_NAME_new_null());
  sk_GENERAL_NAME_push(names.get(), name);
  X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, names.get(), 0, 0);
  X509_set_pubkey(certificate.get(), key.get());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 60);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  return certificate;
}

TEST(VerifyHostNameTest, MalformedNames) {
  using std::string_literals::operator""s;
  EXPECT_EQ(VerifyHostName(WithName(GEN_DNS, "bank.example\0.evil.example"s).get(), "bank.example"), "malformed_name");
  EXPECT_EQ(VerifyHostName(WithName(GEN_IPADD, "\x7f\0\0"s).get(), "127.0.0.1"), "malformed_name");
  EXPECT_EQ(VerifyHostName(WithName(GEN_IPADD, "\x7f\0\0\1"s).get(), "127.0.0.1"), std::nullopt);
}

}  // namespace
}  // namespace pgtls::tls
