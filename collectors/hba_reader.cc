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

namespace pgtls::collectors {
namespace {

using hba::Catalog;
using hba::FileRow;
using hba::NameMatch;
using hba::RuleSet;

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

// Columns that the functions of an older monitoring_role.sql do not have.
std::optional<int> OptionalColumn(const db::Result& rows, const char* name) {
  try {
    return rows.Column(name);
  } catch (const Error&) {
    return std::nullopt;
  }
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
  const auto options = OptionalColumn(rows, "options");
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
    if (options) {
      if (const auto text = rows.Text(row, *options)) rule.options = Lines(*text);
    }
    rule.error = Owned(rows.Text(row, error));
    rule.raw = rows.Bytes(row, raw);
  }
  return result;
}

std::vector<files::HbaFile> ReadFiles(const db::Result& rows) {
  const int path = rows.Column("path");
  const int changed = rows.Column("changed");
  const int size = rows.Column("size");
  const int way = rows.Column("way");
  std::vector<files::HbaFile> files;
  files.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) {
    files.push_back(
        {Text(rows, row, path), rows.Double(row, changed), rows.Int(row, size), rows.RequireBool(row, way)});
  }
  return files;
}

std::optional<double> LatestChange(const std::vector<files::HbaFile>& files, bool way) {
  std::optional<double> latest;
  for (const files::HbaFile& file : files) {
    if (file.way == way && file.changed) latest = std::max(latest.value_or(*file.changed), *file.changed);
  }
  return latest;
}

hba::PrivilegedRole ReadPrivileged(std::string name, std::string_view privileges) {
  hba::PrivilegedRole role = {.name = std::move(name), .others = Lines(privileges)};
  role.superuser = std::erase(role.others, "SUPERUSER") > 0;
  role.replication = std::erase(role.others, "REPLICATION") > 0;
  return role;
}

Catalog ReadCatalog(const db::Result& rows) {
  const int kind = rows.Column("kind");
  const int name = rows.Column("name");
  const int group = rows.Column("of_group");
  const int privileges = rows.Column("privileges");
  std::vector<hba::PrivilegedRole> privileged;
  std::vector<std::string> roles;
  std::vector<Catalog::Membership> memberships;
  std::set<std::string> databases;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string_view what = rows.RequireText(row, kind);
    if (what == "role") roles.push_back(Text(rows, row, name));
    if (what == "member") memberships.push_back({Text(rows, row, name), Text(rows, row, group)});
    if (what == "database") databases.insert(Text(rows, row, name));
    if (what == "privileged") privileged.push_back(ReadPrivileged(Text(rows, row, name), Text(rows, row, privileges)));
  }
  return {std::move(roles), std::move(memberships), std::move(databases),
          hba::PrivilegedRolesOf(std::move(privileged))};
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

hba::IdentMaps ReadMaps(const db::Result& rows, int server_version, double load_time) {
  const int file = rows.Column("file");
  const int number = rows.Column("line_number");
  const int map = rows.Column("map_name");
  const int system_user = rows.Column("sys_name");
  const int role = rows.Column("pg_username");
  const int error = rows.Column("error");
  const int any_user = rows.Column("any_user");
  const int any_domain = rows.Column("any_domain");
  const int superuser = rows.Column("superuser");
  const int changed = rows.Column("changed");
  const int includes = rows.Column("includes");
  hba::IdentMaps maps = {.server_version = server_version, .lines = {}, .errors = {}, .in_force = true};
  for (int row = 0; row < rows.rows(); ++row) {
    const auto line = rows.Int(row, number);
    if (!line) {
      // Times are whole seconds. An included file that has no line any more would not be noticed.
      const auto when = rows.Double(row, changed);
      if (!when || *when + 1 > load_time || rows.Bool(row, includes).value_or(true)) maps.in_force = false;
    } else if (const auto message = rows.Text(row, error)) {
      maps.errors.push_back({Text(rows, row, file), static_cast<int>(*line), std::string(*message)});
    } else {
      maps.lines.push_back({Text(rows, row, file), static_cast<int>(*line), Text(rows, row, map),
                            Text(rows, row, system_user), Text(rows, row, role),
                            rows.Bool(row, any_user).value_or(false), rows.Bool(row, any_domain).value_or(false),
                            rows.Bool(row, superuser).value_or(false)});
    }
  }
  if (!maps.errors.empty()) maps.in_force = false;
  return maps;
}

// Makes one reading of what was answered.
class Reader {
 public:
  Reader(db::Session& session, Deadline deadline, HbaReading& reading)
      : session_(session), deadline_(deadline), reading_(reading) {}

  asio::awaitable<void> Take(HbaAnswers answers) {
    reading_.view.load_time = answers.load_time;
    reading_.view.now = answers.now;
    reading_.abilities = answers.abilities;
    if (!answers.access.sees_rules()) {
      Deny("rules");
      co_return;
    }
    if (!answers.access.sees_raw_text()) {
      Deny("raw_text");
    } else if (*answers.rules) {
      reading_.has_raw_text = true;
    } else if (answers.access.rules_view) {
      Miss("raw_text", answers.rules->error());
      co_await AskHbaView(session_, answers, deadline_);
    }
    TakeRules(*std::move(answers.rules), answers.hba_file);
    if (answers.files) {
      TakeFiles(*std::move(answers.files));
    } else {
      Deny("file_times");
    }
    TakeCatalog(db::Take(*std::move(answers.catalog)));
    TakeMaps(answers);
  }

