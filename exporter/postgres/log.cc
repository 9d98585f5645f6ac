#include "exporter/postgres/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/postgres/trusted_functions.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/serverlog/list_setting.h"

namespace pgtls::postgres {
namespace {

using serverlog::Format;
using serverlog::LogFile;
using serverlog::Piece;
using serverlog::Position;

// data_directory and log_directory are null for a role that may not see them.
constexpr std::array kSettingsSql = {VersionedSql{120000, R"(
SELECT (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000)::pg_catalog.int8 AS now_ms,
       EXTRACT(epoch FROM (now() AT TIME ZONE pg_catalog.current_setting('log_timezone')) - (now() AT TIME ZONE 'UTC'))::pg_catalog.int8
         AS utc_offset,
       EXTRACT(epoch FROM pg_catalog.pg_conf_load_time())::pg_catalog.float8 AS load_time,
       pg_catalog.max(setting) FILTER (WHERE name = 'logging_collector') = 'on' AS logging_collector,
       pg_catalog.max(setting) FILTER (WHERE name = 'log_destination') AS destination,
       pg_catalog.max(setting) FILTER (WHERE name = 'log_connections') AS connections,
       pg_catalog.max(setting) FILTER (WHERE name = 'log_line_prefix') AS line_prefix,
       pg_catalog.max(setting) FILTER (WHERE name = 'lc_messages') AS messages,
       pg_catalog.max(setting) FILTER (WHERE name = 'log_min_messages') AS min_messages,
       pg_catalog.bool_or(name = 'lc_messages' AND source IN ('database', 'user', 'database user', 'client', 'session')) AS own_messages,
       pg_catalog.bool_or(name = 'log_min_messages' AND source IN ('database', 'user', 'database user', 'client', 'session'))
         AS own_min_messages,
       pg_catalog.max(setting) FILTER (WHERE name = 'log_hostname') = 'on' AS host_names,
       pg_catalog.max(setting) FILTER (WHERE name = 'log_directory') AS directory,
       pg_catalog.max(setting) FILTER (WHERE name = 'log_filename') AS filename,
       pg_catalog.max(setting) FILTER (WHERE name = 'data_directory') AS data_directory,
       pg_catalog.max(setting) FILTER (WHERE name = 'port') AS port,
       EXTRACT(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.float8 AS postmaster_start,
       (SELECT EXTRACT(epoch FROM backend_start)::pg_catalog.float8 FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()))
         AS session_start,
       EXISTS (SELECT FROM ()" PGTLS_TRUSTED_FUNCTIONS_SQL R"() ours WHERE proname = 'log_records') AS has_function
FROM pg_catalog.pg_settings
)"}};

// The current file's name is relative to the data directory, or absolute.
constexpr std::array kFilesSql = {VersionedSql{120000, R"(
SELECT f.name, f.size, EXTRACT(epoch FROM f.modification)::pg_catalog.float8 AS modified, c.name AS current
FROM (SELECT pg_catalog.regexp_replace(pg_catalog.pg_current_logfile($1), '^.*/', '') AS name) c
LEFT JOIN pg_catalog.pg_ls_logdir() f ON true
)"}};

constexpr std::array kRecordsSql = {VersionedSql{120000, R"(
SELECT next, next_state, next_mark, at_end, ambiguous, problem, records
FROM tls_exporter.log_records($1, $2::pg_catalog.int8, $3::pg_catalog.int4, $4::pg_catalog.int2, $5::pg_catalog.bytea)
)"}};

std::string TextOf(const db::Result& rows, const char* column) {
  return std::string(rows.Text(0, rows.Column(column)).value_or(""));
}

const char* NameOf(Format format) {
  switch (format) {
    case Format::kJson:
      return "jsonlog";
    case Format::kCsv:
      return "csvlog";
    case Format::kStderr:
      break;
  }
  return "stderr";
}

// bytea in hex output format.
constexpr std::string_view kHex = "\\x";

}  // namespace

bool LogSettings::Writes(Format format) const {
  return logging_collector && serverlog::ListsWord(destination, NameOf(format));
}

bool LogSettings::LogsSessions() const { return serverlog::LogsSessions(connections); }

asio::awaitable<LogSettings> ReadLogSettings(db::Session& session, Deadline deadline) {
  const db::Result rows =
      co_await session.Query(StatementFor("log_settings", kSettingsSql, session.server_version()), {}, deadline);
  const auto number = [&](const char* column) { return rows.RequireInt(0, rows.Column(column)); };
  const auto flag = [&](const char* column) { return rows.Bool(0, rows.Column(column)).value_or(false); };
  LogSettings settings;
  settings.now = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(number("now_ms")));
  settings.utc_offset = std::chrono::seconds(number("utc_offset"));
  settings.load_time = rows.RequireDouble(0, rows.Column("load_time"));
  settings.logging_collector = flag("logging_collector");
  settings.destination = TextOf(rows, "destination");
  settings.connections = TextOf(rows, "connections");
  settings.line_prefix = TextOf(rows, "line_prefix");
  settings.messages = TextOf(rows, "messages");
  settings.min_messages = TextOf(rows, "min_messages");
  settings.host_names = flag("host_names");
  settings.filename = TextOf(rows, "filename");
  settings.data_directory = TextOf(rows, "data_directory");
  settings.directory = TextOf(rows, "directory");
  if (!settings.directory.starts_with('/') && !settings.data_directory.empty())
    settings.directory = settings.data_directory + "/" + settings.directory;
  settings.port = TextOf(rows, "port");
  settings.postmaster_start = rows.RequireDouble(0, rows.Column("postmaster_start"));
  settings.session_start = rows.RequireDouble(0, rows.Column("session_start"));
  settings.own_messages = flag("own_messages");
  settings.own_min_messages = flag("own_min_messages");
  settings.has_function = flag("has_function");
  co_return settings;
}

SqlLog::SqlLog(db::Session& session, Format format, Deadline deadline)
    : session_(session), format_(format), deadline_(deadline) {}

asio::awaitable<std::vector<LogFile>> SqlLog::List() {
  const db::Result rows = co_await session_.Query(StatementFor("log_files", kFilesSql, session_.server_version()),
                                                  {NameOf(format_)}, deadline_);
  std::vector<LogFile> files;
  std::string current;
  for (int row = 0; row < rows.rows(); ++row) {
    current = rows.Text(row, rows.Column("current")).value_or("");
    const auto name = rows.Text(row, rows.Column("name"));
    if (!name || serverlog::FormatOf(*name) != format_) continue;
    files.push_back({.name = std::string(*name),
                     .size = rows.RequireInt(row, rows.Column("size")),
                     .modified = rows.RequireDouble(row, rows.Column("modified")),
                     .current = *name == current});
  }
  // The list has regular files only.
  if (!current.empty() && std::ranges::find(files, current, &LogFile::name) == files.end())
    throw serverlog::NoRegularFile(current);
  co_return files;
}

asio::awaitable<Piece> SqlLog::Read(Position from, std::size_t most_bytes) {
  db::Parameters parameters = {from.file, std::to_string(from.offset), std::to_string(most_bytes),
                               std::to_string(static_cast<int>(from.inside)), std::nullopt};
  if (!from.mark.empty()) parameters.back() = std::string(kHex) + from.mark;
  const db::Result rows = co_await session_.Query(StatementFor("log_records", kRecordsSql, session_.server_version()),
                                                  std::move(parameters), deadline_);
  const std::string problem = TextOf(rows, "problem");
  if (problem == "no_such_file") co_return Piece{.problem = Piece::Problem::kNoSuchFile};
  if (problem == "replaced") co_return Piece{.problem = Piece::Problem::kReplaced};
  if (!problem.empty())
    throw Error(FailureReason::kError, fmt::format("the server cannot read its log file {} ({})", from.file, problem));
  Piece piece;
  piece.next = {.file = from.file,
                .offset = rows.RequireInt(0, rows.Column("next")),
                .inside = static_cast<serverlog::Inside>(rows.RequireInt(0, rows.Column("next_state"))),
                .mark = TextOf(rows, "next_mark")};
  if (piece.next.mark.starts_with(kHex)) piece.next.mark.erase(0, kHex.size());
  piece.bytes = static_cast<std::size_t>(std::max<std::int64_t>(piece.next.offset - from.offset, 0));
  piece.at_end = rows.RequireBool(0, rows.Column("at_end"));
  piece.ambiguous = static_cast<std::size_t>(rows.Int(0, rows.Column("ambiguous")).value_or(0));
  piece.records = rows.Bytes(0, rows.Column("records")).value_or("");
  co_return piece;
}

}  // namespace pgtls::postgres
