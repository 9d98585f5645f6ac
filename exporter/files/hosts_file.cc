#include "exporter/files/hosts_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "exporter/base/text.h"
#include "exporter/settings/boolean.h"
#include "exporter/tls/probe.h"

namespace pgtls::files {
namespace {

constexpr int kMostNestedLists = 10;
constexpr std::size_t kMostTokens = 50'000;  // and lines of lists

using Tokens = std::vector<std::string>;

class Parser {
 public:
  explicit Parser(const std::vector<HostsLine>& lines) {
    for (const HostsLine& line : lines) {
      if (!line.problem.empty()) {
        result_.errors.push_back({line.file, 0, line.problem});
      } else if (line.list) {
        lists_[line.file].push_back(&line);
      }
    }
  }

  tls::HostsFile Run(const std::vector<HostsLine>& lines) {
    for (const HostsLine& line : lines) {
      if (line.problem.empty() && !line.list) Line(line);
    }
    return std::move(result_);
  }

 private:
  void Line(const HostsLine& line) {
    const std::vector<hba::Field> fields = hba::Tokenize(line.text);
    if (fields.empty() || IsHostsDirective(fields)) return;
    std::vector<Tokens> values;
    for (const hba::Field& field : fields) {
      Tokens tokens = Expand(line.file, field, 0);
      if (!tokens.empty()) values.push_back(std::move(tokens));  // an empty list is no field
    }
    if (values.empty()) return;
    const std::string problem = HasNul(line, values) ? "a NUL byte" : ProblemOf(values);
    if (!problem.empty()) return Fail(line, problem);
    for (const std::string& host : values[0]) {
      if (!hosts_.insert(Lower(host)).second) {
        return Fail(line, fmt::format("the name {} is listed twice", Printable(host, 300)));
      }
      Add({host, values[1][0], values.size() > 3 ? values[3][0] : ""});
    }
  }

  void Add(tls::HostEntry entry) {
    if (result_.entries.size() == kMostHostEntries) {
      result_.truncated = true;
    } else {
      result_.entries.push_back(std::move(entry));
    }
  }

  void Fail(const HostsLine& line, std::string problem) {
    result_.errors.push_back({line.file, line.number, std::move(problem)});
  }

  // It ends a line for PostgreSQL, here or in a list.
  static bool HasNul(const HostsLine& line, const std::vector<Tokens>& values) {
    const auto has_nul = [](const std::string& token) { return token.contains('\0'); };
    return has_nul(line.text) ||
           std::ranges::any_of(values, [&](const Tokens& tokens) { return std::ranges::any_of(tokens, has_nul); });
  }

  // Empty: PostgreSQL takes the line.
  static std::string ProblemOf(const std::vector<Tokens>& values) {
    const Tokens& hosts = values[0];
    const auto stands_alone = [](const std::string& host) {
      return host == tls::kEveryName || host == tls::kWithoutSni;
    };
    if (hosts.size() > 1 && std::ranges::any_of(hosts, stands_alone)) {
      return "* and /no_sni/ cannot be listed with other names";
    }
    if (values.size() < 2) return "the certificate is missing";
    if (values.size() < 3) return "the key is missing";
    constexpr const char* kFields[] = {"certificate", "key", "CA file", "passphrase command", "reload flag"};
    for (std::size_t i = 1; i < std::min<std::size_t>(values.size(), 6); ++i) {
      if (values[i].size() != 1) return fmt::format("the {} is not one value", kFields[i - 1]);
    }
    if (values.size() > 6) return "more than six fields";
    if (values.size() == 6 && !settings::ParseBool(values[5][0])) return "the reload flag is not on or off";
    return "";
  }

  // Replaces "@file" by the tokens of that file.
  Tokens Expand(const std::string& file, const hba::Field& field, int depth) {
    Tokens tokens;
    for (const hba::Token& token : field) {
      if (!Spend()) break;
      if (!token.is_file) {
        tokens.push_back(token.text);
      } else if (depth < kMostNestedLists) {
        Tokens listed = TokensOf(HostsPath(file, std::string_view(token.text).substr(1)), depth + 1);
        std::ranges::move(listed, std::back_inserter(tokens));
      }
    }
    return tokens;
  }

  Tokens TokensOf(const std::string& file, int depth) {
    Tokens tokens;
    const auto found = lists_.find(file);
    if (found == lists_.end()) return tokens;
    for (const HostsLine* line : found->second) {
      if (!Spend()) break;
      for (const hba::Field& field : hba::Tokenize(line->text)) {
        Tokens more = Expand(file, field, depth);
        std::ranges::move(more, std::back_inserter(tokens));
      }
    }
    return tokens;
  }

  // Lists that include lists grow without bounds.
  bool Spend() {
    if (budget_ == 0) {
      result_.truncated = true;
      return false;
    }
    --budget_;
    return true;
  }

  std::map<std::string, std::vector<const HostsLine*>, std::less<>> lists_;
  std::set<std::string> hosts_;
  std::size_t budget_ = kMostTokens;
  tls::HostsFile result_;
};

}  // namespace

tls::HostsFile ParseHosts(const std::vector<HostsLine>& lines) { return Parser(lines).Run(lines); }

}  // namespace pgtls::files
