// The sessions of this exporter, on all servers: no collector counts them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
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
#include "exporter/sessions/own_sessions.h"

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

// A connection as the server's log has it.
struct LoggedConnection {
  std::int64_t cluster = 0;               // LoginPlace::cluster of the log's server; 0: not known
  int pid = 0;                            // 0: not known
  std::optional<db::SocketAddress> from;  // absent: not known, or over a Unix socket
  std::string_view user;                  // empty: not known
  // The interval in which it began, by this process's clock.
  Deadline earliest;
  Deadline latest;
};

// A database of a server, as far as it is known.
struct LoginPlace {
  std::int64_t cluster = 0;  // the start of the postmaster, which identifies the server; 0: not known
  std::string database;      // empty: not known
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
// exporter's if its user, address, port and time of connection match. A server's log also has connections that were
// refused before a login: for it every TCP connection is registered by its local end. Thread-safe.
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
    // `expected`: what it will reach, unless Reached() says otherwise.
    Login(OwnBackends& backends, std::string user, LoginPlace expected = {});
    ~Login();
    Login(Login&& other) noexcept = default;
    Login& operator=(Login&&) = delete;
    // The pid that the server reports at login: from then on its statistics have the session. REQUIRES: not called
    // before.
    void Known(int pid);
    // The backend that answers, as the server's views show it.
    void Known(const db::BackendId& id);
    // The exporter's end of its TCP connection.
    void Known(const db::SocketAddress& local);
    // The login is to the pooler itself: it has no backend.
    void HasNoBackend();
    // A pooler lent the backend: it is the exporter's until this login ends. The server did not count it as a session.
    void SetLent();
    void Reached(LoginPlace place);

   private:
    OwnBackends* backends_;
    std::shared_ptr<Entry> entry_;
  };

  // A TCP connection of the exporter to a server or pooler, made now, whatever becomes of it.
  void Connected(const db::SocketAddress& local);

  Owner OwnerOf(const SeenBackend& backend, const SnapshotTime& time);
  Owner OwnerOf(const SeenClient& client, const SnapshotTime& time);
  // If its log is read within 15 minutes.
  bool IsOwn(const LoggedConnection& connection) const;

  // The sessions of the exporter that this server counted in its statistics, by database.
  sessions::OwnSessionsByDatabase CountedBy(std::int64_t cluster) const;

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
    LoginPlace place;
    bool lent = false;
    enum class Count { kNotYet, kUnplaced, kDone } count = Count::kNotYet;  // whether its session is in `accounts_`
    // Whether it ended so long ago that no snapshot can have it, unless its backend is known.
    bool IsOver(Deadline asked) const;
  };
  using Entries = std::unordered_multimap<int, std::shared_ptr<Entry>>;

  struct Connection {
    db::SocketAddress local;
    Deadline made;
  };

  void Add(const std::shared_ptr<Entry>& entry);  // by its pid
  void CountSession(Entry& entry);                // if it is a session, and its place is known
  void Remove(const std::shared_ptr<Entry>& entry);
  void DropOld(Deadline now);

  mutable std::mutex mutex_;
  Entries entries_;                           // with a pid, by it
  Entries clients_;                           // with `local`, by its port
  std::list<std::shared_ptr<Entry>> logins_;  // without one, or not sure of it
  std::deque<Connection> connections_;        // by time
  sessions::OwnSessionAccounts accounts_;
  Deadline next_drop_ = Deadline::min();
};

}  // namespace pgtls::sampling
