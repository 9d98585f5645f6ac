// The sessions of a server at one moment, from any kind of server.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/sessions/session.h"
#include "exporter/sessions/statistics.h"

namespace pgtls::sessions {

// The rows are read one by one, so thousands of sessions are not held twice. All times are in microseconds since the
// epoch, by the server's clock.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual std::int64_t now_us() const = 0;
  // The exporter's clock, just before now_us() was read: the snapshot may have been asked for several times. nullopt:
  // not known.
  virtual std::optional<std::chrono::steady_clock::time_point> asked() const { return std::nullopt; }
  // Identifies the server process that the sessions are open on (Collection::postmaster_start_us). A small number
  // if the server does not show when it started.
  virtual std::int64_t postmaster_start_us() const = 0;
  // The number of rows; At() says which of them are sessions.
  virtual int size() const = 0;
  // The processes that the sessions are open on. The rows of one follow those of the one before.
  struct Process {
    std::int64_t postmaster_start_us = 0;
    std::int64_t now_us = 0;
    int rows = 0;
  };
  virtual std::vector<Process> processes() const { return {{postmaster_start_us(), now_us(), size()}}; }
  // A view into the rows. nullopt: a session of the exporter, or no session.
  virtual std::optional<Session> At(int row) const = 0;
  // Whether sessions are shown before their authentication is over.
  virtual bool shows_authenticating() const = 0;
  // Of the same moment, or just before; null if the server does not count sessions, or they could not be read.
  virtual const Statistics* statistics() const { return nullptr; }
  // Why they could not be read: a FailureReason; empty otherwise.
  virtual std::string_view statistics_problem() const { return {}; }
  // Appends every session that At() returns.
  virtual void DigestRows(Digester& digester) const = 0;

 protected:
  Snapshot() = default;
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
};

}  // namespace pgtls::sessions
