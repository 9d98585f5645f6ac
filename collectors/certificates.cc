#include "collectors/certificates.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "collectors/certificate_files.h"
#include "collectors/certificates_parts.h"
#include "collectors/client_verification.h"
#include "collectors/next_start.h"
#include "collectors/start_answers.h"
#include "collectors/start_files.h"
#include "collectors/start_rows.h"
#include "collectors/wire_client.h"
#include "exporter/base/error.h"
#include "exporter/sampling/sql_collector.h"

namespace pgtls::collectors {
namespace {

using metrics::Desc;
using metrics::Sink;
using metrics::Type;
using tls::CertificateInventory;

// ---- SQL

// What else it asks: start_answers.h.
constexpr std::array kFilesSql = {sampling::VersionedSql{140000, R"(
SELECT role, path, problem, data, whole
FROM tls_exporter.certificate_files()
)"}};
// Of an older deploy/sql/monitoring_role.sql.
constexpr std::array kOldFilesSql = {sampling::VersionedSql{140000, R"(
SELECT role, path, problem, data, false AS whole
FROM tls_exporter.certificate_files()
)"}};
constexpr std::array kKeySql = {sampling::VersionedSql{140000, R"(
SELECT path, problem
FROM tls_exporter.private_key_file()
)"}};

// ---- Descriptors

constexpr Desc kNotAfter = {"pg_tls_certificate_not_after_timestamp_seconds",
                            Type::kGauge,
                            "End of the certificate's validity, whether or not it can be verified.",
                            {"server", "source", "role", "path", "position", "subject"}};
constexpr Desc kNotBefore = {"pg_tls_certificate_not_before_timestamp_seconds",
                             Type::kGauge,
                             "Start of the certificate's validity, whether or not it can be verified.",
                             {"server", "source", "role", "path", "position", "subject"}};
constexpr Desc kInfo = {
    "pg_tls_certificate_info",
    Type::kGauge,
    "What the certificate says of itself.",
    {"server", "source", "role", "path", "position", "subject", "issuer", "serial", "fingerprint_sha256",
     "key_algorithm", "key_size", "signature_algorithm", "san", "self_signed"}};
constexpr Desc kReadable = {"pg_tls_certificate_file_readable",
                            Type::kGauge,
                            "Whether the whole file could be read as what it should be.",
                            {"server", "role", "path"}};
constexpr Desc kFileError = {"pg_tls_certificate_file_error_info",
                             Type::kGauge,
                             "Why the file could not be read, or not as a whole.",
                             {"server", "role", "path", "reason"}};
constexpr Desc kCrlNextUpdate = {
    "pg_tls_crl_next_update_timestamp_seconds",
    Type::kGauge,
    "When the issuer's certificates begin to be refused, since no revocation list is in force.",
    {"server", "path", "issuer"}};
constexpr Desc kChainNotAfter = {"pg_tls_certificate_chain_not_after_timestamp_seconds",
                                 Type::kGauge,
                                 "The earliest end on the path from the served certificate to its anchor.",
                                 {"server", "source", "role", "path"}};
constexpr Desc kUnneeded = {"pg_tls_certificate_unneeded_info",
                            Type::kGauge,
                            "A certificate that no verification depends on: its end matters to no client.",
                            {"server", "source", "role", "path", "position", "subject"}};
constexpr Desc kListForSent = {"pg_tls_crl_unknown_issuer_info",
                               Type::kGauge,
                               "A revocation list of an authority that is not in ssl_ca_file.",
                               {"server", "path", "issuer"}};
constexpr Desc kCaAccepted = {"pg_tls_client_ca_accepted",
                              Type::kGauge,
                              "Whether the server accepts client certificates that this authority issued.",
                              {"server", "path", "subject", "serial"}};
constexpr Desc kCaRefused = {"pg_tls_client_ca_refused_info",
                             Type::kGauge,
                             "Why the server refuses client certificates that this authority issued.",
                             {"server", "path", "subject", "serial", "reason"}};
constexpr Desc kCaNotAfter = {"pg_tls_client_ca_not_after_timestamp_seconds",
                              Type::kGauge,
                              "When a certificate on the authority's path expires that no other one replaces.",
                              {"server", "path", "subject", "serial"}};
constexpr Desc kKeyOk = {"pg_tls_private_key_ok",
                         Type::kGauge,
                         "Whether PostgreSQL will accept the private key file at its next start.",
                         {"server", "path", "check"}};
constexpr Desc kNextStartOk = {
    "pg_tls_next_start_ok",
    Type::kGauge,
    "Whether the server would start again with its TLS files, TLS settings and pg_hba.conf as they are now.",
    {"server"}};
constexpr Desc kNextStartFailure = {"pg_tls_next_start_failure_info",
                                    Type::kGauge,
                                    "Why the server would not start again.",
                                    {"server", "role", "path", "reason"}};
constexpr Desc kMatches = {"pg_tls_served_certificate_matches_file",
                           Type::kGauge,
                           "Whether the certificate on the wire is the one in the server's file.",
                           {"server"}};

constexpr std::array kDescs = {&kNotAfter,  &kNotBefore,  &kInfo,          &kChainNotAfter, &kUnneeded,
                               &kReadable,  &kFileError,  &kCrlNextUpdate, &kListForSent,   &kCaAccepted,
                               &kCaRefused, &kCaNotAfter, &kKeyOk,         &kNextStartOk,   &kNextStartFailure,
                               &kMatches};

// ---- Reader

std::vector<ServerFileRow> ReadRows(const db::Result& rows) {
  std::vector<ServerFileRow> result;
  for (int row = 0; row < rows.rows(); ++row) {
    result.push_back({std::string(rows.Text(row, rows.Column("role")).value_or("")),
                      std::string(rows.Text(row, rows.Column("path")).value_or("")),
                      std::string(rows.Text(row, rows.Column("problem")).value_or("")),
                      rows.Bytes(row, rows.Column("data")).value_or(""),
                      rows.Bool(row, rows.Column("whole")).value_or(false)});
  }
  return result;
}

FilesRead ReadFiles(const std::vector<ServerFileRow>& rows) {
  FilesRead result;
  for (const auto& [role, path, problem, bytes, whole] : rows) {
    if (role == "crl_dir") {  // only where it could not be listed
      AddLostDirectory(path, problem, result);
    } else {
      result.files.push_back(ReportOf(role, path, problem, bytes, std::nullopt));
    }
  }
  return result;
}

// Is what is served what the server would load? The file's certificates are sent in its order; OpenSSL may add issuers
// from ssl_ca_file behind them. nullopt: one of the two is not known, or the file could not be loaded at all.
std::optional<bool> ServedMatches(const CertificateInventory& inventory) {
  for (const auto& file : inventory.files) {
    if (file.role != "server" || !file.problem.empty() || inventory.served.empty()) continue;
    const auto& certificates = file.content.certificates;
    if (certificates.size() > inventory.served.size()) return false;
    for (std::size_t i = 0; i < certificates.size(); ++i) {
      if (certificates[i].facts.der != inventory.served[i].der) return false;
    }
    return true;
  }
  return std::nullopt;
}

// What was compared is needed no more, and is a kilobyte a certificate for as long as the result stands.
void DropBytes(std::string& der) {
  der.clear();
  der.shrink_to_fit();
}

// Empty: the server said itself that it has no TLS, so that nothing is missing.
std::string_view WhyNothingIsServed(const tls::TlsResult& look) {
  if (!look.reachable) return ToString(FailureReason::kConnection);
  if (!look.answer) return ToString(FailureReason::kTimeout);
  switch (*look.answer) {
    case tls::Answer::kNo:
      return "";
    case tls::Answer::kYes:
      return ToString(look.handshake ? FailureReason::kTls : FailureReason::kTimeout);
    case tls::Answer::kError:
    case tls::Answer::kNone:
      break;
  }
  return ToString(FailureReason::kConnection);
}

// ---- Render

void RenderCertificate(std::string_view source, std::string_view role, std::string_view path, std::size_t position,
                       const tls::CertificateFacts& facts, bool needed, Sink& sink) {
  const std::string number = std::to_string(position);
  const auto time = [&](const Desc& desc, std::optional<std::chrono::sys_seconds> at) {
    if (at) sink.Add(desc, {source, role, path, number, facts.subject}, metrics::Seconds(at->time_since_epoch()));
  };
  time(kNotAfter, facts.not_after);
  time(kNotBefore, facts.not_before);
  if (!needed) sink.Add(kUnneeded, {source, role, path, number, facts.subject}, 1);
  sink.Add(
      kInfo,
      {source, role, path, number, facts.subject, facts.issuer, facts.serial, facts.fingerprint_sha256,
       facts.key_algorithm, facts.key_size, facts.signature_algorithm, facts.san, facts.self_signed ? "true" : "false"},
      1);
}

void RenderClients(const CertificateInventory& inventory, Sink& sink) {
  for (const auto& list : inventory.lists) {
    if (list.next_update) {
      sink.Add(kCrlNextUpdate, {list.path, list.issuer}, metrics::Seconds(list.next_update->time_since_epoch()));
    }
    if (list.scope != tls::ListScope::kAuthority) sink.Add(kListForSent, {list.path, list.issuer}, 1);
  }
  const auto file = std::ranges::find(inventory.files, "ca", &tls::FileReport::role);
  if (!inventory.clients || file == inventory.files.end()) return;
  for (const auto& [subject, serial, refusals, not_after] : inventory.clients->authorities) {
    sink.Add(kCaAccepted, {file->path, subject, serial}, refusals.empty() ? 1 : 0);
    std::set<std::string_view> reasons;
    for (const auto& refusal : refusals) reasons.insert(refusal.reason);
    for (const std::string_view reason : reasons) sink.Add(kCaRefused, {file->path, subject, serial, reason}, 1);
    if (not_after) {
      sink.Add(kCaNotAfter, {file->path, subject, serial}, metrics::Seconds(not_after->time_since_epoch()));
    }
  }
}

void Render(const CertificateInventory& inventory, Sink& sink) {
  for (std::size_t i = 0; i < inventory.served.size(); ++i) {
    const bool needed = !inventory.served_path || inventory.served_path->needed[i];
    RenderCertificate("served", "server", "", i, inventory.served[i], needed, sink);
  }
  if (inventory.served_path && inventory.served_path->not_after) {
    sink.Add(kChainNotAfter, {"served", "server", ""},
             metrics::Seconds(inventory.served_path->not_after->time_since_epoch()));
  }
  for (const auto& file : inventory.files) {
    sink.Add(kReadable, {file.role, file.path}, file.problem.empty() ? 1 : 0);
    if (!file.problem.empty()) sink.Add(kFileError, {file.role, file.path, file.problem}, 1);
    for (const auto& [position, facts, needed] : file.content.certificates) {
      RenderCertificate("file", file.role, file.path, position, facts, needed, sink);
    }
  }
  RenderClients(inventory, sink);
  if (inventory.key) {
    const auto check = [&](std::string_view name, std::optional<bool> ok) {
      if (ok) sink.Add(kKeyOk, {inventory.key->path, name}, *ok ? 1 : 0);
    };
    check("mode", inventory.key->mode);
    check("owner", inventory.key->owner);
    check("readable", inventory.key->readable);
    check("matches_certificate", inventory.key->matches_certificate);
  }
  if (inventory.next_start) {
    if (const auto ok = inventory.next_start->ok()) sink.Add(kNextStartOk, {}, *ok ? 1 : 0);
    std::set<std::vector<std::string>> once;
    for (const auto& [role, path, reason] : inventory.next_start->failures) once.insert({role, path, reason});
    for (const auto& labels : once) sink.Add(kNextStartFailure, {labels[0], labels[1], labels[2]}, 1);
  }
  if (inventory.served_matches_file) sink.Add(kMatches, {}, *inventory.served_matches_file ? 1 : 0);
}

// ---- Factory

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    auto inventory = std::make_shared<CertificateInventory>();
    std::shared_ptr<const tls::TrustStore> trust;
    co_await CollectServed(context, output, *inventory, trust);
    const FileSettings settings = co_await CollectFiles(context, output, *inventory);
    for (auto& file : inventory->files) {
      file.of_list_directory = file.role == "crl" && settings.contains("ssl_crl_file") &&
                               file.path != AbsolutePath(settings, "ssl_crl_file");
    }
    // Behind a pooler's port the server may be anywhere.
    const bool pooled = context.session != nullptr && context.session->pooled();
    std::function<FilesRead()> read = [patterns = context.config.files,
                                       password_file = context.config.pkcs12_password_file] {
      return ReadConfiguredFiles(patterns, password_file);
    };
    FilesRead configured = co_await context.blocking.Run(std::move(read));
    Take(std::move(configured), output, *inventory);

    MarkServerFile(trust.get(), *inventory);
    co_await JudgeClients(context, settings, output, *inventory);

    if (!context.server.endpoint && !pooled) inventory->served_matches_file = ServedMatches(*inventory);
    for (auto& file : inventory->files) {
      if (file.content.truncated) output.incomplete.push_back({"file_contents", "too_many_certificates"});
      for (auto& entry : file.content.certificates) DropBytes(entry.facts.der);
      for (auto& crl : file.content.crls) DropBytes(crl.der);
    }
    for (auto& facts : inventory->served) DropBytes(facts.der);
    Render(*inventory, output.sink);
    output.facts.Publish(std::shared_ptr<const CertificateInventory>(std::move(inventory)));
  }

 private:
  static void Take(FilesRead read, sampling::Output& output, CertificateInventory& inventory) {
    // Two settings may name one file, in a relative and an absolute form.
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

  static asio::awaitable<void> CollectServed(sampling::Context& context, sampling::Output& output,
                                             CertificateInventory& inventory,
                                             std::shared_ptr<const tls::TrustStore>& trust) {
    std::optional<WireClient> client;
    std::string reason;
    try {
      client = co_await MakeWireClient(context);
      if (!client) co_return;  // over a Unix socket nothing is served
    } catch (const Error& error) {
      reason = ToString(error.reason());
    }
    if (client) {
      const WireLook look = co_await LookAt(*client, Share(context.deadline, 2));
      for (const std::string& der : look.shown.facts.chain) {
        if (auto facts = tls::ParseCertificate(der)) inventory.served.push_back(std::move(*facts));
      }
      // All or none: OpenSSL decoded them before.
      if (!inventory.served.empty() && inventory.served.size() == look.shown.facts.chain.size()) {
        inventory.served_path = PathOf(look.shown.facts.chain, client->trust.get());
      }
      trust = client->trust;
      if (inventory.served.empty()) reason = WhyNothingIsServed(look.as_libpq);
    }
    if (!reason.empty()) output.incomplete.push_back({"served", reason});
  }

  // Which certificates of ssl_cert_file clients will need, once it is served.
  static void MarkServerFile(const tls::TrustStore* trust, CertificateInventory& inventory) {
    const auto file = std::ranges::find(inventory.files, "server", &tls::FileReport::role);
    if (file == inventory.files.end()) return;
    auto& certificates = file->content.certificates;
    std::vector<std::string> chain;
    for (const auto& entry : certificates) chain.push_back(entry.facts.der);
    const tls::ServedPath path = PathOf(chain, trust);
    for (std::size_t i = 0; i < certificates.size(); ++i) certificates[i].needed = path.needed[i];
  }

  // OpenSSL's work, and that of the revocation lists: not for the loop.
  static asio::awaitable<void> JudgeClients(sampling::Context& context, const FileSettings& settings,
                                            sampling::Output& output, CertificateInventory& inventory) {
    using Judged = std::pair<std::optional<tls::ClientTrust>, std::vector<tls::ListInForce>>;
    ClientFiles clients = ClientFilesOf(inventory.files, settings);
    if (!clients.problem.empty()) output.incomplete.push_back({"client_certificates", clients.problem});
    std::function<Judged()> judge = [clients = std::move(clients), configured = ConfiguredLists(inventory.files)] {
      const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
      Judged judged;
      if (clients.verification) {
        judged.first = JudgeClientAuthorities(*clients.verification, now);
        judged.second = judged.first->lists;
      }
      std::ranges::move(LatestLists(clients.other_lists, now, tls::ListScope::kUnknownIssuer),
                        std::back_inserter(judged.second));
      std::ranges::move(LatestLists(configured, now, tls::ListScope::kConfigured), std::back_inserter(judged.second));
      return judged;
    };
    std::tie(inventory.clients, inventory.lists) = co_await context.blocking.Run(std::move(judge));
    if (!inventory.clients) co_return;
    auto& certificates = std::ranges::find(inventory.files, "ca", &tls::FileReport::role)->content.certificates;
    for (std::size_t i = 0; i < certificates.size(); ++i) certificates[i].needed = inventory.clients->needed[i];
  }

  // Returns the settings that the files were found by.
  static asio::awaitable<FileSettings> CollectFiles(sampling::Context& context, sampling::Output& output,
                                                    CertificateInventory& inventory) {
    FileSettings settings;
    if (context.session == nullptr) {
      output.incomplete.push_back({"files", std::string(ToString(FailureReason::kConnection))});
      co_return settings;
    }
    std::optional<FailureReason> failure;
    try {
      const StartAnswers answers = co_await AskStart(*context.session, context.deadline);
      settings = answers.current;
      const config::ReadVia via = context.config.read_via;
      const bool own_socket = context.peer && !context.peer->address && !answers.behind_pooler;
      std::string elsewhere;
      if (via == config::ReadVia::kLocal || (via == config::ReadVia::kAuto && own_socket)) {
        elsewhere = co_await CollectHere(context, answers, output, inventory);
        if (elsewhere.empty()) co_return settings;
      }
      if (via != config::ReadVia::kLocal && answers.access.certificate_files) {
        co_await CollectOverSql(context, answers, output, inventory);
      } else {
        const std::string denied(ToString(FailureReason::kInsufficientPrivilege));
        output.incomplete.push_back({"files", elsewhere.empty() ? denied : elsewhere});
        // Settings, pg_hba.conf and a server without TLS can be judged without them.
        Conclude(answers, JudgeStartOf(answers, {}, {}, context.session->server_version()), output, inventory);
      }
    } catch (const Error& error) {
      failure = error.reason();  // what is served is told all the same
    }
    if (failure) output.incomplete.push_back({"files", std::string(ToString(*failure))});
    co_return settings;
  }

  struct SeenHere {
    std::string problem;
    FilesRead files;
    StartJudgement start;
  };

  // Returns why the files of this machine are not the server's.
  static asio::awaitable<std::string> CollectHere(sampling::Context& context, const StartAnswers& answers,
                                                  sampling::Output& output, CertificateInventory& inventory) {
    const ServerTraits traits = {Setting(answers.current, "data_directory"), Setting(answers.current, "port"),
                                 answers.start_time,
                                 context.peer ? context.peer->listener_pid : std::optional<pid_t>()};
    std::function<SeenHere()> read = [answers, traits, version = context.session->server_version()] {
      const ServerPlace place = ServerPlace::Find(traits);
      if (!place.problem().empty()) return SeenHere{place.problem(), {}, {}};
      return SeenHere{"", ReadServerFiles(answers.current, place), JudgeStartHere(answers, place, version)};
    };
    SeenHere seen = co_await context.blocking.Run(std::move(read));
    if (!seen.problem.empty()) co_return seen.problem;
    Take(std::move(seen.files), output, inventory);
    Conclude(answers, std::move(seen.start), output, inventory);
    co_return "";
  }

  static asio::awaitable<void> CollectOverSql(sampling::Context& context, const StartAnswers& answers,
                                              sampling::Output& output, CertificateInventory& inventory) {
    db::Session& session = *context.session;
    const int version = session.server_version();
    const db::Statement files = answers.access.whole
                                    ? sampling::StatementFor("certificates_files", kFilesSql, version)
                                    : sampling::StatementFor("certificates_old_files", kOldFilesSql, version);
    const db::Result result = co_await session.Query(files, {}, context.deadline);
    const std::vector<ServerFileRow> rows = ReadRows(result);
    std::optional<ServerFileRow> key;
    if (answers.access.private_key) {
      const db::Statement statement = sampling::StatementFor("certificates_key", kKeySql, version);
      const db::Result row = co_await session.Query(statement, {}, context.deadline);
      if (row.rows() > 0) {
        key = ServerFileRow{"key", std::string(row.Text(0, row.Column("path")).value_or("")),
                            std::string(row.Text(0, row.Column("problem")).value_or("")), "", false};
      }
    }
    Take(ReadFiles(rows), output, inventory);
    Conclude(answers, JudgeStartOf(answers, rows, key, version), output, inventory);
  }
};

constexpr sampling::CollectorType kType = {"certificates",
                                           "The certificates that are served and those on disk",
                                           sampling::ConnectionKind::kIfConnected,
                                           kDescs,
                                           [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
                                           kCertificatesParts};

}  // namespace

const sampling::CollectorType& CertificatesCollector() { return kType; }

}  // namespace pgtls::collectors
