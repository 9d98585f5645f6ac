#include "collectors/hba_answers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <span>
#include <string>
#include <utility>

#include "collectors/hba_sql.h"
#include "exporter/postgres/own_connection.h"

namespace pgtls::collectors {
namespace {

db::Statement Statement(const db::Session& session, const char* name, std::span<const postgres::VersionedSql> sql) {
  return postgres::StatementFor(name, sql, session.server_version());
}

db::Statement FilesStatement(const db::Session& session, const HbaAccess& access) {
  return access.files_function ? Statement(session, "hba_files_function", kHbaFilesFunctionSql)
                               : Statement(session, "hba_files", kHbaFilesSql);
}

db::Statement RulesStatement(const db::Session& session, const HbaAccess& access) {
  if (access.rules_function) return Statement(session, "hba_rules_function", kHbaRulesFunctionSql);
  return access.superuser ? Statement(session, "hba_rules", kHbaRulesSql) : Statement(session, "hba_view", kHbaViewSql);
}

db::Parameters OwnSessions(const sampling::OwnBackends& own) {
  const auto seconds = std::chrono::duration<double>(own.OldestLogin()).count();
  return {fmt::format("{{{}}}", fmt::join(own.pids(), ",")), fmt::format("{:.3f}", seconds)};
}

void AddRequests(const db::Session& session, const HbaAccess& access, const sampling::OwnBackends& own,
                 std::vector<db::Request>& requests) {
  if (!access.sees_rules()) return;
  requests.push_back({RulesStatement(session, access), {}});
  if (access.sees_files()) requests.push_back({FilesStatement(session, access), {}});
  requests.push_back({Statement(session, "hba_catalog", kHbaCatalogSql), {std::to_string(kMaxHbaCatalog + 1)}});
  if (access.sees_stats)
    requests.push_back({Statement(session, "hba_connections", kHbaConnectionsSql), OwnSessions(own)});
}

void TakeSessions(postgres::Sessions sessions, HbaAnswers& answers) {
  answers.disturbed = sessions.unsure;
  answers.own = std::move(sessions.own);
  answers.connections = db::Answer(std::move(sessions.rows));
}

// The answers to AddRequests(), from `first` on.
void Assign(std::vector<db::Answer>::iterator first, sampling::OwnBackends& own, const sampling::SnapshotTime& time,
            HbaAnswers& answers) {
  if (!answers.access.sees_rules()) return;
  answers.rules = std::move(*first++);
  if (answers.access.sees_files()) answers.files = std::move(*first++);
  answers.catalog = std::move(*first++);
  if (!answers.access.sees_stats) return;
  if (*first) {
    TakeSessions(postgres::JudgeSessions(std::move(**first), own, time), answers);
  } else {
    answers.connections = std::move(*first);
  }
}

void TakeAccess(const db::Result& row, HbaAnswers& answers) {
  const auto flag = [&](const char* column) { return row.Bool(0, row.Column(column)).value_or(false); };
  answers.access = {flag("rules_function"), flag("files_function"), flag("superuser"), flag("rules_view"),
                    flag("sees_stats")};
  answers.load_time = row.RequireDouble(0, row.Column("load_time"));
  answers.now = row.RequireDouble(0, row.Column("now"));
  answers.abilities = {row.Bool(0, row.Column("ssl")), row.Bool(0, row.Column("client_ca"))};
  answers.hba_file = row.Text(0, row.Column("hba_file")).value_or("");
}

}  // namespace

std::optional<Digest> HbaAnswers::digest() const {
  if (disturbed) return std::nullopt;
  Digester digester;
  for (const bool flag :
       {access.rules_function, access.files_function, access.superuser, access.rules_view, access.sees_stats}) {
    digester.Number(flag);
  }
  digester.Number(load_time);
  digester.Text(hba_file);
  for (const auto& ability : {abilities.tls, abilities.client_certificates}) {
    digester.Number(ability.has_value());
    digester.Number(ability.value_or(false));
  }
  for (const auto* answer : {&rules, &files, &catalog, &connections}) {
    digester.Number(answer->has_value());
    if (!*answer) continue;
    if (!**answer) return std::nullopt;
    const db::Result& rows = ***answer;
    rows.DigestRows(digester, answer == &connections ? rows.Column("now_us") : -1);
  }
  for (std::size_t row = 0; row < own.size(); ++row) {
    if (own[row]) digester.Number(row);
  }
  return digester.Finish();
}

asio::awaitable<HbaAnswers> AskHba(db::Session& session, sampling::OwnBackends& own_backends,
                                   std::optional<HbaAccess> expected, Deadline deadline) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  HbaAnswers answers;
  sampling::SnapshotTime time{.asked = now(), .answered = {}};
  std::vector<db::Request> requests = {{Statement(session, "hba_access", kHbaAccessSql), {}}};
  if (expected) AddRequests(session, *expected, own_backends, requests);
  std::vector<db::Answer> all = co_await session.QueryAll(std::move(requests), deadline);
  time.answered = now();
  TakeAccess(db::Take(std::move(all.front())), answers);
  if (expected && answers.access == *expected) {
    Assign(all.begin() + 1, own_backends, time, answers);
    co_return answers;
  }
  time.asked = now();
  std::vector<db::Request> allowed;
  AddRequests(session, answers.access, own_backends, allowed);
  all = co_await session.QueryAll(std::move(allowed), deadline);
  time.answered = now();
  Assign(all.begin(), own_backends, time, answers);
  co_return answers;
}

asio::awaitable<void> AskHbaView(db::Session& session, HbaAnswers& answers, Deadline deadline) {
  std::vector<db::Request> requests = {{Statement(session, "hba_view", kHbaViewSql), {}}};
  if (answers.access.sees_files()) requests.push_back({FilesStatement(session, answers.access), {}});
  std::vector<db::Answer> all = co_await session.QueryAll(std::move(requests), deadline);
  answers.rules = std::move(all.front());
  if (answers.access.sees_files()) answers.files = std::move(all.back());
}

asio::awaitable<void> AskHbaConnections(db::Session& session, sampling::OwnBackends& own_backends, HbaAnswers& answers,
                                        Deadline deadline) {
  const db::Statement statement = Statement(session, "hba_connections", kHbaConnectionsSql);
  postgres::Sessions sessions = co_await postgres::QuerySessions(
      session, own_backends, statement, [&own_backends] { return OwnSessions(own_backends); }, deadline);
  TakeSessions(std::move(sessions), answers);
  answers.disturbed = false;
}

}  // namespace pgtls::collectors
