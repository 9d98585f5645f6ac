#include "collectors/hba_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

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

template <std::size_t N>
db::Statement Named(const char* name, const std::array<sampling::VersionedSql, N>& versions, int server_version) {
  return {name, std::string(sampling::SqlFor(versions, server_version))};
}

// Asks one thing after the other, for one reading.
class Reader {
 public:
  Reader(db::Session& session, Deadline deadline, HbaReading& reading)
      : session_(session), deadline_(deadline), reading_(reading) {}

  asio::awaitable<Access> AskAccess() {
    const db::Result row = co_await Ask("hba_access", kHbaAccessSql);
    const auto flag = [&](const char* column) { return row.Bool(0, row.Column(column)).value_or(false); };
    reading_.view.load_time = row.Double(0, row.Column("load_time")).value();
    reading_.view.now = row.Double(0, row.Column("now")).value();
    co_return Access{flag("rules_function"), flag("files_function"), flag("superuser"), flag("rules_view"),
                     flag("sees_stats")};
  }

  asio::awaitable<void> AskRules(Access access) {
    std::optional<db::Result> rows;
    if (access.rules_function) {
      rows = co_await AskPart("raw_text", "hba_rules_function", kHbaRulesFunctionSql);
    } else if (access.superuser) {
      rows = co_await AskPart("raw_text", "hba_rules", kHbaRulesSql);
    } else {
      Deny("raw_text");
    }
    reading_.has_raw_text = rows.has_value();
    if (!rows) rows = co_await Ask("hba_view", kHbaViewSql);
    reading_.view.rules = ParseRules(ReadRules(*rows), session_.server_version());
    reading_.has_rules = true;
  }

  asio::awaitable<void> AskFiles(Access access) {
    std::optional<db::Result> rows;
    if (access.files_function) {
      rows = co_await AskPart("file_times", "hba_files_function", kHbaFilesFunctionSql);
    } else if (access.superuser) {
      rows = co_await AskPart("file_times", "hba_files", kHbaFilesSql);
    } else {
      Deny("file_times");
    }
    if (rows) reading_.view.changed = LatestChange(*rows);
  }

  asio::awaitable<void> AskCatalog() {
    db::Parameters parameters = {std::to_string(kMaxCatalog + 1)};
    const db::Result rows = co_await Ask("hba_catalog", kHbaCatalogSql, std::move(parameters));
    reading_.catalog_complete = static_cast<std::size_t>(rows.rows()) <= kMaxCatalog;
    if (reading_.catalog_complete) {
      reading_.catalog = ReadCatalog(rows);
    } else {
      reading_.incomplete.push_back({"roles", "too_many"});
    }
  }

  asio::awaitable<void> AskRegexes(std::vector<std::string> names, const RuleSet* also) {
    std::set<std::string> patterns;
    AddPatterns(reading_.view.rules, patterns);
    if (also != nullptr) AddPatterns(*also, patterns);
    if (patterns.empty() || !reading_.catalog_complete) co_return;
    db::Parameters parameters = {fmt::format("{}", fmt::join(patterns, "\n")),
                                 fmt::format("{}", fmt::join(names, "\n"))};
    const auto rows = co_await AskPart("regular_expressions", "hba_regex", kHbaRegexSql, std::move(parameters));
    if (!rows) co_return;
    hba::RegexAnswers& answers = reading_.regexes;
    for (const std::string& pattern : patterns) answers.AddPattern(pattern);
    for (const auto& [role, groups] : reading_.catalog.roles()) answers.AddName(role);
    for (const std::string& database : reading_.catalog.databases()) answers.AddName(database);
    for (std::string& name : names) answers.AddName(std::move(name));
    for (int row = 0; row < rows->rows(); ++row) answers.AddMatch(Text(*rows, row, 0), Text(*rows, row, 1));
  }

  asio::awaitable<void> AskConnections(Access access, const sampling::OwnBackends& own) {
    if (!access.sees_stats) {
      Deny("connections");
      co_return;
    }
    const db::Statement statement = Named("hba_connections", kHbaConnectionsSql, session_.server_version());
    const db::Result rows = co_await sampling::QueryBetweenLogins(session_, own, statement, deadline_);
    reading_.connections = ReadConnections(rows);
  }

  void Deny(const char* part) {
    reading_.incomplete.push_back({part, std::string(ToString(FailureReason::kInsufficientPrivilege))});
  }

 private:
  template <std::size_t N>
  asio::awaitable<db::Result> Ask(const char* name, const std::array<sampling::VersionedSql, N>& sql,
                                  db::Parameters parameters = {}) {
    const db::Statement statement = Named(name, sql, session_.server_version());
    db::Result rows = co_await session_.Query(statement, std::move(parameters), deadline_);
    co_return rows;
  }

  // The same for what may be missing: an error of the server (a file that it cannot read, a name in another encoding)
  // makes it incomplete.
  template <std::size_t N>
  asio::awaitable<std::optional<db::Result>> AskPart(const char* part, const char* name,
                                                     const std::array<sampling::VersionedSql, N>& sql,
                                                     db::Parameters parameters = {}) {
    std::optional<db::Result> rows;
    try {
      rows = co_await Ask(name, sql, std::move(parameters));
    } catch (const DbError& error) {
      if (error.reason() != FailureReason::kError && error.reason() != FailureReason::kInsufficientPrivilege) throw;
      reading_.incomplete.push_back({part, std::string(ToString(error.reason()))});
    }
    co_return rows;
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
  co_await reader.AskRules(access);
  co_await reader.AskFiles(access);
  co_await reader.AskCatalog();
  co_await reader.AskRegexes(std::move(question.names), question.also);
  co_await reader.AskConnections(access, question.own_backends);
  co_return reading;
}

}  // namespace pgtls::collectors
