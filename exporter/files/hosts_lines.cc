#include "exporter/files/hosts_lines.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include "exporter/base/error.h"
#include "exporter/base/file.h"

namespace pgtls::files {
namespace {

// A file to be read.
struct Wanted {
  std::string path;
  bool list = false;
  bool optional = false;
};

// The files of "include_dir", in PostgreSQL's order. Throws std::system_error.
std::vector<std::string> ConfigurationFilesIn(const std::string& directory) {
  std::vector<std::string> paths;
  for (const std::string& name : NamesIn(directory)) {
    if (name.ends_with(".conf") && !name.starts_with('.')) paths.push_back(directory + "/" + name);
  }
  return paths;
}

class Reader {
 public:
  explicit Reader(const std::function<bool(const std::string&)>& holds) : holds_(holds) {}

  std::vector<HostsLine> Run(const std::string& path) {
    Want({path, false, true});
    for (std::size_t i = 0; i < wanted_.size(); ++i) Read(Wanted(wanted_[i]));
    return std::move(lines_);
  }

 private:
  void Want(Wanted wanted) {
    const auto same = [&](const Wanted& other) { return other.path == wanted.path && other.list == wanted.list; };
    const bool known = std::ranges::any_of(wanted_, same);
    // All of its entries are there twice, or it includes itself.
    if (known && !wanted.list) Fail(wanted.path, "included_twice");
    if (!known && wanted_.size() < kMostHostsFiles) wanted_.push_back(std::move(wanted));
  }

  void Fail(const std::string& path, std::string problem) {
    lines_.push_back({.file = path, .problem = std::move(problem)});
  }

  void Read(const Wanted& wanted) {
    if (!holds_(wanted.path)) return Fail(wanted.path, "other_file_system");
    std::string content;
    try {
      content = ReadFile(wanted.path, kMaxHostsFileBytes);
    } catch (const std::system_error& error) {
      const std::string problem = ProblemOf(error.code());
      if (problem != "missing" || !wanted.optional) Fail(wanted.path, problem);
      return;
    } catch (const Error&) {
      return Fail(wanted.path, "too_large");
    }
    for (HostsLine& line : SplitHostsLines(wanted.path, content, wanted.list)) {
      if (lines_.size() == kMostHostsLines) return;
      Follow(line);
      lines_.push_back(std::move(line));
    }
  }

  void Follow(const HostsLine& line) {
    const std::vector<hba::Field> fields = hba::Tokenize(line.text);
    if (const auto directive = DirectiveOf(line, fields)) {
      const std::string path = HostsPath(line.file, fields[1][0].text);
      if (*directive == "include_dir") return WantDirectory(path);
      return Want({path, false, *directive == "include_if_exists"});
    }
    for (const hba::Field& field : fields) {
      for (const hba::Token& token : field) {
        if (token.is_file) Want({HostsPath(line.file, token.text.substr(1)), true, false});
      }
    }
  }

  static std::optional<std::string> DirectiveOf(const HostsLine& line, const std::vector<hba::Field>& fields) {
    if (line.list || !IsHostsDirective(fields)) return std::nullopt;
    return fields[0][0].text;
  }

  void WantDirectory(const std::string& path) {
    try {
      for (const std::string& file : ConfigurationFilesIn(path)) Want({file, false, false});
    } catch (const std::system_error& error) {
      Fail(path, ProblemOf(error.code()));
    }
  }

  const std::function<bool(const std::string&)>& holds_;
  std::vector<Wanted> wanted_;
  std::vector<HostsLine> lines_;
};

}  // namespace

bool IsHostsDirective(const std::vector<hba::Field>& fields) {
  if (fields.size() != 2) return false;
  const std::string& word = fields[0][0].text;
  return word == "include" || word == "include_if_exists" || word == "include_dir";
}

std::string HostsPath(std::string_view file, std::string_view name) {
  if (name.starts_with('/')) return std::string(name);
  return std::string(file.substr(0, file.rfind('/') + 1)) + std::string(name);
}

std::vector<HostsLine> SplitHostsLines(const std::string& file, std::string_view content, bool list) {
  std::vector<HostsLine> lines;
  int number = 0;
  bool continued = false;
  while (!content.empty() && lines.size() < kMostHostsLines) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    std::string_view physical = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    ++number;
    while (physical.ends_with('\r')) physical.remove_suffix(1);
    const bool continues = physical.ends_with('\\');
    if (continues) physical.remove_suffix(1);
    if (!continued) lines.push_back({.file = file, .number = number, .text = {}, .list = list});
    lines.back().text += physical;
    continued = continues;
  }
  return lines;
}

std::vector<HostsLine> ReadHostsLines(const std::string& path, const std::function<bool(const std::string&)>& holds) {
  return Reader(holds).Run(path);
}

}  // namespace pgtls::files
