#include "collectors/log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "collectors/log_parts.h"
#include "collectors/log_samples.h"
#include "collectors/log_source.h"
#include "exporter/base/log.h"
#include "exporter/base/net_address.h"
#include "exporter/base/text.h"
#include "exporter/config/collector_schema.h"
#include "exporter/config/yaml.h"
#include "exporter/hba/posture.h"
#include "exporter/postgres/driver.h"
#include "exporter/postgres/log.h"
#include "exporter/serverlog/intake.h"
#include "exporter/serverlog/state_file.h"
#include "exporter/serverlog/summary.h"
#include "exporter/sessions/open_backends.h"

namespace pgtls::collectors {
namespace {

using serverlog::Counts;
using serverlog::SteadyTime;

// ---- What keeps the log from being read

bool IsUntranslated(std::string_view lc_messages) {
  const std::string_view language = lc_messages.substr(0, lc_messages.find_first_of("_.@"));
  return language == "C" || language == "POSIX" || language == "en";
}

bool LogsConnections(std::string_view log_connections) {
  for (const std::string_view on : {"on", "true", "yes", "1", "all", "authorization"}) {
    if (log_connections.find(on) != std::string_view::npos) return true;
  }
  return false;
}

bool HidesLog(std::string_view log_min_messages) {
  return log_min_messages.find("fatal") != std::string_view::npos ||
         log_min_messages.find("panic") != std::string_view::npos;
}

// Returns whether connections can be counted: a part that is missing here leaves no count that means anything.
bool CanCount(const postgres::LogSettings& settings, sampling::Output& output) {
  const std::size_t before = output.incomplete.size();
  if (!LogsConnections(settings.connections)) output.incomplete.push_back({"log_connections", "off"});
  if (HidesLog(settings.min_messages)) output.incomplete.push_back({"log_connections", "log_min_messages"});
  if (!IsUntranslated(settings.messages)) output.incomplete.push_back({"translated", "lc_messages"});
  return output.incomplete.size() == before;
}

std::shared_ptr<const serverlog::Summary> SummaryOf(Counts& counts, const serverlog::CountLimits& limits,
                                                    SteadyTime since) {
  auto summary = std::make_shared<serverlog::Summary>();
  summary->window = limits.window;
  summary->followed = std::chrono::duration_cast<std::chrono::seconds>(limits.now - since);
  for (const auto& [key, count] : counts.recent.Current(limits.now, limits.window)) {
    summary->sessions[{key.network, key.encryption}] += count;
  }
  for (const auto& [key, count] : counts.unencrypted_clients.Current(limits.now, limits.window)) {
    summary->unencrypted.push_back(
        {key.database, key.user, key.client_addr, key.application_name, key.network, key.allowed, count});
  }
  for (const auto& [key, counter] : counts.rejections.counters()) {
    if (key.encryption == Encryption::kNone) summary->rejected += counter.count;
  }
  summary->contradictions = counts.contradictions;
  summary->gaps = counts.gaps;
  return summary;
}

// ---- What else is known of a connection

// The exporter's clock at a time of the server's.
Deadline LocalTime(serverlog::ServerTime at, serverlog::ServerTime server_now, SteadyTime now) {
  return now - std::chrono::duration_cast<SteadyTime::duration>(server_now - at);
}

// A connection is logged up to authentication_timeout after it began.
constexpr std::chrono::minutes kLongestLogin{1};

bool IsOwn(const serverlog::Connection& connection, std::optional<serverlog::ServerTime> at,
           const postgres::LogSettings& settings, SteadyTime now, const sampling::OwnBackends& own) {
  if (!at) return false;
  sampling::LoggedConnection logged{.pid = connection.pid, .user = connection.user};
  const auto address = IpAddress::Parse(connection.host);
  if (address && connection.port) logged.from = db::SocketAddress{*address, *connection.port};
  logged.latest = LocalTime(*at, settings.now, now);
  logged.earliest = logged.latest - kLongestLogin;
  if (const auto start = connection.session_start_s) {
    logged.earliest = LocalTime(serverlog::ServerTime(std::chrono::seconds(*start)), settings.now, now);
    logged.latest = logged.earliest + std::chrono::seconds(1);
  }
  return own.IsOwn(logged);
}

// What a session that this rule admits must be; absent if it may be several things.
std::optional<Encryption> RequiredBy(const hba::Rule& rule) {
  switch (rule.type) {
    case hba::RuleType::kHostSsl:
      return Encryption::kTls;
    case hba::RuleType::kHostGssEnc:
      return Encryption::kGss;
    case hba::RuleType::kHostNoSsl:
      return Encryption::kNone;
    case hba::RuleType::kHost:
    case hba::RuleType::kHostNoGssEnc:
    case hba::RuleType::kLocal:
      break;
  }
  return std::nullopt;
}

// Absent also if the rules that were in force when the record was written are not known.
std::optional<Encryption> ByRule(const serverlog::Authenticated& authenticated, std::optional<serverlog::ServerTime> at,
                                 const postgres::LogSettings& settings, const hba::Posture* posture) {
  if (posture == nullptr || posture->in_force.rules == nullptr || !at) return std::nullopt;
  constexpr double kTolerance = 1;
  const double written = std::chrono::duration<double>(at->time_since_epoch()).count();
  // This session loads the configuration a moment later than the postmaster does.
  const bool same_load = std::abs(settings.load_time - posture->in_force.load_time) < kTolerance ||
                         settings.load_time < posture->in_force.load_time;
  if (!same_load || written < posture->in_force.load_time + kTolerance) return std::nullopt;
  const auto& rules = posture->in_force.rules->rules;
  const auto rule = std::ranges::find_if(rules, [&](const hba::Rule& one) {
    return one.line == authenticated.line && one.file == authenticated.file && one.method == authenticated.method;
  });
  return rule == rules.end() ? std::nullopt : RequiredBy(*rule);
}

std::optional<Encryption> BySample(const serverlog::Connection& connection, std::optional<serverlog::ServerTime> at,
                                   const sessions::OpenBackends* open) {
  if (open == nullptr || connection.pid == 0 || !at) return std::nullopt;
  for (const sessions::OpenBackend& backend : open->backends) {
    if (backend.pid != connection.pid) continue;
    const serverlog::ServerTime started(std::chrono::milliseconds(backend.start_us / 1000));
    const auto start_s = std::chrono::floor<std::chrono::seconds>(started).time_since_epoch().count();
    const bool same = connection.session_start_s ? *connection.session_start_s == start_s
                                                 : started <= *at && *at - started < kLongestLogin;
    if (same) return backend.encryption;
  }
  return std::nullopt;
}

// ---- Factory

class Collector : public sampling::Collector {
 public:
  asio::awaitable<void> Collect(sampling::Context& context, sampling::Output& output) override {
    if (context.once) {
      output.unsupported = {"in a single run", "The log is followed over time, by a running exporter."};
      co_return;
    }
    const auto& options = context.config.options.As<LogOptions>();
    const postgres::LogSettings settings = co_await postgres::ReadLogSettings(*context.session, context.deadline);
    const bool can_count = CanCount(settings, output);
    LogSource log = co_await ChooseLogSource(context, options, settings, output);
    if (log.source == nullptr) co_return;
    co_await Begin(context, options, log.identity);

    const sampling::Facts facts = context.facts();
    const auto posture = facts.Get<hba::Posture>();
    const auto open = facts.Get<sessions::OpenBackends>();
    const SteadyTime now = std::chrono::steady_clock::now();
    const serverlog::LinePrefix prefix(settings.line_prefix);
    const sessions::Exemptions exemptions(context.server.policy.allow_unencrypted, settings.now);
    const serverlog::Knowledge knowledge = {
        .prefix = prefix,
        .utc_offset = settings.utc_offset,
        .exemptions = exemptions,
        .limits = {.now = now,
                   .window = std::chrono::duration_cast<std::chrono::seconds>(options.window),
                   .max_series = options.max_series},
        .is_own = [&](const auto& connection,
                      auto at) { return IsOwn(connection, at, settings, now, context.own_backends); },
        .by_rule = [&](const auto& rule, auto at) { return ByRule(rule, at, settings, posture.get()); },
        .by_sample = [&](const auto& connection, auto at) { return BySample(connection, at, open.get()); }};

    bool is_plain = false;
    serverlog::Follower::Run run;
    try {
      run = co_await follower_->Read(*log.source, options.max_bytes,
                                     [&](serverlog::Format format, std::string_view records) {
                                       is_plain = format == serverlog::Format::kStderr;
                                       intake_.Take(format, records, knowledge);
                                     });
    } catch (const serverlog::NoRegularFile& error) {
      output.incomplete.push_back({"fifo", "fifo", Printable(error.what())});
      co_return;
    }
    intake_.CheckSamples(knowledge);
    for (std::size_t gap = 0; gap < run.gaps; ++gap) intake_.CountGap();
    if (run.ambiguous > 0) intake_.SetAmbiguous(now);
    if (run.no_file) {
      output.incomplete.push_back({"logging_collector", "no_file"});
      co_return;
    }
    if (run.started)
      log::Info("the log is followed from its end on", {{"server", context.server.name}, {"collector", "log"}});
    co_await Keep(context, options, log.identity);

    AddParts(settings, is_plain && !prefix.identifies_session(), now, output);
    RenderLogProgress(intake_.last_record(), intake_.counts().gaps, output.sink);
    if (!can_count) co_return;
    RenderLogCounts(intake_.counts(), knowledge.limits, output.sink);
    output.facts.Publish(SummaryOf(intake_.counts(), knowledge.limits, since_));
  }

