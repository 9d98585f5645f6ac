#include "exporter/hba/token.h"

#include <optional>

namespace pgtls::hba {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

struct Scanned {
  Token token;
  bool comma_follows;
};

// Removes one token from the beginning of `rest`; nullopt at the end of the line or before a comment.
std::optional<Scanned> NextToken(std::string_view& rest) {
  std::size_t at = 0;
  while (at < rest.size() && (IsBlank(rest[at]) || rest[at] == ',')) ++at;

  Scanned scanned{{}, false};
  bool in_quote = false;
  bool was_quote = false;  // the previous character was a quote inside quotes: a second one is a quote in the text
  bool saw_quote = false;
  for (; at < rest.size() && (in_quote || !IsBlank(rest[at])); ++at) {
    const char c = rest[at];
    if (c == '#' && !in_quote) {
      at = rest.size();
      break;
    }
    if (c == ',' && !in_quote) {
      scanned.comma_follows = true;
      break;
    }
    if (c != '"' || was_quote) scanned.token.text += c;
    was_quote = in_quote && c == '"' && !was_quote;
    if (c == '"') {
      in_quote = !in_quote;
      saw_quote = true;
      if (scanned.token.text.empty()) scanned.token.quoted = true;
    }
  }
  rest.remove_prefix(at);
  if (!saw_quote && scanned.token.text.empty()) return std::nullopt;
  scanned.token.is_file = !scanned.token.quoted && scanned.token.text.size() > 1 && scanned.token.text.front() == '@';
  return scanned;
}

}  // namespace

std::vector<Field> Tokenize(std::string_view line) {
  std::vector<Field> fields;
  // A field continues only after a comma directly after its token: "a, b" is one field, "a ,b" is two.
  bool continues = false;
  while (auto scanned = NextToken(line)) {
    if (!continues) fields.emplace_back();
    fields.back().push_back(std::move(scanned->token));
    continues = scanned->comma_follows;
  }
  return fields;
}

std::string Quoted(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \t\r,#\"") == std::string_view::npos && text.front() != '@';
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace pgtls::hba
