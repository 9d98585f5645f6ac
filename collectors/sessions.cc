#include "collectors/sessions.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "collectors/session_samples.h"
#include "collectors/sessions_parts.h"
#include "exporter/base/digest.h"
#include "exporter/config/collector_schema.h"
#include "exporter/pgbouncer/all_clients.h"
#include "exporter/pgbouncer/driver.h"
#include "exporter/postgres/backends.h"
#include "exporter/postgres/driver.h"
#include "exporter/sessions/client_certificates.h"
#include "exporter/sessions/count.h"
#include "exporter/sessions/established.h"
#include "exporter/sessions/exemptions.h"
#include "exporter/sessions/open_backends.h"
#include "exporter/sessions/open_connections.h"
#include "exporter/sessions/session_counter.h"
#include "exporter/sessions/snapshot.h"

namespace pgtls::collectors {
namespace {

// ---- Counting

sessions::Counts CountAll(const sessions::Snapshot& snapshot, const sessions::CountOptions& options,
                          const sessions::Exemptions& exemptions, sessions::Collection collection,
                          sessions::SessionCounter& counter) {
  sessions::Counts counts;
  const auto processes = snapshot.processes();
  collection.servers = processes.size();
  int row = 0;
  for (const sessions::Snapshot::Process& process : processes) {
    collection.now_us = process.now_us;
    collection.postmaster_start_us = process.postmaster_start_us;
    counter.StartCollection(collection);
    for (const int end = row + process.rows; row < end; ++row) {
      if (const auto session = snapshot.At(row)) Count(*session, options, exemptions, counter, counts);
    }
    counter.EndCollection();
  }
  return counts;
}

std::shared_ptr<const sessions::OpenBackends> BackendsOf(const sessions::Snapshot& snapshot) {
  auto open = std::make_shared<sessions::OpenBackends>();
  for (int row = 0; row < snapshot.size(); ++row) {
    const auto session = snapshot.At(row);
    if (!session || session->authenticating) continue;
    open->backends.push_back({session->id, std::max(session->client_port.value_or(0), 0),
                              sessions::EncryptionOf(*session), session->backend_start_us});
  }
  return open;
}

// ---- Factory

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    const auto& options = context.config.options.As<SessionsOptions>();
    sessions::Collection collection{.asked = std::chrono::steady_clock::now(), .max_series = options.max_series};
    const Found found = co_await ReadSessions(context);
    const sessions::Snapshot& snapshot = *found.snapshot;
    collection.asked = snapshot.asked().value_or(collection.asked);
    collection.now_us = snapshot.now_us();
    collection.postmaster_start_us = snapshot.postmaster_start_us();
    collection.answered = std::chrono::steady_clock::now();
    collection.previous = std::exchange(answered_, collection.answered);
    certificates_.Collected(snapshot.now_us());
    const bool has_established = ReadEstablished(context, collection, snapshot);
    // Where every session is one of last time's, nothing is said anew: on most servers of a fleet, most of the time.
    const Digest shown = Shown(context, snapshot, found.missing);
    if (context.basis && context.basis == Basis(shown)) {
      output.unchanged = true;
      co_return;
    }
    ++renderings_;
    output.basis = Basis(shown);
    const std::chrono::sys_time<std::chrono::microseconds> now{std::chrono::microseconds(snapshot.now_us())};
    const sessions::Exemptions exemptions(context.server.policy.allow_unencrypted, now);
    const sessions::CountOptions count_options = {.buckets = {options.ipv4_prefix, options.ipv6_prefix},
                                                  .client_addr = options.client_addr,
                                                  .require = context.server.policy.require,
                                                  .shows_certificates = context.kind != pgbouncer::kKind};
    const sessions::Counts counts = CountAll(snapshot, count_options, exemptions, collection, counter_);
    auto summary = std::make_shared<sessions::Summary>(
        RenderSessions(counts, counter_, snapshot.shows_authenticating(), options.max_series, caps_, output.sink));
    summary->required = !context.server.policy.require.empty();
    RenderExemptions(context.server.policy, exemptions, counts, options.max_series, caps_, output.sink);
    if (counts.requirements_not_shown) output.incomplete.push_back({"policy", "not_shown"});
    if (counts.issuers_cut) output.incomplete.push_back({"policy", "issuer_cut"});
    std::ranges::copy(found.missing, std::back_inserter(output.incomplete));
    if (has_established) {
      CountSampled(counts);
      RenderEstablished(established_, output.sink);
      output.facts.Publish(std::make_shared<const sessions::SeenSessions>(established_.last_hour()));
    }
    if (const auto problem = snapshot.statistics_problem(); !problem.empty()) {
      output.incomplete.push_back({"established", std::string(problem)});
    }
    if (summary->HasUnknown()) output.incomplete.push_back({"encryption", "error"});
    output.facts.Publish(std::shared_ptr<const sessions::Summary>(std::move(summary)));
    output.facts.Publish(OpenNow(counts, snapshot));
    if (context.kind != pgbouncer::kKind) {
      output.facts.Publish(BackendsOf(snapshot));
      output.facts.Publish(certificates_.Read(snapshot));
    }
  }

 private:
  using Found = pgbouncer::AllClients;

