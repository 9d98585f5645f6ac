#include "exporter/sampling/fresh_session.h"

#include "exporter/base/error.h"

namespace pgtls::sampling {
namespace {

const db::Statement kLoadTime = {"config_load_time", "SELECT pg_catalog.pg_conf_load_time()"};

std::string ReadLoadTime(const db::Result& row) { return std::string(row.Text(0, 0).value_or("")); }

}  // namespace

asio::awaitable<std::string> ConfigLoadTime(db::Session& session, Deadline deadline) {
  const db::Result row = co_await session.Query(kLoadTime, {}, deadline);
  co_return ReadLoadTime(row);
}

asio::awaitable<std::vector<db::Answer>> FreshSession::QueryAll(std::vector<db::Request> requests, Deadline deadline) {
  requests.push_back({kLoadTime, {}});
  std::vector<db::Answer> answers = co_await session_.QueryAll(std::move(requests), deadline);
  outdated_ = outdated_ || ReadLoadTime(db::Take(std::move(answers.back()))) != load_time_;
  if (outdated_) throw Error(FailureReason::kError, "the server has reloaded its configuration meanwhile");
  answers.pop_back();
  co_return answers;
}

}  // namespace pgtls::sampling
