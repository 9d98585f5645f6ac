#include "collectors/hba_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "collectors/hba_sql.h"
#include "exporter/base/error.h"
#include "exporter/sampling/own_connection.h"

namespace pgtls::collectors {
namespace {

using hba::Catalog;
using hba::FileRow;
using hba::NameMatch;
using hba::RuleSet;

// Roles, memberships and databases together; some megabytes.
constexpr std::size_t kMaxCatalog = 100'000;

struct Access {
  bool rules_function, files_function, superuser, rules_view, sees_stats;
};

std::string Text(const db::Result& rows, int row, int column) {
  return std::string(rows.Text(row, column).value_or(""));
}

// An array as lines: no token of pg_hba.conf holds a newline.
std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::optional<std::string> Owned(std::optional<std::string_view> text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::vector<FileRow> ReadRules(const db::Result& rows) {
  const int file = rows.Column("file");
  const int line = rows.Column("line_number");
  const int number = rows.Column("rule_number");
  const int type = rows.Column("type");
  const int databases = rows.Column("databases");
  const int users = rows.Column("users");
  const int address = rows.Column("address");
  const int netmask = rows.Column("netmask");
  const int method = rows.Column("auth_method");
  const int client_cert = rows.Column("clientcert");
  const int error = rows.Column("error");
  const int raw = rows.Column("raw");
  std::vector<FileRow> result;
  result.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) {
    FileRow& rule = result.emplace_back();
    rule.file = Text(rows, row, file);
    rule.line = static_cast<int>(rows.Int(row, line).value_or(0));
    if (const auto n = rows.Int(row, number)) rule.rule_number = static_cast<int>(*n);
    rule.type = Owned(rows.Text(row, type));
    if (const auto text = rows.Text(row, databases)) rule.databases = Lines(*text);
    if (const auto text = rows.Text(row, users)) rule.users = Lines(*text);
    rule.address = Owned(rows.Text(row, address));
    rule.netmask = Owned(rows.Text(row, netmask));
    rule.method = Owned(rows.Text(row, method));
    rule.client_cert = Text(rows, row, client_cert);
    rule.error = Owned(rows.Text(row, error));
    rule.raw = rows.Bytes(row, raw);
  }
  return result;
}

std::optional<double> LatestChange(const db::Result& rows) {
  std::optional<double> latest;
  for (int row = 0; row < rows.rows(); ++row) {
    const double changed = rows.Double(row, rows.Column("changed")).value();
    latest = std::max(latest.value_or(changed), changed);
  }
  return latest;
}

Catalog ReadCatalog(const db::Result& rows) {
  const int kind = rows.Column("kind");
  const int name = rows.Column("name");
  const int group = rows.Column("of_group");
  Catalog catalog;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string_view what = rows.Text(row, kind).value();
    if (what == "role") catalog.AddRole(Text(rows, row, name));
    if (what == "member") catalog.AddMembership(Text(rows, row, name), Text(rows, row, group));
    if (what == "database") catalog.AddDatabase(Text(rows, row, name));
  }
  return catalog;
}

void AddPatterns(const RuleSet& set, std::set<std::string>& patterns) {
  for (const hba::Rule& rule : set.rules) {
    for (const auto* names : {&rule.databases, &rule.users}) {
      for (const NameMatch& match : *names) {
        if (match.kind == NameMatch::Kind::kRegex) patterns.insert(match.text);
      }
    }
  }
}

std::vector<hba::OpenConnections> ReadConnections(const db::Result& rows) {
  const int user = rows.Column("usename");
  const int database = rows.Column("datname");
  const int address = rows.Column("address");
  const int unix_socket = rows.Column("unix_socket");
  const int ssl = rows.Column("ssl");
  const int gss = rows.Column("gss");
  const int replication = rows.Column("replication");
  const int certificate = rows.Column("client_certificate");
  const int connections = rows.Column("connections");
  std::vector<hba::OpenConnections> result;
  result.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) {
    hba::OpenConnections& open = result.emplace_back();
    open.connection.user = Text(rows, row, user);
    open.connection.database = Text(rows, row, database);
    // An address that cannot be read is still none of the Unix socket's.
    if (!rows.Bool(row, unix_socket).value_or(false)) {
      open.connection.address = IpAddress::Parse(Text(rows, row, address)).value_or(IpAddress::V4(0));
    }
    if (rows.Bool(row, gss).value()) open.connection.encryption = hba::Encryption::kGss;
    if (rows.Bool(row, ssl).value()) open.connection.encryption = hba::Encryption::kTls;
    open.connection.replication = rows.Bool(row, replication).value();
    open.connection.client_certificate = rows.Bool(row, certificate).value();
    open.count = static_cast<std::size_t>(rows.Int(row, connections).value());
  }
  return result;
}

// Asks for one reading.
class Reader {
 public:
  Reader(db::Session& session, Deadline deadline, HbaReading& reading)
      : session_(session), deadline_(deadline), reading_(reading) {}

  asio::awaitable<Access> AskAccess() {
    const db::Statement statement = Statement("hba_access", kHbaAccessSql);
    const db::Result row = co_await session_.Query(statement, {}, deadline_);
    const auto flag = [&](const char* column) { return row.Bool(0, row.Column(column)).value_or(false); };
    reading_.view.load_time = row.Double(0, row.Column("load_time")).value();
    reading_.view.now = row.Double(0, row.Column("now")).value();
    co_return Access{flag("rules_function"), flag("files_function"), flag("superuser"), flag("rules_view"),
                     flag("sees_stats")};
  }

