#include "exporter/serverlog/message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace pgtls::serverlog {
namespace {

const std::string kTls13 = " SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)";
const std::string kShort = " SSL enabled (protocol=TLSv1.3, cipher=A, bits=1)";  // fits into a name
const std::string kGssEncrypted =
    " GSS (authenticated=yes, encrypted=yes, deleg_credentials=no, principal=bob@EXAMPLE.COM)";
const std::string kGssOld = " GSS (authenticated=yes, encrypted=yes, principal=bob@EXAMPLE.COM)";  // 14 and 15
const std::string kGssAuthenticated =
    " GSS (authenticated=yes, encrypted=no, deleg_credentials=no, principal=bob@EXAMPLE.COM)";

// As the plain log has it without names in the prefix.
Record Log(std::string message) {
  Record record;
  record.severity = "LOG";
  record.message = std::move(message);
  return record;
}

// As csvlog and jsonlog have it.
Record Named(std::string user, std::string database, std::string rest) {
  Record record = Log("connection authorized: user=" + user + " database=" + database + std::move(rest));
  record.command_tag = "authentication";
  record.user = std::move(user);
  record.database = std::move(database);
  return record;
}

Authorized AuthorizedBy(const Record& record) {
  const Message message = ParseMessage(record);
  EXPECT_TRUE(std::holds_alternative<Authorized>(message)) << record.message;
  const auto* authorized = std::get_if<Authorized>(&message);
  return authorized == nullptr ? Authorized{} : *authorized;
}

bool IsNothing(const Record& record) { return std::holds_alternative<std::monostate>(ParseMessage(record)); }

TEST(Received, HasHostAndPort) {
  const Message tcp = ParseMessage(Log("connection received: host=127.0.0.1 port=56136"));
  EXPECT_EQ(std::get<Received>(tcp).host, "127.0.0.1");
  EXPECT_EQ(std::get<Received>(tcp).port, 56136);
  const Message local = ParseMessage(Log("connection received: host=[local]"));
  EXPECT_EQ(std::get<Received>(local).host, "[local]");
  EXPECT_EQ(std::get<Received>(local).port, std::nullopt);
  EXPECT_TRUE(IsNothing(Log("connection received: somehow")));
}

TEST(Authenticated, IsReadFromItsEnd) {
  const auto read = [](std::string message) { return ParseMessage(Log(std::move(message))); };
  for (const char* identity :
       {"identity=\"bob\"", "user=\"bob\"", "identity=\"x\" method=cert (/forged:1)\"", "identity=\"a \\\" (b:1)\""}) {
    const Message message =
        read(std::string("connection authenticated: ") + identity + " method=scram-sha-256 (/etc/pg hba (1).conf:12)");
    const auto* rule = std::get_if<Authenticated>(&message);
    ASSERT_NE(rule, nullptr) << identity;
    EXPECT_EQ(rule->method, "scram-sha-256");
    EXPECT_EQ(rule->file, "/etc/pg hba (1).conf");
    EXPECT_EQ(rule->line, 12);
  }
  for (const char* text : {"", "identity=\"bob\"", "identity=\"bob\" method=md5", "identity=\"bob\" method=md5 (/x)",
                           "identity=\"bob\" method=md5 (/x:y)", "identity=\"bob\" method=md5 (/x:1) ", "\" method=)",
                           "\" method=a (:)"}) {
    EXPECT_TRUE(IsNothing(Log(std::string("connection authenticated: ") + text))) << text;
  }
}

TEST(Authorized, IsAsItsSuffixSays) {
  for (const auto& [suffix, encryption] :
       {std::pair(std::string(), Encryption::kNone), std::pair(kTls13, Encryption::kTls),
        std::pair(kGssEncrypted, Encryption::kGss), std::pair(kGssOld, Encryption::kGss),
        std::pair(kGssAuthenticated, Encryption::kNone), std::pair(kTls13 + kGssAuthenticated, Encryption::kTls)}) {
    const Authorized plain = AuthorizedBy(Named("bob", "shop", suffix));
    EXPECT_EQ(plain.said, encryption) << suffix;
    EXPECT_TRUE(plain.certain) << suffix;
    EXPECT_EQ(plain.user, "bob");
    EXPECT_EQ(plain.database, "shop");
    EXPECT_EQ(plain.application_name, "");
    const Authorized application = AuthorizedBy(Named("bob", "shop", " application_name=a b" + suffix));
    EXPECT_EQ(application.said, encryption) << suffix;
    EXPECT_EQ(application.certain, encryption == Encryption::kNone) << suffix;
    EXPECT_EQ(application.application_name, "a b");
    EXPECT_TRUE(application.names_certain);
    EXPECT_TRUE(application.application_certain);
  }
}

TEST(Authorized, ForReplicationHasNoDatabase) {
  Record record = Log("replication connection authorized: user=rep application_name=standby1" + kTls13);
  record.command_tag = "authentication";
  record.user = "rep";
  record.database = "";
  const Authorized authorized = AuthorizedBy(record);
  EXPECT_EQ(authorized.user, "rep");
  EXPECT_EQ(authorized.database, "");
  EXPECT_EQ(authorized.application_name, "standby1");
  EXPECT_EQ(authorized.said, Encryption::kTls);
}

TEST(Authorized, NamesMayBeAnything) {
  for (const char* name : {"x SSL enabled (protocol=TLSv1.3, cipher=A, bits=1)", "a database=b", "a application_name=b",
                           "new\nline", "", " ", "user=", "\"", "x GSS (authenticated=yes, encrypted=yes, principal=",
                           "connection authorized: user=x", "\xff\xfe"}) {
    const Authorized user = AuthorizedBy(Named(name, "shop", ""));
    EXPECT_EQ(user.user, name);
    EXPECT_EQ(user.database, "shop");
    EXPECT_EQ(user.said, Encryption::kNone) << name;
    EXPECT_FALSE(user.doubtful);
    const Authorized database = AuthorizedBy(Named("bob", name, " application_name=a)"));
    EXPECT_EQ(database.user, "bob");
    EXPECT_EQ(database.database, name);
    EXPECT_EQ(database.application_name, "a)");
    EXPECT_EQ(database.said, Encryption::kNone) << name;
  }
}

// Without names in the record.
TEST(Authorized, ANameThatMayEndLikeEncryptionIsNotCertain) {
  EXPECT_TRUE(AuthorizedBy(Log("connection authorized: user=bob database=shop" + kTls13)).certain);
  for (const std::string& end : {kShort, kGssEncrypted, std::string(" application_name=x") + kTls13}) {
    const Authorized authorized = AuthorizedBy(Log("connection authorized: user=bob database=shop" + end));
    EXPECT_NE(authorized.said, Encryption::kNone);
    EXPECT_FALSE(authorized.certain) << end;
  }
  // Parts of two names.
  const Authorized both =
      AuthorizedBy(Log("connection authorized: user=a GSS (authenticated=yes, encrypted=yes, principal= database=x)"));
  EXPECT_FALSE(both.said != Encryption::kNone && both.certain);
}

TEST(Authorized, WhatNoServerWritesIsNotCertain) {
  for (const char* names : {"", "bob", "user=bob", " user=bob database=shop"})
    EXPECT_TRUE(IsNothing(Log(std::string("connection authorized: ") + names + kTls13))) << names;
  // More than the names and the suffix: the text of a query.
  EXPECT_FALSE(AuthorizedBy(Named("bob", "shop", " and more" + kTls13)).certain);
  EXPECT_FALSE(AuthorizedBy(Log("connection authorized: user=bob database=" + std::string(64, 'x') + kTls13)).certain);
  EXPECT_FALSE(
      AuthorizedBy(Log("connection authorized: user=" + std::string(64, 'x') + " database=x" + kTls13)).certain);
  EXPECT_TRUE(AuthorizedBy(Log("connection authorized: user=bob database=" + std::string(63, 'x') + kTls13)).certain);
}

TEST(Authorized, NamesThatContradictTheRecordAreDoubtful) {
  Record record = Named("bob", "shop", kTls13);
  record.user = "eve";
  const Authorized other = AuthorizedBy(record);
  EXPECT_TRUE(other.doubtful);
  EXPECT_FALSE(other.certain);
  record = Named("bob", "shop", kTls13);
  record.doubtful = true;
  EXPECT_FALSE(AuthorizedBy(record).certain);
}

TEST(Authorized, OtherReadingsOfTheNamesAreKnown) {
  const auto read = [](const std::string& text) { return AuthorizedBy(Log("connection authorized: " + text)); };
  EXPECT_TRUE(read("user=bob database=shop").names_certain);
  EXPECT_TRUE(read("user=bob database=shop").application_certain);
  EXPECT_FALSE(read("user=bob database=shop database=x").names_certain);
  EXPECT_FALSE(read("user=bob application_name=x database=shop").names_certain);
  EXPECT_FALSE(read("user=bob database=shop application_name=a application_name=b").names_certain);
  // A database "shop application_name=x", or an application.
  EXPECT_FALSE(read("user=bob database=shop application_name=x").application_certain);
  EXPECT_TRUE(read("user=bob database=shop application_name=" + std::string(60, 'x')).application_certain);
}

// The memory for a match of a regular expression grows with the text.
TEST(Authorized, LongTextsAreRead) {
  const std::string megabyte(1 << 20, 'A');
  for (const std::string& text : {" SSL enabled (protocol=" + megabyte, " SSL enabled (protocol=" + megabyte + ")",
                                  " GSS (authenticated=yes, encrypted=yes, principal=" + megabyte + ")"}) {
    EXPECT_EQ(AuthorizedBy(Named("bob", "shop", " application_name=x" + text)).said, Encryption::kNone);
    EXPECT_EQ(AuthorizedBy(Log("connection authorized: user=bob database=shop" + text)).said, Encryption::kNone);
  }
}

struct RejectedCase {
  std::string message;
  bool no_entry;
  std::string user;
  std::string database;
  Encryption encryption;
};

TEST(Rejected, HasWhoAndHow) {
  using enum Encryption;
  const RejectedCase cases[] = {
      {"pg_hba.conf rejects connection for host \"127.0.0.1\", user \"eve\", database \"shop\", no encryption", false,
       "eve", "shop", kNone},
      {"pg_hba.conf rejects connection for host \"127.0.0.1\", user \"eve\", database \"shop\", SSL encryption", false,
       "eve", "shop", kTls},
      {"pg_hba.conf rejects connection for host \"127.0.0.1\", user \"eve\", database \"shop\", GSS encryption", false,
       "eve", "shop", kGss},
      {"pg_hba.conf rejects replication connection for host \"127.0.0.1\", user \"eve\", no encryption", false, "eve",
       "", kNone},
      {"no pg_hba.conf entry for host \"127.0.0.1\", user \"eve\", database \"shop\", no encryption", true, "eve",
       "shop", kNone},
      {"no pg_hba.conf entry for replication connection from host \"127.0.0.1\", user \"eve\", SSL encryption", true,
       "eve", "", kTls},
      // Names that look like the text.
      {"no pg_hba.conf entry for host \"127.0.0.1\", user \"a\", user \"b\", database \"x, SSL encryption\", no "
       "encryption",
       true, "a\", user \"b", "x, SSL encryption", kNone},
      {"no pg_hba.conf entry for host \"127.0.0.1\", user \"new\nline\", database \"\", no encryption", true,
       "new\nline", "", kNone},
  };
  for (const RejectedCase& expected : cases) {
    Record record = Log(expected.message);
    record.severity = "FATAL";
    const Message message = ParseMessage(record);
    const auto* rejected = std::get_if<Rejected>(&message);
    ASSERT_NE(rejected, nullptr) << expected.message;
    EXPECT_EQ(rejected->no_entry, expected.no_entry);
    EXPECT_EQ(rejected->host, "127.0.0.1");
    EXPECT_EQ(rejected->user, expected.user);
    EXPECT_EQ(rejected->database, expected.database);
    EXPECT_EQ(rejected->encryption, expected.encryption);
    record.severity = "LOG";
    EXPECT_TRUE(IsNothing(record)) << expected.message;
  }
}

TEST(Rejected, OtherTextIsNone) {
  for (const char* text :
       {"pg_hba.conf rejects connection", "pg_hba.conf rejects connection for host \"x\", no encryption",
        "no pg_hba.conf entry for host \"x\", user \"y\"", "no pg_hba.conf entry for , no encryption",
        "pg_hba.conf rejects connection for host \", no encryption",
        "no pg_hba.conf entry for host \", user \", no encryption"}) {
    Record record = Log(text);
    record.severity = "FATAL";
    const Message message = ParseMessage(record);
    if (const auto* rejected = std::get_if<Rejected>(&message)) EXPECT_LE(rejected->user.size(), record.message.size());
  }
}

TEST(HandshakeFailed, HasAReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"unsupported protocol", "unsupported_protocol"},
      {"wrong version number", "unsupported_protocol"},
      {"tlsv1 alert protocol version", "unsupported_protocol"},
      {"no shared cipher", "no_shared_cipher"},
      {"sslv3 alert handshake failure", "no_shared_cipher"},
      {"sslv3 alert certificate expired", "certificate_expired"},
      {"ssl/tls alert certificate expired", "certificate_expired"},
      {"sslv3 alert certificate revoked", "certificate_revoked"},
      {"tlsv1 alert unknown ca", "unknown_ca"},
      {"certificate verify failed", "bad_certificate"},
      {"peer did not return a certificate", "bad_certificate"},
      {"EOF detected", "eof"},
      {"unexpected eof while reading", "eof"},
      {"Connection reset by peer", "eof"},
      {"bad record mac", "other"},
      {"", "other"},
  };
  for (const auto& [text, reason] : cases) {
    const Message message = ParseMessage(Log(std::string("could not accept SSL connection: ") + text));
    EXPECT_EQ(std::get<HandshakeFailed>(message).reason, reason) << text;
  }
}

