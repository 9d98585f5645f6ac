// When a server began to serve the certificate that it serves, as far as handshakes have observed it. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace pgtls::collectors {

// Behind one address there may be several servers, each with its certificate: a certificate that one of this many
// handshakes before has shown is none that is new. A day at the default interval; counted in handshakes, since it must
// not be forgotten while none succeeds.
inline constexpr std::uint64_t kHandshakesRemembered = 144;
// How long one certificate must have been served before its first sight, which is the exporter's start, is of interest.
inline constexpr std::chrono::hours kServedLongEnough{24};

// Not thread-safe.
class ServedChanges {
 public:
  // A handshake showed this certificate to a client that asks for `host` (empty: the server's own name).
  void Observed(const std::string& host, const std::string& fingerprint, std::chrono::sys_seconds now);

  // When the last new certificate for this name was first observed; without one, when the first was, a day ago or
  // more. Otherwise absent.
  std::optional<std::chrono::sys_seconds> ChangedAt(const std::string& host, std::chrono::sys_seconds now) const;

 private:
  struct History {
    std::chrono::sys_seconds since;
    std::optional<std::chrono::sys_seconds> changed;
    std::uint64_t handshakes = 0;
    std::map<std::string, std::uint64_t> last_shown;  // number of the handshake, by fingerprint
    std::uint64_t used = 0;                           // Observed()'s number
  };

  std::map<std::string, History> by_host_;
  std::uint64_t observed_ = 0;
};

}  // namespace pgtls::collectors