  asio::awaitable<void> AskRegexes(std::vector<std::string> names, const RuleSet* also) {
    std::set<std::string> patterns;
    AddPatterns(reading_.view.rules, patterns);
    if (also != nullptr) AddPatterns(*also, patterns);
    if (patterns.empty() || !reading_.catalog_complete) co_return;
    db::Parameters parameters = {fmt::format("{}", fmt::join(patterns, "\n")),
                                 fmt::format("{}", fmt::join(names, "\n"))};
    db::Statement statement = postgres::StatementFor("hba_regex", kHbaRegexSql, session_.server_version());
    const db::Answer rows = co_await session_.Ask(std::move(statement), std::move(parameters), deadline_);
    if (!rows) {
      Miss("regular_expressions", rows.error());
      co_return;
    }
    hba::RegexAnswers& regexes = reading_.regexes;
    for (const std::string& pattern : patterns) regexes.AddPattern(pattern);
    for (const std::string& role : reading_.catalog.roles()) regexes.AddName(role);
    for (const std::string& database : reading_.catalog.databases()) regexes.AddName(database);
    for (std::string& name : names) regexes.AddName(std::move(name));
    for (int row = 0; row < rows->rows(); ++row) regexes.AddMatch(Text(*rows, row, 0), Text(*rows, row, 1));
  }

 private:
  void Deny(const char* part) {
    reading_.incomplete.push_back({part, std::string(ToString(FailureReason::kInsufficientPrivilege))});
  }

  // The role may execute the functions, so an error about a file is the server's own: it cannot read pg_hba.conf.
  static bool CannotReadFile(const DbError& error) {
    return error.sqlstate() == "42501" || error.sqlstate().starts_with("58");
  }

  void TakeRules(db::Answer answer, std::string file) {
    if (file.empty()) file = "pg_hba.conf";
    if (!answer && CannotReadFile(answer.error())) {
      std::erase_if(reading_.incomplete, [](const auto& part) { return part.part == "raw_text"; });
      reading_.view.rules = hba::UnreadableRules(file, answer.error().what());
    } else {
      const db::Result rows = db::Take(std::move(answer));
      reading_.knows_options = OptionalColumn(rows, "options").has_value();
      reading_.view.rules = ParseRules(ReadRules(rows), session_.server_version(), file);
    }
    reading_.has_rules = true;
  }

  void TakeCatalog(const db::Result& rows) {
    reading_.catalog_complete = static_cast<std::size_t>(rows.rows()) <= kMaxHbaCatalog;
    if (reading_.catalog_complete) {
      reading_.catalog = ReadCatalog(rows);
    } else {
      reading_.incomplete.push_back({"roles", "too_many"});
    }
  }

  void TakeMaps(HbaAnswers& answers) {
    if (!reading_.knows_options) {
      reading_.maps = "outdated";
    } else if (session_.server_version() < kFirstVersionWithMaps) {
      reading_.maps = "server_version";
    } else if (!answers.maps) {
      reading_.maps = std::string(ToString(FailureReason::kInsufficientPrivilege));
    } else if (*answers.maps) {
      const db::Result& rows = **answers.maps;
      if (static_cast<std::size_t>(rows.rows()) > kMaxIdentLines) {
        reading_.maps = "too_many_lines";
      } else {
        reading_.maps = ReadMaps(rows, session_.server_version(), answers.load_time);
      }
    } else if (CannotReadFile(answers.maps->error())) {
      reading_.maps =
          hba::IdentMaps{session_.server_version(), {}, {{"pg_ident.conf", 0, answers.maps->error().what()}}, false};
    } else {
      reading_.maps = ReasonOf(answers.maps->error());
    }
  }

  void TakeFiles(db::Answer answer) {
    if (answer && !OptionalColumn(*answer, "way")) {
      reading_.incomplete.push_back({"file_times", "outdated"});
    } else if (answer) {
      reading_.files = ReadFiles(*answer);
      reading_.view.changed = LatestChange(reading_.files, false);
      reading_.view.moved = LatestChange(reading_.files, true);
    } else {
      Miss("file_times", answer.error());
    }
  }

  // Rows that may be missing: an error of the server (a file that it cannot read, a name in another encoding) makes the
  // reading incomplete.
  void Miss(const char* part, const DbError& error) { reading_.incomplete.push_back({part, ReasonOf(error)}); }

  static std::string ReasonOf(const DbError& error) {
    const FailureReason reason = error.reason();
    if (reason != FailureReason::kError && reason != FailureReason::kInsufficientPrivilege) throw DbError(error);
    return std::string(ToString(reason));
  }

  db::Session& session_;
  Deadline deadline_;
  HbaReading& reading_;
};

}  // namespace

asio::awaitable<HbaReading> ReadHba(db::Session& session, HbaAnswers answers, HbaQuestion question, Deadline deadline) {
  HbaReading reading;
  Reader reader(session, deadline, reading);
  co_await reader.Take(std::move(answers));
  if (reading.has_rules) co_await reader.AskRegexes(std::move(question.names), question.also);
  co_return reading;
}

}  // namespace pgtls::collectors
