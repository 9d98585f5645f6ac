#include "exporter/sampling/own_backends.h"

#include <algorithm>
#include <utility>

namespace pgtls::sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Two clocks measure a session's age, and one of them may be adjusted in between.
constexpr milliseconds kTolerance{1000};
// A backend that hangs outlives its connection. Each snapshot that shows it restarts this period.
constexpr minutes kRemembered{15};
// A pooler shows seconds.
constexpr seconds kClientTolerance{2};
// The time in a log's line is that of the server's clock, when it noticed the connection.
constexpr seconds kLogTolerance{2};
// No process has a higher number (Linux: PID_MAX_LIMIT). A pooler reports random numbers.
constexpr int kMaxPid = 1 << 22;
// A login that was given up before its pid was known may still get as far as a session.
constexpr seconds kGivenUp{5};

}  // namespace

bool OwnBackends::Entry::IsOver(Deadline asked) const { return ended != Deadline::max() && ended + kGivenUp < asked; }

OwnBackends::Login::Login(OwnBackends& backends, std::string user, LoginPlace expected)
    : backends_(&backends), entry_(std::make_shared<Entry>()) {
  entry_->user = std::move(user);
  entry_->place = std::move(expected);
  entry_->began = steady_clock::now();
  const std::lock_guard lock(backends_->mutex_);
  backends_->DropOld(entry_->began);
  backends_->logins_.push_back(entry_);
}

OwnBackends::Login::~Login() {
  if (!entry_) return;
  const std::lock_guard lock(backends_->mutex_);
  entry_->ended = entry_->last_seen = steady_clock::now();
  backends_->CountSession(*entry_);
  if (entry_->lent) backends_->Remove(entry_);
}

void OwnBackends::Login::Known(int pid) {
  const std::lock_guard lock(backends_->mutex_);
  // A pooler reports its own number: the login stays in progress until its backend is known exactly.
  entry_->id = {.pid = pid};
  entry_->known = steady_clock::now();
  if (0 < pid && pid <= kMaxPid) entry_->count = Entry::Count::kUnplaced;
  backends_->Add(entry_);
}

void OwnBackends::Login::Known(const db::BackendId& id) {
  const std::lock_guard lock(backends_->mutex_);
  backends_->Remove(entry_);
  entry_->id = id;
  entry_->known = steady_clock::now();
  backends_->Add(entry_);
}

void OwnBackends::Login::Known(const db::SocketAddress& local) {
  const std::lock_guard lock(backends_->mutex_);
  entry_->local = local;
  entry_->connected = steady_clock::now();
  backends_->clients_.emplace(local.port, entry_);
}

void OwnBackends::Login::HasNoBackend() {
  const std::lock_guard lock(backends_->mutex_);
  std::erase(backends_->logins_, entry_);
}

void OwnBackends::Login::SetLent() {
  const std::lock_guard lock(backends_->mutex_);
  entry_->lent = true;
  entry_->count = Entry::Count::kDone;
}

void OwnBackends::Login::Reached(LoginPlace place) {
  const std::lock_guard lock(backends_->mutex_);
  entry_->place = std::move(place);
  backends_->CountSession(*entry_);
}

void OwnBackends::Connected(const db::SocketAddress& local) {
  const std::lock_guard lock(mutex_);
  const Deadline now = steady_clock::now();
  DropOld(now);
  connections_.push_back({local, now});
}

void OwnBackends::CountSession(Entry& entry) {
  if (entry.count != Entry::Count::kUnplaced || entry.place.cluster == 0) return;
  accounts_.Add(entry.place.cluster, entry.place.database, {entry.began, entry.known});
  entry.count = Entry::Count::kDone;
}

void OwnBackends::Add(const std::shared_ptr<Entry>& entry) { entries_.emplace(entry->id.pid, entry); }

void OwnBackends::Remove(const std::shared_ptr<Entry>& entry) {
  std::erase(logins_, entry);
  const auto [first, last] = entries_.equal_range(entry->id.pid);
  const auto found = std::find_if(first, last, [&](const auto& known) { return known.second == entry; });
  if (found != last) entries_.erase(found);
}

