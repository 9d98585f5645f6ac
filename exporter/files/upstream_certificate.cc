#include "exporter/files/upstream_certificate.h"

#include <pwd.h>
#include <sys/stat.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "exporter/base/uri.h"
#include "exporter/postgres/versioned_sql.h"

namespace pgtls::files {
namespace {

// Of several settings of one name the last one counts. Quoted values are matched as a whole: what is in them is no
// setting.
constexpr std::array kStandbySql = {postgres::VersionedSql{140000, R"(
SELECT uri,
       CASE WHEN uri
            THEN (SELECT m[1] FROM pg_catalog.regexp_matches(setting, '[?&]sslcert=([^&]*)', 'g')
                  WITH ORDINALITY AS o (m, number) ORDER BY number DESC LIMIT 1)
            ELSE (SELECT m[2] FROM pg_catalog.regexp_matches(setting,
                    $$([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)$$, 'g')
                  WITH ORDINALITY AS o (m, number) WHERE m[1] = 'sslcert' ORDER BY number DESC LIMIT 1)
       END AS sslcert
FROM (SELECT setting, setting ~ '^postgres(ql)?://' AS uri FROM pg_catalog.pg_settings
      WHERE name = 'primary_conninfo' AND setting <> '' AND pg_catalog.pg_is_in_recovery()) s
)"}};

// With CREATE SUBSCRIPTION … SERVER (19) there is no conninfo.
constexpr std::array kSubscriberSql = {postgres::VersionedSql{140000, R"(
SELECT DISTINCT encoded AS uri, coalesce(sslcert, '') AS sslcert
FROM tls_exporter.subscriptions()
WHERE server IS NULL AND problem IS NULL AND NOT pg_catalog.pg_is_in_recovery()
)"}};

// A value of a conninfo as it is written there.
std::string Unquoted(std::string_view text) {
  if (text.size() >= 2 && text.starts_with('\'') && text.ends_with('\'')) text = text.substr(1, text.size() - 2);
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    value += text[i];
  }
  return value;
}

// By the user database. A server that was started with another HOME looks there.
std::string DefaultOf(const std::string& data_directory) {
  struct stat status{};
  if (stat(data_directory.c_str(), &status) != 0) return "";
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (getpwuid_r(status.st_uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "";
  return std::string(found->pw_dir) + "/.postgresql/postgresql.crt";
}

}  // namespace

asio::awaitable<std::vector<std::string>> AskUpstreamCertificates(db::Session& session, bool subscriptions,
                                                                  Deadline deadline) {
  std::vector<std::string> sslcerts;
  const auto read = [&sslcerts](const db::Result& rows, bool quoted) {
    for (int row = 0; row < rows.rows(); ++row) {
      std::optional<std::string> sslcert(rows.Text(row, rows.Column("sslcert")).value_or(""));
      if (rows.RequireBool(row, rows.Column("uri"))) {
        sslcert = PercentDecoded(*sslcert);
      } else if (quoted) {
        sslcert = Unquoted(*sslcert);
      }
      if (sslcert) sslcerts.push_back(*std::move(sslcert));
    }
  };
  const int version = session.server_version();
  read(co_await session.Query(postgres::StatementFor("certificates_upstream", kStandbySql, version), {}, deadline),
       true);
  if (!subscriptions) co_return sslcerts;
  read(co_await session.Query(postgres::StatementFor("certificates_subscriptions", kSubscriberSql, version), {},
                              deadline),
       false);
  co_return sslcerts;
}

void AddUpstreamCertificates(const std::vector<std::string>& sslcerts, const FileSettings& settings,
                             const ServerPlace& place, FilesRead& result) {
  for (const std::string& sslcert : sslcerts) {
    const std::string path =
        sslcert.empty() ? DefaultOf(Setting(settings, "data_directory")) : InDataDirectory(settings, sslcert);
    if (!path.starts_with('/') || !place.Holds(path)) continue;
    tls::FileReport report = ReportOn("upstream", path);
    const bool closed = sslcert.empty() && report.problem == "permission_denied";
    if (report.problem != "missing" && !closed) result.files.push_back(std::move(report));
  }
}

}  // namespace pgtls::files
