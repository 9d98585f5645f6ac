#include "collectors/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>

#include "collectors/role_passwords.h"
#include "collectors/settings_parts.h"
#include "collectors/settings_sql.h"
#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/files/hosts_rows.h"
#include "exporter/pgbouncer/config.h"
#include "exporter/pgbouncer/driver.h"
#include "exporter/postgres/driver.h"
#include "exporter/postgres/trusted_functions.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/settings/boolean.h"
#include "exporter/settings/pooler_settings.h"
#include "exporter/settings/server_settings.h"

namespace pgtls::collectors {
namespace {

using metrics::Desc;
using metrics::Sink;
using metrics::Type;
using settings::ServerSettings;

// ---- SQL

constexpr std::array kAccessSql = {postgres::VersionedSql{120000, R"(
SELECT pg_catalog.current_setting('server_version') AS server_version,
       extract(epoch FROM pg_catalog.pg_conf_load_time()) AS load_time,
       pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS sees_settings,
       pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_stats,
       EXISTS (SELECT FROM ()" PGTLS_TRUSTED_FUNCTIONS_SQL R"() ours WHERE proname = 'file_settings') AS has_function,
       EXISTS (SELECT FROM ()" PGTLS_TRUSTED_FUNCTIONS_SQL R"() ours WHERE proname = 'hosts_lines') AS has_hosts,
       EXISTS (SELECT FROM ()" PGTLS_TRUSTED_FUNCTIONS_SQL R"() ours WHERE proname = 'role_passwords') AS has_passwords,
       pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS sees_passwords,
       pg_catalog.has_table_privilege('pg_catalog.pg_file_settings', 'SELECT')
         AND pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE') AS sees_files
)"}};

// pending_restart is read for every setting that waits for a restart, the other columns for relevant settings only.
constexpr std::array kSettingsSql = {postgres::VersionedSql{
    120000,
    "SELECT name, CASE WHEN relevant THEN setting END AS setting, vartype, pending_restart, relevant, source "
    "FROM (SELECT *, " PGTLS_RELEVANT_SETTING_SQL
    " AS relevant FROM pg_catalog.pg_settings) s WHERE relevant OR pending_restart ORDER BY name"}};

constexpr std::array kFilesSql = {postgres::VersionedSql{
    120000, "SELECT sourcefile, sourceline, name, CASE WHEN " PGTLS_RELEVANT_SETTING_SQL
            " THEN setting END AS setting, error FROM pg_catalog.pg_file_settings ORDER BY seqno"}};
constexpr std::array kFilesFunctionSql = {
    postgres::VersionedSql{120000, "SELECT * FROM tls_exporter.file_settings() ORDER BY seqno"}};

// Only sslmode of the conninfo: it has passwords cut out, but host names and paths are nobody's business either.
constexpr std::array kWalReceiverSql = {postgres::VersionedSql{120000, R"(
SELECT sender_host, sender_port,
       pg_catalog.substring(conninfo, '(?:^| )sslmode=([a-z-]+)') AS sslmode
FROM pg_catalog.pg_stat_wal_receiver WHERE pid IS NOT NULL
)"}};

// ---- Descriptors

constexpr Desc kServerInfo = {"pg_tls_server_info",
                              Type::kGauge,
                              "Version of the server, and of PostgreSQL's TLS library; always 1.",
                              {"server", "server_version", "ssl_library"}};
constexpr Desc kSslEnabled = {
    "pg_tls_server_ssl_enabled",
    Type::kGauge,
    "Whether ssl is on (PgBouncer: client_tls_sslmode is not disable), 1 or 0; whether the server really offers TLS is "
    "pg_tls_ssl_request_answer.",
    {"server"}};
constexpr Desc kSettingInfo = {"pg_tls_setting_info",
                               Type::kGauge,
                               "Value of a setting that concerns encryption or authentication; always 1.",
                               {"server", "name", "value"}};
constexpr Desc kPendingRestart = {"pg_tls_setting_pending_restart",
                                  Type::kGauge,
                                  "A setting whose change needs a restart of the server to take effect; always 1.",
                                  {"server", "name"}};
constexpr Desc kPendingReload = {
    "pg_tls_setting_pending_reload",
    Type::kGauge,
    "A setting whose change in the configuration files needs a reload to take effect; always 1.",
    {"server", "name"}};
constexpr Desc kLoadTime = {"pg_tls_config_load_timestamp_seconds",
                            Type::kGauge,
                            "When the server last read its configuration files, in seconds since the epoch.",
                            {"server"}};
constexpr Desc kFileErrors = {"pg_tls_config_file_errors",
                              Type::kGauge,
                              "Lines of the configuration files that the server cannot apply.",
                              {"server"}};
constexpr Desc kWalReceiverInfo = {"pg_tls_wal_receiver_info",
                                   Type::kGauge,
                                   "sslmode of a standby's connection to its upstream server; always 1.",
                                   {"server", "sender_host", "sender_port", "sslmode"}};

constexpr std::array kDescs = {&kServerInfo, &kSslEnabled, &kSettingInfo,     &kPendingRestart, &kPendingReload,
                               &kLoadTime,   &kFileErrors, &kWalReceiverInfo, &kRolePasswords};

// ---- Reader

struct Access {
  bool sees_settings = false;
  bool sees_stats = false;
  bool has_function = false;
  bool has_hosts = false;      // and the server knows pg_hosts.conf
  bool has_passwords = false;  // the function
  bool sees_passwords = false;
  bool sees_files = false;
  friend bool operator==(const Access&, const Access&) = default;
};

Access ReadAccess(const db::Result& row, int version) {
  const auto flag = [&](const char* column) { return row.RequireBool(0, row.Column(column)); };
  return {flag("sees_settings"), flag("sees_stats"),
          flag("has_function"),  version >= files::kFirstVersionWithHosts && flag("has_hosts"),
          flag("has_passwords"), flag("sees_passwords"),
          flag("sees_files")};
}

void ReadGeneral(const db::Result& row, ServerSettings& settings) {
  settings.server_version = row.RequireText(0, row.Column("server_version"));
  settings.load_time = row.RequireDouble(0, row.Column("load_time"));
  settings.complete = ReadAccess(row, settings.version_number).sees_settings;
}

// Settings that a line of a file decides, or would: not those of the command line, which win over files.
struct FileValue {
  std::string type;
  bool from_file;  // a line decides now
};
using FileValues = std::map<std::string, FileValue, std::less<>>;

FileValues ReadSettings(const db::Result& rows, ServerSettings& settings) {
  const int name = rows.Column("name");
  const int setting = rows.Column("setting");
  const int vartype = rows.Column("vartype");
  const int pending_restart = rows.Column("pending_restart");
  const int relevant = rows.Column("relevant");
  const int source = rows.Column("source");
  constexpr std::array<std::string_view, 5> kOfSession = {"database", "user", "database user", "client", "session"};
  FileValues file_values;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string key(rows.RequireText(row, name));
    if (rows.RequireBool(row, pending_restart)) settings.pending_restart.push_back(key);
    const std::string_view from = rows.RequireText(row, source);
    if (!rows.RequireBool(row, relevant) || std::ranges::find(kOfSession, from) != kOfSession.end()) continue;
    settings.values[key] = rows.Text(row, setting).value_or("");
    const bool from_file = from == "configuration file";
    if (from_file || from == "default") file_values[key] = {std::string(rows.RequireText(row, vartype)), from_file};
  }
  return file_values;
}

// Whether the text in a file means the value in force; nullopt if this is not known (a number with a unit).
std::optional<bool> Means(const std::string& type, const std::string& text, const std::string& value) {
  if (type == "bool") {
    const auto wanted = settings::ParseBool(text);
    if (!wanted) return std::nullopt;
    return *wanted == settings::ParseBool(value);
  }
  if (type == "enum") return Lower(text) == Lower(value);
  if (type == "string") return text == value;
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!number) return std::nullopt;
  return text == value;
}

// The old name of a setting, still read in files (map_old_guc_names in src/backend/utils/misc/guc.c, 18).
std::string CurrentName(std::string name, int server_version) {
  if (server_version >= 180000 && name == "ssl_ecdh_curve") return "ssl_groups";
  return name;
}

void ReadFiles(const db::Result& rows, const FileValues& file_values, ServerSettings& settings) {
  const int file = rows.Column("sourcefile");
  const int line = rows.Column("sourceline");
  const int name = rows.Column("name");
  const int setting = rows.Column("setting");
  const int error = rows.Column("error");
  // The last line of a name counts. Without a value: an older tls_exporter.file_settings() does not show it.
  std::map<std::string, std::optional<std::string>, std::less<>> lines;
  auto& errors = settings.file_errors.emplace();
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string key(rows.Text(row, name).value_or(""));
    if (const auto text = rows.Text(row, error)) {
      errors.push_back({std::string(rows.Text(row, file).value_or("")),
                        static_cast<int>(rows.Int(row, line).value_or(0)), key, std::string(*text)});
    }
    const auto text = rows.Text(row, setting);
    lines[CurrentName(key, settings.version_number)] = text ? std::optional<std::string>(*text) : std::nullopt;
  }
  auto& pending = settings.pending_reload.emplace();
  for (const auto& [key, value] : file_values) {
    // A setting that waits for a restart is reported there: a reload does not apply it.
    if (std::ranges::find(settings.pending_restart, key) != settings.pending_restart.end()) continue;
    const auto text = lines.find(key);
    if (text != lines.end() && !text->second) continue;
    const bool stays = text == lines.end() ? !value.from_file
                                           : Means(value.type, *text->second, settings.values.at(key)).value_or(true);
    if (!stays) pending.push_back(key);
  }
}

void ReadWalReceiver(const db::Result& rows, ServerSettings& settings) {
  if (rows.rows() == 0) return;
  settings.wal_receiver = {std::string(rows.Text(0, rows.Column("sender_host")).value_or("")),
                           std::string(rows.Text(0, rows.Column("sender_port")).value_or("")),
                           std::string(rows.Text(0, rows.Column("sslmode")).value_or(""))};
}

// The first error, for a reader.
std::optional<sampling::IncompletePart> WhyHostsIncomplete(const tls::HostsFile& hosts) {
  if (hosts.errors.empty() && !hosts.truncated) return std::nullopt;
  if (hosts.errors.empty()) return sampling::IncompletePart{"hosts", "too_many_entries"};
  const auto& [file, line, problem] = hosts.errors.front();
  return sampling::IncompletePart{"hosts", "malformed", Printable(fmt::format("{}:{}: {}", file, line, problem))};
}

// ---- Render

void Render(const ServerSettings& settings, Sink& sink) {
  const auto ssl_library = settings.Get("ssl_library");
  if (ssl_library) sink.Add(kServerInfo, {settings.server_version, *ssl_library}, 1);
  if (const auto ssl = settings.Get("ssl")) sink.Add(kSslEnabled, {}, *ssl == "on" ? 1 : 0);
  for (const auto& [name, value] : settings.values) sink.Add(kSettingInfo, {name, value}, 1);
  for (const auto& name : settings.pending_restart) sink.Add(kPendingRestart, {name}, 1);
  for (const auto& name : settings.pending_reload.value_or(std::vector<std::string>{})) {
    sink.Add(kPendingReload, {name}, 1);
  }
  sink.Add(kLoadTime, {}, settings.load_time);
  if (settings.file_errors) sink.Add(kFileErrors, {}, static_cast<double>(settings.file_errors->size()));
  if (const auto& link = settings.wal_receiver) {
    sink.Add(kWalReceiverInfo, {link->sender_host, link->sender_port, link->sslmode}, 1);
  }
}

void Render(const settings::PoolerSettings& settings, Sink& sink) {
  sink.Add(kServerInfo, {fmt::format("{} {}", pgbouncer::kKind, settings.version), ""}, 1);
  sink.Add(kSslEnabled, {}, settings.Get("client_tls_sslmode") == "disable" ? 0 : 1);
  for (const auto& [name, value] : settings.values) sink.Add(kSettingInfo, {name, value}, 1);
}

// ---- Asking, factory

// What this role may ask for, beside the access itself.
std::vector<db::Request> RequestsFor(const Access& access, int version) {
  std::vector<db::Request> requests = {{postgres::StatementFor("settings", kSettingsSql, version), {}}};
  if (access.has_function) {
    requests.push_back({postgres::StatementFor("settings_files_function", kFilesFunctionSql, version), {}});
  } else if (access.sees_files) {
    requests.push_back({postgres::StatementFor("settings_files", kFilesSql, version), {}});
  }
  if (access.sees_stats)
    requests.push_back({postgres::StatementFor("settings_wal_receiver", kWalReceiverSql, version), {}});
  if (access.has_passwords || access.sees_passwords)
    requests.push_back({RolePasswordsStatement(access.has_passwords, version), {}});
  if (access.has_hosts) requests.push_back({files::HostsStatement(version), {}});
  return requests;
}

struct Rows {
  db::Result access_row;
  Access access;
  std::vector<db::Result> rows;  // of RequestsFor(access)
};

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    return context.kind == pgbouncer::kKind ? CollectPooler(context, output) : CollectPostgres(context, output);
  }

 private:
  static asio::awaitable<void> CollectPooler(sampling::Context& context, sampling::Output& output) {
    auto settings = std::make_shared<const settings::PoolerSettings>(
        co_await pgbouncer::ReadConfig(*context.session, context.deadline));
    Render(*settings, output.sink);
    if (settings->Get("auth_type") == "hba") {
      output.incomplete.push_back({"auth_hba_file", "unsupported", Printable(settings->Get("auth_hba_file"))});
    }
    output.facts.Publish(std::move(settings));
  }

  asio::awaitable<void> CollectPostgres(sampling::Context& context, sampling::Output& output) {
    const int version = context.session->server_version();
    const Rows rows = co_await Ask(*context.session, context.deadline);
    // Where every row is last time's, so is all that is said of them.
    output.basis = Basis(rows, version);
    if (context.basis && context.basis == output.basis) {
      output.unchanged = true;
      co_return;
    }
    auto settings = std::make_shared<ServerSettings>();
    settings->version_number = version;
    std::optional<settings::RolePasswords> passwords;
    std::optional<tls::HostsFile> hosts;
    output.incomplete = Read(rows, *settings, passwords, hosts);
    Render(*settings, output.sink);
    if (passwords) {
      RenderRolePasswords(*passwords, output.sink);
      output.facts.Publish(std::make_shared<const settings::RolePasswords>(*std::move(passwords)));
    }
    if (hosts) output.facts.Publish(std::make_shared<const tls::HostsFile>(*std::move(hosts)));
    output.facts.Publish(std::shared_ptr<const ServerSettings>(std::move(settings)));
  }

  // In one round trip, where the role may see what it saw last time.
  asio::awaitable<Rows> Ask(db::Session& session, Deadline deadline) {
    const int version = session.server_version();
    std::vector<db::Request> requests;
    if (access_) requests = RequestsFor(*access_, version);
    requests.insert(requests.begin(), {postgres::StatementFor("settings_access", kAccessSql, version), {}});
    std::vector<db::Answer> answers = co_await session.QueryAll(std::move(requests), deadline);
    Rows rows = {db::Take(std::move(answers.front())), {}, {}};
    rows.access = ReadAccess(rows.access_row, version);
    answers.erase(answers.begin());
    if (access_ != rows.access) {
      std::vector<db::Request> allowed = RequestsFor(rows.access, version);
      answers = co_await session.QueryAll(std::move(allowed), deadline);
    }
    access_ = rows.access;
    for (db::Answer& answer : answers) rows.rows.push_back(db::Take(std::move(answer)));
    co_return rows;
  }

  static Digest Basis(const Rows& rows, int version) {
    Digester digester;
    digester.Number(version);
    rows.access_row.DigestRows(digester);
    for (const db::Result& result : rows.rows) result.DigestRows(digester);
    return digester.Finish();
  }

  // What the role may not see comes back. `hosts` stays empty where ssl_sni is off.
  static std::vector<sampling::IncompletePart> Read(const Rows& rows, ServerSettings& settings,
                                                    std::optional<settings::RolePasswords>& passwords,
                                                    std::optional<tls::HostsFile>& hosts) {
    const std::string denied(ToString(FailureReason::kInsufficientPrivilege));
    std::vector<sampling::IncompletePart> incomplete;
    ReadGeneral(rows.access_row, settings);
    if (!rows.access.sees_settings) incomplete.push_back({"settings", denied});
    auto next = rows.rows.begin();
    const FileValues file_values = ReadSettings(*next++, settings);
    if (rows.access.has_function || rows.access.sees_files) {
      ReadFiles(*next++, file_values, settings);
    } else {
      incomplete.push_back({"configuration_files", denied});
    }
    if (rows.access.sees_stats) {
      ReadWalReceiver(*next++, settings);
    } else {
      incomplete.push_back({"wal_receiver", denied});
    }
    if (rows.access.has_passwords || rows.access.sees_passwords) {
      passwords = ReadRolePasswords(*next++);
    } else {
      incomplete.push_back({"role_passwords", denied});
    }
    if (settings.Get("ssl_sni") != "on") return incomplete;
    if (!rows.access.has_hosts) {
      incomplete.push_back({"hosts", denied});
      return incomplete;
    }
    hosts = files::ReadHosts(*next++);
    if (auto why = WhyHostsIncomplete(*hosts)) incomplete.push_back(*std::move(why));
    return incomplete;
  }

  std::optional<Access> access_;  // of the last collection
};

constexpr std::array kKinds = {postgres::kKind, pgbouncer::kKind};

constexpr sampling::CollectorType kType = {
    .name = "settings",
    .help = "How the server is configured",
    .connection = sampling::ConnectionKind::kFresh,
    .descs = kDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kSettingsParts,
    .schema = {.interval = std::chrono::seconds(60), .timeout = std::chrono::seconds(5)},
    .kinds = kKinds,
};

}  // namespace

const sampling::CollectorType& SettingsCollector() { return kType; }

}  // namespace pgtls::collectors
