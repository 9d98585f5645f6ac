#include "exporter/exposition/metrics_page.h"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace pgtls::exposition {
namespace {

using metrics::FamilyOrder;
using metrics::SharedSamples;

// What is on a page, and keeps it alive.
struct Page {
  std::shared_ptr<const FamilyOrder> order;
  sampling::Snapshots servers;
  SharedSamples exporter;
  std::vector<std::string_view> pieces;  // from the first line to the last
  std::size_t size = 0;                  // bytes
};

// The texts of each family, by its place in the order: server by server.
class Texts {
 public:
  explicit Texts(const FamilyOrder& order) : order_(order), families_(order.size()) {}

  void Add(const SharedSamples& samples) {
    if (!samples) return;
    for (std::size_t i = 0; i < samples->size(); ++i) {
      const metrics::RenderedFamily family = (*samples)[i];
      const auto place = order_.Place(family.desc);
      if (place && !family.text.empty()) families_[*place].push_back(family.text);
    }
  }
  void Add(const sampling::ServerSnapshot& server, const PageFilter& filter) {
    Add(server.health);
    for (const auto& collector : server.collectors) {
      Add(collector.health);
      const bool wanted = filter.collectors.empty() || filter.collectors.contains(collector.name);
      if (wanted && collector.result) Add(collector.result->samples);
    }
  }
  void WriteTo(Page& page) const {
    const auto add = [&page](std::string_view piece) {
      page.pieces.push_back(piece);
      page.size += piece.size();
    };
    for (std::size_t i = 0; i < families_.size(); ++i) {
      if (families_[i].empty()) continue;
      add(order_.header(i));
      for (const std::string_view text : families_[i]) add(text);
    }
  }

 private:
  const FamilyOrder& order_;
  std::vector<std::vector<std::string_view>> families_;
};

class PageReader : public http::PieceSource {
 public:
  explicit PageReader(std::shared_ptr<const Page> page) : page_(std::move(page)) {}

  std::string_view Next() override { return next_ < page_->pieces.size() ? page_->pieces[next_++] : ""; }

 private:
  std::shared_ptr<const Page> page_;
  std::size_t next_ = 0;
};

}  // namespace

http::Body MetricsPage(std::shared_ptr<const FamilyOrder> order, sampling::Snapshots servers,
                       const SharedSamples& exporter, const PageFilter& filter) {
  const auto page = std::make_shared<Page>(Page{std::move(order), std::move(servers), exporter, {}, 0});
  Texts texts(*page->order);
  for (const auto& server : page->servers) texts.Add(*server, filter);
  if (filter.exporter) texts.Add(exporter);
  texts.WriteTo(*page);
  return {page->size, [page] { return std::make_unique<PageReader>(page); }};
}

}  // namespace pgtls::exposition
