// Several exporters that share one configuration: which of its servers one of them monitors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgtls::config {

// Number `number`, from 0, of `count` exporters. The default: one exporter has every server.
struct Shard {
  std::uint64_t number = 0;
  std::uint64_t count = 1;

  // By the name's hash as `action: hashmod` of Prometheus has it, so that a relabelling can name the exporter of a
  // server: the last eight bytes of MD5, a big-endian number, modulo `count`.
  // Throws Error if OpenSSL has no MD5, as in FIPS mode.
  bool Has(std::string_view server) const;
  std::string ToString() const;  // "0/3"
  friend bool operator==(const Shard&, const Shard&) = default;
};

// "0/3": number 0 of 3. Throws ConfigError.
Shard ParseShard(std::string_view text);

}  // namespace pgtls::config
