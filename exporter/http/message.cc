#include "exporter/http/message.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace pgtls::http {
namespace {

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// A '%' without two hex digits after it is kept.
std::string Decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      result += ' ';
      continue;
    }
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = HexDigit(text[i + 1]);
      const auto low = HexDigit(text[i + 2]);
      if (high && low) {
        result += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

// Small enough to stay in the processor's cache until it is sent.
constexpr std::size_t kBlock = std::size_t{64} * 1024;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

class OnePiece : public PieceSource {
 public:
  explicit OnePiece(std::shared_ptr<const std::string> text) : text_(std::move(text)), rest_(*text_) {}
  std::string_view Next() override { return std::exchange(rest_, std::string_view()); }

 private:
  std::shared_ptr<const std::string> text_;
  std::string_view rest_;
};

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, Lower, Lower); }

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

const std::string* FindHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return &value;
  }
  return nullptr;
}

Body::Body(std::string text) : size_(text.size()) {
  open_ = [shared = std::make_shared<const std::string>(std::move(text))] {
    return std::make_unique<OnePiece>(shared);
  };
}

std::unique_ptr<PieceSource> Body::Pieces() const {
  return open_ ? open_() : std::make_unique<OnePiece>(std::make_shared<const std::string>());
}

std::string Body::Text() const {
  std::string text;
  text.reserve(size_);
  const auto pieces = Pieces();
  for (std::string_view piece = pieces->Next(); !piece.empty(); piece = pieces->Next()) text += piece;
  return text;
}

std::string_view BodyReader::Next() {
  if (handed_out_) block_.clear();
  handed_out_ = true;
  // Large pieces are sent without a copy; small ones are joined into one block.
  if (block_.empty() && piece_.size() >= kBlock / 2) return std::exchange(piece_, pieces_->Next());
  block_.reserve(kBlock);
  while (!piece_.empty() && block_.size() + piece_.size() <= kBlock) {
    block_ += piece_;
    piece_ = pieces_->Next();
  }
  return block_;
}

std::multimap<std::string, std::string, std::less<>> ParseQuery(std::string_view text) {
  std::multimap<std::string, std::string, std::less<>> result;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    result.emplace(Decoded(pair.substr(0, equals)), Decoded(value));
  }
  return result;
}

std::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

Response PlainResponse(int status) {
  Response response;
  response.status = status;
  response.body = std::string(StatusText(status)) + "\n";
  return response;
}

}  // namespace pgtls::http
