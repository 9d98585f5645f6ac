// Which client certificates sessions use, and when each was last in use: a fact for the certificates collector.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exporter/sessions/snapshot.h"

namespace pgtls::sessions {

// As pg_stat_ssl shows it: names are cut at 63 bytes, and are the server's bytes.
struct ClientCertificate {
  std::string user;
  std::string client_dn;
  std::string issuer_dn;
  std::string serial;  // decimal

  friend auto operator<=>(const ClientCertificate&, const ClientCertificate&) = default;
};

struct ClientCertificateUse {
  ClientCertificate certificate;
  std::size_t connections = 0;         // open now
  std::vector<std::string> addresses;  // of these connections, each once, at most kMostAddresses
  // When it was last in use, by the server's clock; for one that is in use, at the latest collection that changed
  // anything.
  std::chrono::sys_seconds last_seen;

  friend bool operator==(const ClientCertificateUse&, const ClientCertificateUse&) = default;
};

inline constexpr std::size_t kMostAddresses = 5;
// Of those that are not in use, the ones that were used last are kept.
inline constexpr std::size_t kMostPastCertificates = 10'000;

// In the order of the certificates.
struct ClientCertificates {
  std::vector<ClientCertificateUse> uses;
};

class ClientCertificateHistory {
 public:
  // Call it at each collection, with the server's clock, before Read().
  void Collected(std::int64_t now_us);
  // The sessions of that collection; those that are still authenticating do not count.
  std::shared_ptr<const ClientCertificates> Read(const Snapshot& snapshot);

 private:
  struct Use {
    std::size_t connections = 0;
    std::vector<std::string> addresses;
    std::chrono::sys_seconds last_seen;
  };
  void ForgetOldest();

  std::map<ClientCertificate, Use> uses_;
  std::chrono::sys_seconds before_{};  // the collection before this one
  std::chrono::sys_seconds now_{};
  std::shared_ptr<const ClientCertificates> published_;
};

}  // namespace pgtls::sessions
