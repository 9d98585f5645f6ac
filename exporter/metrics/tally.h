// Connections counted by what they have in common.
#pragma once

#include <bit>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>

#include "exporter/base/net_address.h"

namespace pgtls::metrics {

// The hash of a key, over its Fields(): a tuple of texts, numbers, enumerations, addresses and further keys. It depends
// on the values alone, so that it is the same in the next collection.
template <typename T>
std::size_t HashOf(const T& value);

inline std::size_t Mixed(std::size_t hash, std::size_t next) { return (hash ^ next) * 0x9E3779B97F4A7C15u; }

inline std::size_t HashOf(const IpAddress& address) {
  const auto& bytes = address.bytes();
  return Mixed(std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()}),
               address.is_v4());
}
inline std::size_t HashOf(const Cidr& range) {
  return Mixed(HashOf(range.network), static_cast<std::size_t>(range.prefix));
}
template <typename T>
std::size_t HashOf(const std::optional<T>& value) {
  return value ? HashOf(*value) + 1 : 0;
}

template <typename T>
std::size_t HashOf(const T& value) {
  if constexpr (std::is_convertible_v<T, std::string_view>) {
    return std::hash<std::string_view>()(value);
  } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
    return static_cast<std::size_t>(value);
  } else {
    const auto mix = [](const auto&... fields) {
      std::size_t hash = 0;
      ((hash = Mixed(hash, HashOf(fields))), ...);
      return std::rotl(hash, 29);
    };
    return std::apply(mix, value.Fields());
  }
}

struct KeyHash {
  std::size_t operator()(const auto& key) const { return HashOf(key); }
};

// Counts by key. A key may hold views into the rows that it was read from: it is then valid as long as they are.
template <typename Key>
class Tally {
 public:
  using Counts = std::unordered_map<Key, std::size_t, KeyHash>;

  void Add(const Key& key, std::size_t connections = 1) { counts_[key] += connections; }
  const Counts& counts() const { return counts_; }

 private:
  Counts counts_;
};

}  // namespace pgtls::metrics
