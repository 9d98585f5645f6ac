#include "collectors/hba_answers.h"

#include <span>
#include <string>
#include <utility>

#include "collectors/hba_sql.h"

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

bool AsksForMaps(const db::Session& session, const HbaAccess& access) {
  return access.sees_maps() && session.server_version() >= kFirstVersionWithMaps;
}

void AddRequests(const db::Session& session, const HbaAccess& access, std::vector<db::Request>& requests) {
  if (!access.sees_rules()) return;
  requests.push_back({RulesStatement(session, access), {}});
  if (access.sees_files()) requests.push_back({FilesStatement(session, access), {}});
  requests.push_back({Statement(session, "hba_catalog", kHbaCatalogSql), {std::to_string(kMaxHbaCatalog + 1)}});
  if (!AsksForMaps(session, access)) return;
  requests.push_back({access.ident_function ? Statement(session, "hba_ident_function", kIdentFunctionSql)
                                            : Statement(session, "hba_ident", kIdentSql),
                      {}});
}

// The answers to AddRequests(), from `first` on.
void Assign(const db::Session& session, std::vector<db::Answer>::iterator first, HbaAnswers& answers) {
  if (!answers.access.sees_rules()) return;
  answers.rules = std::move(*first++);
  if (answers.access.sees_files()) answers.files = std::move(*first++);
  answers.catalog = std::move(*first++);
  if (AsksForMaps(session, answers.access)) answers.maps = std::move(*first);
}

void TakeAccess(const db::Result& row, HbaAnswers& answers) {
  const auto flag = [&](const char* column) { return row.Bool(0, row.Column(column)).value_or(false); };
  answers.access = {flag("rules_function"), flag("files_function"), flag("superuser"),
                    flag("rules_view"),     flag("sees_stats"),     flag("ident_function")};
  answers.load_time = row.RequireDouble(0, row.Column("load_time"));
  answers.now = row.RequireDouble(0, row.Column("now"));
  answers.postmaster_start_us = row.RequireInt(0, row.Column("postmaster_start_us"));
  answers.abilities = {row.Bool(0, row.Column("ssl")), row.Bool(0, row.Column("client_ca"))};
  answers.hba_file = row.Text(0, row.Column("hba_file")).value_or("");
}

}  // namespace

std::optional<Digest> HbaAnswers::digest() const {
  Digester digester;
  for (const bool flag : {access.rules_function, access.files_function, access.superuser, access.rules_view,
                          access.sees_stats, access.ident_function}) {
    digester.Number(flag);
  }
  digester.Number(load_time);
  digester.Number(postmaster_start_us);
  digester.Text(hba_file);
  for (const auto& ability : {abilities.tls, abilities.client_certificates}) {
    digester.Number(ability.has_value());
    digester.Number(ability.value_or(false));
  }
  for (const auto* answer : {&rules, &files, &catalog, &maps}) {
    digester.Number(answer->has_value());
    if (!*answer) continue;
    if (!**answer) return std::nullopt;
    (**answer)->DigestRows(digester);
  }
  return digester.Finish();
}

asio::awaitable<HbaAnswers> AskHba(db::Session& session, std::optional<HbaAccess> expected, Deadline deadline) {
  HbaAnswers answers;
  std::vector<db::Request> requests = {{Statement(session, "hba_access", kHbaAccessSql), {}}};
  if (expected) AddRequests(session, *expected, requests);
  std::vector<db::Answer> all = co_await session.QueryAll(std::move(requests), deadline);
  TakeAccess(db::Take(std::move(all.front())), answers);
  if (expected && answers.access == *expected) {
    Assign(session, all.begin() + 1, answers);
    co_return answers;
  }
  std::vector<db::Request> allowed;
  AddRequests(session, answers.access, allowed);
  all = co_await session.QueryAll(std::move(allowed), deadline);
  Assign(session, all.begin(), answers);
  co_return answers;
}

asio::awaitable<void> AskHbaView(db::Session& session, HbaAnswers& answers, Deadline deadline) {
  std::vector<db::Request> requests = {{Statement(session, "hba_view", kHbaViewSql), {}}};
  if (answers.access.sees_files()) requests.push_back({FilesStatement(session, answers.access), {}});
  std::vector<db::Answer> all = co_await session.QueryAll(std::move(requests), deadline);
  answers.rules = std::move(all.front());
  if (answers.access.sees_files()) answers.files = std::move(all.back());
}

}  // namespace pgtls::collectors