void OwnBackends::DropOld(Deadline now) {
  if (now < next_drop_) return;
  next_drop_ = now + kGivenUp;
  const auto ended_before = [](const Entry& entry, Deadline limit) {
    return entry.ended != Deadline::max() && std::max(entry.ended, entry.last_seen) < limit;
  };
  std::erase_if(entries_, [&](const auto& entry) { return ended_before(*entry.second, now - kRemembered); });
  std::erase_if(clients_, [&](const auto& entry) { return ended_before(*entry.second, now - kGivenUp); });
  while (!connections_.empty() && connections_.front().made < now - kRemembered) connections_.pop_front();
  std::erase_if(logins_, [&](const auto& entry) { return ended_before(*entry, now - kGivenUp); });
}

OwnBackends::Owner OwnBackends::OwnerOf(const SeenBackend& backend, const SnapshotTime& time) {
  const Deadline earliest = time.asked - backend.age - kTolerance;
  const Deadline latest = time.answered - backend.age + kTolerance;
  const std::lock_guard lock(mutex_);
  const auto [first, last] = entries_.equal_range(backend.id.pid);
  for (auto known = first; known != last; ++known) {
    Entry& entry = *known->second;
    const bool same_start = entry.id.start_us != 0
                                ? entry.id.start_us == backend.id.start_us
                                : entry.user == backend.user && entry.began <= latest && earliest <= entry.known;
    if (!same_start) continue;
    entry.id.start_us = backend.id.start_us;
    entry.last_seen = time.answered;
    return Owner::kExporter;
  }
  for (const auto& login : logins_) {
    const bool same_user = backend.user.empty() || backend.user == login->user;
    if (!login->IsOver(time.asked) && same_user && login->began <= latest && earliest <= login->ended)
      return Owner::kUnsure;
  }
  return Owner::kOther;
}

OwnBackends::Owner OwnBackends::OwnerOf(const SeenClient& client, const SnapshotTime& time) {
  const Deadline earliest = time.asked - client.age - kClientTolerance;
  const Deadline latest = time.answered - client.age + kClientTolerance;
  const std::lock_guard lock(mutex_);
  const auto [first, last] = clients_.equal_range(client.from.port);
  const bool own = std::any_of(first, last, [&](const auto& known) {
    const Entry& entry = *known.second;
    return entry.local == client.from && entry.user == client.user && entry.began <= latest &&
           earliest <= entry.connected && !entry.IsOver(time.asked);
  });
  if (own) return Owner::kExporter;
  const bool logging_in = std::ranges::any_of(logins_, [&](const auto& login) {
    const bool same_user = client.user.empty() || login->user == client.user;
    return !login->local && same_user && login->began <= latest && earliest <= login->ended &&
           !login->IsOver(time.asked);
  });
  return logging_in ? Owner::kUnsure : Owner::kOther;
}

bool OwnBackends::IsOwn(const LoggedConnection& connection) const {
  const Deadline earliest = connection.earliest - kLogTolerance;
  const Deadline latest = connection.latest + kLogTolerance;
  const std::lock_guard lock(mutex_);
  const auto [first, last] = entries_.equal_range(connection.pid);
  const bool known_by_pid =
      connection.pid != 0 && std::any_of(first, last, [&](const auto& known) {
        const Entry& entry = *known.second;
        const bool same_user = connection.user.empty() || connection.user == entry.user;
        const bool same_cluster =
            connection.cluster == 0 || entry.place.cluster == 0 || connection.cluster == entry.place.cluster;
        return !entry.lent && same_user && same_cluster && entry.began <= latest && earliest <= entry.known;
      });
  if (known_by_pid) return true;
  if (!connection.from) return false;
  const db::SocketAddress from = {connection.from->address.Unmapped(), connection.from->port};
  return std::any_of(std::ranges::lower_bound(connections_, earliest, {}, &Connection::made),
                     std::ranges::upper_bound(connections_, latest, {}, &Connection::made),
                     [&](const Connection& made) { return made.local == from; });
}

sessions::OwnSessionsByDatabase OwnBackends::CountedBy(std::int64_t cluster) const {
  const std::lock_guard lock(mutex_);
  sessions::OwnSessionsByDatabase counted = accounts_.Of(cluster);
  for (const auto& login : logins_) {
    const LoginPlace& place = login->place;
    const bool in_progress = login->ended == Deadline::max() && login->count != Entry::Count::kDone;
    if (!in_progress || (place.cluster != 0 && place.cluster != cluster)) continue;
    ++counted[place.database].pending;
  }
  return counted;
}

std::vector<int> OwnBackends::pids() const {
  const std::lock_guard lock(mutex_);
  std::vector<int> result;
  result.reserve(entries_.size());
  for (const auto& [pid, entry] : entries_) result.push_back(pid);
  return result;
}

}  // namespace pgtls::sampling
