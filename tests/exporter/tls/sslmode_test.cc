#include "exporter/tls/sslmode.h"

#include <gtest/gtest.h>

#include <string>

namespace pgtls::tls {
namespace {

// One letter a mode, in the order of kSslModes: E encrypted, P plaintext, - does not connect, c connects but who knows
// how, ? cannot be told.
std::string Table(const Observations& seen) {
  std::string result;
  for (const SslMode mode : kSslModes) {
    const Verdict verdict = VerdictFor(mode, seen);
    if (verdict.encrypted) EXPECT_EQ(verdict.connects, true);
    if (!verdict.connects) {
      result += '.';
    } else if (!*verdict.connects) {
      result += '-';
    } else {
      result += !verdict.encrypted ? 'c' : *verdict.encrypted ? 'E' : 'P';
    }
  }
  return result;
}

// A server that serves everyone, with a certificate that the client can verify.
Observations Open() {
  return {.plaintext = Start::kAdmitted,
          .ssl_answer = Answer::kYes,
          .root = RootCertificate::kLoaded,
          .handshake = true,
          .chain = true,
          .hostname = true,
          .tls = Start::kAdmitted};
}

TEST(SslmodeTest, NamesAreLibpqs) {
  std::string names;
  for (const SslMode mode : kSslModes) names += std::string(ToString(mode)) + " ";
  EXPECT_EQ(names, "disable allow prefer require verify-ca verify-full ");
}

TEST(SslmodeTest, OpenServer) { EXPECT_EQ(Table(Open()), "PPEEEE"); }

TEST(SslmodeTest, WhatLibpqRefusesBeforeItConnects) {
  Observations seen = Open();
  seen.weakest = SslMode::kRequire;
  EXPECT_EQ(Table(seen), "---EEE");
  seen.weakest = SslMode::kVerifyFull;
  EXPECT_EQ(Table(seen), "-----E");
}

TEST(SslmodeTest, SslOff) {
  Observations seen = Open();
  seen.ssl_answer = Answer::kNo;
  seen.handshake = {};
  seen.chain = {};
  seen.hostname = {};
  seen.tls = Start::kUnknown;
  EXPECT_EQ(Table(seen), "PPP---");
  seen.plaintext = Start::kRefused;
  EXPECT_EQ(Table(seen), "------");
  seen.root = RootCertificate::kNone;
  EXPECT_EQ(Table(seen), "----..");
}

TEST(SslmodeTest, HostsslOnly) {
  Observations seen = Open();
  seen.plaintext = Start::kRefused;
  EXPECT_EQ(Table(seen), "-EEEEE");
}

TEST(SslmodeTest, HostnosslOnly) {
  Observations seen = Open();
  seen.tls = Start::kRefused;
  EXPECT_EQ(Table(seen), "PPP---");
}

TEST(SslmodeTest, RejectAll) {
  Observations seen = Open();
  seen.plaintext = Start::kRefused;
  seen.tls = Start::kRefused;
  EXPECT_EQ(Table(seen), "------");
}

TEST(SslmodeTest, ARootFileMakesEveryTlsConnectionVerify) {
  Observations seen = Open();
  seen.chain = false;
  EXPECT_EQ(Table(seen), "PPP---");  // prefer falls back to plaintext
  seen.plaintext = Start::kRefused;
  EXPECT_EQ(Table(seen), "------");
  seen.root = RootCertificate::kNone;
  EXPECT_EQ(Table(seen), "-EEE..");
}

TEST(SslmodeTest, OnlyVerifyFullLooksAtTheName) {
  Observations seen = Open();
  seen.hostname = false;
  EXPECT_EQ(Table(seen), "PPEEE-");
}

TEST(SslmodeTest, FailedHandshake) {
  Observations seen = Open();
  seen.handshake = false;
  seen.chain = {};
  seen.hostname = {};
  seen.tls = Start::kUnknown;
  EXPECT_EQ(Table(seen), "PPP---");
}

TEST(SslmodeTest, UnusableClientFilesFailBeforeTheHandshake) {
  Observations seen = Open();
  seen.client_usable = false;
  EXPECT_EQ(Table(seen), "PPP---");
  seen.client_usable = true;
  seen.root = RootCertificate::kUnusable;
  EXPECT_EQ(Table(seen), "PPP---");
}

TEST(SslmodeTest, AnAlertAfterTheHandshakeIsFinalEvenForPrefer) {
  Observations seen = Open();
  seen.tls = Start::kCutOff;
  EXPECT_EQ(Table(seen), "PP----");
}

TEST(SslmodeTest, AnErrorBeforeTlsIsFinal) {
  Observations seen = Open();
  seen.ssl_answer = Answer::kError;
  EXPECT_EQ(Table(seen), "PP----");
}

TEST(SslmodeTest, MethodsThatFailByThemselvesCountAsReached) {
  Observations seen = Open();
  seen.plaintext = Start::kAuthFailed;
  seen.tls = Start::kAuthFailed;
  EXPECT_EQ(Table(seen), "PEPEEE");  // allow and prefer try the other kind after the error
  seen.tls = Start::kAdmitted;
  EXPECT_EQ(Table(seen), "PEEEEE");
  seen.tls = Start::kRefused;
  EXPECT_EQ(Table(seen), "PPP---");
  seen.tls = Start::kUnknown;
  EXPECT_EQ(Table(seen), "Pc....");
}

TEST(SslmodeTest, WhatWasNotSeenIsNotClaimed) {
  EXPECT_EQ(Table({}), "......");
  Observations seen = Open();
  seen.plaintext = Start::kUnknown;
  EXPECT_EQ(Table(seen), "..EEEE");
  seen.tls = Start::kRefused;
  EXPECT_EQ(Table(seen), "...---");
  seen = Open();
  seen.tls = Start::kUnknown;
  EXPECT_EQ(Table(seen), "PP....");
  seen = Open();
  seen.chain = {};
  EXPECT_EQ(Table(seen), "PP....");
  seen = Open();
  seen.hostname = {};
  EXPECT_EQ(Table(seen), "PPEEE.");
  seen = Open();
  seen.ssl_answer = Answer::kNone;
  EXPECT_EQ(Table(seen), "PP....");
  seen.plaintext = Start::kRefused;
  EXPECT_EQ(Table(seen), "-.....");
}

TEST(SslmodeTest, ErrorsThatSayNothingAboutHbaAreUnknown) {
  EXPECT_EQ(StartOf(Admission::kError), Start::kUnknown);
  EXPECT_EQ(StartOf(Admission::kLost), Start::kUnknown);
  EXPECT_EQ(StartOf(Admission::kAdmitted), Start::kAdmitted);
  EXPECT_EQ(StartOf(Admission::kAuthFailed), Start::kAuthFailed);
  EXPECT_EQ(StartOf(Admission::kRefused), Start::kRefused);
}

}  // namespace
}  // namespace pgtls::tls
