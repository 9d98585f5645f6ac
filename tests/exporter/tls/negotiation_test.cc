#include "exporter/tls/negotiation.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pgtls::tls {
namespace {

using std::string_literals::operator""s;

std::string Message(char type, const std::string& body) {
  const auto length = static_cast<std::uint32_t>(body.size() + 4);
  std::string result(1, type);
  for (const int shift : {24, 16, 8, 0}) result += static_cast<char>(length >> shift);
  return result + body;
}

std::string Error(const std::string& sqlstate, const std::string& routine) {
  return Message('E', "SFATAL\0VFATAL\0C"s + sqlstate + "\0Mkein Eintrag in pg_hba.conf\0R"s + routine + "\0\0"s);
}

const std::string kOk = Message('R', "\0\0\0\0"s);
const std::string kSasl = Message('R', "\0\0\0\x0aSCRAM-SHA-256\0\0"s);
const std::string kPid = Message('K', "\0\0\x30\x39secr"s);
const std::string kReady = Message('Z', "I");

struct Outcome {
  StartupReader::State state;
  Admission admission;
};

Outcome Read(const std::string& bytes) {
  StartupReader whole;
  whole.Feed(bytes);
  StartupReader piecewise;
  for (const char c : bytes) piecewise.Feed({&c, 1});
  EXPECT_EQ(whole.state(), piecewise.state());
  EXPECT_EQ(whole.admission(), piecewise.admission());
  EXPECT_EQ(whole.backend_pid(), piecewise.backend_pid());
  return {whole.state(), whole.admission()};
}

TEST(NegotiationTest, RequestsAreEightBytes) {
  EXPECT_EQ(SslRequest(), "\x00\x00\x00\x08\x04\xd2\x16\x2f"s);
  EXPECT_EQ(GssEncRequest(), "\x00\x00\x00\x08\x04\xd2\x16\x30"s);
  EXPECT_EQ(Terminate(), "X\0\0\0\4"s);
}

TEST(NegotiationTest, StartupMessageNamesUserAndDatabaseAndNoPassword) {
  const std::string message = StartupMessage("ann", "shop");
  EXPECT_EQ(message.substr(0, 8), "\0\0\0\x41\0\3\0\0"s);
  EXPECT_EQ(message.size(), 0x41u);
  EXPECT_EQ(message.substr(8), "user\0ann\0database\0shop\0application_name\0pg_tls_exporter\0\0"s);
}

TEST(NegotiationTest, OnlyTheOneByteCounts) {
  EXPECT_EQ(SslAnswer('S'), Answer::kYes);
  EXPECT_EQ(SslAnswer('N'), Answer::kNo);
  EXPECT_EQ(SslAnswer('E'), Answer::kError);
  EXPECT_EQ(SslAnswer('G'), Answer::kNone);
  EXPECT_EQ(SslAnswer('H'), Answer::kNone);
  EXPECT_EQ(SslAnswer(std::nullopt), Answer::kNone);
  EXPECT_EQ(GssAnswer('G'), Answer::kYes);
  EXPECT_EQ(GssAnswer('N'), Answer::kNo);
  EXPECT_EQ(GssAnswer('E'), Answer::kError);
  EXPECT_EQ(GssAnswer('S'), Answer::kNone);
}

TEST(StartupReaderTest, AnAuthenticationRequestIsAdmission) {
  const Outcome outcome = Read(kSasl);
  EXPECT_EQ(outcome.state, StartupReader::State::kDone);
  EXPECT_EQ(outcome.admission, Admission::kAdmitted);
}

TEST(StartupReaderTest, ReadsTheMechanismsOfSasl) {
  const auto mechanisms = [](const std::string& body) {
    StartupReader reader;
    reader.Feed(Message('R', body));
    EXPECT_EQ(reader.admission(), Admission::kAdmitted);
    return reader.mechanisms();
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(mechanisms("\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s),
            (Names{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}));
  EXPECT_EQ(mechanisms("\0\0\0\x0aOAUTHBEARER\0\0"s), Names{"OAUTHBEARER"});
  EXPECT_EQ(mechanisms("\0\0\0\x0aSCRAM-SHA-256\0SCRAM"s), Names{"SCRAM-SHA-256"}) << "one is cut";
  EXPECT_EQ(mechanisms("\0\0\0\x0a\0x\0"s), Names());
  EXPECT_EQ(mechanisms("\0\0\0\x0a"s), Names());
  EXPECT_EQ(mechanisms("\0\0\0\5salt"s), Names()) << "md5";
}

TEST(StartupReaderTest, RefusalIsJudgedByCodeAndRoutine) {
  EXPECT_EQ(Read(Error("28000", "ClientAuthentication")).admission, Admission::kRefused);
  EXPECT_EQ(Read(Error("28000", "auth_failed")).admission, Admission::kAuthFailed);
  EXPECT_EQ(Read(Error("28000", "PerformAuthentication")).admission, Admission::kError);
  EXPECT_EQ(Read(Error("53300", "ClientAuthentication")).admission, Admission::kError);
  EXPECT_EQ(Read(Error("53300", "InitPostgres")).admission, Admission::kError);
  EXPECT_EQ(Read(Error("57P03", "ProcessStartupPacket")).admission, Admission::kError);
  // A pooler that has no routine, with a text that looks like a refusal.
  EXPECT_EQ(Read(Message('E', "SFATAL\0C08P01\0MSSL required\0\0"s)).admission, Admission::kRefused);
  EXPECT_EQ(Read(Message('E', "SFATAL\0C08P01\0Mno such user\0\0"s)).admission, Admission::kError);
  EXPECT_EQ(Read(Message('E', "SFATAL\0C08P01\0MSSL required\0Rauth_failed\0\0"s)).admission, Admission::kError);
  EXPECT_EQ(Read(Message('E', "C28000\0Mno pg_hba.conf entry ClientAuthentication\0\0"s)).admission, Admission::kError);
}

TEST(StartupReaderTest, LogsInAndReadsItsPid) {
  StartupReader reader;
  EXPECT_EQ(reader.Feed(kOk), StartupReader::State::kLoggedIn);
  EXPECT_EQ(reader.Feed(Message('S', "server_version\00015.20\0"s) + kPid), StartupReader::State::kLoggedIn);
  EXPECT_EQ(reader.backend_pid(), 12345);
  EXPECT_EQ(reader.Feed(kReady), StartupReader::State::kReady);
  EXPECT_EQ(reader.admission(), Admission::kAdmitted);
}

TEST(StartupReaderTest, AnErrorAfterAuthenticationDoesNotUndoAdmission) {
  const Outcome outcome = Read(kOk + Error("3D000", "InitPostgres"));
  EXPECT_EQ(outcome.state, StartupReader::State::kDone);
  EXPECT_EQ(outcome.admission, Admission::kAdmitted);
  EXPECT_EQ(Read(kOk + Error("28000", "ClientAuthentication")).admission, Admission::kAdmitted);
}

TEST(StartupReaderTest, NoticesAndProtocolNegotiationAreSkipped) {
  EXPECT_EQ(Read(Message('N', "Mhello\0\0"s) + Message('v', std::string(8, '\0')) + kSasl).admission,
            Admission::kAdmitted);
}

TEST(StartupReaderTest, EndAndGarbageProveNothing) {
  StartupReader ended;
  ended.Feed(kSasl.substr(0, 7));
  EXPECT_EQ(ended.End(), StartupReader::State::kDone);
  EXPECT_EQ(ended.admission(), Admission::kLost);
  EXPECT_EQ(Read("HTTP/1.1 400 Bad Request\r\n\r\n").admission, Admission::kLost);
  EXPECT_EQ(Read("R\0\0\0\3"s).admission, Admission::kLost);
  EXPECT_EQ(Read("R\x7f\xff\xff\xff"s).admission, Admission::kLost);
  EXPECT_EQ(Read(Message('R', "\0\0"s)).admission, Admission::kLost);
  EXPECT_EQ(Read(kReady).admission, Admission::kLost);
  EXPECT_EQ(Read(Message('E', "C28000")).admission, Admission::kError);  // a field without its end
}

TEST(StartupReaderTest, EndKeepsWhatWasProved) {
  StartupReader reader;
  reader.Feed(kOk);
  reader.End();
  EXPECT_EQ(reader.admission(), Admission::kAdmitted);
}

}  // namespace
}  // namespace pgtls::tls
