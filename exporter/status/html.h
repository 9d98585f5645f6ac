// HTML for the pages for people. Markup is what stands in the source and nothing else; every other text is data.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgtls::status {

// A constant of the source: nothing that a server sent can become one.
class Markup {
 public:
  consteval Markup(const char* text) : text_(text) {}  // NOLINT(google-explicit-constructor): a literal is markup
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

class Html {
 public:
  Html& operator<<(Markup markup);
  // Shown as it is and never obeyed, as content or within a quoted attribute: entities for what HTML reads, \xHH for
  // control bytes, \u{HHHH} for characters that cannot be seen or turn the direction of what follows.
  Html& Text(std::string_view text, std::size_t max_bytes = 300);
  // The same, kept apart from the direction of its neighbours: "name 3" stays in this order whatever script name is in.
  Html& Name(std::string_view text, std::size_t max_bytes = 300);
  // As a value in a URL's query: percent-encoded.
  Html& QueryValue(std::string_view text);

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace pgtls::status