TEST(HandshakeFailed, TheDetailOf16AndLaterSaysWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"certificate has expired", "certificate_expired"},
      {"certificate revoked", "certificate_revoked"},
      {"self-signed certificate", "unknown_ca"},
      {"self signed certificate in certificate chain", "unknown_ca"},
      {"unable to get local issuer certificate", "unknown_ca"},
      {"unsuitable certificate purpose", "bad_certificate"},
  };
  for (const auto& [text, reason] : cases) {
    Record record = Log("could not accept SSL connection: certificate verify failed");
    record.detail =
        std::string("Client certificate verification failed at depth 0: ") + text +
        ".\nFailed certificate data (unverified): subject \"/CN=other\", serial number 1, issuer \"/CN=other\".";
    EXPECT_EQ(std::get<HandshakeFailed>(ParseMessage(record)).reason, reason) << text;
  }
}

// RAISE LOG writes any text, and its context with it.
TEST(ParseMessage, AQuerysTextIsNothing) {
  for (const char* text :
       {"connection received: host=[local]", "connection authenticated: user=\"bob\" method=trust (/x:1)",
        "connection authorized: user=bob database=shop", "replication connection authorized: user=bob",
        "could not accept SSL connection: EOF detected"}) {
    Record record = Log(text);
    EXPECT_FALSE(IsNothing(record)) << text;
    record.has_context = true;
    EXPECT_TRUE(IsNothing(record)) << text;
    record = Log(text);
    record.command_tag = "DO";
    EXPECT_TRUE(IsNothing(record)) << text;
    record = Log(text);
    record.severity = "INFO";
    EXPECT_TRUE(IsNothing(record)) << text;
    record.severity = "FATAL";
    EXPECT_TRUE(IsNothing(record)) << text;
  }
}

