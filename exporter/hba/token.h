// One line of pg_hba.conf as fields of tokens, as PostgreSQL reads it (src/backend/libpq/hba.c: next_token,
// next_field_expand). The view pg_hba_file_rules drops quotes, which decide whether `all` is a keyword or a name: only
// the text of the line has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgtls::hba {

struct Token {
  std::string text;  // without its quotes
  // Whether it begins with a quote: the token is then a name, never a keyword.
  bool quoted = false;
  // Whether it is an unquoted "@file", which includes the tokens of that file.
  bool is_file = false;
  friend bool operator==(const Token&, const Token&) = default;
};

// Tokens separated by commas, between blanks. Never empty.
using Field = std::vector<Token>;

// Returns the fields of one line, without comments. REQUIRES: continuation lines ("\" at the end) are already joined. A
// quote that is not closed extends to the end of the line, as in PostgreSQL.
std::vector<Field> Tokenize(std::string_view line);

// Returns `text` as a token of pg_hba.conf, in quotes if that is needed.
std::string Quoted(std::string_view text);

}  // namespace pgtls::hba
