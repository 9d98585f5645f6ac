#include "exporter/postgres/own_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "exporter/base/error.h"
#include "exporter/postgres/versioned_sql.h"

namespace pgtls::postgres {
namespace {

using Row = std::vector<std::optional<std::string>>;

// Answers by the statement's name.
class FakeSession : public db::Session {
 public:
  asio::awaitable<std::vector<db::Answer>> QueryAll(std::vector<db::Request> requests,
                                                    Deadline /*it answers at once*/) override {
    std::vector<db::Answer> answers;
    for (auto& [statement, parameters] : requests) {
      asked[statement.name] = statement.sql;
      if (error && statement.name == "ssl_is_used") std::rethrow_exception(error);
      const Row& row = rows.at(statement.name);
      answers.emplace_back(db::Result::FromRows(std::vector<std::string>(row.size(), "c"), {row}));
    }
    co_return answers;
  }
  int server_version() const override { return 150000; }
  int backend_pid() const override { return 1; }

  std::map<std::string, Row> rows;
  std::exception_ptr error;  // of ssl_is_used
  std::map<std::string, std::string> asked;
};

template <typename T>
T Finish(asio::awaitable<T> work) {
  asio::io_context loop;
  auto future = asio::co_spawn(loop, std::move(work), asio::use_future);
  loop.run();
  return future.get();
}

sampling::OwnConnection Described(FakeSession& session) {
  return Finish(DescribeConnection(session, "verify-full", Deadline::max()));
}

TEST(DescribeConnectionTest, TellsEachKindOfEncryption) {
  FakeSession session;
  session.rows["own_connection"] = {"t", "TLSv1.3", "TLS_AES_256_GCM_SHA384", "f", std::nullopt, "1700000000000000"};
  const sampling::OwnConnection tls = Described(session);
  EXPECT_EQ(tls.sslmode, "verify-full");
  EXPECT_EQ(tls.encryption, "tls");
  EXPECT_EQ(tls.version, "TLSv1.3");
  EXPECT_EQ(tls.cipher, "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(tls.ssl_is_used, std::nullopt);
  EXPECT_EQ(tls.cluster, 1'700'000'000'000'000);
  session.rows["own_connection"] = {"f", std::nullopt, std::nullopt, "t", std::nullopt, "1700000000000000"};
  EXPECT_EQ(Described(session).encryption, "gss");
  session.rows["own_connection"] = {"f", std::nullopt, std::nullopt, "f", std::nullopt, "1700000000000000"};
  const sampling::OwnConnection none = Described(session);
  EXPECT_EQ(none.encryption, "none");
  EXPECT_EQ(none.version + none.cipher, "");
}

TEST(DescribeConnectionTest, AsksSslinfoWhereItIs) {
  FakeSession session;
  session.rows["own_connection"] = {"t", "TLSv1.3", "c", "f", "\"odd \"\"schema\"", "1700000000000000"};
  session.rows["ssl_is_used"] = {"f"};
  EXPECT_EQ(Described(session).ssl_is_used, false);
  EXPECT_EQ(session.asked.at("ssl_is_used"), "SELECT \"odd \"\"schema\".ssl_is_used()");
}

TEST(DescribeConnectionTest, GoesOnWhereSslinfoIsNotItsOwn) {
  FakeSession session;
  session.rows["own_connection"] = {"t", "TLSv1.3", "c", "f", "public", "1700000000000000"};
  session.error = std::make_exception_ptr(DbError(FailureReason::kInsufficientPrivilege, "42501", "denied"));
  const sampling::OwnConnection own = Described(session);
  EXPECT_EQ(own.encryption, "tls");
  EXPECT_EQ(own.ssl_is_used, std::nullopt);
  session.error = std::make_exception_ptr(DbError(FailureReason::kConnection, "", "lost"));
  EXPECT_THROW(Described(session), DbError);
  session.error = std::make_exception_ptr(TimeoutError("slow"));
  EXPECT_THROW(Described(session), TimeoutError);
}

TEST(StatementForTest, TheNewestThatTheServerKnows) {
  constexpr VersionedSql kVersions[] = {{180000, "new"}, {140000, "old"}};
  EXPECT_EQ(StatementFor("q", kVersions, 190000).sql, "new");
  EXPECT_EQ(StatementFor("q", kVersions, 180000).sql, "new");
  EXPECT_EQ(StatementFor("q", kVersions, 170009).sql, "old");
  EXPECT_EQ(StatementFor("q", kVersions, 140000).sql, "old");
  try {
    StatementFor("q", kVersions, 130012);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "PostgreSQL 13 is older than this collector knows");
  }
}

}  // namespace
}  // namespace pgtls::postgres