  asio::awaitable<void> AskAll(Access access, const sampling::OwnBackends& own) {
    const bool sees_raw_text = access.rules_function || access.superuser;
    const bool sees_files = access.files_function || access.superuser;
    const db::Request view = {Statement("hba_view", kHbaViewSql), {}};
    const db::Request files = {access.files_function ? Statement("hba_files_function", kHbaFilesFunctionSql)
                                                     : Statement("hba_files", kHbaFilesSql),
                               {}};
    const db::Statement connections = Statement("hba_connections", kHbaConnectionsSql);
    const sampling::BetweenLogins logins(own);
    std::vector<db::Request> requests;
    if (access.rules_function) {
      requests.push_back({Statement("hba_rules_function", kHbaRulesFunctionSql), {}});
    } else if (access.superuser) {
      requests.push_back({Statement("hba_rules", kHbaRulesSql), {}});
    } else {
      requests.push_back(view);
    }
    if (sees_files) requests.push_back(files);
    requests.push_back({Statement("hba_catalog", kHbaCatalogSql), {std::to_string(kMaxCatalog + 1)}});
    if (access.sees_stats) requests.push_back({connections, {logins.pids()}});
    std::vector<db::Answer> answers = co_await session_.QueryAll(std::move(requests), deadline_);
    const bool disturbed = logins.disturbed();

    if (!sees_raw_text) {
      Deny("raw_text");
    } else if (answers.front()) {
      reading_.has_raw_text = true;
    } else {
      Miss("raw_text", answers.front().error());
      // With the times of the files again: those may not be older than the rules.
      std::vector<db::Request> again = {view};
      if (sees_files) again.push_back(files);
      std::vector<db::Answer> newer = co_await session_.QueryAll(std::move(again), deadline_);
      std::ranges::move(newer, answers.begin());
    }
    auto answer = answers.begin();
    TakeRules(db::Take(std::move(*answer++)));
    if (sees_files) {
      TakeFiles(std::move(*answer++));
    } else {
      Deny("file_times");
    }
    TakeCatalog(db::Take(std::move(*answer++)));
    if (access.sees_stats) {
      db::Result rows = db::Take(std::move(*answer++));
      if (disturbed) rows = co_await sampling::QueryBetweenLogins(session_, own, connections, deadline_);
      reading_.connections = ReadConnections(rows);
    } else {
      Deny("connections");
    }
  }

  asio::awaitable<void> AskRegexes(std::vector<std::string> names, const RuleSet* also) {
    std::set<std::string> patterns;
    AddPatterns(reading_.view.rules, patterns);
    if (also != nullptr) AddPatterns(*also, patterns);
    if (patterns.empty() || !reading_.catalog_complete) co_return;
    db::Parameters parameters = {fmt::format("{}", fmt::join(patterns, "\n")),
                                 fmt::format("{}", fmt::join(names, "\n"))};
    db::Statement statement = Statement("hba_regex", kHbaRegexSql);
    const db::Answer rows = co_await session_.Ask(std::move(statement), std::move(parameters), deadline_);
    if (!rows) {
      Miss("regular_expressions", rows.error());
      co_return;
    }
    hba::RegexAnswers& regexes = reading_.regexes;
    for (const std::string& pattern : patterns) regexes.AddPattern(pattern);
    for (const auto& [role, groups] : reading_.catalog.roles()) regexes.AddName(role);
    for (const std::string& database : reading_.catalog.databases()) regexes.AddName(database);
    for (std::string& name : names) regexes.AddName(std::move(name));
    for (int row = 0; row < rows->rows(); ++row) regexes.AddMatch(Text(*rows, row, 0), Text(*rows, row, 1));
  }

  void Deny(const char* part) {
    reading_.incomplete.push_back({part, std::string(ToString(FailureReason::kInsufficientPrivilege))});
  }

 private:
  db::Statement Statement(const char* name, std::span<const sampling::VersionedSql> sql) const {
    return sampling::StatementFor(name, sql, session_.server_version());
  }

  void TakeRules(const db::Result& rows) {
    reading_.view.rules = ParseRules(ReadRules(rows), session_.server_version());
    reading_.has_rules = true;
  }

  void TakeCatalog(const db::Result& rows) {
    reading_.catalog_complete = static_cast<std::size_t>(rows.rows()) <= kMaxCatalog;
    if (reading_.catalog_complete) {
      reading_.catalog = ReadCatalog(rows);
    } else {
      reading_.incomplete.push_back({"roles", "too_many"});
    }
  }

  void TakeFiles(db::Answer answer) {
    if (answer) {
      reading_.view.changed = LatestChange(*answer);
    } else {
      Miss("file_times", answer.error());
    }
  }

  // Rows that may be missing: an error of the server (a file that it cannot read, a name in another encoding) makes the
  // reading incomplete.
  void Miss(const char* part, const DbError& error) {
    const FailureReason reason = error.reason();
    if (reason != FailureReason::kError && reason != FailureReason::kInsufficientPrivilege) throw DbError(error);
    reading_.incomplete.push_back({part, std::string(ToString(reason))});
  }

  db::Session& session_;
  Deadline deadline_;
  HbaReading& reading_;
};

}  // namespace

asio::awaitable<HbaReading> ReadHba(db::Session& session, HbaQuestion question, Deadline deadline) {
  HbaReading reading;
  Reader reader(session, deadline, reading);
  const Access access = co_await reader.AskAccess();
  if (!access.rules_function && !access.rules_view && !access.superuser) {
    reader.Deny("rules");
    co_return reading;
  }
  co_await reader.AskAll(access, question.own_backends);
  co_await reader.AskRegexes(std::move(question.names), question.also);
  co_return reading;
}

}  // namespace pgtls::collectors
