// Counts answered requests by route and status: pg_tls_exporter_http_requests_total.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace pgtls::http {

// Thread-safe. Bounded: handler names are those of the routes, `other` for all unknown paths, and `front` for requests
// that are answered before routing (malformed requests, 401, 429 …).
class RequestCounter {
 public:
  static constexpr std::string_view kOther = "other";
  static constexpr std::string_view kFront = "front";

  using Key = std::pair<std::string, int>;  // handler, code

  void Count(std::string_view handler, int code);
  std::map<Key, std::uint64_t> Snapshot() const;

 private:
  mutable std::mutex mutex_;
  std::map<Key, std::uint64_t> counts_;
};

}  // namespace pgtls::http
