#include "collectors/server_files.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collectors/certificates.h"
#include "collectors/host_certificates.h"
#include "collectors/next_start.h"
#include "exporter/base/error.h"
#include "exporter/files/hosts_rows.h"
#include "exporter/files/start_answers.h"
#include "exporter/files/start_files.h"
#include "exporter/files/start_rows.h"
#include "exporter/files/upstream_certificate.h"
#include "exporter/pgbouncer/config.h"
#include "exporter/pgbouncer/driver.h"
#include "exporter/pgbouncer/other_pooler.h"
#include "exporter/postgres/versioned_sql.h"

namespace pgtls::collectors {
namespace {

using tls::CertificateInventory;

// ---- SQL

// What else it asks: start_answers.h.
constexpr std::array kFilesSql = {postgres::VersionedSql{140000, R"(
SELECT role, path, problem, data, whole, changed
FROM tls_exporter.certificate_files()
)"}};
// Of older versions of deploy/sql/monitoring_role.sql.
constexpr std::array kFilesWithoutTimesSql = {postgres::VersionedSql{140000, R"(
SELECT role, path, problem, data, whole, NULL::float8 AS changed
FROM tls_exporter.certificate_files()
)"}};
constexpr std::array kOldFilesSql = {postgres::VersionedSql{140000, R"(
SELECT role, path, problem, data, false AS whole, NULL::float8 AS changed
FROM tls_exporter.certificate_files()
)"}};
constexpr std::array kKeySql = {postgres::VersionedSql{140000, R"(
SELECT path, problem, changed
FROM tls_exporter.private_key_file()
)"}};
constexpr std::array kKeyWithoutTimeSql = {postgres::VersionedSql{140000, R"(
SELECT path, problem, NULL::float8 AS changed
FROM tls_exporter.private_key_file()
)"}};

// ---- Reader

std::vector<files::ServerFileRow> ReadRows(const db::Result& rows) {
  std::vector<files::ServerFileRow> result;
  for (int row = 0; row < rows.rows(); ++row) {
    result.push_back({std::string(rows.Text(row, rows.Column("role")).value_or("")),
                      std::string(rows.Text(row, rows.Column("path")).value_or("")),
                      std::string(rows.Text(row, rows.Column("problem")).value_or("")),
                      rows.Bytes(row, rows.Column("data")).value_or(""),
                      rows.Bool(row, rows.Column("whole")).value_or(false), rows.Double(row, rows.Column("changed"))});
  }
  return result;
}

files::FilesRead ReadFiles(const std::vector<files::ServerFileRow>& rows) {
  files::FilesRead result;
  for (const auto& [role, path, problem, bytes, whole, changed] : rows) {
    if (role == "crl_dir") {  // only where it could not be listed
      files::AddLostDirectory(path, problem, result);
    } else {
      tls::FileReport& report = result.files.emplace_back(files::ReportOf(role, path, problem, bytes, std::nullopt));
      if (problem != "unreadable") report.server_may_read = problem.empty();  // the server itself has tried
    }
  }
  return result;
}

// ---- Collect

// Its console does not show files: they are read where it runs on this machine.
asio::awaitable<void> CollectPoolerFiles(sampling::Context& context, sampling::Output& output,
                                         CertificateInventory& inventory) {
  const settings::PoolerSettings settings = co_await pgbouncer::ReadConfig(*context.session, context.deadline);
  const ReadVia via = context.config.options.As<CertificatesOptions>().read_via;
  // 0: it runs in another container.
  const bool here = context.peer && context.peer->listener_pid.value_or(0) > 0;
  if (via != ReadVia::kLocal && !(via == ReadVia::kAuto && here)) {
    output.incomplete.push_back({"files", "pooler_elsewhere"});
    co_return;
  }
  const pid_t process = via == ReadVia::kLocal ? 0 : *context.peer->listener_pid;
  std::function<files::FilesRead()> read = [settings, process] {
    return files::ReadPoolerFiles(settings, files::ServerPlace::OfProcess(process));
  };
  files::FilesRead found = co_await context.blocking.Run(std::move(read));
  AddFiles(std::move(found), output, inventory);
}

struct SeenHere {
  std::string problem;
  files::FilesRead files;
  files::StartJudgement start;
  std::optional<tls::HostsFile> hosts;  // while ssl_sni is on
  files::FileChanges changes;
};

// Returns why the files of this machine are not the server's.
asio::awaitable<std::string> CollectHere(sampling::Context& context, ServerFiles& found, sampling::Output& output,
                                         CertificateInventory& inventory) {
  const files::StartAnswers& answers = found.answers;
  const files::ServerTraits traits = {files::Setting(answers.current, "data_directory"),
                                      files::Setting(answers.current, "port"), answers.start_time,
                                      context.peer ? context.peer->listener_pid : std::optional<pid_t>()};
  const std::vector<std::string> upstream = co_await files::AskUpstreamCertificates(
      *context.session, answers.access.subscription_certificates, context.deadline);
  std::function<SeenHere()> read = [answers, traits, upstream, version = context.session->server_version()] {
    const files::ServerPlace place = files::ServerPlace::Find(traits);
    if (!place.problem().empty()) return SeenHere{place.problem(), {}, {}, {}, {}};
    SeenHere seen = {"", files::ReadServerFiles(answers.current, place), files::JudgeStartHere(answers, place, version),
                     files::ReadHostsHere(answers.current, place), files::ChangesHere(answers.current, place)};
    if (seen.hosts) files::AddHostFiles(*seen.hosts, answers.current, place, seen.files);
    files::AddUpstreamCertificates(upstream, answers.current, place, seen.files);
    return seen;
  };
  SeenHere seen = co_await context.blocking.Run(std::move(read));
  if (!seen.problem.empty()) co_return seen.problem;
  AddFiles(std::move(seen.files), output, inventory);
  Conclude(answers, std::move(seen.start), output, inventory);
  if (seen.hosts) UseHosts(*seen.hosts, found.settings, inventory, output);
  found.changes = std::move(seen.changes);
  co_return "";
}

db::Statement FilesStatement(const files::StartAccess& access, int version) {
  if (access.changed) return postgres::StatementFor("certificates_files", kFilesSql, version);
  if (access.whole) return postgres::StatementFor("certificates_files_without_times", kFilesWithoutTimesSql, version);
  return postgres::StatementFor("certificates_old_files", kOldFilesSql, version);
}

asio::awaitable<void> CollectOverSql(sampling::Context& context, ServerFiles& found, sampling::Output& output,
                                     CertificateInventory& inventory) {
  const files::StartAnswers& answers = found.answers;
  db::Session& session = *context.session;
  const int version = session.server_version();
  const db::Result result = co_await session.Query(FilesStatement(answers.access, version), {}, context.deadline);
  const std::vector<files::ServerFileRow> rows = ReadRows(result);
  std::optional<files::ServerFileRow> key;
  if (answers.access.private_key) {
    const db::Statement statement =
        answers.access.changed ? postgres::StatementFor("certificates_key", kKeySql, version)
                               : postgres::StatementFor("certificates_key_without_time", kKeyWithoutTimeSql, version);
    const db::Result row = co_await session.Query(statement, {}, context.deadline);
    if (row.rows() > 0) {
      key = files::ServerFileRow{"key",
                                 std::string(row.Text(0, row.Column("path")).value_or("")),
                                 std::string(row.Text(0, row.Column("problem")).value_or("")),
                                 "",
                                 false,
                                 row.Double(0, row.Column("changed"))};
    }
  }
  std::optional<tls::HostsFile> hosts;
  if (files::IsOn(found.settings, "ssl_sni") && answers.access.hosts_lines) {
    const db::Result lines = co_await session.Query(files::HostsStatement(version), {}, context.deadline);
    hosts = files::ReadHosts(lines);
  }
  AddFiles(ReadFiles(rows), output, inventory);
  found.changes = files::ChangesOf(answers, rows, key);
  Conclude(answers, files::JudgeStartOf(answers, rows, key, version), output, inventory);
  if (hosts) {
    UseHosts(*hosts, found.settings, inventory, output);
  } else if (files::IsOn(found.settings, "ssl_sni")) {
    output.incomplete.push_back({"host_files", "not_read"});
  }
}

}  // namespace

void AddFiles(files::FilesRead read, sampling::Output& output, CertificateInventory& inventory) {
  const auto known = [&inventory](const tls::FileReport& file) {
    return std::ranges::any_of(inventory.files, [&file](const tls::FileReport& other) {
      return other.role == file.role && other.path == file.path;
    });
  };
  for (auto& file : read.files) {
    if (!known(file)) inventory.files.push_back(std::move(file));
  }
  std::ranges::move(read.incomplete, std::back_inserter(output.incomplete));
}

asio::awaitable<ServerFiles> CollectServerFiles(sampling::Context& context, sampling::Output& output,
                                                CertificateInventory& inventory) {
  ServerFiles found;
  if (context.session == nullptr) {
    output.incomplete.push_back({"files", std::string(ToString(FailureReason::kConnection))});
    co_return found;
  }
  if (context.kind == pgbouncer::kOtherPooler) {
    output.incomplete.push_back({"files", "unsupported"});
    co_return found;
  }
  std::optional<FailureReason> failure;
  try {
    if (context.kind == pgbouncer::kKind) {
      co_await CollectPoolerFiles(context, output, inventory);
      co_return found;
    }
    found.answers = co_await files::AskStart(*context.session, context.deadline);
    const files::StartAnswers& answers = found.answers;
    found.settings = answers.current;
    const ReadVia via = context.config.options.As<CertificatesOptions>().read_via;
    const bool own_socket = context.peer && !context.peer->address && !answers.behind_pooler;
    std::string elsewhere;
    if (via == ReadVia::kLocal || (via == ReadVia::kAuto && own_socket)) {
      elsewhere = co_await CollectHere(context, found, output, inventory);
      if (elsewhere.empty()) co_return found;
    }
    if (via != ReadVia::kLocal && answers.access.certificate_files) {
      co_await CollectOverSql(context, found, output, inventory);
    } else {
      if (files::IsOn(found.settings, "ssl_sni")) output.incomplete.push_back({"host_files", "not_read"});
      const std::string denied(ToString(FailureReason::kInsufficientPrivilege));
      output.incomplete.push_back({"files", elsewhere.empty() ? denied : elsewhere});
      // Settings, pg_hba.conf and a server without TLS can be judged without them.
      Conclude(answers, files::JudgeStartOf(answers, {}, {}, context.session->server_version()), output, inventory);
    }
  } catch (const Error& error) {
    failure = error.reason();  // what is served is reported regardless
  }
  if (failure) output.incomplete.push_back({"files", std::string(ToString(*failure))});
  co_return found;
}

}  // namespace pgtls::collectors
