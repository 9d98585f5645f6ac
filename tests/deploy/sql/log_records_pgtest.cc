// log_records(): every connection record of a real server's log, in every format, and in pieces of every size.
#include "tests/deploy/sql/log_reference.h"
#include "tests/support/raw_client.h"

namespace pgtls {
namespace {

using support::Client;
using support::RawClient;
using support::RawOptions;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kHba =
    "local all all trust\n"
    "host all scram 127.0.0.1/32 scram-sha-256\n"
    "hostnossl all rejected 127.0.0.1/32 reject\n"
    "hostssl all certified 127.0.0.1/32 cert\n"
    "host all,replication all 127.0.0.1/32 trust\n";

// Names as a hostile client sends them.
const std::vector<std::string> kNames = {
    "a\nLOG:  connection authorized: user=fake database=fake SSL enabled (protocol=TLSv1.3)\nb",
    "a\r\n\tb\t",
    "q\"uo\"te'd\\",
    "\",LOG,00000,\"connection authorized: x",
    "\",\"error_severity\":\"LOG\",\"message\":\"connection received: ",
    "[unknown] (SSL enabled) {}",
    "\xff\xfe\xc3(\x80",
    "\\",
    "\\134",
    ",",
    "x SSL enabled (protocol=TLSv1.3, cipher=x, bits=256)",
};

class LogRecordsTest : public testing::Test {
 protected:
  // One connection, which may be refused.
  void Connect(RawOptions options) {
    options.port = log_.server().port();
    try {
      RawClient client(std::move(options));
    } catch (const std::runtime_error&) {  // the handshake failed
    }
  }

  void ConnectInEveryWay() {
    auto& server = log_.server();
    server.Execute(
        "CREATE ROLE scram LOGIN PASSWORD 'hunter2'; CREATE ROLE rejected LOGIN; CREATE ROLE certified LOGIN");
    Client(server.Conninfo("sslmode=require")).Close();
    Client(server.Conninfo("sslmode=disable")).Close();
    Client(server.Conninfo("sslmode=require user=scram password=hunter2")).Close();
    Client(server.Conninfo("sslmode=disable replication=true")).Close();
    Client(server.Conninfo("sslmode=require replication=database")).Close();
    for (const bool tls : {false, true}) {
      Connect({.user = "rejected", .tls = tls});
      Connect({.user = "certified", .tls = tls});
      Connect({.host = "::1", .source = "::1", .tls = tls});  // no entry
    }
    Connect({.tls = true, .tls_options = {.version = TLS1_2_VERSION}});  // too old
    const support::Certificate stranger = support::TestCa("Another CA").Issue({.common_name = "certified"});
    Connect({.user = "certified", .tls = true, .tls_options = {.certificate = stranger.chain, .key = stranger.key}});
    const support::Certificate expired = ca_.Issue({.common_name = "certified", .not_after = -std::chrono::days(1)});
    Connect({.user = "certified", .tls = true, .tls_options = {.certificate = expired.chain, .key = expired.key}});
    for (const std::string& name : kNames) {
      Connect({.user = name});
      Connect({.user = "rejected", .database = name});
      Connect({.application_name = name});
      Connect({.host = "::1", .source = "::1", .user = name, .database = name, .application_name = name});
    }
  }

  void RunStatements() {
    Client client(log_.server().SocketConninfo());
    for (const std::string& sql : {
             R"(SELECT 'LOG:  connection authorized: user=fake')",
             "SELECT '\n2026-01-01 00:00:00.000 UTC [1] LOG:  connection authorized: user=fake\n'",
             "SELECT '\n2026-01-01 00:00:00.000 UTC,\"u\",\"d\",1,\"h\",s.1,1,\"a\",2026-01-01 00:00:00 "
             "UTC,1/1,0,LOG,00000,"
             "\"connection authorized: user=fake\",,,,,,,,,\"\",\"client backend\",,0\n'",
             "SELECT '\n{\"timestamp\":\"2026-01-01 00:00:00.000 UTC\",\"pid\":1,\"error_severity\":\"LOG\","
             "\"message\":\"connection authorized: user=fake\",\"backend_type\":\"client backend\"}\n'",
         }) {
      client.Query(sql);
    }
    for (const std::string& sql :
         {R"(DO $$BEGIN RAISE LOG 'connection authorized: user=fake' USING DETAIL = 'more', HINT = 'and more'; END$$)",
          "DO $$BEGIN RAISE LOG E'connection received: host=fake\\n\\tmore' USING DETAIL = E'a\\nb'; END$$",
          R"(DO $$BEGIN RAISE WARNING 'connection authorized: user=fake'; END$$)",
          R"(DO $$BEGIN EXECUTE 'SELECT 1/0 -- LOG:  connection received: host=fake'; END$$)"}) {
      Client session(log_.server().SocketConninfo());
      try {
        session.Query(sql);
      } catch (const std::runtime_error&) {
      }
    }
  }

