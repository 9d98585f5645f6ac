// Compression of response bodies (zlib).
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace pgtls::http {

// Whether the value of an Accept-Encoding field allows gzip and does not prefer no encoding (RFC 9110, 12.5.3).
bool PrefersGzip(std::string_view accept_encoding);

// Compresses text piece by piece, at zlib's fastest level, since a page is compressed at each scrape. Not thread-safe.
class GzipStream {
 public:
  GzipStream();  // throws std::bad_alloc
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  // Both append finished output to `out`. Finish() is called once, at the end.
  void Append(std::string_view text, std::string& out);
  void Finish(std::string& out);

 private:
  struct State;
  void Run(std::string_view text, int flush, std::string& out);
  std::unique_ptr<State> state_;
};

}  // namespace pgtls::http
