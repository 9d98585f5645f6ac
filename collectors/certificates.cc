#include "collectors/certificates.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/certificate_samples.h"
#include "collectors/certificates_parts.h"
#include "collectors/host_certificates.h"
#include "collectors/served_changes.h"
#include "collectors/server_files.h"
#include "exporter/base/error.h"
#include "exporter/config/collector_schema.h"
#include "exporter/files/certificate_files.h"
#include "exporter/files/client_verification.h"
#include "exporter/files/roots.h"
#include "exporter/files/start_answers.h"
#include "exporter/pgbouncer/driver.h"
#include "exporter/pgbouncer/other_pooler.h"
#include "exporter/postgres/backends.h"
#include "exporter/sessions/client_certificates.h"
#include "exporter/tls/needed_certificates.h"
#include "exporter/wire/wire_client.h"

namespace pgtls::collectors {
namespace {

using tls::CertificateInventory;

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

// Empty: the server answered that it has no TLS, so nothing is missing.
std::string_view WhyNothingIsServed(const wire::Handshakes& handshakes) {
  if (!handshakes.as_libpq.reachable) return ToString(FailureReason::kConnection);
  if (!handshakes.answer) return ToString(FailureReason::kTimeout);
  switch (*handshakes.answer) {
    case tls::Answer::kNo:
      return "";
    case tls::Answer::kYes:
      return ToString(handshakes.as_libpq.handshake ? FailureReason::kTls : FailureReason::kTimeout);
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
    const Served served = co_await CollectServed(context, output, *inventory);
    ObserveChanges(context, *inventory);
    const ServerFiles found = co_await CollectServerFiles(context, output, *inventory);
    const files::FileSettings& settings = found.settings;
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
    AddFiles(std::move(configured), output, *inventory);

    MarkServerFiles(served.trust.get(), *inventory);
    const bool same_port = !context.server.endpoint && !pooled;
    const bool serves_another = same_port && ServedMatches(*inventory) == false;
    co_await JudgeClients(context, found, serves_another, output, *inventory);
    co_await JudgeRoots(context, served, output, *inventory);
    co_await MarkOtherFiles(context, *inventory);
    co_await FindClients(context, served, output, *inventory);

    if (same_port) Compare(settings, served.own_name, *inventory);
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
  struct Served {
    std::string own_name{tls::kWithoutSni};  // that the server's own handshake asks for
    std::shared_ptr<const tls::TrustStore> trust;
    std::vector<files::ServedChain> chains;  // of the server's own name, then of others
    std::string own_certificate_file;        // that the exporter presents; empty: none
    std::string user;
    int security_level = 0;
  };

  // The endpoint collector runs right before this one if both are due. A certificate may have been replaced since an
  // older handshake.
  static asio::awaitable<wire::ServerHandshakes> HandshakesOf(const sampling::Context& context,
                                                              const wire::WireClient& client) {
    using std::chrono::nanoseconds;
    const nanoseconds longest = context.once ? nanoseconds::max() : nanoseconds(context.config.interval) / 20;
    const auto known = context.facts().Get<wire::WireObservation>();
    if (const wire::ServerHandshakes* recent = wire::RecentHandshakes(known.get(), client, longest)) co_return *recent;
    wire::ServerHandshakes handshakes = co_await wire::MakeHandshakes(client, wire::SplitDeadline(context.deadline, 2));
    handshakes.names =
        co_await wire::MakeNameHandshakes(client, handshakes, nullptr, wire::SplitDeadline(context.deadline, 2));
    co_return handshakes;
  }

  static void TakeNames(const wire::WireClient& client, const std::vector<wire::NameHandshakes>& found,
                        sampling::Output& output, CertificateInventory& inventory, Served& served) {
    for (const wire::NameHandshakes& handshakes : found) {
      const tls::Chain& chain = handshakes.shown.facts.chain;
      if (!chain.empty()) {
        inventory.names.push_back({handshakes.host, FactsOf(chain), PathOf(chain, client.trust.get())});
        served.chains.push_back({handshakes.host, chain});
      } else if (handshakes.host != tls::kWithoutSni) {
        const std::string_view reason = WhyNothingIsServed(handshakes);
        // Another connection had TLS a moment ago.
        const bool refused = reason.empty();
        output.incomplete.push_back(
            {"names", std::string(refused ? ToString(FailureReason::kConnection) : reason), handshakes.host});
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

  static asio::awaitable<Served> CollectServed(sampling::Context& context, sampling::Output& output,
                                               CertificateInventory& inventory) {
    Served served;
    std::optional<wire::WireClient> client;
    std::string reason;
    try {
      client = co_await wire::MakeWireClient(context);
      if (!client) co_return served;  // a Unix socket has no TLS
    } catch (const Error& error) {
      reason = ToString(error.reason());
    }
    if (client) {
      const wire::ServerHandshakes handshakes = co_await HandshakesOf(context, *client);
      const tls::Chain& chain = handshakes.shown.facts.chain;
      inventory.served = FactsOf(chain);
      if (!chain.empty()) {
        inventory.served_path = PathOf(chain, client->trust.get());
        served.chains.push_back({"", chain});
      }
      if (client->more_names) output.incomplete.push_back({"names", "too_many"});
      TakeNames(*client, handshakes.names, output, inventory, served);
      const std::string& asked_for = client->places[handshakes.place].target.host;
      if (tls::SendsSni(asked_for)) served.own_name = asked_for;
      served.trust = client->trust;
      if (client->identity != nullptr) served.own_certificate_file = client->certificate_file;
      served.user = client->user;
      served.security_level = wire::SecurityLevel(*client);
      if (inventory.served.empty()) reason = WhyNothingIsServed(handshakes);
    }
    if (!reason.empty()) output.incomplete.push_back({"served", reason});
    co_return served;
  }

  // Another address is another server: nothing has changed there.
  void ObserveChanges(const sampling::Context& context, CertificateInventory& inventory) {
    std::vector<std::string> place;
    for (const char* option : {"host", "hostaddr", "port"}) {
      const auto value = context.target.options.find(option);
      place.push_back(value == context.target.options.end() ? "" : value->second);
    }
    if (context.server.endpoint) {
      place.push_back(context.server.endpoint->host);
      place.push_back(std::to_string(context.server.endpoint->port));
    }
    if (place != std::exchange(place_, place)) changes_ = ServedChanges();
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto observe = [&](const std::string& host, const std::vector<tls::CertificateFacts>& served, auto& changed) {
      if (served.empty()) return;
      changes_.Observed(host, served.front().fingerprint_sha256, now);
      changed = changes_.ChangedAt(host, now);
    };
    observe("", inventory.served, inventory.served_changed);
    for (tls::ServedName& name : inventory.names) observe(name.host, name.served, name.changed);
  }

  // Runs on the pool, as JudgeClients() does.
  static asio::awaitable<void> JudgeRoots(sampling::Context& context, const Served& served, sampling::Output& output,
                                          CertificateInventory& inventory) {
    if (context.server.roots.empty()) co_return;
    std::function<files::RootsJudged()> judge = [roots = context.server.roots, chains = served.chains,
                                                 level = served.security_level] {
      return files::JudgeRoots(roots, chains, level);
    };
    files::RootsJudged judged = co_await context.blocking.Run(std::move(judge));
    inventory.roots = std::move(judged.verdicts);
    std::ranges::move(judged.incomplete, std::back_inserter(output.incomplete));
  }

  // What the sessions collector has seen; at the start it may not have run yet. Null: not known.
  static asio::awaitable<std::shared_ptr<const sessions::ClientCertificates>> UsedNow(sampling::Context& context,
                                                                                      bool needed) {
    auto seen = context.facts().Get<sessions::ClientCertificates>();
    if (seen != nullptr || !needed || context.session == nullptr) co_return seen;
    if (!context.server.collector("sessions").enabled) co_return seen;
    try {
      const auto found = co_await postgres::ReadBackends(*context.session, context.own_backends, context.deadline);
      sessions::ClientCertificateHistory now;
      now.Collected(found->now_us());
      seen = now.Read(*found);
    } catch (const Error&) {
      seen = nullptr;  // the sessions collector fails likewise, and says why
    }
    co_return seen;
  }

  // Runs on the pool. A pooler does not show client certificates.
  static asio::awaitable<void> FindClients(sampling::Context& context, const Served& served, sampling::Output& output,
                                           CertificateInventory& inventory) {
    const auto& options = context.config.options.As<CertificatesOptions>();
    inventory.has_client_inventory = options.client_inventory != files::InventoryPaths();
    ClientUsesQuestion question = {.paths = options.client_inventory,
                                   .keep = std::chrono::ceil<std::chrono::seconds>(options.client_keep),
                                   .own_file = served.own_certificate_file,
                                   .own_user = served.user};
    if (context.kind != pgbouncer::kKind && context.kind != pgbouncer::kOtherPooler) {
      question.seen = co_await UsedNow(context, inventory.has_client_inventory);
      if (question.seen == nullptr && inventory.has_client_inventory) {
        output.incomplete.push_back({"client_inventory", "no_sessions"});
      }
    }
    std::vector<tls::FileReport> lists;
    std::ranges::copy_if(inventory.files, std::back_inserter(lists),
                         [](const tls::FileReport& file) { return !file.content.crls.empty(); });
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    std::function<ClientUsesFound()> find = [question = std::move(question), lists = std::move(lists), now] {
      return FindClientUses(question, lists, now);
    };
    ClientUsesFound found = co_await context.blocking.Run(std::move(find));
    inventory.client_uses = std::move(found.uses);
    std::ranges::move(found.incomplete, std::back_inserter(output.incomplete));
  }

  // Which certificates of the server's files clients will need, once they are served.
  static void MarkServerFiles(const tls::TrustStore* trust, CertificateInventory& inventory) {
    for (tls::FileReport& file : inventory.files) {
      if (file.role != "server" || !file.content.decoded) continue;
      auto& certificates = file.content.certificates;
      if (certificates.empty()) continue;
      file.chain_path = PathOf(file.content.decoded->certificates, trust);
      for (std::size_t i = 0; i < certificates.size(); ++i) certificates[i].needed = file.chain_path->needed[i];
    }
  }

  // The configuration may name a file of the server; its lists then count as the server's.
  static void AddLists(std::vector<tls::ListInForce> more, std::vector<tls::ListInForce>& lists) {
    for (auto& list : more) {
      const auto same = [&](const auto& one) { return one.path == list.path && one.issuer == list.issuer; };
      if (std::ranges::none_of(lists, same)) lists.push_back(std::move(list));
    }
  }

  // Runs on the pool: OpenSSL's verification may take long.
  static asio::awaitable<void> JudgeClients(sampling::Context& context, const ServerFiles& found, bool serves_another,
                                            sampling::Output& output, CertificateInventory& inventory) {
    using Judged = std::pair<std::optional<tls::ClientTrust>, std::vector<tls::ListInForce>>;
    std::string not_loaded;
    if (inventory.next_start && !(inventory.hosts && inventory.hosts->in_use())) {
      not_loaded = WhyNotLoaded(found.answers, *inventory.next_start, serves_another, found.changes);
    }
    for (tls::FileReport& file : inventory.files) {
      if (file.role == "ca" && !not_loaded.empty()) file.is_served = false;
    }
    const bool pooler = context.kind == pgbouncer::kKind;
    files::ClientFiles clients;
    if (pooler) {
      clients.problem = files::WhyNotKnownOfPooler(inventory.files);
    } else {
      clients = files::ClientFilesOf(inventory.files, found.settings, not_loaded);
    }
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

  // Files of which it is not known what is verified with them. Runs on the pool, as JudgeClients() does.
  static asio::awaitable<void> MarkOtherFiles(sampling::Context& context, CertificateInventory& inventory) {
    std::vector<tls::FileReport*> others;
    std::vector<std::shared_ptr<const tls::DecodedFile>> contents;
    bool judged = inventory.clients.has_value();
    for (tls::FileReport& file : inventory.files) {
      if (file.role == "ca" && std::exchange(judged, false)) continue;  // the first one was
      if ((file.role != "ca" && file.role != "extra") || !file.content.decoded) continue;
      others.push_back(&file);
      contents.push_back(file.content.decoded);
    }
    if (others.empty()) co_return;
    std::function<std::vector<std::vector<bool>>()> judge = [contents = std::move(contents)] {
      const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
      std::vector<std::vector<bool>> needed;
      for (const auto& content : contents) needed.push_back(tls::NeededCertificates(content->certificates, now));
      return needed;
    };
    const std::vector<std::vector<bool>> needed = co_await context.blocking.Run(std::move(judge));
    for (std::size_t file = 0; file < others.size(); ++file) {
      auto& certificates = others[file]->content.certificates;
      for (std::size_t i = 0; i < certificates.size(); ++i) certificates[i].needed = needed[file][i];
    }
  }

  ServedChanges changes_;
  std::vector<std::string> place_;  // that the changes are of
};

constexpr config::OptionKey kKeys[] = {
    config::Key<&CertificatesOptions::read_via, ReadReadVia>("read_via"),
    config::Key<&CertificatesOptions::files, config::ReadPaths>("files"),
    config::Key<&CertificatesOptions::pkcs12_password_file, config::ReadSecretPath>("pkcs12_password_file"),
    config::Key<&CertificatesOptions::client_inventory, ReadClientInventory>("client_inventory"),
    config::Key<&CertificatesOptions::client_keep, ReadClientKeep>("client_certificates"),
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
    .explain = [](std::vector<std::string> /*names*/, config::CollectorOptions& /*options*/) {},
};

}  // namespace

const sampling::CollectorType& CertificatesCollector() { return kType; }

}  // namespace pgtls::collectors
