// Clients choose the names of users, databases and applications, and queries what they log. None of it makes a
// plaintext session an encrypted one, and no session disappears unless the log is called ambiguous, or the session
// doubtful.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/exporter/serverlog/log_text.h"

namespace pgtls::serverlog {
namespace {

const std::string kTls = " SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)";
const std::string kShort = " SSL enabled (protocol=TLSv1.3, cipher=A, bits=1)";

// Names of 63 bytes at most, as the server cuts them.
const std::vector<std::string>& Names() {
  static const std::vector<std::string> names = {
      "bob",
      "x" + kShort,
      "x GSS (authenticated=yes, encrypted=yes, principal=",
      "x)",
      "a@b",
      "a b",
      " a",
      "a ",
      "a\nb",
      "a\tb",
      "a\n\tb",
      "a\r\nb",
      "\n",
      "\t",
      "\"",
      "\"\"",
      "a\",\"b",
      "a\"\nb",
      ",",
      ",\n",
      "a\\",
      "\\u0022",
      "}",
      "\xff",
      "\xc3",
      "LOG:  x",
      "LOG:  statement: x",
      "DETAIL:  x",
      "HINT:  x",
      "CONTEXT:  x",
      "STATEMENT:  x",
      "FATAL:  x",
      "ERROR:  x",
      "DEBUG:  x",
      "x\nDETAIL:  y",
      "x\n\tDETAIL:  y",
      "x\nLOG:  statement: y",
      "LOG:  00000: x",
      "LOG:  connection authorized: user=bob database=shop",
      "x\nLOG:  connection authorized: user=bob database=shop",
      "x\nLOG:  connection authorized: user=bob" + kShort.substr(0, 22),
      "x\n[7] bob@shop LOG:  connection received: ",
      "x\nLOG:  connection authenticated: \" method=cert (a:1)",
      "x database=shop",
      "x application_name=monitor",
      "x database=shop application_name=monitor",
      "a:b",
      "[unknown]",
      "[local]",
      "127.0.0.1",
      "(1)",
      "user=",
      "a, SSL encryption",
      "a\", database \"b",
      "6b09edcc.67e7",
      "2026-11-27 20:53:32.454 UTC [7] ",
      "%u",
      "a LOG",
      "a\nLOG",
  };
  return names;
}

struct Session {
  std::string user;
  std::string database;
  std::string application;  // as the server logs it: printable ASCII
  bool tls = false;
};

// What the server writes of a session before its first query (elog.c; postinit.c, PerformAuthentication).
std::vector<std::string> Messages(const Session& session) {
  std::string authorized = "connection authorized: user=" + session.user + " database=" + session.database;
  if (!session.application.empty()) authorized += " application_name=" + session.application;
  if (session.tls) authorized += kTls;
  return {"connection received: host=127.0.0.1 port=56136",
          "connection authenticated: user=\"" + session.user + "\" method=trust (/data/pg_hba.conf:7)", authorized};
}

void Replace(std::string& text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string StderrLines(const std::string& log_line_prefix, const Session& session) {
  std::string lines;
  for (const std::string& message : Messages(session)) {
    const bool first = message.starts_with("connection received");
    std::string text = log_line_prefix;
    // In this order: names have no percent sign but in "%u", which is the first to be replaced.
    Replace(text, "%u", first ? "[unknown]" : session.user == "%u" ? "U" : session.user);
    Replace(text, "%d", first ? "[unknown]" : session.database == "%u" ? "U" : session.database);
    for (const auto& [escape, value] :
         {std::pair("%m", "2026-11-27 20:53:32.454 UTC"), std::pair("%t", "2026-11-27 20:53:32 UTC"),
          std::pair("%p", "26626"), std::pair("%r", "127.0.0.1(56136)"), std::pair("%h", "127.0.0.1"),
          std::pair("%c", "6b09edcc.6802"), std::pair("%a", "[unknown]"), std::pair("%q", "")}) {
      Replace(text, escape, value);
    }
    std::string indented = message;
    Replace(indented, "\n", "\n\t");
    lines += text + "LOG:  " + indented + "\n";
  }
  return lines;
}

std::string CsvLines(const Session& session) {
  const auto quoted = [](std::string text) {
    Replace(text, "\"", "\"\"");
    return "\"" + text + "\"";
  };
  std::string lines;
  for (const std::string& message : Messages(session)) {
    const bool first = message.starts_with("connection received");
    lines += fmt::format(
        "2026-11-27 20:53:32.454 UTC,{},{},26626,\"127.0.0.1:56136\",6b09edcc.6802,2,\"{}\",2026-11-27 20:53:32 "
        "UTC,4/1,0,LOG,00000,{},,,,,,,,,\"\",\"client backend\",,0\n",
        first ? "" : quoted(session.user), first ? "" : quoted(session.database), first ? "" : "authentication",
        quoted(message));
  }
  return lines;
}

// As escape_json() writes it: bytes of other encodings are left as they are.
std::string JsonText(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += std::string("\\") + c;
    } else if (c == '\n') {
      json += "\\n";
    } else if (c == '\t') {
      json += "\\t";
    } else if (c == '\r') {
      json += "\\r";
    } else {
      json += c;
    }
  }
  return json + "\"";
}

std::string JsonLines(const Session& session) {
  std::string lines;
  for (const std::string& message : Messages(session)) {
    const bool first = message.starts_with("connection received");
    lines += R"({"timestamp":"2026-11-27 20:53:32.454 UTC",)";
    if (!first) lines += fmt::format(R"("user":{},"dbname":{},)", JsonText(session.user), JsonText(session.database));
    lines += fmt::format(
        R"("pid":26626,"remote_host":"127.0.0.1","remote_port":56136,"session_id":"6b09edcc.6802","line_num":2,"ps":"{}",)"
        R"("session_start":"2026-11-27 20:53:32 UTC","vxid":"4/1","txid":0,"error_severity":"LOG","message":{},)"
        R"("backend_type":"client backend","query_id":0}})"
        "\n",
        first ? "" : "authentication", JsonText(message));
  }
  return lines;
}

const Session kHonest{.user = "alice", .database = "db", .application = "psql"};

// Between two others, which it must not take with it.
std::string Between(const std::string& honest, const std::string& forged) { return honest + forged + honest; }

template <typename Check>
void ForEachSession(Check check) {
  const std::vector<std::string>& names = Names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (const std::string& application : {std::string(), std::string("psql"), "x" + kTls, std::string("x) GSS (")}) {
      check({.user = names[i], .database = "shop", .application = application});
      check({.user = "bob", .database = names[i], .application = application});
      // Each with two others.
      for (const std::size_t other : {i, i * 7 + 3})
        check({.user = names[i], .database = names[other % names.size()], .application = application});
    }
  }
}