 private:
  // Positions in another log mean nothing in this one.
  asio::awaitable<void> Begin(sampling::Context& context, const LogOptions& options, const std::string& identity) {
    if (follower_ && identity == identity_) co_return;
    follower_.emplace();
    identity_ = identity;
    kept_.reset();
    if (options.state_file.empty()) co_return;
    std::function<std::optional<serverlog::Position>()> load = [path = options.state_file, server = context.server.name,
                                                                identity] {
      return serverlog::LoadPosition(path, server, identity);
    };
    try {
      if (auto position = co_await context.blocking.Run(std::move(load))) follower_->Resume(*std::move(position));
    } catch (const std::exception&) {
      follower_.reset();  // read again in the next run
      throw;
    }
  }

  asio::awaitable<void> Keep(sampling::Context& context, const LogOptions& options, const std::string& identity) {
    if (options.state_file.empty() || kept_ == follower_->position()) co_return;
    kept_ = follower_->position();
    std::function<void()> store = [path = options.state_file, server = context.server.name, identity,
                                   position = *kept_] { serverlog::StorePosition(path, server, identity, position); };
    co_await context.blocking.Run(std::move(store));
  }

  void AddParts(const postgres::LogSettings& settings, bool cannot_join, SteadyTime now,
                sampling::Output& output) const {
    const auto recent = [&](std::optional<SteadyTime> time) { return time && now - *time < std::chrono::hours(1); };
    if (cannot_join) output.incomplete.push_back({"format", "log_line_prefix"});
    if (recent(intake_.ambiguous())) output.incomplete.push_back({"format", "ambiguous"});
    if (recent(intake_.malformed())) output.incomplete.push_back({"format", "malformed"});
    if (settings.host_names) output.incomplete.push_back({"format", "log_hostname"});
    if (recent(intake_.gap())) output.incomplete.push_back({"gap", "lost"});
  }

