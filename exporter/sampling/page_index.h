// Where the texts of a server lie, in the order in which a page wants them.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "exporter/metrics/family_order.h"
#include "exporter/metrics/samples.h"

namespace pgtls::sampling {

struct ServerSnapshot;

// The samples of one family in one result.
struct PagePiece {
  // What a piece comes from: the server's health, or the health or the result of the collector with this number.
  static constexpr std::uint16_t kServer = 0;
  static constexpr std::uint16_t HealthOf(std::size_t collector) {
    return static_cast<std::uint16_t>(1 + (2 * collector));
  }
  static constexpr std::uint16_t ResultOf(std::size_t collector) {
    return static_cast<std::uint16_t>(2 + (2 * collector));
  }

  const char* begin;
  std::uint32_t bytes;
  std::uint16_t family;  // its place in the order
  std::uint16_t source;

  std::string_view text() const { return {begin, bytes}; }
};

// A page is made of some sixty pieces of each server, which lie all over the memory, as do the objects that lead to
// them. Here they are side by side: a page of a thousand servers is then read from its first line to its last without
// being put together.
struct PageIndex {
  std::shared_ptr<const metrics::FamilyOrder> order;  // null: there is no index
  std::vector<PagePiece> pieces;                      // by family, and of one family by source
};

// The texts stay with the snapshot.
PageIndex IndexOf(const ServerSnapshot& server, std::shared_ptr<const metrics::FamilyOrder> order);
// Of one result alone.
PageIndex IndexOf(const metrics::Samples& samples, std::shared_ptr<const metrics::FamilyOrder> order);

}  // namespace pgtls::sampling
