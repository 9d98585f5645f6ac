// What closed connections leave on their servers.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "exporter/db/pq_handle.h"

namespace pgtls::db {

// Sockets of closed connections whose server has not closed its end yet. A backend that hangs does not notice that its
// client is gone and keeps its slot: the number of these sockets bounds the slots that a stalled server loses.
// Thread-safe.
class ClosingSockets {
 public:
  ClosingSockets() = default;
  ~ClosingSockets();
  ClosingSockets(const ClosingSockets&) = delete;
  ClosingSockets& operator=(const ClosingSockets&) = delete;

  // PQfinish, but the socket stays half open until the server closes its end.
  void Finish(ConnHandle conn);
  // The number of connections that the server has not closed yet. One whose host is gone counts until TCP gives it up,
  // after about a minute.
  std::size_t Open();

 private:
  std::mutex mutex_;
  std::vector<int> sockets_;
};

}  // namespace pgtls::db
