#include "collectors/log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "collectors/log_evidence.h"
#include "collectors/log_parts.h"
#include "collectors/log_samples.h"
#include "collectors/log_source.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/config/collector_schema.h"
#include "exporter/config/yaml.h"
#include "exporter/postgres/driver.h"
#include "exporter/postgres/log.h"
#include "exporter/serverlog/intake.h"
#include "exporter/serverlog/state_file.h"
#include "exporter/serverlog/summary.h"

namespace pgtls::collectors {
namespace {

using serverlog::Counts;
using serverlog::SteadyTime;

// ---- What keeps the log from being read

bool IsUntranslated(std::string_view lc_messages) {
  const std::string_view language = lc_messages.substr(0, lc_messages.find_first_of("_.@"));
  return language == "C" || language == "POSIX" || language == "en";
}

bool HidesLog(std::string_view log_min_messages) {
  return log_min_messages.find("fatal") != std::string_view::npos ||
         log_min_messages.find("panic") != std::string_view::npos;
}

// Returns whether connections can be counted: a part that is missing here leaves no count that means anything.
bool CanCount(const postgres::LogSettings& settings, sampling::Output& output) {
  const std::size_t before = output.incomplete.size();
  if (!settings.LogsSessions()) output.incomplete.push_back({"log_connections", "off"});
  if (HidesLog(settings.min_messages) && !settings.own_min_messages)
    output.incomplete.push_back({"log_connections", "log_min_messages"});
  if (!IsUntranslated(settings.messages) && !settings.own_messages)
    output.incomplete.push_back({"translated", "lc_messages"});
  // What the others have is not visible.
  if (settings.own_min_messages) output.incomplete.push_back({"log_connections", "role_setting"});
  if (settings.own_messages) output.incomplete.push_back({"translated", "role_setting"});
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
    const bool local = key.client_addr.empty();
    if (key.encryption == Encryption::kNone && !local) summary->rejected += counter.count;
  }
  summary->contradictions = counts.contradictions;
  summary->gaps = counts.gaps;
  return summary;
}

// Gives what is read to the intake.
class LogReader : public serverlog::Reader {
 public:
  LogReader(serverlog::Intake& intake, const serverlog::Knowledge& knowledge)
      : intake_(intake), knowledge_(knowledge) {}
  void Take(serverlog::Format format, std::string_view records) override { intake_.Take(format, records, knowledge_); }
  void TakeGap() override { intake_.CountGap(knowledge_.limits.now); }
  void TakeAmbiguous() override { intake_.SetAmbiguous(knowledge_.limits.now); }

 private:
  serverlog::Intake& intake_;
  const serverlog::Knowledge& knowledge_;
};

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
    const SteadyTime now = std::chrono::steady_clock::now();
    bool can_count = CanCount(settings, output);
    LogSource log = co_await ChooseLogSource(context, options, settings, output);
    if (log.source == nullptr) co_return;
    co_await Begin(context, options, log.identity, now);

    const LogEvidence evidence(context, settings, now);
    const serverlog::LinePrefix prefix(settings.line_prefix);
    const sessions::Exemptions exemptions(context.server.policy.allow_unencrypted, settings.now);
    const serverlog::Knowledge knowledge = {
        .prefix = prefix,
        .utc_offset = settings.utc_offset,
        .now = settings.now,
        .exemptions = exemptions,
        .limits = {.now = now,
                   .at = now,
                   .window = std::chrono::duration_cast<std::chrono::seconds>(options.window),
                   .max_series = options.max_series},
        .is_own = [&](const auto& connection, auto at) { return evidence.IsOwn(connection, at); },
        .by_rule = [&](const auto& rule, auto at) { return evidence.ByRule(rule, at); },
        .by_sample = [&](const auto& connection, auto at) { return evidence.BySample(connection, at); }};

