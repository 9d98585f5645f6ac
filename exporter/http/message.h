// A request as handlers see it, and the response that they give back.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgtls::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Names of fields, codings and the like: compared without case (ASCII).
bool EqualsIgnoringCase(std::string_view a, std::string_view b);
// Without blanks (space, tab) at either end.
std::string_view Trimmed(std::string_view text);

// The first value under `name` (compared without case), or nullptr.
const std::string* FindHeader(const Headers& headers, std::string_view name);

struct Request {
  std::string method;  // as sent; a HEAD request runs the handler of GET
  std::string path;    // decoded, dot segments removed
  // Parameters in the order of their names, decoded ('+' is a space); a parameter that occurs twice is there twice, in
  // the order sent.
  std::multimap<std::string, std::string, std::less<>> query;
  Headers headers;
  std::string client;  // "192.0.2.7:51234", "[::1]:51234": for the log

  const std::string* Header(std::string_view name) const { return FindHeader(headers, name); }
};

// What is sent back, as pieces of text that may be shared with whoever made them: a page of 20 MB is written from where
// its parts lie, never put together.
class Body {
 public:
  Body() = default;
  Body(std::string text) { Append(std::move(text)); }  // NOLINT(google-explicit-constructor): a text is a body
  Body(const char* text) : Body(std::string(text)) {}  // NOLINT(google-explicit-constructor)

  void Append(std::string text);
  // REQUIRES: what was given to Keep() holds the text, and does not change it.
  void AppendKept(std::string_view text) {
    size_ += text.size();
    if (!text.empty()) pieces_.push_back(text);
  }
  // For as long as this lives, or a copy of it.
  void Keep(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }
  void Reserve(std::size_t pieces, std::size_t owners);

  std::size_t size() const { return size_; }                               // bytes
  const std::vector<std::string_view>& pieces() const { return pieces_; }  // none of them empty

 private:
  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<std::string_view> pieces_;  // into what the owners hold
  std::size_t size_ = 0;
};

// A body from its beginning to its end, in blocks that are worth a write each.
class BodyReader {
 public:
  // `first` comes before the body. REQUIRES: `body` outlives this.
  explicit BodyReader(const Body& body, std::string first = {}) : body_(body), block_(std::move(first)) {}

  // The next block, empty at the end. It lives until the next call.
  std::string_view Next();

 private:
  const Body& body_;
  std::size_t next_ = 0;  // of the body's pieces
  std::string block_;
  bool handed_out_ = false;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  Headers headers;  // besides those that every response gets; one of the same name replaces the usual one
  Body body;
};

// Runs on one of the server's worker threads, several at once. What it throws becomes a 500 without details, and a log
// line.
using Handler = std::function<Response(const Request&)>;

struct Route {
  std::string path;                  // compared as a whole
  std::vector<std::string> methods;  // GET includes HEAD
  Handler handler;
  std::string name;  // the label `handler` of pg_tls_exporter_http_requests_total
};

// The parameters of a query string (what follows '?').
std::multimap<std::string, std::string, std::less<>> ParseQuery(std::string_view text);

// "Not Found" of 404; "Unknown" of a number that is not used here.
std::string_view StatusText(int status);

// A response of one line, "<status text>\n".
Response PlainResponse(int status);

}  // namespace pgtls::http
