// The sessions of a server at one moment, from any kind of server.
#pragma once

#include <cstdint>
#include <optional>

#include "exporter/base/digest.h"
#include "exporter/sessions/session.h"

namespace pgtls::sessions {

// The rows are read one by one, so thousands of sessions are not held twice. All times are in microseconds since the
// epoch, by the server's clock.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual std::int64_t now_us() const = 0;
  // Identifies the server process that the sessions are open on (Collection::postmaster_start_us). A small number
  // if the server does not show when it started.
  virtual std::int64_t postmaster_start_us() const = 0;
  // The number of rows; At() says which of them are sessions.
  virtual int size() const = 0;
  // A view into the rows. nullopt: a session of the exporter, or no session.
  virtual std::optional<Session> At(int row) const = 0;
  // Whether sessions are shown before their authentication is over.
  virtual bool shows_authenticating() const = 0;
  // Appends every session that At() returns.
  virtual void DigestRows(Digester& digester) const = 0;

 protected:
  Snapshot() = default;
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
};

}  // namespace pgtls::sessions
