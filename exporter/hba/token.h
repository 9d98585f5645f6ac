// One line of pg_hba.conf as fields of tokens, as PostgreSQL reads it (src/backend/libpq/hba.c: next_token,
// next_field_expand). The view pg_hba_file_rules drops quotes, which decide whether `all` is a keyword or a name: only
// the line's own text tells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgtls::hba {

struct Token {
  std::string text;  // without its quotes
  // A quote stood before the first character: the token is a name, whatever it spells.
  bool quoted = false;
  // "@file", not quoted: stands for the tokens of that file.
  bool is_file = false;
  friend bool operator==(const Token&, const Token&) = default;
};

// What stands between blanks: tokens separated by commas. Never empty.
using Field = std::vector<Token>;

// The fields of one line whose continuation lines ("\" at the end) have been joined already. Comments are left out. A
// quote that is never closed takes the rest of the line, as it does in PostgreSQL.
std::vector<Field> Tokenize(std::string_view line);

// `text` as a token of pg_hba.conf: as it is where that is unambiguous, in quotes otherwise.
std::string Quoted(std::string_view text);

}  // namespace pgtls::hba
