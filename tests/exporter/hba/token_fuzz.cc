// Any line is read without harm, and what was read, written again in quotes, reads as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporter/hba/rules.h"
#include "exporter/hba/token.h"

using pgtls::hba::Field;
using pgtls::hba::FileRow;
using pgtls::hba::Token;

namespace {

void Expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line(reinterpret_cast<const char*>(data), size);
  const std::vector<Field> fields = pgtls::hba::Tokenize(line);
  std::string again;
  for (const Field& field : fields) {
    Expect(!field.empty());
    for (std::size_t i = 0; i < field.size(); ++i) again += (i == 0 ? "" : ",") + pgtls::hba::Quoted(field[i].text);
    again += ' ';
  }
  const std::vector<Field> reread = pgtls::hba::Tokenize(again);
  Expect(reread.size() == fields.size());
  for (std::size_t f = 0; f < fields.size(); ++f) {
    Expect(reread[f].size() == fields[f].size());
    for (std::size_t t = 0; t < fields[f].size(); ++t) Expect(reread[f][t].text == fields[f][t].text);
  }

  // The same text as the raw text of a row whose words it may or may not spell.
  FileRow row{.type = "host",
              .databases = {"all", "x"},
              .users = {"+g"},
              .address = "samehost",
              .method = "trust",
              .raw = line};
  if (fields.size() > 2) {
    row.databases.clear();
    row.users.clear();
    for (const Token& token : fields[1]) row.databases.push_back(token.text);
    for (const Token& token : fields[2]) row.users.push_back(token.text);
  }
  const auto rules = pgtls::hba::ParseRules({row}, 180000);
  Expect(rules.rules.size() == 1);
  Expect(!pgtls::hba::RuleText(rules.rules[0]).empty());
  return 0;
}
