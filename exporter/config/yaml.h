// YAML with positions: every complaint says file:line:column.
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgtls::config {

// A node of one file. Reads of the wrong type throw ConfigError at the node's position. A view: it lives as long as its
// document.
class Node {
 public:
  Node(const std::string& file, const YAML::Node& node, std::string name)
      : file_(&file), node_(node), name_(std::move(name)) {}

  // What it is called in a message: "servers[0].conninfo".
  const std::string& name() const { return name_; }
  // "file:line:column: name", as messages begin.
  std::string Place() const;
  bool IsNull() const { return node_.IsNull(); }  // nothing there, or ~
  [[noreturn]] void Fail(const std::string& message) const;
  // As Fail, for what time may cure: throws UnavailableError.
  [[noreturn]] void FailForNow(const std::string& message) const;

  // The pairs of a mapping, in the file's order. A key outside `known` (all, where it is empty) or a repeated one is an
  // error.
  std::vector<std::pair<std::string, Node>> Map(std::span<const std::string_view> known) const;
  std::vector<std::pair<std::string, Node>> Map(std::initializer_list<std::string_view> known) const {
    return Map(std::span(known.begin(), known.size()));
  }
  std::vector<Node> List() const;
  std::string Text() const;  // a scalar that is not empty
  std::string TextOrEmpty() const;
  bool Bool() const;
  int Int(int least, int most) const;
  // "500ms", "15s", "5m", "1h", "7d"; at least `least`.
  std::chrono::milliseconds Duration(std::chrono::milliseconds least) const;

 private:
  const std::string* file_;
  YAML::Node node_;
  std::string name_;
};

// Parses `content`; syntax errors throw ConfigError with their position. `file` must outlive the nodes.
Node ParseYaml(const std::string& file, const std::string& content);

}  // namespace pgtls::config
