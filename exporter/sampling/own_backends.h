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
  std::string_view user;          // empty before the client sent it
  std::chrono::microseconds age;  // to the second
};

// When a snapshot was requested and when it arrived, by this process's clock.
struct SnapshotTime {
  Deadline asked;
  Deadline answered;
};

// One register for the whole process: several entries, probes and /probe may reach the same server. A session is
// recognized by its pid and backend_start, on any server. If only its pid is known, from its login, its user and the
// time of its login must match as well. A session that ended stays registered for a while: its backend ends later than
// the connection, and no other session has its pid and start. A pooler's list has neither: a client there is the
// exporter's if its user, address, port and time of connection match. Thread-safe.
class OwnBackends {
 private:
  struct Entry;

 public:
  enum class Owner {
    kOther,
    kExporter,
    kUnsure,  // it may be of a login in progress: the next snapshot decides
  };

  // A login of the exporter, from before its first packet until its connection is closed.
  class Login {
   public:
    Login(OwnBackends& backends, std::string user);
    ~Login();
    Login(Login&& other) noexcept = default;
    Login& operator=(Login&&) = delete;
    // The pid that the server reports at login. REQUIRES: not called before.
    void Known(int pid);
    // The backend that answers, as the server's views show it.
    void Known(const db::BackendId& id);
    // The exporter's end of its TCP connection.
    void Known(const db::SocketAddress& local);
    // The login is to the pooler itself: it has no backend.
    void HasNoBackend();
    // A pooler lent the backend: it is the exporter's until this login ends.
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
    Deadline known = Deadline::max();  // when the pid became known: the backend started earlier
    Deadline ended = Deadline::max();
    db::BackendId id;  // 0: not known
    std::optional<db::SocketAddress> local;
    Deadline connected = Deadline::max();  // when `local` became known: a pooler's client began earlier
    Deadline last_seen;
    // Whether it ended so long ago that no snapshot can have it, unless its backend is known.
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
