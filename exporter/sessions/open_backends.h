// The backends of a server, as a fact for those who follow a connection from a pooler to the server behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "exporter/sessions/session.h"

namespace pgtls::sessions {

struct OpenBackend {
  std::int64_t pid = 0;
  int client_port = 0;  // 0: over a Unix socket, or not known
  std::optional<Encryption> encryption;
  std::int64_t start_us = 0;  // backend_start, in microseconds since the epoch
};

// All that have authenticated, without those of the exporter, in no order.
struct OpenBackends {
  std::vector<OpenBackend> backends;
};

}  // namespace pgtls::sessions