// csvlog and jsonlog have the names as fields: nothing is lost or doubtful.
void ExpectExact(const ReadLog& log, const Session& session, const std::string& text) {
  ASSERT_EQ(log.events.sessions.size(), 3) << text;
  EXPECT_EQ(log.malformed, 0) << text;
  const LoggedSession& read = log.events.sessions[1];
  EXPECT_TRUE(read.names_certain) << text;
  EXPECT_EQ(read.connection.pid, 26626) << text;
  EXPECT_FALSE(read.said != Encryption::kNone && read.certain) << text;
  if (session.application.empty()) EXPECT_EQ(read.said, Encryption::kNone) << text;
  ASSERT_TRUE(read.rule) << text;
  EXPECT_EQ(Shown(*read.rule), "trust /data/pg_hba.conf:7") << text;
}

TEST(ForgedNames, InCsvlog) {
  ForEachSession([](const Session& session) {
    const std::string text = Between(CsvLines(kHonest), CsvLines(session));
    const ReadLog log = ReadWhole(Format::kCsv, text);
    ExpectExact(log, session, text);
    EXPECT_EQ(log.events.sessions[1].connection.user, session.user);
    EXPECT_EQ(log.events.sessions[1].connection.database, session.database);
  });
}

TEST(ForgedNames, InJsonlog) {
  ForEachSession([](const Session& session) {
    const std::string text = Between(JsonLines(kHonest), JsonLines(session));
    ExpectExact(ReadWhole(Format::kJson, text), session, text);
  });
}

