#include "exporter/exposition/metrics_page.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/base/prefetch.h"
#include "exporter/sampling/page_index.h"

namespace pgtls::exposition {
namespace {

using metrics::FamilyOrder;
using sampling::PageIndex;
using sampling::PagePiece;

// A page of many servers waits for memory most of the time. What it will read is fetched so many servers, or pieces,
// before it is read; of a piece so much, for what comes after that the processor finds itself.
constexpr std::size_t kServersAhead = 4;
constexpr std::size_t kPiecesAhead = 16;
constexpr std::size_t kFirst = 384;

// What is on a page, and keeps it alive.
class Page {
 public:
  Page(std::shared_ptr<const FamilyOrder> order, sampling::Snapshots servers, metrics::SharedSamples exporter,
       const PageFilter& filter)
      : order_(std::move(order)),
        servers_(std::move(servers)),
        exporter_(std::move(exporter)),
        on_page_(order_->size(), false) {
    rows_.reserve(servers_.size() + 1);
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      FetchAhead(i);
      AddRow(IndexFor(*servers_[i], filter));
    }
    if (exporter_ && filter.exporter) AddRow(own_.emplace_back(sampling::IndexOf(*exporter_, order_)));
    for (std::size_t i = 0; i < on_page_.size(); ++i) {
      if (on_page_[i]) size_ += order_->header(i).size();
    }
  }

  std::size_t size() const { return size_; }  // bytes
  const FamilyOrder& order() const { return *order_; }
  bool has(std::size_t family) const { return on_page_[family]; }
  // One for each server, and the exporter's own.
  const std::vector<std::span<const PagePiece>>& rows() const { return rows_; }

 private:
  void FetchAhead(std::size_t i) const {
    if (i + (2 * kServersAhead) < servers_.size()) {
      const auto* server = servers_[i + (2 * kServersAhead)].get();
      Prefetch(server, sizeof(*server));
    }
    if (i + kServersAhead < servers_.size()) {
      const auto& pieces = servers_[i + kServersAhead]->index.pieces;
      Prefetch(pieces.data(), pieces.size() * sizeof(PagePiece));
    }
  }

  const PageIndex& IndexFor(const sampling::ServerSnapshot& server, const PageFilter& filter) {
    const bool indexed = server.index.order == order_;
    if (indexed && filter.collectors.empty()) return server.index;
    PageIndex& index = own_.emplace_back(indexed ? server.index : sampling::IndexOf(server, order_));
    if (filter.collectors.empty()) return index;
    for (std::size_t i = 0; i < server.collectors.size(); ++i) {
      if (filter.collectors.contains(server.collectors[i].name)) continue;
      std::erase_if(index.pieces, [&](const PagePiece& piece) { return piece.source == PagePiece::ResultOf(i); });
    }
    return index;
  }

  void AddRow(const PageIndex& index) {
    for (const PagePiece& piece : index.pieces) {
      size_ += piece.bytes;
      on_page_[piece.family] = true;
    }
    rows_.emplace_back(index.pieces);
  }

  std::shared_ptr<const FamilyOrder> order_;
  sampling::Snapshots servers_;
  metrics::SharedSamples exporter_;
  std::deque<PageIndex> own_;  // those that were made for this page
  std::vector<std::span<const PagePiece>> rows_;
  std::vector<bool> on_page_;
  std::size_t size_ = 0;
};

// Family by family, and through all rows for each: every row is in the families' order too, so that each is read once.
class PageReader : public http::PieceSource {
 public:
  explicit PageReader(std::shared_ptr<const Page> page) : page_(std::move(page)), rests_(page_->rows()) {
    for (auto& piece : ahead_) piece = Fetched();
  }

  std::string_view Next() override {
    const std::string_view piece = std::exchange(ahead_[next_], Fetched());
    next_ = (next_ + 1) % ahead_.size();
    return piece;
  }

 private:
  std::string_view Fetched() {
    const std::string_view piece = Advance();
    Prefetch(piece.data(), std::min(piece.size(), kFirst));
    return piece;
  }

  std::string_view Advance() {
    for (; family_ < page_->order().size(); ++family_, row_ = 0, headed_ = false) {
      if (!page_->has(family_)) continue;
      if (!std::exchange(headed_, true)) return page_->order().header(family_);
      for (; row_ < rests_.size(); ++row_) {
        auto& rest = rests_[row_];
        if (rest.empty() || rest.front().family != family_) continue;
        const std::string_view text = rest.front().text();
        rest = rest.subspan(1);
        return text;
      }
    }
    return {};
  }

  std::shared_ptr<const Page> page_;
  std::vector<std::span<const PagePiece>> rests_;  // of the rows
  std::size_t family_ = 0;
  std::size_t row_ = 0;
  bool headed_ = false;  // the family's header is out
  std::array<std::string_view, kPiecesAhead> ahead_;
  std::size_t next_ = 0;  // of those
};

}  // namespace

http::Body MetricsPage(std::shared_ptr<const FamilyOrder> order, sampling::Snapshots servers,
                       const metrics::SharedSamples& exporter, const PageFilter& filter) {
  const auto page = std::make_shared<const Page>(std::move(order), std::move(servers), exporter, filter);
  return {page->size(), [page] { return std::make_unique<PageReader>(page); }};
}

}  // namespace pgtls::exposition
