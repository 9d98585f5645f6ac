#include "collectors/certificates.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "collectors/certificate_samples.h"
#include "collectors/certificates_parts.h"
#include "collectors/host_certificates.h"
#include "collectors/next_start.h"
#include "exporter/base/error.h"
#include "exporter/config/collector_schema.h"
#include "exporter/config/yaml.h"
#include "exporter/files/certificate_files.h"
#include "exporter/files/client_verification.h"
#include "exporter/files/hosts_rows.h"
#include "exporter/files/start_answers.h"
#include "exporter/files/start_files.h"
#include "exporter/files/start_rows.h"
#include "exporter/pgbouncer/config.h"
#include "exporter/pgbouncer/driver.h"
#include "exporter/postgres/versioned_sql.h"
#include "exporter/wire/wire_client.h"

namespace pgtls::collectors {
namespace {

using tls::CertificateInventory;

// ---- SQL

// What else it asks: start_answers.h.
constexpr std::array kFilesSql = {postgres::VersionedSql{140000, R"(
SELECT role, path, problem, data, whole
FROM tls_exporter.certificate_files()
)"}};
// Of an older deploy/sql/monitoring_role.sql.
constexpr std::array kOldFilesSql = {postgres::VersionedSql{140000, R"(
SELECT role, path, problem, data, false AS whole
FROM tls_exporter.certificate_files()
)"}};
constexpr std::array kKeySql = {postgres::VersionedSql{140000, R"(
SELECT path, problem
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
                      rows.Bool(row, rows.Column("whole")).value_or(false)});
  }
  return result;
}

files::FilesRead ReadFiles(const std::vector<files::ServerFileRow>& rows) {
  files::FilesRead result;
  for (const auto& [role, path, problem, bytes, whole] : rows) {
    if (role == "crl_dir") {  // only where it could not be listed
      files::AddLostDirectory(path, problem, result);
    } else {
      tls::FileReport& report = result.files.emplace_back(files::ReportOf(role, path, problem, bytes, std::nullopt));
      if (problem != "unreadable") report.server_may_read = problem.empty();  // the server itself has tried
    }
  }
  return result;
}

// Of a server without entries in pg_hosts.conf.
std::optional<bool> ServedMatches(const CertificateInventory& inventory) {
  for (const auto& file : inventory.files) {
    if (file.role != "server" || !file.problem.empty()) continue;
    return Matches(file, inventory.served);
  }
  return std::nullopt;
}

std::vector<tls::CertificateFacts> FactsOf(const tls::Chain& chain) {
  std::vector<tls::CertificateFacts> facts;
  for (const auto& certificate : chain) facts.push_back(tls::FactsOf(certificate.get()));
  return facts;
}

// Empty: the server said itself that it has no TLS, so that nothing is missing.
std::string_view WhyNothingIsServed(const wire::Handshakes& look) {
  if (!look.as_libpq.reachable) return ToString(FailureReason::kConnection);
  if (!look.answer) return ToString(FailureReason::kTimeout);
  switch (*look.answer) {
    case tls::Answer::kNo:
      return "";
    case tls::Answer::kYes:
      return ToString(look.as_libpq.handshake ? FailureReason::kTls : FailureReason::kTimeout);
    case tls::Answer::kError:
    case tls::Answer::kNone:
      break;
  }
  return ToString(FailureReason::kConnection);
}

// ---- Factory

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    const auto& options = context.config.options.As<CertificatesOptions>();
    auto inventory = std::make_shared<CertificateInventory>();
    std::shared_ptr<const tls::TrustStore> trust;
    const std::string own_name = co_await CollectServed(context, output, *inventory, trust);
    files::FileSettings settings = co_await CollectFiles(context, output, *inventory);
    for (auto& file : inventory->files) {
      file.of_list_directory = file.role == "crl" && settings.contains("ssl_crl_file") &&
                               file.path != files::AbsolutePath(settings, "ssl_crl_file");
    }
    // Behind a pooler's port the server may be anywhere.
    const bool pooled = context.session != nullptr && context.session->pooled();
    std::function<files::FilesRead()> read = [patterns = options.files, password_file = options.pkcs12_password_file] {
      return files::ReadConfiguredFiles(patterns, password_file);
    };
    files::FilesRead configured = co_await context.blocking.Run(std::move(read));
    Take(std::move(configured), output, *inventory);

    MarkServerFiles(trust.get(), *inventory);
    co_await JudgeClients(context, settings, output, *inventory);