// The context may be written after a long DETAIL or HINT, when the rest has been read already.
TEST(ParseMessage, TheServerExplainsOnlyHandshakes) {
  for (const char* text :
       {"connection received: host=[local]", "connection authenticated: user=\"bob\" method=trust (/x:1)",
        "connection authorized: user=bob database=shop"}) {
    Record record = Log(text);
    record.detail = "x";
    EXPECT_TRUE(IsNothing(record)) << text;
    record = Log(text);
    record.has_hint = true;
    EXPECT_TRUE(IsNothing(record)) << text;
  }
  Record record = Log("could not accept SSL connection: unsupported protocol");
  record.has_hint = true;
  EXPECT_EQ(std::get<HandshakeFailed>(ParseMessage(record)).reason, "unsupported_protocol");
}

TEST(ParseMessage, MessagesInTheMiddleAreNothing) {
  EXPECT_TRUE(IsNothing(Log("statement: select 'connection authorized: user=bob database=shop'")));
  EXPECT_TRUE(IsNothing(Log(" connection authorized: user=bob database=shop")));
  EXPECT_TRUE(IsNothing(Log("disconnection: session time: 0:00:00.016 user=bob database=shop host=[local]")));
  EXPECT_TRUE(IsNothing(Log("connection ready: setup total=23.684 ms, fork=1 ms, authentication=2 ms")));
}

TEST(KHandshakeFailures, HaveEachReason) {
  for (const char* text : {"unsupported protocol", "no shared cipher", "certificate expired", "certificate revoked",
                           "unknown ca", "bad certificate", "EOF detected", "?"}) {
    const Message message = ParseMessage(Log(std::string("could not accept SSL connection: ") + text));
    const std::string_view reason = std::get<HandshakeFailed>(message).reason;
    EXPECT_NE(std::ranges::find(kHandshakeFailures, reason), std::end(kHandshakeFailures)) << text;
  }
}

}  // namespace
}  // namespace pgtls::serverlog