  asio::awaitable<Found> ReadSessions(const sampling::Context& context) {
    if (context.kind == pgbouncer::kKind) {
      auto clients = clients_.Read(context);
      co_return co_await std::move(clients);
    }
    auto backends = postgres::ReadBackends(*context.session, context.own_backends, context.deadline);
    co_return Found{co_await std::move(backends), {}};
  }

  // Whether it is known how many sessions there were.
  bool ReadEstablished(const sampling::Context& context, const sessions::Collection& collection,
                       const sessions::Snapshot& snapshot) {
    if (snapshot.statistics() == nullptr || !MayBegin(context, snapshot)) return false;
    established_.Read(collection, *snapshot.statistics(),
                      [&own = context.own_backends](std::int64_t cluster) { return own.CountedBy(cluster); });
    return true;
  }

  // The first statistics are those that all later ones are compared with. They wait for a collection during which no
  // login of the exporter was in progress: it would not be known whether the server had counted it. Logins to servers
  // that never answer are no reason to wait without end.
  bool MayBegin(const sampling::Context& context, const sessions::Snapshot& snapshot) {
    constexpr int kMostUnsettled = 20;
    if (context.once || !established_.series().empty() || IsSettled(context, snapshot)) return true;
    return ++unsettled_ > kMostUnsettled;
  }

  void CountSampled(const sessions::Counts& counts) {
    for (const auto& [database, sessions] : counts.new_sessions) established_.See(database, sessions);
  }

  // Statistics may be older than the sessions beside them (14).
  static bool IsSettled(const sampling::Context& context, const sessions::Snapshot& snapshot) {
    const std::chrono::microseconds age(snapshot.now_us() -
                                        snapshot.statistics()->taken_us.value_or(snapshot.now_us()));
    const auto own = context.own_backends.CountedBy(snapshot.postmaster_start_us());
    return std::ranges::all_of(own, [&](const auto& database) {
      const sessions::OwnSessions& sessions = database.second;
      return sessions.pending == 0 &&
             (sessions.recent.empty() || sessions.recent.back().known + age < snapshot.asked());
    });
  }

  // The server, its sessions, the configuration, and the day (exemptions end with one).
  Digest Shown(const sampling::Context& context, const sessions::Snapshot& snapshot,
               const std::vector<sampling::IncompletePart>& missing) const {
    constexpr std::int64_t kDayUs = std::int64_t{24} * 60 * 60 * 1'000'000;
    Digester digester;
    digester.Number(context.config_version);
    digester.Number(context.session->server_version());
    digester.Number(snapshot.now_us() / kDayUs);
    for (const auto& [part, reason, detail] : missing) {
      for (const std::string& text : {part, reason, detail}) digester.Text(text);
    }
    snapshot.DigestRows(digester);
    digester.Text(snapshot.statistics_problem());
    established_.DigestRead(digester);
    return digester.Finish();
  }

  // All that a result follows from: also what is counted over time, which each rendering may move on, even one that was
  // not stored.
  Digest Basis(const Digest& shown) const {
    Digester digester;
    digester.Part(shown);
    digester.Number(renderings_);
    return digester.Finish();
  }

  // The last one if it is the same: those who read it have nothing to do then.
  std::shared_ptr<const sessions::OpenConnections> OpenNow(const sessions::Counts& counts,
                                                           const sessions::Snapshot& snapshot) {
    auto open = OpenConnectionsOf(counts, snapshot.postmaster_start_us());
    if (open_ == nullptr || *open_ != open) open_ = std::make_shared<const sessions::OpenConnections>(std::move(open));
    return open_;
  }

  pgbouncer::AllClientsReader clients_;
  SessionCaps caps_;
  sessions::SessionCounter counter_;
  sessions::ClientCertificateHistory certificates_;
  sessions::EstablishedCounter established_;
  std::shared_ptr<const sessions::OpenConnections> open_;
  std::uint64_t renderings_ = 0;
  int unsettled_ = 0;                                              // collections before the first statistics
  std::optional<std::chrono::steady_clock::time_point> answered_;  // when the server last returned its sessions
};

constexpr sampling::Remedy kFailures[] = {
    {"insufficient_privilege", "GRANT pg_read_all_stats TO tls_exporter; (the role that the exporter logs in as)"},
};

constexpr std::array kKinds = {postgres::kKind, pgbouncer::kKind};

constexpr config::OptionKey kKeys[] = {
    config::Key<&SessionsOptions::client_addr, config::ReadBool>("client_addr"),
    config::Key<&SessionsOptions::ipv4_prefix, config::ReadInt<0, 32>>("ipv4_prefix"),
    config::Key<&SessionsOptions::ipv6_prefix, config::ReadInt<0, 128>>("ipv6_prefix"),
    config::Key<&SessionsOptions::max_series, config::ReadMaxSeries>("max_series"),
};

constexpr sampling::CollectorType kType = {
    .name = "sessions",
    .help = "Who is connected, and how protected",
    .connection = sampling::ConnectionKind::kPersistent,
    .descs = kSessionDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kSessionsParts,
    .failures = kFailures,
    .schema = {.interval = std::chrono::seconds(15),
               .timeout = std::chrono::seconds(5),
               .options = [] { return config::CollectorOptions(SessionsOptions()); },
               .keys = kKeys},
    .kinds = kKinds,
};

}  // namespace

const sampling::CollectorType& SessionsCollector() { return kType; }

}  // namespace pgtls::collectors
