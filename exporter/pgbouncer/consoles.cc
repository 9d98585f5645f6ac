#include "exporter/pgbouncer/consoles.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <iterator>
#include <set>

#include "exporter/base/all.h"
#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/pgbouncer/config.h"
#include "exporter/sampling/process_sessions.h"

namespace pgtls::pgbouncer {
namespace {

using sampling::IncompletePart;
using std::chrono::steady_clock;

constexpr int kHasPeers = 11900;

std::vector<std::int64_t> ReadPeers(const db::Result& rows) {
  const int id = rows.Column("peer_id");
  std::vector<std::int64_t> peers;
  for (int row = 0; row < rows.rows(); ++row) peers.push_back(rows.RequireInt(row, id));
  return peers;
}

// Part of the time that is left.
Deadline Share(Deadline deadline, int parts, int of) {
  const auto now = steady_clock::now();
  return now + (deadline - now) * parts / of;
}

asio::awaitable<Introduction> Introduce(db::Session& session, Deadline deadline) {
  auto config = ReadConfig(session, deadline);
  const settings::PoolerSettings settings = co_await std::move(config);
  Introduction introduction = {.so_reuseport = settings.Get("so_reuseport") == "1", .peer_id = 0, .peers = {}};
  const std::string_view id = settings.Get("peer_id");
  std::from_chars(id.data(), id.data() + id.size(), introduction.peer_id);
  if (session.server_version() >= kHasPeers) {
    auto peers = session.Query({"pgbouncer_peers", "SHOW PEERS"}, {}, deadline);
    introduction.peers = ReadPeers(co_await std::move(peers));
  }
  co_return introduction;
}

// `open_until`: when it must have introduced itself. `deadline`: the console's.
asio::awaitable<Console> OpenProcess(const sampling::Context& context, std::string entry, Deadline open_until,
                                     Deadline deadline) {
  Console console = {.entry = entry, .deadline = deadline};
  const auto processes = context.facts().Get<sampling::ProcessSessions>();
  if (processes == nullptr) throw Error(FailureReason::kError, "no session on another process is possible here");
  auto login = processes->open(std::move(entry), open_until);
  console.owner = co_await std::move(login);
  console.session = &console.owner->connection();
  auto introduce = Introduce(*console.session, open_until);
  console.introduction = co_await std::move(introduce);
  co_return console;
}

}  // namespace

IncompletePart Unreachable(const std::string& entry, const std::exception_ptr& error) {
  std::string why = "unknown";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    why = OneLine(known.what());
  } catch (...) {
    why = "unknown error";
  }
  return {std::string(kProcesses), "unreachable", Printable(fmt::format("{}: {}", entry, why), 300)};
}

// A process that hangs takes half of the time at most, and leaves the others the rest.
asio::awaitable<Consoles> ConsoleOpener::Open(const sampling::Context& context) {
  const auto& entries = context.server.processes;
  const Deadline open_until = Share(context.deadline, 1, 2);
  const Deadline deadline = Share(context.deadline, 3, 4);
  std::vector<asio::awaitable<Console>> opening;
  opening.reserve(entries.size());
  for (const std::string& entry : entries) opening.push_back(OpenProcess(context, entry, open_until, deadline));
  auto opened = co_await All(std::move(opening));
  Consoles consoles;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    if (opened[i].error) {
      consoles.unreachable.push_back(Unreachable(entries[i], opened[i].error));
    } else {
      consoles.reached.push_back(*std::move(opened[i].value));
    }
  }
  Console own = {.entry = "", .owner = nullptr, .session = context.session, .deadline = context.deadline};
  // A process alone has no peers, and cannot change so_reuseport.
  if (!entries.empty() || session_ != own.session->backend_pid()) {
    auto introduce = Introduce(*own.session, own.deadline);
    introduction_ = co_await std::move(introduce);
    session_ = own.session->backend_pid();
  }
  own.introduction = introduction_;
  consoles.reached.push_back(std::move(own));
  co_return consoles;
}

std::vector<IncompletePart> MissingProcesses(const Asked& asked) {
  const std::string part(kProcesses);
  if (!asked.configured) {
    if (!asked.answered.back().so_reuseport) return {};
    return {{part, "so_reuseport"}};
  }
  std::vector<IncompletePart> missing = asked.unreachable;
  if (!asked.twice.empty()) {
    missing.push_back({part, "listed_twice", Printable(fmt::format("{}", fmt::join(asked.twice, "; ")))});
  }
  std::set<std::int64_t> answered;
  std::set<std::int64_t> named;
  for (const Introduction& introduction : asked.answered) {
    answered.insert(introduction.peer_id);
    named.insert(introduction.peers.begin(), introduction.peers.end());
  }
  std::vector<std::int64_t> others;
  std::ranges::set_difference(named, answered, std::back_inserter(others));
  const bool have_ids = !answered.contains(0) && answered.size() == asked.processes;
  if (!have_ids || answered.size() + others.size() < 2) missing.push_back({part, "no_peers"});
  // It is not known which of them are those that cannot be reached.
  if (others.size() > asked.unreachable.size()) {
    missing.push_back({part, "not_listed", fmt::format("peer_id {}", fmt::join(others, ", "))});
  }
  return missing;
}

}  // namespace pgtls::pgbouncer
