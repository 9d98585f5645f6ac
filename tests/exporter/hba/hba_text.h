// Rules for tests, from text as pg_hba.conf has it: the rows that PostgreSQL's view would show of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/hba/rules.h"

namespace pgtls::hba {

// One row. REQUIRES: a line with the fields that its type wants; the address as PostgreSQL would print it. Without
// `with_raw` as for a role that may not read the line's text.
inline FileRow RowOf(std::string_view line, int number, bool with_raw = true) {
  const std::vector<Field> fields = Tokenize(line);
  const auto words = [&](std::size_t field) {
    std::vector<std::string> result;
    for (const Token& token : fields.at(field)) result.push_back(token.text);
    return result;
  };
  FileRow row{.file = "/data/pg_hba.conf", .line = number, .rule_number = number, .type = fields.at(0).front().text};
  row.databases = words(1);
  row.users = words(2);
  std::size_t next = 3;
  if (*row.type != "local") {
    const std::string address = fields.at(next++).front().text;
    row.address = address;
    if (const auto cidr = Cidr::Parse(address)) {
      row.address = IpAddress::Parse(address.substr(0, address.find('/')))->ToString();
      const IpAddress ones = cidr->network.Filled(0).Masked(cidr->prefix);
      row.netmask = address.find('/') == std::string::npos ? fields.at(next++).front().text : ones.ToString();
    }
  }
  row.method = fields.at(next++).front().text;
  for (; next < fields.size(); ++next) {
    const std::string& option = fields[next].front().text;
    row.options.push_back(option);
    if (option.starts_with("clientcert=")) row.client_cert = option.substr(11);
  }
  if (with_raw) row.raw = std::string(line);
  return row;
}

inline std::vector<FileRow> RowsOf(const std::vector<std::string>& lines, bool with_raw = true) {
  std::vector<FileRow> rows;
  rows.reserve(lines.size());
  for (const std::string& line : lines) rows.push_back(RowOf(line, static_cast<int>(rows.size()) + 1, with_raw));
  return rows;
}

inline RuleSet Rules(const std::vector<std::string>& lines, int server_version = 160000) {
  return ParseRules(RowsOf(lines), server_version);
}

inline std::shared_ptr<const RuleSet> WithError(RuleSet rules, RuleError error) {
  rules.errors.push_back(std::move(error));
  return std::make_shared<const RuleSet>(std::move(rules));
}

}  // namespace pgtls::hba
