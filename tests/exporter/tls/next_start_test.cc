// What PostgreSQL's calls say of bytes and settings. Real servers: tests/collectors/next_start_*_pgtest.cc.
#include "exporter/tls/next_start.h"

#include <gtest/gtest.h>

#include "tests/support/certificates.h"

namespace pgtls::tls {
namespace {

class NextStartTest : public testing::Test {
 protected:
  static StartFile File(const std::string& path, const std::string& bytes) {
    return {.path = path, .problems = {}, .bytes = bytes, .unknown = {}};
  }
  StartInput Good() const {
    StartInput input;
    input.server_version = 180000;
    input.certificate = File("/s.crt", good_.chain);
    input.key = File("/s.key", good_.key);
    input.ca = File("/ca.crt", ca_.certificate());
    input.crl = File("/ca.crl", ca_.Crl());
    input.min_protocol_version = "TLSv1.2";
    input.max_protocol_version = "";
    input.groups = "X25519:prime256v1";
    input.ciphers = "HIGH:MEDIUM:+3DES:!aNULL";
    input.tls13_ciphers = "";
    input.passphrase_command = false;
    return input;
  }
  // "1", or what fails, or what is not known in brackets.
  static std::string Judge(const StartInput& input) {
    const NextStart result = JudgeNextStart(input);
    std::string text = result.ok() == true ? "1" : "";
    for (const auto& [role, path, reason] : result.failures) text += role + " " + path + " " + reason + ";";
    for (const auto& [role, reason] : result.unknown) text += "[" + role + " " + reason + "]";
    return text;
  }

  support::TestCa ca_;
  support::Certificate good_ = ca_.IssueForLocalhost();
};

TEST_F(NextStartTest, AllFailuresAreNamed) {
  EXPECT_EQ(Judge(Good()), "1");
  StartInput input = Good();
  input.certificate.problems = {"permission_denied"};
  input.key = File("/s.key", "");
  input.ca = File("/ca.crt", ca_.Crl());
  input.max_protocol_version = "TLSv1.1";
  EXPECT_EQ(Judge(input),
            "server /s.crt permission_denied;key /s.key malformed;ca /ca.crt no_certificate;setting "
            "ssl_min_protocol_version other;");
}

TEST_F(NextStartTest, WhatIsNotKnownIsNoSuccess) {
  StartInput input = Good();
  input.key = {.path = "/s.key", .problems = {}, .bytes = {}, .unknown = "sql"};
  input.groups.reset();
  EXPECT_EQ(Judge(input), "[key sql][ssl_groups setting_not_visible]");
}

TEST_F(NextStartTest, TheLibraryDecidesWhatIsWeak) {
  const support::Certificate weak = ca_.Issue({.key = support::KeyType::kRsa1024});
  StartInput input = Good();
  input.certificate = File("/s.crt", weak.chain);
  input.key = File("/s.key", weak.key);
  EXPECT_EQ(Judge(input), "[server security_level]");
  input.same_library = true;
  EXPECT_EQ(Judge(input), "server /s.crt key_too_small;");  // Debian's level is 2
}

TEST_F(NextStartTest, TheLibraryDecidesAboutAByteOrderMark) {
  for (StartFile StartInput::* file : {&StartInput::certificate, &StartInput::key, &StartInput::ca, &StartInput::crl}) {
    StartInput input = Good();
    (input.*file).bytes = "\xef\xbb\xbf" + *(input.*file).bytes;
    const std::string role = file == &StartInput::certificate ? "server"
                             : file == &StartInput::key       ? "key"
                             : file == &StartInput::ca        ? "ca"
                                                              : "crl";
    EXPECT_EQ(Judge(input), "[" + role + " openssl_version]");
    input.same_library = true;
    EXPECT_EQ(Judge(input), "1");
  }
}

TEST_F(NextStartTest, OneCurveBefore18AListFrom18) {
  StartInput input = Good();
  input.server_version = 170000;
  EXPECT_EQ(Judge(input), "setting ssl_ecdh_curve other;");
  input.groups = "prime256v1";
  EXPECT_EQ(Judge(input), "1");
  // The server's library may be built without it, or with more.
  for (const char* curve : {"brainpoolP256r1", "secp256k1", "secp999r9"}) {
    input.groups = curve;
    EXPECT_EQ(Judge(input), "[ssl_ecdh_curve openssl_version]") << curve;
  }
  input.same_library = true;
  EXPECT_EQ(Judge(input), "setting ssl_ecdh_curve other;");
  input.groups = "secp256k1";
  EXPECT_EQ(Judge(input), "1");
  input.same_library = false;
  for (const char* curve : {"nosuch", "P-256", "X448"}) {
    input.groups = curve;
    EXPECT_EQ(Judge(input), "setting ssl_ecdh_curve other;") << curve;
  }
  input.server_version = 180000;
  input.groups = "nosuch";
  EXPECT_EQ(Judge(input), "setting ssl_groups other;");
  input.groups = "X25519MLKEM768";
  EXPECT_EQ(Judge(input), "[ssl_groups openssl_version]");
}

}  // namespace
}  // namespace pgtls::tls
