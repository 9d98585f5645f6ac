#include "exporter/reload.h"

#include <chrono>
#include <exception>
#include <utility>

#include "exporter/base/deadline.h"
#include "exporter/base/log.h"

namespace pgtls {
namespace {

constexpr std::chrono::seconds kTimeout{60};  // for reading files, which may be on a dead network file system

}  // namespace

asio::awaitable<std::string> Reloads::Run() {
  const bool granted = co_await running_.Acquire(co_await asio::this_coro::executor, Deadline::max());
  if (!granted) co_return "no permit";  // cannot happen: there is no deadline
  const SemaphoreGuard guard(running_);
  std::string problem;
  try {
    auto load = blocking_.RunWaiting(steps_.load);
    auto resolved = co_await Within(After(kTimeout), "reading the configuration", std::move(load));
    if (steps_.ending()) co_return "the exporter is ending";
    const std::size_t servers = resolved.targets.size();
    steps_.adopt(std::move(resolved));
    log::Info("configuration reloaded", {{"servers", std::to_string(servers)}});
  } catch (const std::exception& error) {
    if (steps_.ending()) co_return "the exporter is ending";
    status_.Set(false);
    log::Error("the configuration was refused; the previous one stays in force", {{"error", error.what()}});
    problem = error.what();
  }
  co_return problem;
}

}  // namespace pgtls