    if (!context.server.endpoint && !pooled) Compare(settings, own_name, *inventory);
    for (auto& file : inventory->files) {
      if (file.content.truncated) output.incomplete.push_back({"file_contents", "too_many_certificates"});
      file.content.decoded = nullptr;
    }
    if (RenderCertificates(*inventory, options.max_series, output.sink)) {
      output.incomplete.push_back({"series", "max_series"});
    }
    output.facts.Publish(std::shared_ptr<const CertificateInventory>(std::move(inventory)));
  }

 private:
  static void Take(files::FilesRead read, sampling::Output& output, CertificateInventory& inventory) {
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

  // The endpoint collector runs right before this one when both are due. What it saw longer ago may have been replaced.
  static asio::awaitable<wire::WireLook> Look(const sampling::Context& context, const wire::WireClient& client) {
    using std::chrono::nanoseconds;
    const nanoseconds longest = context.once ? nanoseconds::max() : nanoseconds(context.config.interval) / 20;
    const auto known = context.facts().Get<wire::WireObservation>();
    if (const wire::WireLook* recent = wire::RecentLook(known.get(), client, longest)) co_return *recent;
    wire::WireLook look = co_await wire::LookAt(client, wire::Share(context.deadline, 2));
    look.names = co_await wire::LookAtNames(client, look, nullptr, wire::Share(context.deadline, 2));
    co_return look;
  }

  static void TakeNames(const wire::WireClient& client, const std::vector<wire::NameLook>& looks,
                        sampling::Output& output, CertificateInventory& inventory) {
    for (const wire::NameLook& look : looks) {
      const tls::Chain& chain = look.shown.facts.chain;
      if (!chain.empty()) {
        inventory.names.push_back({look.host, FactsOf(chain), PathOf(chain, client.trust.get())});
      } else if (look.host != tls::kWithoutSni) {
        const std::string_view reason = WhyNothingIsServed(look);
        // Another connection had TLS a moment ago.
        const bool refused = reason.empty();
        output.incomplete.push_back(
            {"names", std::string(refused ? ToString(FailureReason::kConnection) : reason), look.host});
      }
    }
  }

  static void Compare(const files::FileSettings& settings, const std::string& own_name,
                      CertificateInventory& inventory) {
    if (inventory.hosts && inventory.hosts->in_use()) {
      CompareNames(own_name, inventory);
    } else if (inventory.hosts || !files::IsOn(settings, "ssl_sni")) {
      inventory.served_matches_file = ServedMatches(inventory);
    }
  }

  // Returns the name that the server's own handshake asks for, or tls::kWithoutSni.
  static asio::awaitable<std::string> CollectServed(sampling::Context& context, sampling::Output& output,
                                                    CertificateInventory& inventory,
                                                    std::shared_ptr<const tls::TrustStore>& trust) {
    std::string own_name(tls::kWithoutSni);
    std::optional<wire::WireClient> client;
    std::string reason;
    try {
      client = co_await wire::MakeWireClient(context);
      if (!client) co_return own_name;  // over a Unix socket nothing is served
    } catch (const Error& error) {
      reason = ToString(error.reason());
    }
    if (client) {
      const wire::WireLook look = co_await Look(context, *client);
      const tls::Chain& chain = look.shown.facts.chain;
      inventory.served = FactsOf(chain);
      if (!chain.empty()) inventory.served_path = PathOf(chain, client->trust.get());
      if (client->more_names) output.incomplete.push_back({"names", "too_many"});
      TakeNames(*client, look.names, output, inventory);
      const std::string& asked_for = client->places[look.place].target.host;
      if (tls::SendsSni(asked_for)) own_name = asked_for;
      trust = client->trust;
      if (inventory.served.empty()) reason = WhyNothingIsServed(look);
    }
    if (!reason.empty()) output.incomplete.push_back({"served", reason});
    co_return own_name;
  }

  // Which certificates of the server's files clients will need, once they are served.
  static void MarkServerFiles(const tls::TrustStore* trust, CertificateInventory& inventory) {
    for (tls::FileReport& file : inventory.files) {
      if (file.role != "server" || !file.content.decoded) continue;
      auto& certificates = file.content.certificates;
      const tls::ServedPath path = PathOf(file.content.decoded->certificates, trust);
      for (std::size_t i = 0; i < certificates.size(); ++i) certificates[i].needed = path.needed[i];
    }
  }

  // The configuration may name a file that is the server's: it is the server's then.
  static void AddLists(std::vector<tls::ListInForce> more, std::vector<tls::ListInForce>& lists) {
    for (auto& list : more) {
      const auto same = [&](const auto& one) { return one.path == list.path && one.issuer == list.issuer; };
      if (std::ranges::none_of(lists, same)) lists.push_back(std::move(list));
    }
  }

  // OpenSSL's work, and that of the revocation lists: not for the loop.
  static asio::awaitable<void> JudgeClients(sampling::Context& context, const files::FileSettings& settings,
                                            sampling::Output& output, CertificateInventory& inventory) {
    using Judged = std::pair<std::optional<tls::ClientTrust>, std::vector<tls::ListInForce>>;
    files::ClientFiles clients = files::ClientFilesOf(inventory.files, settings);
    if (!clients.problem.empty()) output.incomplete.push_back({"client_certificates", clients.problem});
    std::function<Judged()> judge = [clients = std::move(clients),
                                     configured = files::ConfiguredLists(inventory.files)] {
      const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
      Judged judged;
      if (clients.verification) {
        judged.first = JudgeClientAuthorities(*clients.verification, now);
        judged.second = judged.first->lists;
      }
      AddLists(LatestLists(clients.other_lists, now, tls::ListScope::kUnknownIssuer), judged.second);
      AddLists(LatestLists(configured, now, tls::ListScope::kConfigured), judged.second);
      return judged;
    };
    std::tie(inventory.clients, inventory.lists) = co_await context.blocking.Run(std::move(judge));
    if (!inventory.clients) co_return;
    auto& certificates = std::ranges::find(inventory.files, "ca", &tls::FileReport::role)->content.certificates;
    for (std::size_t i = 0; i < certificates.size(); ++i) certificates[i].needed = inventory.clients->needed[i];
  }

  // Returns the settings that the files were found by.
  static asio::awaitable<files::FileSettings> CollectFiles(sampling::Context& context, sampling::Output& output,
                                                           CertificateInventory& inventory) {
    files::FileSettings settings;
    if (context.session == nullptr) {
      output.incomplete.push_back({"files", std::string(ToString(FailureReason::kConnection))});
      co_return settings;
    }
    std::optional<FailureReason> failure;
    try {
      if (context.kind == pgbouncer::kKind) {
        co_await CollectPoolerFiles(context, output, inventory);
        co_return settings;
      }
      const files::StartAnswers answers = co_await files::AskStart(*context.session, context.deadline);
      settings = answers.current;
      const ReadVia via = context.config.options.As<CertificatesOptions>().read_via;
      const bool own_socket = context.peer && !context.peer->address && !answers.behind_pooler;
      std::string elsewhere;
      if (via == ReadVia::kLocal || (via == ReadVia::kAuto && own_socket)) {
        elsewhere = co_await CollectHere(context, answers, settings, output, inventory);
        if (elsewhere.empty()) co_return settings;
      }
      if (via != ReadVia::kLocal && answers.access.certificate_files) {
        co_await CollectOverSql(context, answers, settings, output, inventory);
      } else {
        if (files::IsOn(settings, "ssl_sni")) output.incomplete.push_back({"host_files", "not_read"});
        const std::string denied(ToString(FailureReason::kInsufficientPrivilege));
        output.incomplete.push_back({"files", elsewhere.empty() ? denied : elsewhere});
        // Settings, pg_hba.conf and a server without TLS can be judged without them.
        Conclude(answers, files::JudgeStartOf(answers, {}, {}, context.session->server_version()), output, inventory);
      }
    } catch (const Error& error) {
      failure = error.reason();  // what is served is told all the same
    }
    if (failure) output.incomplete.push_back({"files", std::string(ToString(*failure))});
    co_return settings;
  }

  // Its console does not show files: they are read where it runs on this machine.
  static asio::awaitable<void> CollectPoolerFiles(sampling::Context& context, sampling::Output& output,
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
    Take(std::move(found), output, inventory);
  }

  struct SeenHere {
    std::string problem;
    files::FilesRead files;
    files::StartJudgement start;
    std::optional<tls::HostsFile> hosts;  // while ssl_sni is on
  };

  // Returns why the files of this machine are not the server's.
  static asio::awaitable<std::string> CollectHere(sampling::Context& context, const files::StartAnswers& answers,
                                                  files::FileSettings& settings, sampling::Output& output,
                                                  CertificateInventory& inventory) {
    const files::ServerTraits traits = {files::Setting(answers.current, "data_directory"),
                                        files::Setting(answers.current, "port"), answers.start_time,
                                        context.peer ? context.peer->listener_pid : std::optional<pid_t>()};
    std::function<SeenHere()> read = [answers, traits, version = context.session->server_version()] {
      const files::ServerPlace place = files::ServerPlace::Find(traits);
      if (!place.problem().empty()) return SeenHere{place.problem(), {}, {}, {}};
      SeenHere seen = {"", files::ReadServerFiles(answers.current, place),
                       files::JudgeStartHere(answers, place, version), files::ReadHostsHere(answers.current, place)};
      if (seen.hosts) files::AddHostFiles(*seen.hosts, answers.current, place, seen.files);
      return seen;
    };
    SeenHere seen = co_await context.blocking.Run(std::move(read));
    if (!seen.problem.empty()) co_return seen.problem;
    Take(std::move(seen.files), output, inventory);
    Conclude(answers, std::move(seen.start), output, inventory);
    if (seen.hosts) UseHosts(*seen.hosts, settings, inventory, output);
    co_return "";
  }

  static asio::awaitable<void> CollectOverSql(sampling::Context& context, const files::StartAnswers& answers,
                                              files::FileSettings& settings, sampling::Output& output,
                                              CertificateInventory& inventory) {
    db::Session& session = *context.session;
    const int version = session.server_version();
    const db::Statement files = answers.access.whole
                                    ? postgres::StatementFor("certificates_files", kFilesSql, version)
                                    : postgres::StatementFor("certificates_old_files", kOldFilesSql, version);
    const db::Result result = co_await session.Query(files, {}, context.deadline);
    const std::vector<files::ServerFileRow> rows = ReadRows(result);
    std::optional<files::ServerFileRow> key;
    if (answers.access.private_key) {
      const db::Statement statement = postgres::StatementFor("certificates_key", kKeySql, version);
      const db::Result row = co_await session.Query(statement, {}, context.deadline);
      if (row.rows() > 0) {
        key = files::ServerFileRow{"key", std::string(row.Text(0, row.Column("path")).value_or("")),
                                   std::string(row.Text(0, row.Column("problem")).value_or("")), "", false};
      }
    }
    std::optional<tls::HostsFile> hosts;
    if (files::IsOn(settings, "ssl_sni") && answers.access.hosts_lines) {
      const db::Result lines = co_await session.Query(files::HostsStatement(version), {}, context.deadline);
      hosts = files::ReadHosts(lines);
    }
    Take(ReadFiles(rows), output, inventory);
    Conclude(answers, files::JudgeStartOf(answers, rows, key, version), output, inventory);
    if (hosts) {
      UseHosts(*hosts, settings, inventory, output);
    } else if (files::IsOn(settings, "ssl_sni")) {
      output.incomplete.push_back({"host_files", "not_read"});
    }
  }
};

ReadVia ReadReadVia(const config::Node& node, config::Files& /*files*/) {
  const std::string text = node.Text();
  if (text == "auto") return ReadVia::kAuto;
  if (text == "local") return ReadVia::kLocal;
  if (text == "sql") return ReadVia::kSql;
  node.Fail("expected auto, local or sql");
}

constexpr config::OptionKey kKeys[] = {
    config::Key<&CertificatesOptions::read_via, ReadReadVia>("read_via"),
    config::Key<&CertificatesOptions::files, config::ReadPaths>("files"),
    config::Key<&CertificatesOptions::pkcs12_password_file, config::ReadSecretPath>("pkcs12_password_file"),
    config::Key<&CertificatesOptions::max_series, config::ReadMaxSeries>("max_series"),
};

constexpr sampling::CollectorType kType = {
    .name = "certificates",
    .help = "The certificates that are served and those on disk",
    .connection = sampling::ConnectionKind::kIfConnected,
    .descs = kCertificateDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kCertificatesParts,
    .schema = {.interval = std::chrono::minutes(10),
               .timeout = std::chrono::seconds(30),
               .options = [] { return config::CollectorOptions(CertificatesOptions()); },
               .keys = kKeys,
               .local_files = [](config::CollectorOptions& options) -> auto& {
                 return options.As<CertificatesOptions>().files;
               }},
};

}  // namespace

const sampling::CollectorType& CertificatesCollector() { return kType; }

}  // namespace pgtls::collectors
