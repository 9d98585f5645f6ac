#include "exporter/config/yaml.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "exporter/base/error.h"
#include "exporter/base/text.h"

namespace pgtls::config {
namespace {

template <typename T>
bool ParseWhole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Keeps where the last document began.
class Documents : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}

  YAML::Mark start;
};

// YAML::Load() reads the first document of a file and ignores the rest without a word. (YAML::LoadAll() would show the
// rest, but does not end where yaml-cpp makes a document of a token that it cannot use.)
void RefuseSecondDocument(const std::string& file, const std::string& content) {
  std::istringstream in(content);
  YAML::Parser parser(in);
  Documents documents;
  const bool second = parser.HandleNextDocument(documents) && parser.HandleNextDocument(documents);
  if (!second) return;
  throw ConfigError(file, documents.start.line + 1, documents.start.column + 1, "only one YAML document is allowed");
}

}  // namespace

std::string Node::Place() const {
  const YAML::Mark mark = node_.Mark();  // -1 where there is nothing at all (an empty file)
  const std::string at = fmt::format("{}:{}:{}", *file_, std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1);
  return name_.empty() ? at : at + ": " + name_;
}

void Node::Fail(const std::string& message) const { throw ConfigError(Place() + ": " + message); }

void Node::FailForNow(const std::string& message) const { throw UnavailableError(Place() + ": " + message); }

std::vector<std::pair<std::string, Node>> Node::Map(std::span<const std::string_view> known) const {
  if (!node_.IsMap()) Fail("expected a mapping (key: value)");
  std::vector<std::pair<std::string, Node>> pairs;
  std::set<std::string> seen;
  for (const auto& pair : node_) {
    const Node key(*file_, pair.first, name_);
    if (!pair.first.IsScalar()) key.Fail("a key must be a plain word");
    const std::string word = pair.first.Scalar();
    if (!known.empty() && std::ranges::find(known, word) == known.end()) {
      key.Fail(fmt::format("unknown key '{}'; known are: {}", Printable(word, 60), fmt::join(known, ", ")));
    }
    if (!seen.insert(word).second) key.Fail(fmt::format("key '{}' is used twice", Printable(word, 60)));
    pairs.emplace_back(word, Node(*file_, pair.second, name_.empty() ? word : name_ + "." + word));
  }
  return pairs;
}

std::vector<Node> Node::List() const {
  if (!node_.IsSequence()) Fail("expected a list");
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < node_.size(); ++i) nodes.emplace_back(*file_, node_[i], fmt::format("{}[{}]", name_, i));
  return nodes;
}

std::string Node::TextOrEmpty() const {
  if (!node_.IsScalar()) Fail("expected a string");
  if (node_.Scalar().find('\0') != std::string::npos) Fail("a NUL character is not allowed");
  return node_.Scalar();
}

std::string Node::Text() const {
  std::string text = TextOrEmpty();
  if (text.empty()) Fail("must not be empty");
  return text;
}

bool Node::Bool() const {
  const std::string text = TextOrEmpty();
  if (text == "true") return true;
  if (text == "false") return false;
  Fail("expected true or false");
}

int Node::Int(int least, int most) const {
  int value = 0;
  if (!ParseWhole(TextOrEmpty(), value) || value < least || value > most) {
    Fail(fmt::format("expected a number from {} to {}", least, most));
  }
  return value;
}

std::chrono::milliseconds Node::Duration(std::chrono::milliseconds least) const {
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const std::string text = TextOrEmpty();
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::int64_t number = 0;
  for (const auto& [unit, factor] : kUnits) {
    if (text.substr(digits) != unit || digits > 9 || !ParseWhole(std::string_view(text).substr(0, digits), number))
      continue;
    const std::chrono::milliseconds duration(number * factor);
    if (duration < least || duration > std::chrono::days(366)) break;
    return duration;
  }
  Fail(fmt::format("expected a duration such as 500ms, 15s, 5m or 1h, from {}ms to 366d", least.count()));
}

Node ParseYaml(const std::string& file, const std::string& content) {
  try {
    RefuseSecondDocument(file, content);
    return {file, YAML::Load(content), ""};
  } catch (const YAML::Exception& error) {
    throw ConfigError(file, error.mark.line + 1, error.mark.column + 1, error.msg);
  }
}

}  // namespace pgtls::config
