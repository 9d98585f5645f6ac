// A body of several pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/http/message.h"

namespace pgtls::http {

inline Body BodyOf(std::vector<std::string> pieces) {
  using Texts = std::vector<std::string>;
  class Source : public PieceSource {
   public:
    explicit Source(std::shared_ptr<const Texts> texts) : texts_(std::move(texts)) {}
    std::string_view Next() override { return next_ < texts_->size() ? (*texts_)[next_++] : std::string_view(); }

   private:
    std::shared_ptr<const Texts> texts_;
    std::size_t next_ = 0;
  };
  std::size_t size = 0;
  for (const auto& piece : pieces) size += piece.size();
  const auto shared = std::make_shared<const Texts>(std::move(pieces));
  return {size, [shared] { return std::make_unique<Source>(shared); }};
}

}  // namespace pgtls::http
