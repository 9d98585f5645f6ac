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
class Page {
 public:
  Page(std::shared_ptr<const FamilyOrder> order, sampling::Snapshots servers, SharedSamples exporter,
       const PageFilter& filter)
      : order_(std::move(order)), servers_(std::move(servers)), exporter_(std::move(exporter)), texts_(order_->size()) {
    for (const auto& server : servers_) Add(*server, filter);
    if (filter.exporter) Add(exporter_);
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (!texts_[i].empty()) size_ += order_->header(i).size();
    }
  }

  std::size_t size() const { return size_; }  // bytes
  const FamilyOrder& order() const { return *order_; }
  // The texts of the family at this place, server by server.
  const std::vector<std::string_view>& texts(std::size_t family) const { return texts_[family]; }

 private:
  void Add(const SharedSamples& samples) {
    if (!samples) return;
    for (std::size_t i = 0; i < samples->size(); ++i) {
      const metrics::RenderedFamily family = (*samples)[i];
      const auto place = order_->Place(family.desc);
      if (!place || family.text.empty()) continue;
      auto& texts = texts_[*place];
      if (texts.empty()) texts.reserve(servers_.size());
      texts.push_back(family.text);
      size_ += family.text.size();
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

  std::shared_ptr<const FamilyOrder> order_;
  sampling::Snapshots servers_;
  SharedSamples exporter_;
  std::vector<std::vector<std::string_view>> texts_;
  std::size_t size_ = 0;
};

class PageReader : public http::PieceSource {
 public:
  explicit PageReader(std::shared_ptr<const Page> page) : page_(std::move(page)) {}

  std::string_view Next() override {
    for (; family_ < page_->order().size(); ++family_, next_ = 0) {
      const auto& texts = page_->texts(family_);
      if (texts.empty() || next_ > texts.size()) continue;
      const std::size_t at = next_++;
      return at == 0 ? page_->order().header(family_) : texts[at - 1];
    }
    return {};
  }

 private:
  std::shared_ptr<const Page> page_;
  std::size_t family_ = 0;
  std::size_t next_ = 0;  // 0: the family's header; then its texts
};

}  // namespace

http::Body MetricsPage(std::shared_ptr<const FamilyOrder> order, sampling::Snapshots servers,
                       const SharedSamples& exporter, const PageFilter& filter) {
  const auto page = std::make_shared<const Page>(std::move(order), std::move(servers), exporter, filter);
  return {page->size(), [page] { return std::make_unique<PageReader>(page); }};
}

}  // namespace pgtls::exposition
