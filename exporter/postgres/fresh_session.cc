#include "exporter/postgres/fresh_session.h"

#include <algorithm>

#include "exporter/base/error.h"

namespace pgtls::postgres {
namespace {

const db::Statement kLoadTime = {"config_load_time", "SELECT pg_conf_load_time()"};

// Null: this backend took a configuration over after its start. A postmaster hands its own down at the start.
const db::Statement kLentLoadTime = {
    "lent_config_load_time",
    "SELECT CASE WHEN pg_conf_load_time() <= backend_start THEN pg_conf_load_time() END "
    "FROM pg_stat_get_activity(pg_backend_pid())"};

std::string ReadLoadTime(const db::Result& row) {
  return std::string(row.rows() == 1 ? row.Text(0, 0).value_or("") : "");
}

}  // namespace

asio::awaitable<std::string> ConfigLoadTime(db::Session& session, Deadline deadline) {
  const db::Result row = co_await session.Query(kLoadTime, {}, deadline);
  co_return ReadLoadTime(row);
}

asio::awaitable<std::vector<db::Answer>> FreshSession::QueryAll(std::vector<db::Request> requests, Deadline deadline) {
  const bool pooled = session_.pooled();
  std::vector<db::Request> with_time = requests;
  with_time.push_back({pooled ? kLentLoadTime : kLoadTime, {}});
  std::vector<db::Answer> answers = co_await session_.QueryAll(std::move(with_time), deadline);
  const auto failed = [](const db::Answer& answer) { return !answer; };
  // Behind an error another backend may have answered.
  if (pooled && requests.size() > 1 && std::ranges::any_of(answers, failed)) {
    answers = co_await AskLent(std::move(requests), deadline);
    co_return answers;
  }
  Vouch(std::move(answers.back()));
  answers.pop_back();
  co_return answers;
}

asio::awaitable<std::vector<db::Answer>> FreshSession::AskLent(std::vector<db::Request> requests, Deadline deadline) {
  std::vector<db::Answer> answers;
  for (db::Request& request : requests) {
    std::vector<db::Request> with_time = {std::move(request), {kLentLoadTime, {}}};
    std::vector<db::Answer> both = co_await session_.QueryAll(std::move(with_time), deadline);
    Vouch(std::move(both.back()));
    answers.push_back(std::move(both.front()));
  }
  co_return answers;
}

void FreshSession::Vouch(db::Answer answer) {
  const std::string time = ReadLoadTime(db::Take(std::move(answer)));
  lent_outdated_ = session_.pooled() && time.empty();
  if (lent_outdated_) {
    throw Error(FailureReason::kError,
                "the pooler's server connection has seen a reload of the server's configuration");
  }
  if (session_.pooled() && load_time_.empty()) load_time_ = time;
  outdated_ = outdated_ || time != load_time_;
  if (outdated_) throw Error(FailureReason::kError, "the server has reloaded its configuration meanwhile");
}

}  // namespace pgtls::postgres
