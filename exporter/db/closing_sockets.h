// Connections that are closed here and not yet by their server.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "exporter/db/pq_handle.h"

namespace pgtls::db {

// Sockets of closed connections whose server has not closed its end yet. A backend that is stuck does not notice that
// its client is gone, and keeps its connection slot: the number of these sockets limits the slots that a stalled server
// loses. Thread-safe.
class ClosingSockets {
 public:
  ClosingSockets() = default;
  ~ClosingSockets();
  ClosingSockets(const ClosingSockets&) = delete;
  ClosingSockets& operator=(const ClosingSockets&) = delete;

  // Like PQfinish, but the socket stays half open until the server closes its end.
  void Finish(ConnHandle conn);
  // Closes those whose server has closed its end, and returns how many are left. If its host is gone, a connection
  // counts until TCP gives up, after about a minute.
  std::size_t CloseEnded();

 private:
  std::mutex mutex_;
  std::vector<int> sockets_;
};

}  // namespace pgtls::db