  std::optional<serverlog::Follower> follower_;
  std::string identity_;
  std::optional<serverlog::Position> kept_;  // in the state file
  serverlog::Intake intake_;
  SteadyTime since_ = std::chrono::steady_clock::now();
};

config::Milliseconds ReadWindow(const config::Node& node, config::Files& /*files*/) {
  return node.Duration(std::chrono::minutes(1));
}

constexpr std::array kKinds = {postgres::kKind};

constexpr config::OptionKey kKeys[] = {
    config::Key<&LogOptions::read_via, ReadReadVia>("read_via"),
    config::Key<&LogOptions::files, config::ReadPaths>("files"),
    config::Key<&LogOptions::max_bytes, config::ReadByteSize>("max_bytes"),
    config::Key<&LogOptions::window, ReadWindow>("window"),
    config::Key<&LogOptions::state_file, config::ReadPath>("state_file"),
    config::Key<&LogOptions::max_series, config::ReadMaxSeries>("max_series"),
};

constexpr sampling::CollectorType kType = {
    .name = "log",
    .help = "Every connection in the server's log",
    .connection = sampling::ConnectionKind::kPersistent,
    .descs = kLogDescs,
    .make = [] { return std::unique_ptr<sampling::Collector>(new Collector()); },
    .parts = kLogParts,
    .schema = {
        .interval = std::chrono::seconds(10),
        .timeout = std::chrono::seconds(10),
        .enabled = false,
        .options = [] { return config::CollectorOptions(LogOptions()); },
        .keys = kKeys,
        .local_files = [](config::CollectorOptions& options) -> auto& { return options.As<LogOptions>().files; }},
    .kinds = kKinds,
};

}  // namespace

const sampling::CollectorType& LogCollector() { return kType; }

}  // namespace pgtls::collectors
