#include "exporter/access/gate.h"

#include <utility>
#include <vector>

#include "exporter/access/client_network.h"
#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/base/log.h"

namespace pgtls::access {
namespace {

constexpr std::chrono::seconds kCheckInterval{1};

// Changes with each of the files: written, replaced, or a symbolic link to it changed (ConfigMaps).
std::string StateOf(const std::vector<std::string>& files) {
  std::string state;
  for (const auto& file : files) state += FileIdentity(file).value_or("-") + ";";
  return state;
}

struct Reading {
  std::shared_ptr<const WebConfig> config;
  std::string state;  // not newer than the configuration
};

// Read twice: the list of files is known only after the first reading, and a change after their state was taken must be
// detected by the next check.
Reading Read(const std::string& path) {
  Reading reading;
  reading.state = StateOf(LoadWebConfig(path).files);
  reading.config = std::make_shared<const WebConfig>(LoadWebConfig(path));
  return reading;
}

}  // namespace

struct Gate::Outcome {
  Reading reading;  // without a configuration, `failure` has the reason
  std::string failure;
};

struct Gate::Threads {
  BasicAuth auth;
  BlockingPool files{1};
};

Gate::Gate(std::string path) : path_(std::move(path)), checked_(std::chrono::steady_clock::now()) {
  if (path_.empty()) {
    config_ = std::make_shared<const WebConfig>();
    return;
  }
  Reading reading = Read(path_);
  config_ = reading.config;
  threads_ = std::make_unique<Threads>();
  TakeOver({.reading = std::move(reading)});
}

Gate::~Gate() = default;

bool Gate::Close() {
  if (!threads_) return true;
  const bool checks_ended = threads_->auth.Close();
  return threads_->files.Close() && checks_ended;
}

std::optional<Gate::Outcome> Gate::Look(const std::string& path, const std::vector<std::string>& files,
                                        const std::string& state, bool retry) {
  const std::string now = StateOf(files);
  // A failure may be caused by a file that is not in the list.
  if (!retry && now == state) return std::nullopt;
  Outcome outcome;
  try {
    outcome.reading = Read(path);
  } catch (const std::exception& error) {
    outcome.failure = error.what();
  }
  return outcome;
}

asio::awaitable<void> Gate::Refresh() {
  const auto now = std::chrono::steady_clock::now();
  if (!threads_ || refreshing_ || now - checked_ < kCheckInterval) co_return;
  struct Busy {
    bool& flag;
    explicit Busy(bool& busy) : flag(busy) { flag = true; }
    ~Busy() { flag = false; }
  };
  const Busy busy(refreshing_);
  checked_ = now;
  auto work = [path = path_, files = config_->files, state = state_, retry = !failure_.empty()] {
    return Look(path, files, state, retry);
  };
  auto outcome = co_await threads_->files.Run(std::move(work));
  if (outcome) TakeOver(std::move(*outcome));
}

void Gate::TakeOver(Outcome outcome) {
  auto& [config, state] = outcome.reading;
  if (config && (config->tls == nullptr) != (config_->tls == nullptr)) {
    config = nullptr;
    outcome.failure = path_ + ": tls_server_config was added or removed, which requires a restart";
  }
  if (!config) {
    if (outcome.failure != failure_) {
      log::Error("the web configuration cannot be used; the previous one stays in force", {{"error", outcome.failure}});
    }
    failure_ = std::move(outcome.failure);
    return;
  }
  failure_.clear();
  config_ = std::move(config);
  state_ = std::move(state);
  if (!config_->rate_limit) {
    limiter_.reset();
  } else if (!limiter_ || !(limiter_->limit() == *config_->rate_limit)) {
    limiter_.emplace(*config_->rate_limit, std::chrono::steady_clock::now());
  }
  log::Info("web configuration read",
            {{"file", path_}, {"tls", config_->tls ? "on" : "off"}, {"users", std::to_string(config_->users.size())}});
}

asio::awaitable<int> Gate::Check(std::string client, std::optional<std::string> authorization) {
  co_await Refresh();
  if (limiter_ && !limiter_->Allow(std::chrono::steady_clock::now())) co_return 429;
  if (config_->users.empty()) co_return 0;
  auto credentials = ParseBasic(authorization.value_or(""));
  if (!credentials) co_return 401;
  std::shared_ptr<const Users> users(config_, &config_->users);
  const auto verdict = co_await threads_->auth.Check(std::move(users), std::move(*credentials), ClientNetwork(client));
  if (verdict == BasicAuth::Verdict::kBusy) co_return 503;
  co_return verdict == BasicAuth::Verdict::kYes ? 0 : 401;
}

}  // namespace pgtls::access
