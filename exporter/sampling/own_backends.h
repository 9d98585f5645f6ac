// The sessions of this exporter, on all servers: no collector counts them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/db/target.h"

namespace pgtls::sampling {

// A session in a snapshot of pg_stat_activity.
struct SeenBackend {
  db::BackendId id;
  std::string_view user;          // empty while it is authenticating
  std::chrono::microseconds age;  // when the snapshot was taken
};

// A client in a pooler's list.
struct SeenClient {
  db::SocketAddress from;
  std::string_view user;          // empty before it has told
  std::chrono::microseconds age;  // to the second
};

// When a snapshot was asked for and when it was there, by this process's clock.
struct SnapshotTime {
  Deadline asked;
  Deadline answered;
};

// One register for the whole process: several entries, probes and /probe may reach the same server. A session is
// recognized by its pid and backend_start, on whatever server it is. Where only its pid is known, from its login, its
// user and the time of its login have to fit as well. A session that ended stays known for a while: its backend ends
// later than the connection, and no other session has its pid and start. A pooler's list has neither: there a client is
// the exporter's if its user, address, port and time of connection are. Thread-safe.
class OwnBackends {
 private:
  struct Entry;

 public:
  enum class Owner {
    kOther,
    kExporter,
    kUnsure,  // it may be of a login that is in progress: the next snapshot tells
  };

  // A login of the exporter, from before its first packet until its connection is closed.
  class Login {
   public:
    Login(OwnBackends& backends, std::string user);
    ~Login();
    Login(Login&& other) noexcept = default;
    Login& operator=(Login&&) = delete;
    // What the server says at login. Once.
    void Known(int pid);
    // The backend that answers, as its views show it.
    void Known(const db::BackendId& id);
    // The exporter's end of its TCP connection.
    void Known(const db::SocketAddress& local);
    // It is a session of a pooler itself: no backend will be known.
    void HasNoBackend();
    // The backend was lent by a pooler: it is no longer the exporter's once this login has ended.
    void SetLent() { lent_ = true; }

   private:
    OwnBackends* backends_;
    std::shared_ptr<Entry> entry_;
    bool lent_ = false;
  };

  Owner OwnerOf(const SeenBackend& backend, const SnapshotTime& time);
  Owner OwnerOf(const SeenClient& client, const SnapshotTime& time);

  // Of all sessions whose pid is known.
  std::vector<int> pids() const;

 private:
  struct Entry {
    std::string user;
    Deadline began;
    Deadline known = Deadline::max();  // when the pid was: it started before
    Deadline ended = Deadline::max();
    db::BackendId id;  // 0 where it is not known
    std::optional<db::SocketAddress> local;
    Deadline connected = Deadline::max();  // when `local` was known: a pooler's client began before
    Deadline last_seen;
    // So long ago that nothing of it can be in a snapshot, unless its backend is known.
    bool IsOver(Deadline asked) const;
  };
  using Entries = std::unordered_multimap<int, std::shared_ptr<Entry>>;

  void Add(const std::shared_ptr<Entry>& entry);  // by its pid
  void Remove(const std::shared_ptr<Entry>& entry);
  void DropOld(Deadline now);

  mutable std::mutex mutex_;
  Entries entries_;                           // with a pid, by it
  Entries clients_;                           // with `local`, by its port
  std::list<std::shared_ptr<Entry>> logins_;  // without one, or not sure of it
  Deadline next_drop_ = Deadline::min();
};

}  // namespace pgtls::sampling
