#include "exporter/db/session.h"

#include <utility>

namespace pgtls::db {

asio::awaitable<Answer> Session::Ask(Statement statement, Parameters parameters, Deadline deadline) {
  std::vector<Request> requests;
  requests.push_back({std::move(statement), std::move(parameters)});
  std::vector<Answer> answers = co_await QueryAll(std::move(requests), deadline);
  co_return std::move(answers.front());
}

asio::awaitable<Result> Session::Query(Statement statement, Parameters parameters, Deadline deadline) {
  Answer answer = co_await Ask(std::move(statement), std::move(parameters), deadline);
  co_return Take(std::move(answer));
}

}  // namespace pgtls::db
