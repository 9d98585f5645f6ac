#include "exporter/files/start_answers.h"

#include <array>
#include <map>

#include "exporter/base/error.h"
#include "exporter/postgres/trusted_functions.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/settings/boolean.h"

namespace pgtls::files {
namespace {

constexpr std::array kAccessSql = {postgres::VersionedSql{140000, R"(
WITH ours AS ()" PGTLS_TRUSTED_FUNCTIONS_SQL R"()
SELECT EXISTS (SELECT FROM ours WHERE proname = 'certificate_files') AS has_function,
       EXISTS (SELECT FROM ours WHERE proname = 'certificate_files' AND 'whole' = ANY (proargnames)) AS has_whole,
       EXISTS (SELECT FROM ours WHERE proname = 'certificate_files' AND 'changed' = ANY (proargnames)) AS has_changed,
       EXISTS (SELECT FROM ours WHERE proname = 'private_key_file') AS has_private_key,
       EXISTS (SELECT FROM ours WHERE proname = 'hosts_lines') AS has_hosts,
       EXISTS (SELECT FROM ours WHERE proname = 'file_settings') AS has_file_settings,
       EXISTS (SELECT FROM ours WHERE proname = 'hba_rules') AS has_hba_rules,
       EXISTS (SELECT FROM ours WHERE proname = 'subscriptions' AND 'sslcert' = ANY (proargnames)) AS has_sslcert,
       pg_catalog.has_table_privilege('pg_catalog.pg_file_settings', 'SELECT')
         AND pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE') AS sees_files,
       pg_catalog.has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE') AS sees_hba,
       extract(epoch FROM pg_catalog.pg_postmaster_start_time())::float8 AS start_time,
       extract(epoch FROM least(pg_catalog.pg_conf_load_time(), own.backend_start))::float8 AS loaded,
       pg_catalog.pg_conf_load_time() <= own.backend_start AS loaded_exactly,
       pg_catalog.inet_server_addr() IS NOT NULL AS over_tcp
FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) own
)"}};

#define PGTLS_START_NAMES                                                                           \
  "name IN ('ssl', 'ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file', 'ssl_crl_dir', " \
  "'ssl_dh_params_file', 'ssl_ecdh_curve', 'ssl_groups', 'ssl_ciphers', 'ssl_tls13_ciphers', "      \
  "'ssl_min_protocol_version', 'ssl_max_protocol_version', 'ssl_passphrase_command', "              \
  "'ssl_passphrase_command_supports_reload', "                                                      \
  "'ssl_sni', 'hosts_file', 'data_directory', 'config_file', 'hba_file', 'port')"

// ssl_passphrase_command may hold the passphrase: only whether it is empty comes out.
constexpr std::array kSettingsSql = {postgres::VersionedSql{
    140000,
    "SELECT name, CASE WHEN name = 'ssl_passphrase_command' AND setting <> '' THEN 'set' ELSE setting END AS setting, "
    "source, boot_val FROM pg_catalog.pg_settings WHERE " PGTLS_START_NAMES}};

// Two errors stop no start. A change that waits for a restart is one, with pending_restart; an invalid value is the
// same error without it, or with that of an earlier change: then only the text tells. A line that is gone has no name.
// And the settings of a library are placeholders until it is loaded, when an invalid value is a warning.
#define PGTLS_STOPS_START_SQL                                                                                \
  "error IS NOT NULL "                                                                                       \
  "AND NOT (name IS NULL AND error LIKE 'parameter \"%\" cannot be changed without restarting the server') " \
  "AND NOT (name LIKE '%.%' AND error = 'setting could not be applied') "                                    \
  "AND NOT coalesce((SELECT s.context = 'postmaster' AND s.pending_restart AND NOT coalesce(CASE s.vartype " \
  "  WHEN 'bool' THEN f.setting !~* '^(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|0|1)$' "    \
  "  WHEN 'integer' THEN f.setting !~ '^\\s*[-+]?[.]?[0-9]' "                                                \
  "    OR CASE WHEN f.setting ~ '^\\s*[-+]?[0-9]{1,18}\\s*$' "                                               \
  "       THEN f.setting::numeric NOT BETWEEN s.min_val::numeric AND s.max_val::numeric END "                \
  "  END, false) "                                                                                           \
  "FROM pg_catalog.pg_settings s WHERE s.name = pg_catalog.lower(f.name)), false) AS failed"

// The command's value is null through the function.
constexpr std::array kFilesSql = {
    postgres::VersionedSql{140000,
                           "SELECT sourcefile, pg_catalog.lower(name) AS name, "
                           "CASE WHEN name = 'ssl_passphrase_command' AND setting <> '' THEN 'set' ELSE setting END AS "
                           "setting, " PGTLS_STOPS_START_SQL " FROM pg_catalog.pg_file_settings f ORDER BY seqno"}};
constexpr std::array kFilesFunctionSql = {
    postgres::VersionedSql{140000, "SELECT sourcefile, pg_catalog.lower(name) AS name, setting, " PGTLS_STOPS_START_SQL
                                   " FROM tls_exporter.file_settings() f ORDER BY seqno"}};

// A refused line has no rule; its reason may be in the server's log alone (clientcert=1). A line in error that has its
// rule (hostssl where ssl is off) is taken all the same.
constexpr std::array kHbaSql = {postgres::VersionedSql{140000, R"(
SELECT pg_catalog.count(*) AS rows, pg_catalog.count(*) FILTER (WHERE type IS NULL) AS refused
FROM pg_catalog.pg_hba_file_rules()
)"}};
constexpr std::array kHbaFunctionSql = {postgres::VersionedSql{140000, R"(
SELECT pg_catalog.count(*) AS rows, pg_catalog.count(*) FILTER (WHERE type IS NULL) AS refused
FROM tls_exporter.hba_rules()
)"}};

StartAccess ReadAccess(const db::Result& row) {
  const auto flag = [&](const char* column) { return row.Bool(0, row.Column(column)).value_or(false); };
  return {flag("has_function"), flag("has_whole"),         flag("has_changed"), flag("has_private_key"),
          flag("has_hosts"),    flag("has_file_settings"), flag("sees_files"),  flag("has_hba_rules"),
          flag("sees_hba"),     flag("has_sslcert")};
}

// The old name of a setting, still read in files (map_old_guc_names in src/backend/utils/misc/guc.c, 18).
std::string CurrentName(const std::string& name, int version) {
  return version >= 180000 && name == "ssl_ecdh_curve" ? "ssl_groups" : name;
}

struct Present {
  std::string source;
  std::string boot_value;
};
using PresentSettings = std::map<std::string, Present, std::less<>>;

PresentSettings ReadSettings(const db::Result& rows, StartAnswers& answers) {
  PresentSettings present;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string name(rows.Text(row, rows.Column("name")).value_or(""));
    answers.current[name] = rows.Text(row, rows.Column("setting")).value_or("");
    present[name] = {std::string(rows.Text(row, rows.Column("source")).value_or("")),
                     std::string(rows.Text(row, rows.Column("boot_val")).value_or(""))};
  }
  answers.next = answers.current;
  return present;
}

// A relative name counts from the directory that the server is started in, whichever that will be: never the path that
// is in force now. Without a line the file is beside the configuration file. (A value of the command line cannot be
// told from one whose line is gone.)
std::string NextHbaFile(const std::optional<std::string>& line, const FileSettings& current) {
  const std::string now = Setting(current, "hba_file");
  if (line && !line->empty()) return *line;
  const std::string configuration = Setting(current, "config_file");
  if (configuration.empty()) return now;  // the role may not see it
  return configuration.substr(0, configuration.rfind('/') + 1) + "pg_hba.conf";
}

// Lines of files decide, but against the command line.
void ReadFiles(const db::Result& rows, const PresentSettings& present, int version, StartAnswers& answers) {
  std::map<std::string, std::optional<std::string>, std::less<>> lines;  // the last line of a name counts
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string name = CurrentName(std::string(rows.Text(row, rows.Column("name")).value_or("")), version);
    if (rows.Bool(row, rows.Column("failed")).value_or(false)) {
      const std::string file(rows.Text(row, rows.Column("sourcefile")).value_or(""));
      answers.failures.push_back({"setting", name.empty() ? file : name, "other"});
    }
    const auto text = rows.Text(row, rows.Column("setting"));
    lines[name] = text ? std::optional(std::string(*text)) : std::nullopt;
  }
  const auto hba_file = lines.find("hba_file");
  answers.next["hba_file"] = NextHbaFile(hba_file == lines.end() ? std::nullopt : hba_file->second, answers.current);
  for (const auto& [name, now] : present) {
    if (now.source == "command line" || now.source == "environment variable" || now.source == "override") continue;
    const auto line = lines.find(name);
    if (line == lines.end()) {
      if (now.source == "configuration file") answers.next[name] = now.boot_value;
    } else if (line->second) {
      answers.next[name] = *line->second;
    } else if (name == "ssl_passphrase_command" && answers.current[name].empty()) {
      answers.next.erase(name);  // one may wait for a reload
    }
  }
}

void ReadHba(const db::Result& row, StartAnswers& answers) {
  const std::string path = Setting(answers.current, "hba_file");
  const bool empty = row.Int(0, row.Column("rows")).value_or(0) == 0;
  if (empty) answers.failures.push_back({"hba", path, "other"});
  if (row.Int(0, row.Column("refused")).value_or(0) > 0) answers.failures.push_back({"hba", path, "malformed"});
}

asio::awaitable<void> AskHba(db::Session& session, Deadline deadline, StartAnswers& answers) {
  const std::string path = Setting(answers.current, "hba_file");
  if (Setting(answers.next, "hba_file") != path) {
    answers.unknown.push_back({"hba", "pending_restart"});
    co_return;
  }
  if (!answers.access.hba_view && !answers.access.hba_rules) {
    answers.unknown.push_back({"hba", "insufficient_privilege"});
    co_return;
  }
  const int version = session.server_version();
  db::Statement statement = answers.access.hba_view
                                ? postgres::StatementFor("certificates_hba", kHbaSql, version)
                                : postgres::StatementFor("certificates_hba_function", kHbaFunctionSql, version);
  const db::Answer rows = co_await session.Ask(std::move(statement), {}, deadline);
  if (rows) {
    ReadHba(*rows, answers);
    co_return;
  }
  const DbError& error = rows.error();
  if (error.sqlstate() == "58P01") {
    answers.failures.push_back({"hba", path, "missing"});
  } else if (error.sqlstate() == "42501") {
    answers.failures.push_back({"hba", path, "permission_denied"});
  } else if (error.reason() == FailureReason::kError) {
    answers.unknown.push_back({"hba", "error"});
  } else {
    throw DbError(error);
  }
}

}  // namespace

bool IsOn(const FileSettings& settings, std::string_view name) {
  return settings::ParseBool(Setting(settings, name)).value_or(false);
}

asio::awaitable<StartAnswers> AskStart(db::Session& session, Deadline deadline) {
  StartAnswers answers;
  const int version = session.server_version();
  const db::Statement access = postgres::StatementFor("certificates_access", kAccessSql, version);
  const db::Result row = co_await session.Query(access, {}, deadline);
  answers.access = ReadAccess(row);
  answers.start_time = row.Double(0, row.Column("start_time")).value_or(0);
  answers.last_load = {row.Double(0, row.Column("loaded")).value_or(0),
                       row.Bool(0, row.Column("loaded_exactly")).value_or(false)};
  answers.behind_pooler = row.Bool(0, row.Column("over_tcp")).value_or(false);
  const db::Statement settings = postgres::StatementFor("certificates_settings", kSettingsSql, version);
  const db::Result rows = co_await session.Query(settings, {}, deadline);
  const PresentSettings present = ReadSettings(rows, answers);
  answers.sees_configuration_files = answers.access.file_settings_view || answers.access.file_settings;
  if (answers.sees_configuration_files) {
    const db::Statement files =
        answers.access.file_settings_view
            ? postgres::StatementFor("certificates_file_settings", kFilesSql, version)
            : postgres::StatementFor("certificates_file_settings_function", kFilesFunctionSql, version);
    const db::Result lines = co_await session.Query(files, {}, deadline);
    ReadFiles(lines, present, version, answers);
  }
  const auto command = answers.next.find("ssl_passphrase_command");
  if (command != answers.next.end()) answers.passphrase_command = !command->second.empty();
  answers.passphrase_at_reload = IsOn(answers.next, "ssl_passphrase_command_supports_reload");
  co_await AskHba(session, deadline, answers);
  co_return answers;
}

}  // namespace pgtls::files
