#include "exporter/pgbouncer/all_clients.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "exporter/base/all.h"

namespace pgtls::pgbouncer {
namespace {

using sessions::Session;

// Both are sorted.
bool HaveOneInCommon(const std::vector<Identity>& a, const std::vector<Identity>& b) {
  auto at = a.begin();
  auto other = b.begin();
  while (at != a.end() && other != b.end()) {
    if (*at == *other) return true;
    ++(*at < *other ? at : other);
  }
  return false;
}

}  // namespace

struct AllClientsReader::Answer {
  const Console* console;
  std::shared_ptr<const Clients> clients;

  // All connections were open before the first list was asked for: the consoles of one process show each other.
  bool IsOfSameProcess(const Answer& other) const {
    const std::int64_t id = console->introduction.peer_id;
    const std::int64_t other_id = other.console->introduction.peer_id;
    if (id != 0 && other_id != 0 && id != other_id) return false;
    return HaveOneInCommon(clients->identities(), other.clients->identities());
  }
  bool Shows(const Identity& client) const { return std::ranges::binary_search(clients->identities(), client); }
};

struct AllClientsReader::OneProcess {
  std::int64_t number;
  std::vector<Answer> answers;
};

class AllClientsReader::Snapshot : public sessions::Snapshot {
 public:
  explicit Snapshot(const std::vector<OneProcess>& processes) {
    for (const auto& [number, answers] : processes) {
      const std::size_t before = rows_.size();
      for (auto answer = answers.begin(); answer != answers.end(); ++answer) {
        const Clients& clients = *answer->clients;
        clients_.push_back(answer->clients);
        for (int row = 0; row < clients.size(); ++row) {
          const auto shows = [&](const Answer& earlier) { return earlier.Shows(clients.IdentityAt(row)); };
          if (std::none_of(answers.begin(), answer, shows)) rows_.push_back({&clients, row});
        }
      }
      processes_.push_back({.postmaster_start_us = number,
                            .now_us = answers.front().clients->now_us(),
                            .rows = static_cast<int>(rows_.size() - before)});
    }
  }

  std::int64_t now_us() const override { return processes_.front().now_us; }
  std::int64_t postmaster_start_us() const override { return processes_.front().postmaster_start_us; }
  int size() const override { return static_cast<int>(rows_.size()); }
  std::vector<Process> processes() const override { return processes_; }
  bool shows_authenticating() const override { return true; }
  std::optional<Session> At(int row) const override {
    const auto& [clients, number] = rows_[static_cast<std::size_t>(row)];
    return clients->At(number);
  }
  void DigestRows(Digester& digester) const override {
    for (const Process& process : processes_) {
      digester.Number(process.postmaster_start_us);
      digester.Number(process.rows);
    }
    for (const auto& [clients, number] : rows_) clients->Digest(number, digester);
  }

 private:
  struct Row {
    const Clients* clients;
    int number;
  };
  std::vector<std::shared_ptr<const Clients>> clients_;
  std::vector<Process> processes_;
  std::vector<Row> rows_;
};

asio::awaitable<std::unique_ptr<const Clients>> AllClientsReader::Ask(const Console& console,
                                                                      sampling::OwnBackends& own,
                                                                      std::string_view own_user) {
  return followed_[console.entry].reader.Read(*console.session, own, own_user, console.deadline);
}

void AllClientsReader::Follow(Followed& console, const Answer& answer) {
  const int session = answer.console->session->backend_pid();
  const auto& open = answer.clients->identities();
  if (console.session != session && !HaveOneInCommon(console.open, open)) console.process = ++last_process_;
  console.session = session;
  console.open = open;
}

asio::awaitable<AllClients> AllClientsReader::Read(const sampling::Context& context) {
  const auto& entries = context.server.processes;
  std::erase_if(followed_, [&](const auto& console) {
    return !console.first.empty() && std::ranges::find(entries, console.first) == entries.end();
  });
  auto open = opener_.Open(context);
  auto read = Read(co_await std::move(open), !entries.empty(), context.own_backends, context.peer->user);
  co_return co_await std::move(read);
}

asio::awaitable<AllClients> AllClientsReader::Read(Consoles consoles, bool configured, sampling::OwnBackends& own,
                                                   std::string_view own_user) {
  std::vector<asio::awaitable<std::unique_ptr<const Clients>>> asking;
  for (const Console& console : consoles.reached) asking.push_back(Ask(console, own, own_user));
  auto answered = co_await All(std::move(asking));
  if (answered.back().error) std::rethrow_exception(answered.back().error);

  Asked asked = {.configured = configured, .unreachable = std::move(consoles.unreachable)};
  std::vector<OneProcess> processes;
  for (std::size_t i = 0; i < answered.size(); ++i) {
    const Console& console = consoles.reached[i];
    if (answered[i].error) {
      asked.unreachable.push_back(Unreachable(console.entry, answered[i].error));
      continue;
    }
    asked.answered.push_back(console.introduction);
    const Answer answer = {&console, *std::move(answered[i].value)};
    Followed& followed = followed_[console.entry];
    Follow(followed, answer);
    const auto same = std::ranges::find_if(
        processes, [&](const OneProcess& process) { return answer.IsOfSameProcess(process.answers.front()); });
    if (same == processes.end()) {
      // Two consoles that were of one process, and no longer are.
      if (std::ranges::find(processes, followed.process, &OneProcess::number) != processes.end()) {
        followed.process = ++last_process_;
      }
      processes.push_back({followed.process, {answer}});
      continue;
    }
    followed.process = same->number;
    if (!console.entry.empty()) asked.twice.push_back(console.entry);
    same->answers.push_back(answer);
  }
  asked.processes = processes.size();
  AllClients all;
  all.missing = MissingProcesses(asked);
  all.snapshot = std::make_unique<const Snapshot>(processes);
  co_return all;
}

}  // namespace pgtls::pgbouncer
