#include "exporter/metrics/family_order.h"

#include "exporter/metrics/sink.h"

namespace pgtls::metrics {

FamilyOrder::FamilyOrder(std::span<const Desc* const> catalogue) {
  headers_.reserve(catalogue.size());
  for (const Desc* desc : catalogue) {
    places_[desc] = static_cast<std::uint16_t>(headers_.size());
    headers_.push_back(Header(*desc));
  }
}

std::optional<std::uint16_t> FamilyOrder::Place(const Desc* desc) const {
  const auto found = places_.find(desc);
  if (found == places_.end()) return std::nullopt;
  return found->second;
}

}  // namespace pgtls::metrics
