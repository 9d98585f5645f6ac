#include "exporter/sampling/page_index.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

#include "exporter/sampling/result.h"

namespace pgtls::sampling {
namespace {

void Add(const metrics::Samples& samples, std::uint16_t source, PageIndex& index) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const metrics::RenderedFamily family = samples[i];
    const auto place = index.order->Place(family.desc);
    if (!place || family.text.empty()) continue;
    index.pieces.push_back({family.text.data(), static_cast<std::uint32_t>(family.text.size()), *place, source});
  }
}

void Sort(PageIndex& index) {
  std::ranges::sort(index.pieces, {}, [](const PagePiece& piece) { return std::tuple(piece.family, piece.source); });
}

}  // namespace

PageIndex IndexOf(const ServerSnapshot& server, std::shared_ptr<const metrics::FamilyOrder> order) {
  PageIndex index{std::move(order), {}};
  const auto each = [&](const auto& use) {
    if (server.health) use(*server.health, PagePiece::kServer);
    for (std::size_t i = 0; i < server.collectors.size(); ++i) {
      const CollectorState& collector = server.collectors[i];
      if (collector.health) use(*collector.health, PagePiece::HealthOf(i));
      if (collector.result && collector.result->samples) use(*collector.result->samples, PagePiece::ResultOf(i));
    }
  };
  std::size_t families = 0;
  each([&](const metrics::Samples& samples, std::uint16_t /*source*/) { families += samples.size(); });
  index.pieces.reserve(families);
  each([&](const metrics::Samples& samples, std::uint16_t source) { Add(samples, source, index); });
  Sort(index);
  return index;
}

PageIndex IndexOf(const metrics::Samples& samples, std::shared_ptr<const metrics::FamilyOrder> order) {
  PageIndex index{std::move(order), {}};
  index.pieces.reserve(samples.size());
  Add(samples, PagePiece::kServer, index);
  Sort(index);
  return index;
}

}  // namespace pgtls::sampling
