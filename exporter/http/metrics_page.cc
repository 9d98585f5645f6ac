#include "exporter/http/metrics_page.h"

#include <memory>
#include <unordered_map>

namespace pgtls::http {
namespace {

using Families = std::vector<metrics::RenderedFamily>;
using Chunks = std::unordered_map<const metrics::Desc*, std::vector<Body::Chunk>>;

// `owner` keeps the texts of `families` alive for as long as the body lives.
template <typename Owner>
void Gather(const std::shared_ptr<Owner>& owner, const Families& families, Chunks& chunks) {
  for (const auto& family : families) chunks[family.desc].emplace_back(owner, &family.text);
}

}  // namespace

Body MetricsPage(std::span<const metrics::Desc* const> catalogue, const std::vector<sampling::ServerSnapshot>& servers,
                 Families exporter, const PageFilter& filter) {
  Chunks chunks;
  for (const auto& server : servers) {
    if (server.health) Gather(server.health, *server.health, chunks);
    for (const auto& collector : server.collectors) {
      const bool wanted = filter.collectors.empty() || filter.collectors.contains(collector.name);
      if (wanted && collector.result) Gather(collector.result, collector.result->families, chunks);
    }
  }
  if (filter.exporter) {
    const auto own = std::make_shared<const Families>(std::move(exporter));
    Gather(own, *own, chunks);
  }
  Body body;
  for (const metrics::Desc* desc : catalogue) {
    const auto found = chunks.find(desc);
    if (found == chunks.end()) continue;
    body.Append(metrics::Header(*desc));
    for (auto& chunk : found->second) body.Append(std::move(chunk));
  }
  return body;
}

}  // namespace pgtls::http
