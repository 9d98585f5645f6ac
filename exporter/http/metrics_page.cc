#include "exporter/http/metrics_page.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "exporter/base/prefetch.h"
#include "exporter/metrics/sink.h"

namespace pgtls::http {
namespace {

// A page of many servers waits for memory most of the time: the way to a text leads over five objects, each of which is
// known only once the one before it has come. So every step of that way is fetched some servers before the next step
// reads what it brought.
constexpr std::size_t kStep = 3;  // servers

void FetchAhead(const sampling::Snapshots& servers, std::size_t current) {
  // The server that the page reaches after so many steps, or null.
  const auto after = [&](std::size_t steps) {
    const std::size_t i = current + (steps * kStep);
    return i < servers.size() ? servers[i].get() : nullptr;
  };
  if (const auto* server = after(5)) Prefetch(server, sizeof(*server));
  if (const auto* server = after(4))
    Prefetch(server->collectors.data(), server->collectors.size() * sizeof(sampling::CollectorState));
  if (const auto* server = after(3)) {
    Prefetch(server->health.get(), sizeof(metrics::Samples));
    for (const auto& collector : server->collectors) {
      Prefetch(collector.health.get(), sizeof(metrics::Samples));
      Prefetch(collector.result.get(), sizeof(collector.result->samples));
    }
  }
  if (const auto* server = after(2)) {
    if (server->health) server->health->Prefetch();
    for (const auto& collector : server->collectors) {
      if (collector.health) collector.health->Prefetch();
      if (collector.result) Prefetch(collector.result->samples.get(), sizeof(metrics::Samples));
    }
  }
  if (const auto* server = after(1)) {
    for (const auto& collector : server->collectors) {
      if (collector.result && collector.result->samples) collector.result->samples->Prefetch();
    }
  }
}

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
  }

  Body Page() && {
    Body body;
    body.Reserve(count_ + catalogue_.size(), catalogue_.size() + 2);
    for (std::size_t i = 0; i < catalogue_.size(); ++i) {
      if (by_family_[i].empty()) continue;
      body.Append(metrics::Header(*catalogue_[i]));
      for (const std::string_view piece : by_family_[i]) body.AppendKept(piece);
    }
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
  std::size_t count_ = 0;
  std::size_t place_ = 0;  // in the catalogue, of the family that was added last
};

}  // namespace

Body MetricsPage(std::span<const metrics::Desc* const> catalogue, sampling::Snapshots servers,
                 const metrics::SharedSamples& exporter, const PageFilter& filter) {
  Pieces pieces(catalogue, servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    FetchAhead(servers, i);
    pieces.Add(servers[i]->health);
    for (const auto& collector : servers[i]->collectors) {
      pieces.Add(collector.health);
      const bool wanted = filter.collectors.empty() || filter.collectors.contains(collector.name);
      if (wanted && collector.result) pieces.Add(collector.result->samples);
    }
  }
  if (filter.exporter) pieces.Add(exporter);
  Body page = std::move(pieces).Page();
  page.Keep(std::make_shared<const sampling::Snapshots>(std::move(servers)));
  page.Keep(exporter);
  return page;
}

}  // namespace pgtls::http
