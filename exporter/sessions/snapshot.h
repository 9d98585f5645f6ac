// The sessions of a server at one moment, however that server shows them.
#pragma once

#include <cstdint>
#include <optional>

#include "exporter/base/digest.h"
#include "exporter/sessions/session.h"

namespace pgtls::sessions {

// Rows that are read one by one: thousands of sessions are never held twice. All times are in microseconds since the
// epoch, by the server's clock.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual std::int64_t now_us() const = 0;
  // Identifies the server process that the sessions are open on (Collection::postmaster_start_us). A small number,
  // where the server does not tell when it started.
  virtual std::int64_t postmaster_start_us() const = 0;
  // The number of rows; At() says which of them are sessions.
  virtual int size() const = 0;
  // A view into the rows. nullopt: a session of the exporter, or no session.
  virtual std::optional<Session> At(int row) const = 0;
  // Whether sessions are shown before their authentication is over.
  virtual bool shows_authenticating() const = 0;
  // Adds all that At() returns for all rows.
  virtual void DigestRows(Digester& digester) const = 0;

 protected:
  Snapshot() = default;
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
};

}  // namespace pgtls::sessions
