// The order of the families on a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "exporter/metrics/desc.h"

namespace pgtls::metrics {

// Immutable.
class FamilyOrder {
 public:
  // In the catalogue's order; a descriptor listed twice is placed at its last occurrence. REQUIRES: fewer than 65,536.
  explicit FamilyOrder(std::span<const Desc* const> catalogue);

  std::size_t size() const { return headers_.size(); }
  // Returns the place of a family; nullopt if it is not on a page.
  std::optional<std::uint16_t> Place(const Desc* desc) const;
  // Returns HELP and TYPE of the family at this place.
  const std::string& header(std::size_t place) const { return headers_[place]; }

 private:
  std::vector<std::string> headers_;
  std::unordered_map<const Desc*, std::uint16_t> places_;
};

}  // namespace pgtls::metrics