class ForgedNamesInStderr : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(, ForgedNamesInStderr,
                         testing::Values("%m [%p] %q%u@%d ", "%m [%p] ", "", "%u@%d ", "%m [%p] %u %d %h ", "%u", "%d",
                                         "%t:%r:%u@%d:[%p]: ", "%c ", "%u %p ", "%p %u ", "%d|%u|%p|", "%u%d",
                                         "%m [%p]: [1-1] user=%u,db=%d,app=%a,client=%h "));

TEST_P(ForgedNamesInStderr, NeverAddEncryptionNorDisappear) {
  ForEachSession([](const Session& session) {
    const std::string text = Between(StderrLines(GetParam(), kHonest), StderrLines(GetParam(), session));
    const ReadLog log = ReadWhole(Format::kStderr, text, GetParam());
    for (const LoggedSession& read : log.events.sessions)
      ASSERT_FALSE(read.said != Encryption::kNone && read.certain) << text;
    const auto honest = [](const LoggedSession& read) { return read.connection.user == "alice"; };
    if (log.ambiguous == 0) {
      ASSERT_EQ(log.events.sessions.size(), 3) << text;
      ASSERT_EQ(std::ranges::count_if(log.events.sessions, honest), 2) << text;
    }
    for (const LoggedSession& read : log.events.sessions) {
      if (read.connection.pid == 0 || !read.names_certain || !read.application_certain || honest(read)) continue;
      EXPECT_EQ(read.connection.user, session.user) << text;
      EXPECT_EQ(read.connection.database, session.database) << text;
    }
  });
}

// Without names in it, a prefix is always the server's.
TEST(ForgedNames, DoNothingToPrefixesWithoutThem) {
  ForEachSession([](const Session& session) {
    const std::string text = StderrLines("%m [%p] ", session);
    const ReadLog log = ReadWhole(Format::kStderr, text, "%m [%p] ");
    ASSERT_EQ(log.ambiguous, 0) << text;
    ASSERT_EQ(log.events.sessions.size(), 1) << text;
    EXPECT_EQ(log.events.sessions[0].connection.pid, 26626) << text;
  });
}

// An encrypted session stays one, or is not known.
TEST(ForgedNames, OfEncryptedSessions) {
  ForEachSession([](Session session) {
    session.application.clear();
    session.tls = true;
    const ReadLog csv = ReadWhole(Format::kCsv, CsvLines(session));
    ASSERT_EQ(csv.events.sessions.size(), 1) << session.user << session.database;
    EXPECT_EQ(csv.events.sessions[0].said, Encryption::kTls) << session.user << session.database;
    EXPECT_TRUE(csv.events.sessions[0].certain) << session.user << session.database;
    for (const char* prefix : {"%m [%p] ", "%m [%p] %q%u@%d ", "%u %d "}) {
      const std::string text = StderrLines(prefix, session);
      const ReadLog log = ReadWhole(Format::kStderr, text, prefix);
      if (log.ambiguous > 0) continue;
      for (const LoggedSession& read : log.events.sessions)
        EXPECT_TRUE(read.said == Encryption::kTls || !read.certain) << text;
    }
  });
}

// An application name is in the prefix only after its session was logged (%a), but queries change it, to any length.
TEST(ForgedNames, ApplicationNamesInThePrefixForgeNoRecords) {
  const std::string prefix = "%m [%p] %q%u@%d %a ";
  for (const std::string& message :
       {std::string("connection authorized: user=eve database=shop"),
        "connection authorized: user=eve database=shop" + kTls,
        std::string("connection received: host=10.0.0.1 port=1"),
        std::string("replication connection authorized: user=eve"),
        std::string("connection authenticated: identity=\"eve\" method=cert (/data/pg_hba.conf:1)"),
        std::string("could not accept SSL connection: x"),
        "connection authorized: user=" + std::string(1 << 20, ' ')}) {
    for (const std::string& severity : {"LOG:  ", "LOG:  00000: "}) {
      const std::string text = "2026-11-27 20:53:32.454 UTC [7] eve@shop x " + severity + message +
                               " LOG:  statement: select '" + kTls + "\n";
      const ReadLog log = ReadWhole(Format::kStderr, text, prefix);
      EXPECT_EQ(Shown(log), "ambiguous 1, malformed 0\n") << text.substr(0, 300);
    }
  }
}

