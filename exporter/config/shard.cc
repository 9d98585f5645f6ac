#include "exporter/config/shard.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "exporter/base/error.h"
#include "exporter/base/text.h"

namespace pgtls::config {
namespace {

std::uint64_t HashOf(std::string_view text) {
  std::array<unsigned char, 16> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1) {
    throw Error(FailureReason::kError, "--servers.shard needs MD5, which this OpenSSL does not offer");
  }
  std::uint64_t hash = 0;
  for (const unsigned char byte : std::span(digest).last<8>()) hash = hash << 8 | byte;
  return hash;
}

std::optional<std::uint64_t> NumberOf(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

bool Shard::Has(std::string_view server) const { return count == 1 || HashOf(server) % count == number; }

std::string Shard::ToString() const { return fmt::format("{}/{}", number, count); }

Shard ParseShard(std::string_view text) {
  constexpr std::uint64_t kMostShards = 1000;
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto number = NumberOf(text.substr(0, slash));
  const auto count = NumberOf(text.substr(std::min(slash + 1, text.size())));
  if (!number || !count || *count > kMostShards || *number >= *count) {
    throw ConfigError(
        fmt::format("{}: NUMBER/COUNT is expected, for example 0/3 for the first of three exporters, 2/3 "
                    "for the last; COUNT is at most {}",
                    Printable(text, 100), kMostShards));
  }
  return {*number, *count};
}

}  // namespace pgtls::config