    LogReader reader(intake_, knowledge);
    serverlog::Follower::Run run;
    try {
      run = co_await follower_->Read(*log.source, options.max_bytes, reader);
    } catch (const serverlog::NoRegularFile& error) {
      output.incomplete.push_back({"fifo", "fifo", Printable(error.what())});
      co_return;
    }
    intake_.CheckSamples(knowledge);
    if (!run.modified) {
      output.incomplete.push_back({"logging_collector", "no_file"});
      co_return;
    }
    if (run.started) {
      since_ = now;
      log::Info("the log is followed from its end on", {{"server", context.server.name}, {"collector", "log"}});
    }
    if (!IsWrittenTo(*run.modified, settings)) {
      output.incomplete.push_back({"logging_collector", "no_records"});
      can_count = false;
    }
    co_await Keep(context, options, output);

    if (log.is_plain && !(prefix.identifies_session() && prefix.has_time())) {
      output.incomplete.push_back({"format", "log_line_prefix"});
      can_count = can_count && prefix.identifies_session();
    }
    AddParts(settings, now, output);
    RenderLogProgress(intake_.last_record(), intake_.counts().gaps, output.sink);
    if (!can_count) co_return;
    RenderLogCounts(intake_.counts(), knowledge.limits, output.sink);
    output.facts.Publish(SummaryOf(intake_.counts(), knowledge.limits, since_));
  }

 private:
  // The login of the exporter's own session is in the log that the server writes.
  static bool IsWrittenTo(double modified, const postgres::LogSettings& settings) {
    constexpr double kTolerance = 2;
    return modified + kTolerance > settings.session_start;
  }

  // Positions in one log mean nothing in another.
  asio::awaitable<void> Begin(sampling::Context& context, const LogOptions& options, const std::string& identity,
                              SteadyTime now) {
    if (follower_ && identity == identity_) co_return;
    if (follower_) {
      intake_.CountGap(now);
      log::Warn("another log is followed from its end on", {{"server", context.server.name}, {"collector", "log"}});
    }
    follower_.emplace();
    identity_ = identity;
    kept_.reset();
    since_ = now;
    if (options.state_file.empty()) co_return;
    std::function<std::optional<serverlog::Position>()> load = [path = options.state_file, server = context.server.name,
                                                                identity] {
      return serverlog::LoadPosition(path, server, identity);
    };
    try {
      if (auto position = co_await context.blocking.Run(std::move(load))) {
        follower_->Resume(*std::move(position));
        since_ = now - options.window;
      }
    } catch (const std::exception&) {
      follower_.reset();  // read again in the next run
      throw;
    }
  }

  asio::awaitable<void> Keep(sampling::Context& context, const LogOptions& options, sampling::Output& output) {
    const auto position = follower_->position();
    if (options.state_file.empty() || !position || kept_ == position) co_return;
    std::function<void()> store = [path = options.state_file, server = context.server.name, identity = identity_,
                                   position = *position] {
      serverlog::StorePosition(path, server, identity, position);
    };
    try {
      co_await context.blocking.Run(std::move(store));
      kept_ = position;
    } catch (const Error& error) {
      output.incomplete.push_back({"state_file", "unwritable", Printable(error.what())});
    }
  }

  void AddParts(const postgres::LogSettings& settings, SteadyTime now, sampling::Output& output) const {
    const auto recent = [&](std::optional<SteadyTime> time) { return time && now - *time < std::chrono::hours(1); };
    const auto add_if = [&](bool missing, const char* part, const char* reason) {
      if (missing) output.incomplete.push_back({part, reason});
    };
    add_if(recent(intake_.ambiguous()), "format", "ambiguous");
    add_if(recent(intake_.malformed()), "format", "malformed");
    add_if(recent(intake_.without_address()), "format", "no_address");
    add_if(settings.host_names, "format", "log_hostname");
    add_if(recent(intake_.gap()), "gap", "lost");
  }

  std::optional<serverlog::Follower> follower_;
  std::string identity_;
  std::optional<serverlog::Position> kept_;  // in the state file
  serverlog::Intake intake_;
  SteadyTime since_;
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
