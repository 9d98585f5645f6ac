#include "exporter/routes/probe_handler.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <future>
#include <optional>

#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/exposition/metrics_page.h"
#include "exporter/routes/probe_target.h"

namespace pgtls::routes {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDefaultTimeout{10'000};
constexpr milliseconds kLongestTimeout{120'000};
static_assert(kLongestTimeout < http::kLongestHandler);
// The response must be on its way when Prometheus gives up, not when the last collector does.
constexpr milliseconds kOffset{500};

struct Busy {
  explicit Busy(std::atomic<int>& count) : count_(count), place_(++count) {}
  ~Busy() { --count_; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  int place() const { return place_; }

 private:
  std::atomic<int>& count_;
  int place_;
};

http::Response Refusal(int status, const std::string& text) {
  http::Response response;
  response.status = status;
  response.body = text + "\n";
  return response;
}

const std::string* Single(const http::Request& request, std::string_view parameter) {
  const auto [first, last] = request.query.equal_range(parameter);
  return first != last && std::next(first) == last ? &first->second : nullptr;
}

// X-Prometheus-Scrape-Timeout-Seconds less the offset; at least half of it, where it is shorter than that.
milliseconds Timeout(const http::Request& request) {
  const std::string* header = request.Header("X-Prometheus-Scrape-Timeout-Seconds");
  double seconds = 0;
  if (header == nullptr) return kDefaultTimeout - kOffset;
  const auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), seconds);
  if (error != std::errc() || end != header->data() + header->size() || !(seconds > 0))
    return kDefaultTimeout - kOffset;
  const milliseconds whole(
      static_cast<std::int64_t>(std::min(seconds * 1000, static_cast<double>(kLongestTimeout.count()))));
  return std::max(whole - kOffset, whole / 2);
}

config::ServerConfig ServerFor(const config::Config& config, const config::Module& module, const std::string& name,
                               std::string conninfo, milliseconds timeout,
                               std::span<const sampling::CollectorType* const> types) {
  config::ServerConfig server;
  server.name = name;
  server.conninfo = std::move(conninfo);
  server.password_file = module.password_file;
  server.policy = config.policy;
  server.roots = config.roots;
  server.collectors = config.collectors;
  const auto enabled = [&](std::string_view name) {
    return std::ranges::find(module.collectors, name) != module.collectors.end();
  };
  for (auto& [collector, settings] : server.collectors) {
    settings.enabled = enabled(collector);
    settings.timeout = std::min(settings.timeout, timeout);
  }
  // SQL runs first. Where its connection hangs, what needs no login has the other half of the time.
  const bool wire =
      std::ranges::any_of(types, [&](const auto* type) { return !NeedsSql(*type) && enabled(type->name); });
  for (const auto* type : types) {
    auto& settings = server.collectors.find(type->name)->second;
    if (wire && NeedsSql(*type)) settings.timeout = std::clamp(timeout / 2, milliseconds(1), settings.timeout);
  }
  return server;
}

asio::awaitable<void> RunWithin(std::shared_ptr<sampling::Server> server, Deadline deadline) {
  auto run = server->RunOnce();
  bool late = false;
  try {
    co_await Within(deadline, "probe", std::move(run));
  } catch (const TimeoutError&) {
    late = true;
  }
  if (late) server->FailUnfinished({FailureReason::kTimeout, "the scrape timeout was reached"});
}

using Addresses = std::vector<std::string>;

// nullopt where the name server gives no answer in time. Blocks nobody: the pool's work owns all that it touches.
asio::awaitable<std::optional<Addresses>> ResolveWithin(BlockingPool& blocking, std::function<Addresses()> resolve,
                                                        Deadline deadline) {
  auto work = blocking.RunWaiting(std::move(resolve));
  try {
    co_return co_await Within(deadline, "name resolution", std::move(work));
  } catch (const TimeoutError&) {
    co_return std::nullopt;
  }
}

// Waits for the loop's thread. False where the program is stopping; `work` is then left behind on the loop.
template <typename T>
bool Wait(const ProbeSource& source, std::future<T>& work) {
  while (work.wait_for(milliseconds(100)) != std::future_status::ready) {
    if (source.stopping) return false;
  }
  return true;
}

http::Response Probe(const ProbeSource& source, const http::Request& request) {
  const Deadline deadline = After(Timeout(request));
  const auto config = source.config();
  const std::string* text = Single(request, "target");
  const std::string* module_name = Single(request, "module");
  if (config->modules.empty()) return Refusal(404, "/probe is off: no modules are configured");
  if (text == nullptr || module_name == nullptr)
    return Refusal(400, "one target and one module parameter are required");
  const auto module = std::find_if(config->modules.begin(), config->modules.end(),
                                   [&](const auto& candidate) { return candidate.name == *module_name; });
  if (module == config->modules.end()) return Refusal(400, "no module named '" + Printable(*module_name, 100) + "'");
  const auto target = ParseProbeTarget(*text);
  if (!target) return Refusal(400, "target must be HOST or HOST:PORT");

  const Admission admission = Admit(module->allowed_targets, *target);
  // The addresses that were checked are those that are connected to: a name may mean another a moment later.
  std::optional<Addresses> addresses = Addresses();
  if (admission == Admission::kByAddress && ZonedAddress::Parse(target->host)) {
    addresses->push_back(target->host);
  } else if (admission == Admission::kByAddress) {
    auto resolve = [look_up = source.addresses, allowed = module->allowed_targets, target = *target] {
      return look_up(allowed, target);
    };
    auto resolved = asio::co_spawn(
        source.runtime.loop, ResolveWithin(source.runtime.blocking, std::move(resolve), deadline), asio::use_future);
    if (!Wait(source, resolved)) return Refusal(503, "stopping");
    addresses = resolved.get();
  }
  const bool none = admission == Admission::kByAddress && addresses && addresses->empty();
  if (admission == Admission::kRefused || none) return Refusal(403, "the module does not allow this target");
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  std::string conninfo = ConninfoFor(module->conninfo, *target, addresses.value_or(Addresses()));
  auto server_config = std::make_shared<const config::ServerConfig>(ServerFor(
      *config, *module, *text, std::move(conninfo), std::max(left, milliseconds(1)), source.runtime.collectors));
  const auto server = std::make_shared<sampling::Server>(std::move(server_config), source.runtime);
  if (addresses) {
    auto done = asio::co_spawn(source.runtime.loop, RunWithin(server, deadline), asio::use_future);
    if (!Wait(source, done)) return Refusal(503, "stopping");
    done.get();
  } else {
    // Nothing was sent to it, and nobody else has this server yet.
    server->FailUnfinished({FailureReason::kTimeout, "no name server answered in time"});
  }
  exposition::PageFilter filter;
  filter.exporter = false;
  http::Response response;
  response.content_type = exposition::kExpositionType;
  response.body = exposition::MetricsPage(source.order, {server->Snapshot()}, {}, filter);
  return response;
}

}  // namespace

http::Handler ProbeHandler(ProbeSource source) {
  struct State {
    ProbeSource source;
    std::atomic<int> running{0};
  };
  return [state = std::shared_ptr<State>(new State{std::move(source)})](const http::Request& request) {
    const Busy busy(state->running);
    if (busy.place() > state->source.concurrency) return Refusal(503, "too many probes at once");
    return Probe(state->source, request);
  };
}

}  // namespace pgtls::routes