  const support::TestCa ca_;
  LogServer log_{
      {.hba = kHba,
       .settings = {"log_line_prefix = '%m [%p] '", "ssl_min_protocol_version = 'TLSv1.3'", "max_wal_senders = 5",
                    "log_error_verbosity = default"},
       .tls = support::ServerTls{.server = ca_.IssueForLocalhost(), .client_ca = ca_.certificate(), .crl = ""},
       .listen_addresses = "127.0.0.1,::1"}};
};

TEST_F(LogRecordsTest, AllConnectionRecordsAreReturnedAndNothingElse) {
  ConnectInEveryWay();
  RunStatements();
  log_.Flush();
  for (const std::string& file : log_.Files()) {
    const LogPiece piece = log_.Read(file);
    ASSERT_EQ(piece.problem, "") << file;
    const auto expected = Expected(file, log_.Content(file).substr(0, piece.next));
    const auto returned = Returned(file, LogServer::WithoutTime(file, piece.records));
    for (std::size_t i = 0; i < std::min(expected.size(), returned.size()); ++i) {
      ASSERT_EQ(returned[i], expected[i]) << file << i;
    }
    EXPECT_EQ(returned.size(), expected.size()) << file;
    EXPECT_TRUE(piece.at_end) << file;
    EXPECT_EQ(piece.skipped, 0) << file;
    // Every kind of record was there.
    for (const char* text : {"connection received: host=127.0.0.1", "method=scram-sha-256",
                             "connection authorized: user=postgres database=postgres", "SSL enabled (protocol=TLSv1.3",
                             "replication connection authorized: user=postgres",
                             "could not accept SSL connection: ", "pg_hba.conf rejects connection for host",
                             "no pg_hba.conf entry for host", "unsupported protocol"}) {
      EXPECT_THAT(expected, Contains(HasSubstr(text))) << file;
    }
    EXPECT_THAT(expected, Contains(HasSubstr(file.ends_with(".json")  ? R"("context":"")"
                                             : file.ends_with(".csv") ? ",\"x\","
                                                                      : "CONTEXT:  ")))
        << file;
    EXPECT_THAT(piece.records, Not(HasSubstr("and more"))) << file;
  }
}

// A statement of 3 MB, with everything in it that looks like a record, is larger than a piece.
TEST_F(LogRecordsTest, ARecordThatIsLargerThanAPieceIsSkippedAndNothingAfterItIsLost) {
  Client before(log_.server().Conninfo("sslmode=disable application_name=before"));
  std::string statement = "SELECT '";
  const std::string lines =
      "\n2026-01-01 00:00:00.000 UTC [1] LOG:  connection authorized: user=fake\n\"\n"
      "2026-01-01 00:00:00.000 UTC,,,1,\"h\",s.1,1,\"\",2026-01-01 00:00:00 UTC,1/1,0,LOG,00000,\"connection received: "
      "fake\",,,,,,,,,\"\",\"\",,0\n"
      "{\"timestamp\":\"2026-01-01 00:00:00.000 UTC\",\"error_severity\":\"LOG\",\"message\":\"connection received: "
      "fake\"}\n";
  while (statement.size() < 3'000'000) statement += lines + std::string(statement.size() / 7 % 900, 'x');
  before.Query(statement + "'");
  Client after(log_.server().Conninfo("sslmode=disable application_name=after"));
  log_.Flush();

  Client exporter(log_.Conninfo());
  for (const std::string& file : log_.Files()) {
    const LogPiece whole = log_.ReadAll(exporter, file, 16 << 20);
    EXPECT_EQ(whole.skipped, 0) << file;
    EXPECT_THAT(whole.records,
                testing::AllOf(HasSubstr("application_name=before"), HasSubstr("application_name=after")))
        << file;
    EXPECT_THAT(whole.records, Not(HasSubstr("fake"))) << file;
    for (const int size : {4096, 65536, 1'000'000}) {
      const LogPiece pieces = log_.ReadAll(exporter, file, size);
      // The exporter's own connections came later.
      EXPECT_THAT(pieces.records, testing::StartsWith(whole.records)) << file << size;
      EXPECT_GT(pieces.skipped, 2'900'000) << file << size;
      EXPECT_EQ(pieces.next_state, 0) << file << size;
    }
  }
}

TEST_F(LogRecordsTest, PiecesOfEverySizeReturnTheSameRecords) {
  ConnectInEveryWay();
  RunStatements();
  log_.Flush();
  Client exporter(log_.Conninfo());
  for (const std::string& file : log_.Files()) {
    // Nothing is written to a copy.
    const std::string copy = "copy" + file.substr(2);
    log_.Write(copy, log_.Content(file));
    const LogPiece whole = log_.ReadAll(exporter, copy, 16 << 20);
    EXPECT_THAT(whole.records, Not(IsEmpty())) << file;
    for (int size = 1024; size < 1024 + 16; ++size) {
      const LogPiece pieces = log_.ReadAll(exporter, copy, size);
      ASSERT_EQ(pieces.records, whole.records) << file << size;
      ASSERT_EQ(pieces.next, whole.next) << file << size;
    }
    for (int size = 1100; size < 40'000; size += size / 2) {
      ASSERT_EQ(log_.ReadAll(exporter, copy, size).records, whole.records) << file << size;
    }
  }
}

// log_error_verbosity = verbose adds where in PostgreSQL's source a record comes from.
TEST(LogVerboseTest, ThePlaceInTheSourceIsNotReturned) {
  LogServer log({.settings = {"log_error_verbosity = verbose"}});
  Client(log.server().Conninfo()).Close();
  log.Flush();
  for (std::string file : log.Files()) {
    const LogPiece piece = log.Read(file);
    EXPECT_THAT(log.Content(file), HasSubstr("BackendInitialize")) << file;
    EXPECT_THAT(piece.records, HasSubstr("connection authorized: user=postgres")) << file;
    EXPECT_THAT(piece.records, Not(HasSubstr("BackendInitialize"))) << file;
    if (!file.ends_with(".log")) {
      EXPECT_EQ(Returned(file, LogServer::WithoutTime(file, piece.records)),
                Expected(file, log.Content(file).substr(0, piece.next)))
          << file;
    }
  }
}

// What has the words of a connection record in their place and is no record of the format.
TEST(LogMalformedTest, ARecordThatIsNotInTheFormatIsAmbiguous) {
  LogServer log;
  Client exporter(log.Conninfo());
  const std::string json =
      R"({"timestamp":"2026-01-01 00:00:00.000 UTC","pid":1,"error_severity":"LOG","message":"connection received: secret"})";
  const std::string csv =
      R"(2026-01-01 00:00:00.000 UTC,,,1,,s.1,1,,2026-01-01 00:00:00 UTC,,0,LOG,00000,"connection received: secret",,,,,,,,,"","b",,0)";
  log.Write("x.json", json + "\n");
  log.Write("x.csv", csv + "\n");
  for (const char* file : {"x.json", "x.csv"}) {
    EXPECT_THAT(log.Read(exporter, file).records, HasSubstr("connection received: secret")) << file;
    EXPECT_EQ(log.Read(exporter, file).ambiguous, 0) << file;
  }
  for (const std::string& line :
       {"secret" + json, json + "secret", json.substr(1), json.substr(0, json.size() - 1),
        json.substr(0, json.size() - 1) + ",\"ps\":secret}", json.substr(0, json.size() - 2) + "\\\"}",
        json.substr(0, json.size() - 1) + R"(,"ps":"a"secret"})"}) {
    log.Write("x.json", line + "\n");
    const LogPiece piece = log.Read(exporter, "x.json");
    EXPECT_THAT(piece.records, Not(HasSubstr("secret"))) << line;
    EXPECT_EQ(piece.ambiguous, 1) << line;
  }
  for (const std::string& line : {"secret" + csv, csv + "\"secret\"", "," + csv, csv.substr(1 + csv.find(',')),
                                  csv.substr(0, csv.find(",,,,,,,,,") + 7)}) {
    log.Write("x.csv", line + "\n");
    const LogPiece piece = log.Read(exporter, "x.csv");
    EXPECT_THAT(piece.records, Not(HasSubstr("secret"))) << line;
    EXPECT_EQ(piece.ambiguous, 1) << line;
  }
}

std::string CsvRecord(const std::string& user) {
  return "2026-01-01 00:00:00.000 UTC,\"" + user +
         "\",\"d\",1,\"127.0.0.1:1\",s.1,1,\"\",2026-01-01 00:00:00 UTC,,0,LOG," +
         "00000,\"connection authorized: user=" + user + "\",,,,,,,,,\"\",\"client backend\",,0\n";
}

// A crash may leave a record of which a part is missing; the server appends the next one to it.
TEST(LogBrokenTest, RecordsOfCsvlogAfterABrokenOneAreFound) {
  LogServer log;
  Client exporter(log.Conninfo());
  const std::string broken = CsvRecord("b\"\"\n2026-01-01 b");
  for (std::size_t length = 0; length < broken.size(); ++length) {
    log.Write("x.csv", CsvRecord("a") + broken.substr(0, length) + CsvRecord("c") + CsvRecord("d") + CsvRecord("\ne") +
                           CsvRecord("f"));
    for (const int size : {1024, 1 << 20}) {
      const LogPiece all = log.ReadAll(exporter, "x.csv", size);
      for (const char* user : {"user=a\"", "user=d\"", "user=\ne\"", "user=f\""}) {
        ASSERT_THAT(all.records, HasSubstr(user)) << length << " " << size;
      }
      ASSERT_EQ(all.next_state, 0) << length << " " << size;
    }
  }
  // A name cannot make such a line: the quote that closes it stands before a comma.
  for (const char* name : {"g\n2026-01-01 00:00:00.000 UTC,", "g\n2026-01-01 00:00:00.000 UTC,\"\"x,"}) {
    log.Write("x.csv", CsvRecord(name) + CsvRecord("f"));
    EXPECT_EQ(LogServer::WithoutTime("x.csv", log.Read(exporter, "x.csv").records), CsvRecord(name) + CsvRecord("f"))
        << name;
  }
  // The exporter may begin anywhere in the file, too.
  const std::string content = broken + CsvRecord("c") + CsvRecord("d") + CsvRecord("\ne") + CsvRecord("f");
  log.Write("x.csv", content);
  for (std::size_t start = 1; start < broken.size(); ++start) {
    const LogPiece piece = log.Read(exporter, "x.csv", {.start = start, .state = 1});
    ASSERT_EQ(LogServer::WithoutTime("x.csv", piece.records), content.substr(broken.size())) << start;
    ASSERT_EQ(piece.skipped, broken.size() - start);
  }
}

// A piece may end within an escaped quote.
TEST(LogBrokenTest, NoCutMakesARecordOfALineWithinQuotes) {
  const LogServer log;
  Client exporter(log.Conninfo());
  const std::string line = "\n2026-01-01 00:00:00.000 UTC,,,1,\"\"h\"\",s.1";
  std::string name;
  while (name.size() < 2000) name += line;
  const std::string large = CsvRecord(name);
  log.Write("x.csv", CsvRecord("a") + large + CsvRecord("f"));
  for (std::size_t more = 0; more < line.size(); ++more) {
    const LogPiece all = log.ReadAll(exporter, "x.csv", 1024 + static_cast<int>(more));
    EXPECT_EQ(all.records, CsvRecord("a") + CsvRecord("f")) << more;
    EXPECT_EQ(all.skipped, large.size()) << more;
  }
}

}  // namespace
}  // namespace pgtls
