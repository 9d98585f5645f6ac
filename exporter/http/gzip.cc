#include "exporter/http/gzip.h"

#include <zlib.h>

#include <array>
#include <cstdlib>
#include <new>
#include <optional>

#include "exporter/base/text.h"
#include "exporter/http/message.h"

namespace pgtls::http {
namespace {

// "q=0.5" → 0.5. An invalid weight counts as a refusal: an uncompressed response is always allowed.
double Weight(std::string_view parameter) {
  parameter = Trimmed(parameter);
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) return 1;
  const std::string digits(parameter.substr(2));
  char* end = nullptr;
  const double weight = std::strtod(digits.c_str(), &end);
  if (digits.empty() || *end != '\0' || !(weight >= 0 && weight <= 1)) return 0;
  return weight;
}

}  // namespace

bool PrefersGzip(std::string_view accept_encoding) {
  std::optional<double> gzip;
  std::optional<double> any;
  double identity = 0;
  for (const std::string_view item : SplitList(accept_encoding, ',')) {
    const auto semicolon = item.find(';');
    const std::string_view coding = Trimmed(item.substr(0, semicolon));
    const double weight = semicolon == std::string_view::npos ? 1 : Weight(item.substr(semicolon + 1));
    if (EqualsIgnoringCase(coding, "gzip") || EqualsIgnoringCase(coding, "x-gzip")) gzip = weight;
    if (EqualsIgnoringCase(coding, "identity")) identity = weight;
    if (coding == "*") any = weight;
  }
  const double weight = gzip.value_or(any.value_or(0));
  return weight > 0 && weight >= identity;
}

struct GzipStream::State {
  z_stream stream{};
};

GzipStream::GzipStream() : state_(std::make_unique<State>()) {
  constexpr int kGzipWindow = 15 + 16;  // zlib: 16 asks for gzip's header and trailer
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&state_->stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

GzipStream::~GzipStream() { deflateEnd(&state_->stream); }

void GzipStream::Append(std::string_view text, std::string& out) { Run(text, Z_NO_FLUSH, out); }
void GzipStream::Finish(std::string& out) { Run({}, Z_FINISH, out); }

void GzipStream::Run(std::string_view text, int flush, std::string& out) {
  z_stream& stream = state_->stream;
  // zlib does not write through next_in; the type is const only with ZLIB_CONST.
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  stream.avail_in = static_cast<uInt>(text.size());
  std::array<char, 16384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by deflate
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    deflate(&stream, flush);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace pgtls::http
