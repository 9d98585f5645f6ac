#include "exporter/http/metrics_page.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "exporter/metrics/sink.h"

namespace pgtls::http {
namespace {

// The texts of many results, sorted by family.
class Pieces {
 public:
  explicit Pieces(std::span<const metrics::Desc* const> catalogue, std::size_t servers) : catalogue_(catalogue) {
    for (std::size_t i = 0; i < catalogue.size(); ++i) places_[catalogue[i]] = i;
    by_family_.resize(catalogue.size());
    for (auto& pieces : by_family_) pieces.reserve(servers);
  }

  void Add(const metrics::SharedSamples& samples) {
    if (!samples || samples->empty()) return;
    for (std::size_t i = 0; i < samples->size(); ++i) {
      const metrics::RenderedFamily family = (*samples)[i];
      if (!FindPlace(family.desc)) continue;
      by_family_[place_].push_back(family.text);
      ++count_;
    }
    owners_.push_back(samples);
  }

  Body Page() && {
    Body body;
    body.Reserve(count_ + catalogue_.size(), owners_.size() + catalogue_.size());
    for (std::size_t i = 0; i < catalogue_.size(); ++i) {
      if (by_family_[i].empty()) continue;
      body.Append(metrics::Header(*catalogue_[i]));
      for (const std::string_view piece : by_family_[i]) body.AppendKept(piece);
    }
    for (auto& owner : owners_) body.Keep(std::move(owner));
    return body;
  }

 private:
  // Sets place_. Mostly a family is followed by the catalogue's next one, or by one of the next few.
  bool FindPlace(const metrics::Desc* desc) {
    constexpr std::size_t kAhead = 3;
    for (std::size_t next = place_ + 1; next < std::min(place_ + 1 + kAhead, catalogue_.size()); ++next) {
      if (catalogue_[next] != desc) continue;
      place_ = next;
      return true;
    }
    const auto place = places_.find(desc);
    if (place == places_.end()) return false;
    place_ = place->second;
    return true;
  }

  std::span<const metrics::Desc* const> catalogue_;
  std::unordered_map<const metrics::Desc*, std::size_t> places_;
  std::vector<std::vector<std::string_view>> by_family_;
  std::vector<metrics::SharedSamples> owners_;
  std::size_t count_ = 0;
  std::size_t place_ = 0;  // in the catalogue, of the family that was added last
};

}  // namespace

Body MetricsPage(std::span<const metrics::Desc* const> catalogue, const sampling::Snapshots& servers,
                 const metrics::SharedSamples& exporter, const PageFilter& filter) {
  Pieces pieces(catalogue, servers.size());
  for (const auto& server : servers) {
    pieces.Add(server->health);
    for (const auto& collector : server->collectors) {
      pieces.Add(collector.health);
      const bool wanted = filter.collectors.empty() || filter.collectors.contains(collector.name);
      if (wanted && collector.result) pieces.Add(collector.result->samples);
    }
  }
  if (filter.exporter) pieces.Add(exporter);
  return std::move(pieces).Page();
}

}  // namespace pgtls::http