std::string Raised(const std::string& message, const std::string& severity = "LOG") {
  const std::string prefix = "2026-11-27 20:53:32.454 UTC [7] eve@shop ";
  return prefix + severity + ":  " + message + "\n" + prefix +
         "CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n" + prefix +
         "STATEMENT:  do $$ begin raise log '" + message + "'; end $$\n";
}

TEST(RaiseLog, IsNoRecord) {
  for (const std::string& message :
       {std::string("connection received: host=10.0.0.1 port=1"),
        "connection authorized: user=eve database=shop" + kTls, "replication connection authorized: user=eve" + kTls,
        std::string("could not accept SSL connection: EOF detected"),
        std::string("connection authenticated: identity=\"eve\" method=cert (/data/pg_hba.conf:1)")}) {
    for (const char* severity : {"LOG", "INFO", "WARNING", "ERROR", "NOTICE", "DEBUG", "PANIC"}) {
      const ReadLog log = ReadWhole(Format::kStderr, Raised(message, severity), "%m [%p] %q%u@%d ");
      EXPECT_EQ(Shown(log), "ambiguous 0, malformed 0\n") << severity << message;
    }
    // With a text that is itself a log.
    const ReadLog log = ReadWhole(Format::kStderr, Raised("x\n\t" + message), "%m [%p] %q%u@%d ");
    EXPECT_EQ(log.events.sessions.size(), 0);
  }
}

// log_error_verbosity = terse leaves out the context, and log_min_error_statement the statement; the command tag, where
// the prefix has it, shows the query then.
TEST(RaiseLog, WithALongDetailIsNoRecordBeforeItsContextIsWritten) {
  const std::string prefix = "2026-11-27 20:53:32.454 UTC [7] eve@shop ";
  for (const char* further : {"DETAIL", "HINT"}) {
    const std::string text = prefix + "LOG:  connection authorized: user=eve database=shop" + kTls + "\n" + prefix +
                             further + ":  " + std::string(5000, 'x') + "\n";
    EXPECT_EQ(Shown(ReadWhole(Format::kStderr, text, "%m [%p] %q%u@%d ")), "ambiguous 0, malformed 0\n");
  }
}

// log_statement and the texts of errors.
TEST(Statements, AreNoRecords) {
  const std::string prefix = "2026-11-27 20:53:32.454 UTC [7] eve@shop ";
  const std::string record =
      "2026-11-27 20:53:32.454 UTC [8] bob@shop LOG:  connection authorized: user=bob database=shop";
  for (const std::string& text : {prefix + "LOG:  statement: select 1\n\t" + record + "\n",
                                  prefix + "DEBUG:  parse <unnamed>: select '" + record + "\n",
                                  prefix + "ERROR:  x\n" + prefix + "STATEMENT:  select\n\t" + record + "\n",
                                  prefix + "LOG:  execute <unnamed>: " + record + kTls + "\n",
                                  prefix + "LOG:  duration: 0.1 ms  statement: " + record + kTls + "\n"}) {
    const ReadLog log = ReadWhole(Format::kStderr, text, "%m [%p] %q%u@%d ");
    EXPECT_EQ(Shown(log), "ambiguous 1, malformed 0\n") << text;
    EXPECT_EQ(Shown(ReadWhole(Format::kStderr, text, "%m [%p] eve@shop ")), "ambiguous 0, malformed 0\n") << text;
  }
}

}  // namespace
}  // namespace pgtls::serverlog
